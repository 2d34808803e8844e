"""A private index is read as whoever uv's configuration names, and nothing that is written says so."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard

from careen.app.index_access import IndexAccess
from careen.build.engine import BuildOptions
from careen.build.native import build_stack
from careen.errors import CareenError
from careen.http.client import HttpClient
from careen.http.failures import HttpError
from careen.http.patience import HttpSettings
from careen.plan.layers import share_distributions
from careen.plan.target import Plan, PlannedDistribution, WheelSource
from careen.python.index import PackageFiles
from fakes.index import FakeIndex, serve
from fakes.stacks import write_stack

SECRET = "swordfish-7"  # noqa: S105 - of a fake


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    with serve(FakeIndex(users={"ada": SECRET})) as running:
        yield running


Clients = Callable[[Path, Mapping[str, str]], HttpClient]


@pytest.fixture
def client(index: FakeIndex) -> Iterator[Clients]:
    made: list[HttpClient] = []

    def make(project: Path, environment: Mapping[str, str]) -> HttpClient:
        access = IndexAccess(environment={"HOME": str(project / "home"), **environment}, project=project)
        made.append(HttpClient(HttpSettings(attempts=1), access.find))
        return made[-1]

    yield make
    for opened in made:
        opened.close()


def configure(project: Path, index: FakeIndex) -> None:
    project.mkdir(parents=True, exist_ok=True)
    (project / "pyproject.toml").write_text(f'[[tool.uv.index]]\nname = "team"\nurl = "{index.url("simple")}"\n')


def test_names_and_passwords_come_from_variables(tmp_path: Path, index: FakeIndex, client: Clients) -> None:
    index.files["files/a"] = b"a"
    configure(tmp_path / "services/api", index)
    known = {"UV_INDEX_TEAM_USERNAME": "ada", "UV_INDEX_TEAM_PASSWORD": SECRET}
    assert client(tmp_path, known).get(index.url("files/a"), limit=10) == b"a"
    assert client(tmp_path / "services/api/src", known).get(index.url("files/a"), limit=10) == b"a"
    with pytest.raises(HttpError, match="the server answered 401") as caught:
        client(tmp_path, {}).get(index.url("files/a"), limit=10)
    assert "UV_INDEX_<NAME>_PASSWORD" in caught.value.hints[0]


def test_or_from_the_address_of_the_index(tmp_path: Path, index: FakeIndex, client: Clients) -> None:
    index.files["files/a"] = b"a"
    address = index.url("simple").replace("http://", f"http://ada:{SECRET}@")
    assert client(tmp_path, {"UV_INDEX": f"team={address}"}).get(index.url("files/a"), limit=10) == b"a"


def test_or_from_netrc(tmp_path: Path, index: FakeIndex, client: Clients) -> None:
    index.files["files/a"] = b"a"
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login ada password {SECRET}\n")
    netrc.chmod(0o600)
    assert client(tmp_path, {"NETRC": str(netrc)}).get(index.url("files/a"), limit=10) == b"a"


def test_or_from_the_keyring_once(
    tmp_path: Path, index: FakeIndex, client: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.files["files/a"] = b"a"
    configure(tmp_path / "project", index)
    programs = tmp_path / "programs"
    programs.mkdir()
    keyring = programs / "keyring"
    keyring.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho {SECRET}\n')
    keyring.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    environment = {"UV_KEYRING_PROVIDER": "subprocess", "UV_INDEX_TEAM_USERNAME": "ada", "PATH": str(programs)}
    http = client(tmp_path / "project", environment)
    for _ in range(3):
        assert http.get(index.url("files/a"), limit=10) == b"a"
    assert (tmp_path / "asked").read_text() == f"get {index.url('simple')} ada\n"


def test_a_redirect_takes_no_credentials_to_another_host(tmp_path: Path, index: FakeIndex, client: Clients) -> None:
    with serve(FakeIndex(users={"ada": SECRET}, files={"files/a": b"a"})) as other:
        index.redirects["files/a"] = other.url("files/a")
        address = index.url("simple").replace("http://", f"http://ada:{SECRET}@")
        with pytest.raises(HttpError, match="401"):
            client(tmp_path, {"UV_DEFAULT_INDEX": address}).get(index.url("files/a"), limit=10)


def from_index(plan: Plan, index: FakeIndex, wheels: Path) -> Plan:
    """The plan with its wheels at the index."""

    def moved(item: PlannedDistribution) -> PlannedDistribution:
        source = item.source
        assert isinstance(source, WheelSource)
        index.files[f"files/{source.filename}"] = (wheels / source.filename).read_bytes()
        return replace(item, source=replace(source, url=index.url(f"files/{source.filename}")))

    services = tuple(
        replace(service, distributions=tuple(moved(item) for item in service.distributions))
        for service in plan.services
    )
    shared = share_distributions({service.name: service.distributions for service in services})
    return replace(plan, services=services, distribution_layers=shared)


def everything_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            yield path, data
            yield from ((path, unpacked) for unpacked in unpacked_parts(data))


def unpacked_parts(data: bytes) -> Iterator[bytes]:
    """Of gzip members and zstd frames that follow one another; none of anything else."""
    while data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        if data.startswith(b"\x1f"):
            member = zlib.decompressobj(wbits=31)
            yield member.decompress(data)
            data = member.unused_data
        else:
            frame = zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(data)
            data = frame.unused_data


def test_no_layout_store_bill_record_or_error_holds_the_secret(
    tmp_path: Path, index: FakeIndex, client: Clients
) -> None:
    stack = write_stack(tmp_path)
    plan = from_index(stack.plan, index, tmp_path / "wheels")
    address = index.url("simple").replace("http://", f"http://ada:{SECRET}@")
    http = client(tmp_path / "project", {"UV_INDEX": f"team={address}"})
    sources = replace(stack.sources, packages=PackageFiles(http, tmp_path / "fetched"))
    build_stack(plan, sources, output=tmp_path / "out", options=BuildOptions(bytecode=False))
    found = [path for path, data in everything_below(tmp_path) if SECRET.encode() in data]
    assert found == []
    assert any("files/peg" in path for path, _ in index.asked)

    index.users["ada"] = "another"
    again = replace(sources, packages=PackageFiles(http, tmp_path / "again"))
    again = replace(again, store=type(again.store)(tmp_path / "again-store"))
    with pytest.raises(CareenError) as caught:
        build_stack(plan, again, output=tmp_path / "again-out", options=BuildOptions(bytecode=False))
    assert "401" in caught.value.message
    assert SECRET not in f"{caught.value.message} {caught.value.hints} {caught.value.__cause__!r}"
