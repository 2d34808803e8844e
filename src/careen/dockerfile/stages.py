"""Build stages, what they inherit, and what the shipped one is at its end."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from careen.dockerfile.mounts import mounts_of
from careen.dockerfile.tree import Dockerfile, Instruction
from careen.dockerfile.words import expand
from careen.text.problems import SyntaxProblem
from careen.text.values import dataclass

_PREDEFINED_ARGUMENTS: Mapping[str, str] = {
    "TARGETPLATFORM": "linux/amd64",
    "TARGETOS": "linux",
    "TARGETARCH": "amd64",
    "TARGETVARIANT": "",
    "BUILDPLATFORM": "linux/amd64",
    "BUILDOS": "linux",
    "BUILDARCH": "amd64",
    "BUILDVARIANT": "",
}
_MOST_STAGES = 500
_MOST_VARIABLES = 2000
_MOST_CHARACTERS = 1 << 20
"""Of all values together. A file beyond these limits was not written to be built."""


@dataclass(frozen=True, slots=True)
class ImageBase:
    """``reference`` is None when a build argument without a default hides it; ``written`` is the text in FROM."""

    written: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class StageBase:
    """Another stage of the same file."""

    index: int


@dataclass(frozen=True, slots=True)
class ScratchBase:
    """The empty image."""


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """What holds at the end of a stage, and the instruction that said it."""

    instruction: Instruction
    arguments: tuple[str, ...]
    stage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """``instructions`` begin with FROM. ``arguments`` are build arguments with their defaults in this stage."""

    index: int
    name: str | None
    base: ImageBase | StageBase | ScratchBase
    platform: str | None
    instructions: tuple[Instruction, ...]

    @property
    def start(self) -> Instruction:
        return self.instructions[0]


@dataclass(frozen=True)
class StageGraph:
    """All stages of a Dockerfile; ``build_arguments`` are those given from outside, as compose's ``args``."""

    dockerfile: Dockerfile
    stages: tuple[Stage, ...]
    build_arguments: Mapping[str, str]
    global_arguments: Mapping[str, str]

    @cached_property
    def _indices(self) -> Mapping[str, int]:
        """Of two stages with one name, the later is meant."""
        return {stage.name: stage.index for stage in self.stages if stage.name is not None}

    def find(self, name: str) -> Stage | None:
        """By name, case-insensitively, the last one first; else by index."""
        index = self._indices.get(name.lower())
        if index is None and name.isascii() and name.isdigit() and len(name) < 6:
            index = int(name)
        return self.stages[index] if index is not None and index < len(self.stages) else None

    def shipped(self, target: str | None) -> Stage | None:
        """The stage that becomes the image: the target when one is named (None if it does not exist), else the last."""
        if target:
            return self.find(target)
        return self.stages[-1] if self.stages else None

    def ancestry(self, stage: Stage) -> tuple[Stage, ...]:
        """The stage and those it builds upon by FROM, the oldest first."""
        chain = [stage]
        while isinstance(chain[-1].base, StageBase):
            chain.append(self.stages[chain[-1].base.index])  # always an earlier one, so this ends
        return tuple(reversed(chain))

    def image_base(self, stage: Stage) -> ImageBase | ScratchBase:
        base = self.ancestry(stage)[0].base
        return ScratchBase() if isinstance(base, StageBase) else base  # the oldest ancestor never stands on a stage

    def references(self, stage: Stage) -> Iterator[str]:
        """What ``COPY --from`` and ``RUN --mount=from`` of a stage name: stages or images."""
        for instruction in stage.instructions:
            if instruction.keyword in {"COPY", "ADD"}:
                yield from instruction.flag_values("from")
            elif instruction.keyword == "RUN":
                yield from (mount.source_stage for mount in mounts_of(instruction) if mount.source_stage)

    def dependencies(self, stage: Stage) -> tuple[Stage, ...]:
        """Every stage whose content can reach into ``stage``, itself excluded, in file order."""
        found: dict[int, Stage] = {}
        waiting = [stage]
        while waiting:
            current = waiting.pop()
            nearer = [self.stages[current.base.index]] if isinstance(current.base, StageBase) else []
            for name in self.references(current):
                other = self.find(name)
                if other is not None:
                    nearer.append(other)
            for other in nearer:
                if other.index not in found and other.index != stage.index:
                    found[other.index] = other
                    waiting.append(other)
        return tuple(found[index] for index in sorted(found))

    def lineage(self, stage: Stage) -> Iterator[tuple[Stage, Instruction]]:
        """Every instruction that shapes the stage's own file system and configuration, the oldest first."""
        for ancestor in self.ancestry(stage):
            for instruction in ancestor.instructions:
                yield ancestor, instruction

    def effective(self, stage: Stage, keyword: str) -> EffectiveValue | None:
        """The last USER, WORKDIR, ... that holds; CMD is forgotten when a stage built upon it sets ENTRYPOINT."""
        found: EffectiveValue | None = None
        for ancestor, instruction in self.lineage(stage):
            if instruction.keyword == keyword:
                found = EffectiveValue(instruction, instruction.arguments, ancestor.index)
            elif keyword == "CMD" and instruction.keyword == "ENTRYPOINT" and found is not None:
                later_stage = ancestor.index != found.stage
                found = None if later_stage else found
        return found

    def environment(self, stage: Stage) -> Mapping[str, str]:
        """What RUN sees at the end of the stage: ENV, and ARG whose value is known, the later over the earlier.

        A variable of the base image is not known; where a value is made from one, it counts as empty.
        """
        return self._environments[stage.index].values

    def environment_at(self, stage: Stage, instruction: Instruction) -> Mapping[str, str]:
        """What RUN sees at an instruction of the stage, before anything that comes after it."""
        before = itertools.takewhile(lambda each: each is not instruction, stage.instructions)
        return self._environment(stage, before, self._environments).values

    @cached_property
    def _environments(self) -> tuple["_Environment", ...]:
        found: list[_Environment] = []
        for stage in self.stages:
            found.append(self._environment(stage, stage.instructions, found))
        return tuple(found)

    def _environment(
        self, stage: Stage, instructions: Iterable[Instruction], found: Sequence["_Environment"]
    ) -> "_Environment":
        environment = _Environment(found[stage.base.index] if isinstance(stage.base, StageBase) else None)
        for instruction in instructions:
            if environment.is_full:
                break
            if instruction.keyword == "ARG":
                self._take_arguments(instruction, environment)
            elif instruction.keyword == "ENV":
                values = instruction.arguments
                known = dict(environment.values) if len(values) > 3 else environment.values
                for index in range(0, len(values), 3):
                    name, value = (self._expanded(text, known) for text in values[index : index + 2])
                    environment.put(name, value)
        return environment

    def _take_arguments(self, instruction: Instruction, environment: "_Environment") -> None:
        for argument in instruction.arguments:
            name, equals, default = argument.partition("=")
            value = self.build_arguments.get(name)
            if value is None:
                inherited = self.global_arguments.get(name, _PREDEFINED_ARGUMENTS.get(name))
                value = self._expanded(default, environment.values) if equals else inherited
            if value is not None:
                environment.put(name, value)

    def _expanded(self, text: str, variables: Mapping[str, str]) -> str:
        return expand(text, variables, escape=self.dockerfile.escape).text


class _Environment:
    """Variables up to the limits; from there on nothing more is known."""

    def __init__(self, inherited: "_Environment | None") -> None:
        self.values: dict[str, str] = dict(inherited.values) if inherited is not None else {}
        self.characters: int = inherited.characters if inherited is not None else 0
        self.is_full: bool = inherited.is_full if inherited is not None else False

    def put(self, name: str, value: str) -> None:
        self.characters += len(value) - len(self.values.pop(name, ""))
        self.is_full = len(self.values) >= _MOST_VARIABLES or self.characters > _MOST_CHARACTERS
        if not self.is_full:
            self.values[name] = value


def stages_of(dockerfile: Dockerfile, build_arguments: Mapping[str, str] | None = None) -> StageGraph:
    """Stages in file order. Instructions before the first FROM other than ARG belong to no stage.

    Raises SyntaxProblem for a file with more stages than anybody writes.
    """
    given = dict(build_arguments or {})
    before = _Environment(None)
    global_arguments: Mapping[str, str] = before.values
    groups: list[list[Instruction]] = []
    for instruction in dockerfile.instructions:
        if instruction.keyword == "FROM":
            if len(groups) == _MOST_STAGES:
                line = dockerfile.source.line_of(instruction.span.start)
                raise SyntaxProblem(dockerfile.source.path, line, f"more than {_MOST_STAGES} stages")
            groups.append([instruction])
        elif groups:
            groups[-1].append(instruction)
        elif instruction.keyword == "ARG":
            for argument in instruction.arguments:
                name, equals, default = argument.partition("=")
                if before.is_full:
                    break
                if name in given:
                    before.put(name, given[name])
                elif equals:
                    known = {**_PREDEFINED_ARGUMENTS, **global_arguments}
                    before.put(name, expand(default, known, escape=dockerfile.escape).text)
    stages: list[Stage] = []
    names: dict[str, int] = {}
    known = {**_PREDEFINED_ARGUMENTS, **global_arguments}
    for index, group in enumerate(groups):
        stage = _stage(index, group, names, known, dockerfile.escape)
        stages.append(stage)
        if stage.name is not None:
            names[stage.name] = index
    return StageGraph(dockerfile, tuple(stages), given, global_arguments)


def _stage(
    index: int, group: list[Instruction], earlier: Mapping[str, int], arguments: Mapping[str, str], escape: str
) -> Stage:
    words = group[0].arguments
    written = words[0] if words else ""
    named = len(words) > 2 and words[1].casefold() == "as"
    expanded = expand(written, arguments, escape=escape).known
    base: ImageBase | StageBase | ScratchBase = ImageBase(written, expanded or None)
    if expanded == "scratch":
        base = ScratchBase()
    if expanded is not None and expanded.lower() in earlier:
        base = StageBase(earlier[expanded.lower()])
    platform = group[0].flag("platform")
    return Stage(
        index=index,
        name=words[2].lower() if named else None,
        base=base,
        platform=platform,
        instructions=tuple(group),
    )
