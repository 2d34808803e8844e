"""Build stages, what they inherit, and what the shipped one is at its end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from careen.dockerfile.mounts import mounts_of
from careen.dockerfile.tree import Dockerfile, Instruction
from careen.dockerfile.words import expand

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

    def find(self, name: str) -> Stage | None:
        """By name, case-insensitively, the last one first; else by index."""
        for stage in reversed(self.stages):
            if stage.name is not None and stage.name == name.lower():
                return stage
        if name.isdigit() and int(name) < len(self.stages):
            return self.stages[int(name)]
        return None

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
            nearer = [parent for parent in self.ancestry(current) if parent.index != current.index]
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

    def environment(self, stage: Stage) -> dict[str, str]:
        """ENV and known ARG values at the end of the stage, expanded in order; ENV wins over ARG."""
        arguments: dict[str, str] = {}
        variables: dict[str, str] = {}
        for _, instruction in self.lineage(stage):
            known = {**arguments, **variables}
            if instruction.keyword == "FROM":
                arguments = dict(_PREDEFINED_ARGUMENTS)
            elif instruction.keyword == "ARG":
                for argument in instruction.arguments:
                    name, equals, default = argument.partition("=")
                    value = self.build_arguments.get(name)
                    if value is None:
                        value = expand(default, known).text if equals else self.global_arguments.get(name)
                    if value is not None:
                        arguments[name] = value
            elif instruction.keyword == "ENV":
                values = instruction.arguments
                for index in range(0, len(values), 3):
                    variables[expand(values[index], known).text] = expand(values[index + 1], known).text
        return {**arguments, **variables}


def stages_of(dockerfile: Dockerfile, build_arguments: Mapping[str, str] | None = None) -> StageGraph:
    """Stages in file order. Instructions before the first FROM other than ARG belong to no stage."""
    given = dict(build_arguments or {})
    global_arguments: dict[str, str] = {}
    groups: list[list[Instruction]] = []
    for instruction in dockerfile.instructions:
        if instruction.keyword == "FROM":
            groups.append([instruction])
        elif groups:
            groups[-1].append(instruction)
        elif instruction.keyword == "ARG":
            for argument in instruction.arguments:
                name, equals, default = argument.partition("=")
                if name in given:
                    global_arguments[name] = given[name]
                elif equals:
                    global_arguments[name] = expand(default, global_arguments, escape=dockerfile.escape).text
    stages: list[Stage] = []
    for index, group in enumerate(groups):
        stages.append(_stage(index, group, stages, {**_PREDEFINED_ARGUMENTS, **global_arguments}, dockerfile.escape))
    return StageGraph(dockerfile, tuple(stages), given, global_arguments)


def _stage(
    index: int, group: list[Instruction], earlier: list[Stage], arguments: Mapping[str, str], escape: str
) -> Stage:
    words = group[0].arguments
    written = words[0] if words else ""
    named = len(words) > 2 and words[1].lower() == "as"
    expanded = expand(written, arguments, escape=escape).known
    base: ImageBase | StageBase | ScratchBase = ImageBase(written, expanded or None)
    if expanded == "scratch":
        base = ScratchBase()
    for stage in earlier:
        if expanded is not None and stage.name == expanded.lower():
            base = StageBase(stage.index)
    platform = group[0].flag("platform")
    return Stage(
        index=index,
        name=words[2].lower() if named else None,
        base=base,
        platform=platform,
        instructions=tuple(group),
    )
