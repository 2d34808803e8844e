"""What engines are told of a container."""

import struct
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import cast

import pytest

from careen.errors import MissingToolError
from careen.plan.target import Limits, NumericUser
from careen.prove.launch import Launch, Mount
from careen.prove.rootfs import ImageOnDisk
from careen.prove.runners.engine_words import Place, hardware_address, run_words
from careen.prove.runners.holding import holding_program

_PLACE = Place(name="careen-ab-1", identity="ab", network="careen-ab", address="10.130.7.16")
_LAUNCH = Launch(
    name="web",
    image=cast("ImageOnDisk", None),  # the words never look into it
    argv=("/usr/bin/python3", "-m", "web"),
    environment=(("A", "b c"),),
    working_directory=PurePosixPath("/app"),
    user=NumericUser(10001, 10002),
    limits=Limits(memory_bytes=64_000_000, cpus=0.5, pids=99),
    writable=(PurePosixPath("/tmp"),),
    mounts=(Mount(Path("/marks"), PurePosixPath("/run/marks"), writable=True),),
)


def words(launch: Launch) -> list[str]:
    table = Mount(Path("/table"), PurePosixPath("/etc/hosts"))
    return list(run_words(launch, "localhost/image:1", _PLACE, (table,)))


def after(option: str, found: list[str]) -> list[str]:
    return [found[index + 1] for index, word in enumerate(found) if word == option]


def test_an_engine_is_told_every_restriction() -> None:
    found = words(_LAUNCH)
    assert found[0] == "run"
    assert {"--read-only", "--no-healthcheck"} <= set(found)
    assert after("--cap-drop", found) == ["ALL"]
    assert after("--security-opt", found) == ["no-new-privileges"]
    assert after("--user", found) == ["10001:10002"]
    assert after("--memory", found) == after("--memory-swap", found) == ["64000000"]
    assert (after("--pids-limit", found), after("--cpus", found)) == (["99"], ["0.5"])
    assert after("--network", found) == ["careen-ab"]
    assert after("--label", found) == ["careen.run=ab"]
    assert after("--mount", found) == [
        "type=bind,source=/table,target=/etc/hosts,readonly",
        "type=bind,source=/marks,target=/run/marks",
    ]
    assert "A=b c" in after("--env", found)
    assert found[found.index("--entrypoint") :] == [
        "--entrypoint",
        "/usr/bin/python3",
        "localhost/image:1",
        "-m",
        "web",
    ]


def test_a_writable_root_and_no_shared_memory_are_told_too() -> None:
    found = words(replace(_LAUNCH, read_only=False, shared_memory=False))
    assert "--read-only" not in found
    assert after("--ipc", found) == ["none"]


def test_a_service_that_comes_back_has_its_hardware_address_again() -> None:
    assert hardware_address("10.130.7.16") == "02:42:0a:82:07:10"


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 62), ("aarch64", 183)])
def test_the_holding_program_is_an_elf_of_its_machine(machine: str, number: int) -> None:
    data = holding_program(machine)
    assert data[:4] == b"\x7fELF"
    assert struct.unpack_from("<HH", data, 16) == (2, number)
    entry, base, size = struct.unpack_from("<Q", data, 24)[0], *struct.unpack_from("<Q8xQ", data, 64 + 16)
    assert base < entry < base + size == base + len(data)


def test_other_machines_are_refused_by_name() -> None:
    with pytest.raises(MissingToolError, match="mips"):
        holding_program("mips")


def test_a_volume_belongs_to_the_user_as_each_engine_says_it() -> None:
    launch = replace(
        _LAUNCH, writable=(PurePosixPath("/tmp"), PurePosixPath("/data")), volumes=(PurePosixPath("/data"),)
    )
    assert [",uid=10001,gid=10002," in mount for mount in after("--tmpfs", words(launch))] == [False, True]
    place = replace(_PLACE, names_no_owner=True)
    mounts = after("--tmpfs", list(run_words(launch, "localhost/image:1", place, ())))
    assert [",U," in mount for mount in mounts] == [False, True]
    assert not any("uid=" in mount for mount in mounts)
