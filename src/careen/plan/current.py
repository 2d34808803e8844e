"""What today's Dockerfile makes of an image, instruction by instruction, without building it.

The base by its published weight, Debian packages by their index, distributions by their wheels, copied files
by their sizes, and once more for what a recursive change of owner stores again.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

from careen.dockerfile.actions import ChangeOwner, CleanUp, Install
from careen.plan.target import Contribution
from careen.python.names import PackageName
from careen.text.values import dataclass
from careen.workspace.facts import ImageFacts
from careen.workspace.steps import CopyStep, RunStep

_ENVIRONMENT_FOLDER = ".venv"
_APT_LISTS_BYTES = 20_000_000
"""Of Debian bookworm in the packed form that images are set to keep them in."""

_INSTALLER_BYTES: Mapping[str, int] = {"uv": 50_000_000, "poetry": 80_000_000, "pdm": 60_000_000, "pipenv": 60_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentInputs:
    """``context`` lists the files that are sent, with their bytes, relative to the context.

    ``synced`` gives the bytes of what a sync with these options installs, ``packages`` those of Debian packages with
    their dependencies, and their recommendations when told so; either answers None when it does not know.
    """

    context: tuple[tuple[str, int], ...]
    synced: Callable[[Install], int | None]
    packages: Callable[[Iterable[str], bool], int | None]
    named: Mapping[PackageName, int]


def contributions(image: ImageFacts, inputs: CurrentInputs) -> tuple[Contribution, ...]:
    """One for each instruction that adds to the shipped image, in the order of the file."""
    found = [
        Contribution(
            what=f"base {getattr(image.base, 'written', 'scratch')}",
            line=image.base_place.line,
            bytes=image.known_base.bytes if image.known_base is not None else None,
        )
    ]
    # What each stage has put where; a stage that is taken from counts by what of it is copied.
    by_stage: dict[int, list[tuple[PurePosixPath, int]]] = {}
    steps: list[RunStep | CopyStep] = [*image.runs, *image.copies]
    for step in sorted(steps, key=lambda step: (step.stage.index, step.place.line)):
        line = step.place.line
        placed = by_stage.setdefault(step.stage.index, [])
        below = [item for stage in image.source.stages.ancestry(step.stage) for item in by_stage.get(stage.index, [])]
        if isinstance(step, CopyStep):
            size = _taken(step, by_stage, image) if step.origin is not None else _copied(step, inputs)
            if size is not None:
                placed.append((step.target, size))
            origin = f" from {step.origin}" if step.origin is not None else ""
            added = [Contribution(what=f"copy of {' '.join(step.sources)}{origin}", line=line, bytes=size)]
        else:
            known = len(below)
            added = list(_run(step, line, inputs, below))
            placed += below[known:]
        if step.in_image:
            found += added
    return tuple(found)


def _taken(step: CopyStep, by_stage: Mapping[int, list[tuple[PurePosixPath, int]]], image: ImageFacts) -> int | None:
    """What lies under the paths that are copied from another stage; None for an image, of which nobody knows."""
    if step.origin_stage is None:
        return None
    there = [
        item for stage in image.source.stages.ancestry(step.origin_stage) for item in by_stage.get(stage.index, [])
    ]
    wanted = [PurePosixPath("/") / source for source in step.sources]
    # `COPY --from=builder /app/.venv` takes what a sync has put below /app, where nothing finer is known.
    return sum(
        size
        for place, size in there
        if any(place.is_relative_to(path) or path.is_relative_to(place) for path in wanted)
    )


def _run(
    step: RunStep, line: int, inputs: CurrentInputs, placed: list[tuple[PurePosixPath, int]]
) -> Iterable[Contribution]:
    if _leaves_lists(step):
        yield Contribution(what="apt's lists, left in the layer", line=line, bytes=_APT_LISTS_BYTES)
    for action in step.actions:
        if isinstance(action, Install):
            if action.manager == "apt":
                names = [package.partition("=")[0] for package in action.packages]
                recommends = _takes_recommendations(action)
                what = f"apt: {', '.join(names)}{', and what they recommend' if recommends else ''}"
                yield Contribution(what=what, line=line, bytes=inputs.packages(names, recommends))
            elif action.whole_project or action.requirement_files:
                size = inputs.synced(action)
                environment = _environment(action, step)
                if size is not None:  # a second sync adds only what the first has left out
                    size = max(0, size - sum(there for place, there in placed if place == environment))
                placed.append((environment, size or 0))
                yield Contribution(what=_whole(action), line=line, bytes=size)
            else:
                sizes = [
                    _INSTALLER_BYTES.get(package, inputs.named.get(PackageName(package))) for package in action.packages
                ]
                known = [size for size in sizes if size is not None]
                yield Contribution(
                    what=f"{action.manager}: {', '.join(action.packages) or 'requirements'}",
                    line=line,
                    bytes=sum(known) if known else None,
                )
        elif isinstance(action, ChangeOwner) and action.recursive:
            again = 0
            for path in action.paths:
                wanted = step.working_directory / path
                again += sum(size for place, size in placed if place.is_relative_to(wanted))
            if again:
                yield Contribution(what=f"{action.program} -R: stored a second time", line=line, bytes=again)


def _whole(action: Install) -> str:
    return f"{action.manager}: {', '.join(action.requirement_files) or 'everything the lock gives'}"


def _environment(action: Install, step: RunStep) -> PurePosixPath:
    """Where an install puts things: beside the interpreter for pip, unless it is told otherwise."""
    if action.whole_project and action.manager != "pipenv":
        return step.working_directory / _ENVIRONMENT_FOLDER
    words = action.command.argv
    for word, following in zip(words, (*words[1:], ""), strict=True):
        name, equals, value = word.partition("=")
        if name in {"--prefix", "--target", "-t"}:
            return step.working_directory / (value if equals else following)
    if "--user" in words:
        return PurePosixPath("/root/.local")
    program = PurePosixPath(words[0])
    return program.parents[1] if program.is_absolute() and len(program.parents) > 2 else PurePosixPath("/usr/local/lib")


def _takes_recommendations(install: Install) -> bool:
    """As apt does unless it is told otherwise."""
    setting = any(
        word.lower().replace('"', "").rpartition("apt::install-recommends=")[2] in {"0", "false", "no"}
        and "apt::install-recommends=" in word.lower()
        for word in install.command.argv
    )
    return not (setting or "--no-install-recommends" in install.options)


def _leaves_lists(step: RunStep) -> bool:
    """Whether ``apt-get update`` filled apt's folder and nothing emptied it in the same layer, nor is it a mount."""
    if any(mount.target is not None and mount.target.startswith("/var/lib/apt") for mount in step.mounts):
        return False
    updated = any(
        command.argv and command.argv[0].rpartition("/")[2] in {"apt", "apt-get"} and "update" in command.argv[1:]
        for command in step.commands
    )
    emptied = any(
        path.startswith("/var/lib/apt")
        for action in step.actions
        if isinstance(action, CleanUp)
        for path in action.paths
    )
    return updated and not emptied


def _copied(step: CopyStep, inputs: CurrentInputs) -> int:
    total = 0
    for source in step.sources:
        wanted = source.strip("/").removeprefix("./")
        for path, size in inputs.context:
            if wanted in {"", "."} or path == wanted or path.startswith(f"{wanted}/"):
                total += size
    return total
