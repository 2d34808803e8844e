"""What compose mounts over an image: folders of the host that today's image does not hold, and the new one need not."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from careen.compose.model import Mount
from careen.plan.target import ApplicationFile
from careen.workspace.facts import ServiceFacts
from careen.workspace.files import normal_path
from careen.workspace.steps import CopyStep

_OF_THE_MACHINE = tuple(map(PurePosixPath, ("/dev", "/proc", "/sys", "/etc", "/run", "/var/run", "/lib/modules")))


def without_mounted(
    files: Iterable[ApplicationFile], root: PurePosixPath, facts: ServiceFacts, folder: PurePosixPath
) -> tuple[ApplicationFile, ...]:
    """The files without the data that compose lays over them from the repository.

    ``root`` is the project's folder, ``folder`` the one that compose's paths start from. A mount of code stays in the
    image, and so does one of a single file.
    """
    kept = tuple(files)
    compose, image = facts.service.compose, facts.image
    for mount in compose.mounts if compose is not None and image is not None else ():
        if image is None or mount.kind != "bind" or mount.source is None or mount.source.startswith(("/", "~")):
            continue
        host, target = normal_path(folder / mount.source), PurePosixPath(mount.target)
        hidden = {
            file
            for file in kept
            if file.destination.is_relative_to(target)
            and normal_path(root / file.source) == normal_path(host / file.destination.relative_to(target))
            and file.destination != target
        }
        copies = [copy for copy in image.copies if copy.origin is None and copy.in_image]
        held = any(covers(copy, image.source.context, host, target) for copy in copies)
        if not held and not any(file.source.suffix == ".py" for file in hidden):
            kept = tuple(file for file in kept if file not in hidden)
    return kept


def host_folders(
    mounts: Iterable[Mount], files: Iterable[ApplicationFile], root: PurePosixPath, folder: PurePosixPath
) -> tuple[PurePosixPath, ...]:
    """Where compose mounts folders of the host that the service may write to, as it does for data.

    Those that hold, or hide, ``files`` of the image are source, and no such folders; nor are single files and what
    belongs to the machine. ``root`` and ``folder`` are as above.
    """
    kept = tuple(files)
    found: dict[PurePosixPath, None] = {}
    for mount in mounts:
        target = PurePosixPath(mount.target)
        if mount.kind != "bind" or mount.read_only or mount.source is None or not target.is_absolute() or target.suffix:
            continue
        host = None if mount.source.startswith(("/", "~")) else normal_path(folder / mount.source)
        is_source = any(
            file.destination.is_relative_to(target)
            or (host is not None and normal_path(root / file.source).is_relative_to(host))
            for file in kept
        )
        if not is_source and not any(target.is_relative_to(place) for place in _OF_THE_MACHINE):
            found[target] = None
    return tuple(found)


def covers(copy: CopyStep, context: PurePosixPath, host: PurePosixPath, target: PurePosixPath) -> bool:
    """Whether the COPY brings the mounted path to where the mount is."""
    for source in copy.sources:
        origin = normal_path(context / source.lstrip("/"))
        if host == origin or host.is_relative_to(origin):
            if normal_path(copy.target / host.relative_to(origin)) == normal_path(target):
                return True
        elif origin.is_relative_to(host) and copy.target.is_relative_to(normal_path(target)):
            return True
    return False
