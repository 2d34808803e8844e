"""The user's own test of the running stack, run beside it in the image of one of its services."""

import time
from dataclasses import replace
from pathlib import Path, PurePosixPath

from careen.errors import CareenError
from careen.process.run import CommandFailedError
from careen.prove.evidence import CheckResult, Evidence, failed, judged
from careen.prove.launch import Launch, Mount
from careen.prove.runner import Ground
from careen.prove.settings import ProveSettings

SLUG = "smoke"
HOST = "careen-smoke"
"""The name of its container on the stack's network."""

_PLACE = PurePosixPath("/run/careen-smoke")
_TAIL = 2000


class SmokeError(CareenError):
    """The smoke test that the configuration names cannot be run."""


def launch_of(settings: ProveSettings, launch: Launch, python: PurePosixPath) -> Launch:
    """``launch`` is the smoke service's. Files of the project that the command names are mounted, nothing else is.

    Raises SmokeError for a path outside of the project.
    """
    argv = list(settings.smoke)
    if PurePosixPath(argv[0]).name in {"python", "python3", python.name}:
        argv[0] = str(python)
    mounts: list[Mount] = []
    for index, word in enumerate(argv[1:], 1):
        source = _file_of_project(settings.project, word)
        if source is not None:
            target = _PLACE / str(index) / source.name
            mounts.append(Mount(source, target))
            argv[index] = str(target)
    if settings.project is not None and len(argv) > 1 and argv[1].endswith(".py") and not mounts:
        raise SmokeError(f"the smoke test {argv[1]} is not in the project", hints=("see [tool.careen.prove] smoke",))
    return replace(launch, name=HOST, argv=tuple(argv), mounts=(*launch.mounts, *mounts))


def run_smoke(ground: Ground, launch: Launch, timeout: float) -> CheckResult:
    begun = time.monotonic()
    try:
        container = ground.start(launch)
    except CommandFailedError as error:
        return failed(SLUG, Evidence(summary=error.message, command=launch.argv))
    try:
        status = container.wait(timeout)
        output = container.heard().text.strip()[-_TAIL:]
    finally:
        container.remove()
    seconds = time.monotonic() - begun
    complaints = () if status == 0 else (_complaint(status, timeout, output),)
    last = output.splitlines()[-1] if output else "exit status 0"
    return judged(SLUG, complaints, Evidence(summary=last, command=launch.argv, output=output, seconds=seconds))


def _complaint(status: int | None, timeout: float, output: str) -> str:
    if status is None:
        return f"the smoke test did not end within {timeout:g} s"
    last = output.splitlines()[-1] if output else "without a word"
    return f"the smoke test ended with status {status}: {last}"


def _file_of_project(project: Path | None, word: str) -> Path | None:
    if project is None or word.startswith("-"):
        return None
    path = (project / word).resolve()
    if not path.is_file():
        return None
    if not path.is_relative_to(project.resolve()):
        raise SmokeError(f"the smoke test names {word}, which is outside of the project")
    return path
