"""What today's Dockerfile makes of an image, instruction by instruction, without building it.

The base by its published weight, Debian packages by their index, distributions by their wheels, copied files
by their sizes, and once more for what a recursive change of owner stores again.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from careen.dockerfile.actions import ChangeOwner, Install
from careen.dockerfile.stages import ImageBase
from careen.plan.leftovers import Weight, apt_leavings, bytecode_written, downloads_left, keeps_archives
from careen.plan.target import Contribution
from careen.python.names import PackageName, normal_name
from careen.text.values import dataclass
from careen.workspace.facts import ImageFacts
from careen.workspace.steps import CopyStep, RunStep

_ENVIRONMENT_FOLDER = ".venv"
_SYSTEM = frozenset({"/", "/usr", "/usr/local"})
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?(?=$|[\[<>=!~;@ ])")
_WILD = re.compile(r"[*?\[]")
_INSTALLERS: Mapping[str, Weight] = {
    "uv": Weight(installed=50_000_000, packed=20_000_000),
    "poetry": Weight(installed=80_000_000, packed=20_000_000),
    "pdm": Weight(installed=60_000_000, packed=15_000_000),
    "pipenv": Weight(installed=60_000_000, packed=15_000_000),
}
"""With the bytecode that pip makes of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentInputs:
    """``context`` lists the files that are sent, with their bytes, relative to the context.

    ``synced`` weighs what a sync with these options installs, ``packages`` Debian packages with their dependencies, and
    their recommendations when told so; either answers None when it does not know.
    """

    context: tuple[tuple[str, int], ...]
    synced: Callable[[Install], Weight | None]
    packages: Callable[[Iterable[str], bool], Weight | None]
    named: Mapping[PackageName, Weight]


def contributions(image: ImageFacts, inputs: CurrentInputs) -> tuple[Contribution, ...]:
    """One for each instruction that adds to the shipped image, in the order of the file."""
    found = [
        Contribution(
            what=f"base {getattr(image.base, 'written', 'scratch')}",
            line=image.base_place.line,
            bytes=_base_bytes(image),
        )
    ]
    # What each stage has put where; a stage that is taken from counts by what of it is copied.
    by_stage: dict[int, list[tuple[PurePosixPath, int]]] = {}
    keeping: set[int] = set()  # stages in which apt keeps what it fetches
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
            ancestry = {stage.index for stage in image.source.stages.ancestry(step.stage)}
            environment = image.source.stages.environment(step.stage)
            run = _Run(step, inputs, environment, below, not ancestry.isdisjoint(keeping))
            added = list(run.contributions())
            placed += below[known:]
            if keeps_archives(step):
                keeping.add(step.stage.index)
        if step.in_image:
            found += added
    return tuple(found)


def _base_bytes(image: ImageFacts) -> int | None:
    if not isinstance(image.base, ImageBase):
        return 0
    return image.known_base.bytes if image.known_base is not None else None


_ROOM = 64
"""Bits of a sum for each file: more than bytes of images will ever need."""


def times_counted(
    image: ImageFacts, inputs: CurrentInputs, known: Sequence[Contribution], paths: Collection[str]
) -> tuple[Mapping[str, int], ...] | None:
    """How often each of the contributions, as ``known``, counts each of these files of the context.

    None when one of them is not their sum and something that does not depend on them. Told by letting every file
    weigh a power of its own, far above all real weights: the sum then shows what was added up.
    """
    listed = [path for path, _ in inputs.context if path in paths]
    sizes = dict(inputs.context)
    powers = {path: 1 << (_ROOM * number) for number, path in enumerate(listed, 1)}
    weighed = tuple((path, powers.get(path, size)) for path, size in inputs.context)
    marked = contributions(image, replace(inputs, context=weighed))
    if [(item.what, item.line) for item in marked] != [(item.what, item.line) for item in known]:
        return None
    found: list[Mapping[str, int]] = []
    for before, after in zip(known, marked, strict=True):
        if before.bytes is None or after.bytes is None:
            if before.bytes is not after.bytes:
                return None
            found.append({})
            continue
        if not 0 <= after.bytes < 1 << (_ROOM * (len(listed) + 1)):
            return None
        digits = after.bytes.to_bytes(_ROOM // 8 * (len(listed) + 1), "little")
        rest, *counts = (
            int.from_bytes(digits[start : start + _ROOM // 8], "little") for start in range(0, len(digits), _ROOM // 8)
        )
        times = {path: count for path, count in zip(listed, counts, strict=True) if count}
        if rest + sum(count * sizes[path] for path, count in times.items()) != before.bytes:
            return None
        found.append(times)
    return tuple(found)


def _taken(step: CopyStep, by_stage: Mapping[int, list[tuple[PurePosixPath, int]]], image: ImageFacts) -> int | None:
    """What lies under the paths that are copied from another stage; None where nobody knows: for an image, and where
    nothing that is understood has put anything there.
    """
    if step.origin_stage is None:
        return None
    there = [
        item for stage in image.source.stages.ancestry(step.origin_stage) for item in by_stage.get(stage.index, [])
    ]
    wanted = [PurePosixPath("/") / source for source in step.sources]
    # `COPY --from=builder /app/.venv` takes what a sync has put below /app, where nothing finer is known.
    found = [
        size
        for place, size in there
        if any(place.is_relative_to(path) or path.is_relative_to(place) for path in wanted)
    ]
    return sum(found) if found else None


@dataclass(slots=True)
class _Run:
    """One RUN: ``placed`` is what lies below it and grows, ``kept`` whether apt keeps what it fetches by then."""

    step: RunStep
    inputs: CurrentInputs
    environment: Mapping[str, str]
    placed: list[tuple[PurePosixPath, int]]
    kept: bool

    def contributions(self) -> Iterator[Contribution]:
        packed = 0
        for action in self.step.actions:
            if isinstance(action, Install) and action.manager == "apt":
                names = [package.partition("=")[0] for package in action.packages]
                recommends = _takes_recommendations(action)
                what = f"apt: {', '.join(names)}{', and what they recommend' if recommends else ''}"
                weight = self.inputs.packages(names, recommends)
                packed += weight.packed if weight is not None else 0
                yield self._told(what, None if weight is None else weight.installed)
            elif isinstance(action, Install) and (action.whole_project or action.requirement_files):
                yield from self._whole(action)
            elif isinstance(action, Install):
                yield from self._named(action)
            elif isinstance(action, ChangeOwner) and action.recursive:
                again = 0
                for path in action.paths:
                    wanted = self.step.working_directory / path
                    again += sum(size for place, size in self.placed if place.is_relative_to(wanted))
                if again:
                    yield self._told(f"{action.program} -R: stored a second time", again)
        for left in apt_leavings(self.step, self.kept, packed):
            self.placed.append((left.place, left.bytes))
            yield self._told(left.what, left.bytes)

    def _told(self, what: str, size: int | None) -> Contribution:
        return Contribution(what=what, line=self.step.place.line, bytes=size)

    def _whole(self, action: Install) -> Iterator[Contribution]:
        weight = self.inputs.synced(action)
        environment = _environment(action, self.step, self.environment)
        size = None if weight is None else weight.installed
        if size is not None:  # a second sync adds only what the first has left out
            size = max(0, size - sum(there for place, there in self.placed if place == environment))
        self.placed.append((environment, size or 0))
        yield self._told(_whole(action), size)
        if weight is not None and size:
            yield from self._beside(action, environment, _share(weight, size))

    def _named(self, action: Install) -> Iterator[Contribution]:
        names = [_NAME.match(package) for package in action.packages]
        weights = [
            _INSTALLERS.get(name[0]) or self.inputs.named.get(PackageName(normal_name(name[0])))
            for name in names
            if name is not None
        ]
        known = [weight for weight in weights if weight is not None]
        what = f"{action.manager}: {', '.join(action.packages) or 'requirements'}"
        yield self._told(what, sum(weight.installed for weight in known) if known else None)
        if known:
            together = Weight(
                installed=sum(weight.installed for weight in known),
                packed=sum(weight.packed for weight in known),
                bytecode=sum(weight.bytecode for weight in known),
            )
            yield from self._beside(action, None, together)

    def _beside(self, action: Install, environment: PurePosixPath | None, weight: Weight) -> Iterator[Contribution]:
        compiled = bytecode_written(action, self.environment, weight)
        if compiled:
            if environment is not None:
                self.placed.append((environment / "__pycache__", compiled))
            yield self._told(f"{action.manager}: bytecode of all that it installs", compiled)
        left = downloads_left(action, self.step, self.environment, weight)
        if left is not None and left.bytes:
            self.placed.append((left.place, left.bytes))
            yield self._told(left.what, left.bytes)


def _share(weight: Weight, size: int) -> Weight:
    """Of what was weighed as a whole, as much as belongs to ``size`` installed bytes of it."""
    if size == weight.installed:
        return weight
    return Weight(
        installed=size,
        packed=weight.packed * size // weight.installed,
        bytecode=weight.bytecode * size // weight.installed,
    )


def _whole(action: Install) -> str:
    return f"{action.manager}: {', '.join(action.requirement_files) or 'everything the lock gives'}"


def _environment(action: Install, step: RunStep, variables: Mapping[str, str]) -> PurePosixPath:
    """Where an install puts things: beside the interpreter for pip, unless it is told otherwise."""
    if action.whole_project and action.manager != "pipenv":
        own = variables.get("UV_PROJECT_ENVIRONMENT") if action.manager == "uv" else None
        return step.working_directory / (own or _ENVIRONMENT_FOLDER)
    words = action.command.argv
    for word, following in zip(words, (*words[1:], ""), strict=True):
        name, equals, value = word.partition("=")
        if name in {"--prefix", "--target", "-t"}:
            return step.working_directory / (value if equals else following)
    if "--user" in words:
        return PurePosixPath("/root/.local")
    program = PurePosixPath(words[0])
    if program.is_absolute() and len(program.parents) > 2:
        return program.parents[1]
    first = PurePosixPath(variables.get("PATH", "").partition(":")[0])  # an environment's, once it is activated
    named = variables.get("VIRTUAL_ENV") or (str(first.parent) if first.name == "bin" else "")
    return PurePosixPath(named) if named.startswith("/") and named not in _SYSTEM else PurePosixPath("/usr/local/lib")


def _takes_recommendations(install: Install) -> bool:
    """As apt does unless it is told otherwise."""
    setting = any(
        word.lower().replace('"', "").rpartition("apt::install-recommends=")[2] in {"0", "false", "no"}
        and "apt::install-recommends=" in word.lower()
        for word in install.command.argv
    )
    return not (setting or "--no-install-recommends" in install.options)


def _copied(step: CopyStep, inputs: CurrentInputs) -> int:
    total = 0
    for source in step.sources:
        wanted = source.strip("/").removeprefix("./")
        for path, size in inputs.context:
            if wanted in {"", "."} or _is_meant(path, wanted):
                total += size
    return total


def _is_meant(path: str, wanted: str) -> bool:
    """By name, as something in a folder of that name, or by a pattern for either, which a ``*`` keeps in one folder."""
    if not _WILD.search(wanted):
        return path == wanted or path.startswith(f"{wanted}/")
    depth = wanted.count("/") + 1
    parts = path.split("/")
    return len(parts) >= depth and PurePosixPath(*parts[:depth]).match(wanted)
