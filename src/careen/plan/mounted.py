"""What compose mounts over an image: folders of the host that today's image does not hold, and the new one need not."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from careen.plan.target import ApplicationFile
from careen.workspace.facts import ServiceFacts
from careen.workspace.files import normal_path
from careen.workspace.steps import CopyStep


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
