"""What today's Dockerfile makes of an image, instruction by instruction, without building it.

The base by its published weight, Debian packages by their index, distributions by their wheels, copied files
by their sizes, and once more for what a recursive change of owner stores again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from careen.dockerfile.actions import ChangeOwner, Install
from careen.plan.target import Contribution
from careen.python.names import PackageName
from careen.workspace.facts import ImageFacts
from careen.workspace.steps import CopyStep, RunStep

_INSTALLER_BYTES: Mapping[str, int] = {"uv": 50_000_000, "poetry": 80_000_000, "pdm": 60_000_000, "pipenv": 60_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentInputs:
    """``context`` lists the files that are sent, with their bytes, relative to the context.

    ``synced`` gives the bytes of what a sync with these options installs, ``packages`` those of Debian packages with
    their dependencies; either answers None when it does not know.
    """

    context: tuple[tuple[str, int], ...]
    synced: Callable[[Install], int | None]
    packages: Callable[[Iterable[str]], int | None]
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
    placed: list[tuple[PurePosixPath, int]] = []
    steps: list[RunStep | CopyStep] = [*image.runs, *image.copies]
    for step in sorted(steps, key=lambda step: step.place.line):
        line = step.place.line
        if not step.in_image:
            continue
        if isinstance(step, CopyStep):
            if step.origin is not None:
                continue
            size = _copied(step, inputs)
            placed.append((image.working_directory / step.destination, size))
            found.append(Contribution(what=f"copy of {' '.join(step.sources)}", line=line, bytes=size))
            continue
        found += _run(step, line, image, inputs, placed)
    return tuple(found)


def _run(
    step: RunStep, line: int, image: ImageFacts, inputs: CurrentInputs, placed: list[tuple[PurePosixPath, int]]
) -> Iterable[Contribution]:
    for action in step.actions:
        if isinstance(action, Install):
            if action.manager == "apt":
                names = [package.partition("=")[0] for package in action.packages]
                yield Contribution(what=f"apt: {', '.join(names)}", line=line, bytes=inputs.packages(names))
            elif action.whole_project:
                size = inputs.synced(action)
                placed.append((image.working_directory, size or 0))
                yield Contribution(what=f"{action.manager}: everything the lock gives", line=line, bytes=size)
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
                wanted = image.working_directory / path
                again += sum(size for place, size in placed if place.is_relative_to(wanted))
            if again:
                yield Contribution(what=f"{action.program} -R: stored a second time", line=line, bytes=again)


def _copied(step: CopyStep, inputs: CurrentInputs) -> int:
    total = 0
    for source in step.sources:
        wanted = source.strip("/").removeprefix("./")
        for path, size in inputs.context:
            if wanted in {"", "."} or path == wanted or path.startswith(f"{wanted}/"):
                total += size
    return total
