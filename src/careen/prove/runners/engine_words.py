"""Command lines of docker and podman, which understand the same words here."""

import resource

from careen.prove.bundle import LARGEST_SCRATCH, environment_of, open_files
from careen.prove.launch import Launch, Mount
from careen.text.values import dataclass

LABEL = "careen.run"
"""The label of everything that a proof makes in an engine; its value is the run's identity."""

_SHARED_MEMORY_BYTES = 64 << 20
_PROCESSES = 32768
"""More than any limit of a container, and what podman gives itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in an engine a container goes: its ``name`` there, its run, its network and its address there.

    ``hardware_address`` is for engines that would make up another one for each container, ``names_no_owner`` for those
    that give a tmpfs to the container's user or to root, and to nobody by number.
    """

    name: str
    identity: str
    network: str
    address: str
    hardware_address: str | None = None
    names_no_owner: bool = False


def run_words(launch: Launch, image: str, place: Place, tables: tuple[Mount, ...]) -> tuple[str, ...]:
    """The arguments of ``docker run`` in the foreground. Health checks are careen's to make, logs its to keep."""
    limits = launch.limits
    words = [
        *placing(place, launch.name),
        *("--user", str(launch.user), "--workdir", str(launch.working_directory)),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--memory", str(limits.memory_bytes), "--memory-swap", str(limits.memory_bytes)),
        *("--pids-limit", str(limits.pids), "--cpus", f"{limits.cpus:g}"),
        *(("--shm-size", str(_SHARED_MEMORY_BYTES)) if launch.shared_memory else ("--ipc", "none")),
        "--no-healthcheck",
        "--sig-proxy=false",
    ]
    if launch.read_only:
        words.append("--read-only")
    for target in launch.writable:
        owner = ""
        if target in launch.volumes:  # a new volume has the owner of the image's folder
            owner = ",U" if place.names_no_owner else f",uid={launch.user.uid},gid={launch.user.gid}"
        words += ["--tmpfs", f"{target}:rw,exec,nosuid,nodev,mode=1777{owner},size={LARGEST_SCRATCH}"]
    for mount in (*tables, *launch.mounts):
        rights = "" if mount.writable else ",readonly"
        words += ["--mount", f"type=bind,source={mount.source},target={mount.target}{rights}"]
    for name, value in environment_of(launch):
        words += ["--env", f"{name}={value}"]
    program, *arguments = launch.argv
    return ("run", *words, "--entrypoint", program, image, *arguments)


def placing(place: Place, host_name: str) -> tuple[str, ...]:
    """What every container of a run is told, one that only holds a place in the network too."""
    # Both are said: what an engine sets by itself may be more than this machine lets it.
    handles, own = open_files(), resource.getrlimit(resource.RLIMIT_NPROC)[1]
    processes = _PROCESSES if own == resource.RLIM_INFINITY else min(own, _PROCESSES)
    return (
        *("--ulimit", f"nofile={handles}:{handles}", "--ulimit", f"nproc={processes}:{processes}"),
        *("--name", place.name, "--label", f"{LABEL}={place.identity}", "--log-driver", "none", "--pull", "never"),
        *("--network", place.network, "--ip", place.address, "--hostname", host_name),
        *(("--mac-address", place.hardware_address) if place.hardware_address is not None else ()),
    )


def hardware_address(address: str) -> str:
    """The one that docker gives to an address: a service that comes back is found where it was, in every cache."""
    return ":".join(["02", "42", *(f"{int(number):02x}" for number in address.split("."))])
