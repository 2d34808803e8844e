"""The small files that careen itself puts into images: the health check, and the workers' heartbeat."""

from collections.abc import Iterable
from importlib import resources
from pathlib import PurePosixPath

from careen.plan.entry_points import ARQ_MODULE, HEARTBEAT_MODULE, EntryPoint
from careen.plan.operation import SUPPORT_FOLDER, runs_arq
from careen.plan.roles import Role
from careen.plan.starting import START_FILE
from careen.plan.target import SupportFile


def support_files(role: Role) -> tuple[SupportFile, ...]:
    """All that a service of this role may need: the health check and the start program, for Celery's workers and
    schedulers the module that keeps the heartbeat file fresh, for others that of arq's workers.
    """
    names = ["health.py", "start.py"]
    if role in {Role.WORKER, Role.BEAT}:
        names.append(f"{HEARTBEAT_MODULE}.py")
    elif role is Role.OTHER:
        names.append(f"{ARQ_MODULE}.py")
    # A folder of data, not a package: these run with an image's Python and never in careen's own process.
    folder = resources.files("careen.plan") / "shipped"
    return tuple(
        SupportFile(destination=PurePosixPath(SUPPORT_FOLDER, name), content=(folder / name).read_bytes())
        for name in sorted(names)
    )


def needed_files(files: Iterable[SupportFile], entry: EntryPoint) -> tuple[SupportFile, ...]:
    """Those that this service does need."""
    left_out = {
        *(() if entry.before else (START_FILE,)),
        *(() if runs_arq(entry) else (SUPPORT_FOLDER / f"{ARQ_MODULE}.py",)),
    }
    return tuple(file for file in files if file.destination not in left_out)
