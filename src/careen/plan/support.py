"""The small files that careen itself puts into images: the health check, and the workers' heartbeat."""

from importlib import resources
from pathlib import PurePosixPath

from careen.plan.entry_points import HEARTBEAT_MODULE
from careen.plan.operation import SUPPORT_FOLDER
from careen.plan.roles import Role
from careen.plan.target import SupportFile


def support_files(role: Role) -> tuple[SupportFile, ...]:
    """The health check and the start program, for those services that need them; for Celery workers also the module
    that keeps the heartbeat file fresh.
    """
    names = ["health.py", "start.py"]
    if role is Role.WORKER:
        names.append(f"{HEARTBEAT_MODULE}.py")
    # A folder of data, not a package: these run with an image's Python and never in careen's own process.
    folder = resources.files("careen.plan") / "shipped"
    return tuple(
        SupportFile(destination=PurePosixPath(SUPPORT_FOLDER, name), content=(folder / name).read_bytes())
        for name in sorted(names)
    )
