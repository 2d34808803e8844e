"""What is asked of a runner: one container, completely described."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from careen.errors import CareenError
from careen.plan.target import Limits, NumericUser, ServicePlan
from careen.prove.originals import Given, started_by
from careen.prove.rootfs import ImageOnDisk
from careen.text.values import dataclass

SCRATCH = PurePosixPath("/tmp")  # noqa: S108 - a folder inside the container
_LARGEST_TABLE = 1 << 20
_USER = re.compile(r"(?P<user>[^:]*)(?::(?P<group>.+))?")


class UnknownUserError(CareenError):
    """The image is to run as a user that it does not have."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine, seen in the container at ``target``."""

    source: Path
    target: PurePosixPath
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """``name`` is also the host name by which the rest of the stack finds it.

    ``writable`` become tmpfs; those that are ``volumes`` belong to the user, as a new volume does. ``shared_memory``
    gives /dev/shm, as every engine does. ``tracing`` are words that, put before the commands that start programs in it,
    record what these touch.
    """

    name: str
    image: ImageOnDisk
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    working_directory: PurePosixPath
    user: NumericUser
    limits: Limits
    writable: tuple[PurePosixPath, ...] = ()
    volumes: tuple[PurePosixPath, ...] = ()
    mounts: tuple[Mount, ...] = ()
    read_only: bool = True
    shared_memory: bool = True
    tracing: tuple[str, ...] = ()


def as_shipped(
    service: ServicePlan,
    image: ImageOnDisk,
    given: Given | None = None,
    variables: Mapping[str, str] | None = None,
) -> Launch:
    """The image by its own configuration, in the surroundings that the plan gives it: nothing else is changed.
    Folders of the host are empty ones that let the service write.

    ``given`` is what compose says of an image that careen did not make, ``variables`` are those of this run alone.
    """
    run, given = image.config.run, given or Given()
    environment: dict[str, str] = {**dict(run.environment), **dict(service.run_environment), **(variables or {})}
    return Launch(
        name=service.name,
        image=image,
        argv=started_by(image, given),
        environment=tuple(sorted(environment.items())),
        working_directory=PurePosixPath("/", run.working_directory, given.working_directory or ""),
        user=numeric_user(run.user, image),
        limits=service.limits,
        writable=tuple(dict.fromkeys((SCRATCH, *service.writable, *service.volumes, *service.host_folders))),
        volumes=(*service.volumes, *service.host_folders),
        read_only=service.read_only,
    )


def numeric_user(text: str, image: ImageOnDisk) -> NumericUser:
    """Who ``User`` of an image's configuration is, by the image's own tables. Raises UnknownUserError."""
    match = _USER.fullmatch(text)
    user, group = (match["user"], match["group"]) if match is not None else (text, None)
    users = _table(image, "etc/passwd")
    uid, gid = _number(user or "0"), 0
    for name, fields in users.items():
        if name == user or (uid is not None and _field(fields, 1) == uid):
            uid, gid = _field(fields, 1) or 0, _field(fields, 2) or 0
            break
    if uid is None:
        raise UnknownUserError(f"image {image.name} runs as {user!r}, whom its /etc/passwd does not know")
    if group is not None:
        chosen = _number(group)
        if chosen is None:
            chosen = _field(_table(image, "etc/group").get(group, ()), 1)
        if chosen is None:
            raise UnknownUserError(f"image {image.name} runs as group {group!r}, which its /etc/group does not know")
        gid = chosen
    return NumericUser(uid, gid)


def _table(image: ImageOnDisk, path: str) -> Mapping[str, tuple[str, ...]]:
    text = image.read(path, _LARGEST_TABLE).decode("utf-8", "replace")
    rows = (line.split(":") for line in text.splitlines() if ":" in line)
    return {row[0]: tuple(row[1:]) for row in rows}


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _field(fields: tuple[str, ...], index: int) -> int | None:
    return _number(fields[index]) if index < len(fields) else None
