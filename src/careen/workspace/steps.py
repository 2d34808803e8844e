"""The RUN and COPY instructions that make an image, with the scripts of the repository that they call."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from careen.dockerfile.actions import Action, Install, action_of
from careen.dockerfile.mounts import Mount, mounts_of
from careen.dockerfile.shell import Command, commands_of, commands_of_run
from careen.dockerfile.stages import Stage, StageBase
from careen.dockerfile.tree import Instruction
from careen.dockerfile.words import expand
from careen.findings import Place
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.files import normal_path
from careen.workspace.model import ImageSource, Workspace

_ROOT = PurePosixPath("/")
_ENVIRONMENT_SCRIPTS = ("/", "/usr/local/bin/", "/usr/bin/", "/bin/")
_SHELL_NAMES = frozenset({"sh", "bash", "ash", "dash", "source", "."})
_MOST_SCRIPT_COMMANDS = 2000


@dataclass(frozen=True, kw_only=True)
class RunStep:
    """One RUN. ``in_image`` when its layer is part of the shipped image.

    ``commands`` include those of scripts of the repository that it calls, which are named in ``scripts``.
    ``order`` counts the instructions of the file; ``user`` is None while nobody was named.
    """

    stage: Stage
    instruction: Instruction
    place: Place
    source: Source
    commands: tuple[Command, ...]
    actions: tuple[Action, ...]
    mounts: tuple[Mount, ...]
    in_image: bool
    order: int
    working_directory: PurePosixPath
    user: str | None
    scripts: tuple[PurePosixPath, ...]

    def installs(self) -> Iterator[Install]:
        return (action for action in self.actions if isinstance(action, Install))

    def place_of(self, command: Command) -> Place:
        """The lines and columns of one command; the whole step when it stands in a here-document or a script."""
        end = len(self.instruction.line.text)
        if command.end <= command.start or (command.start == 0 and command.end == end):
            return self.place
        span = self.instruction.line.source_span(command.start, min(command.end, end))
        first, last = self.source.position(span.start), self.source.position(max(span.start, span.end - 1))
        return Place(self.place.path, first.line, last.line, first.column, last.column + 1)


@dataclass(frozen=True, kw_only=True)
class CopyStep:
    """One COPY or ADD. ``origin`` is the stage or image of ``--from``, None for the build context.

    ``sources`` are paths of the origin: no addresses, no here-documents. ``target`` is ``destination`` made absolute.
    """

    stage: Stage
    instruction: Instruction
    place: Place
    sources: tuple[str, ...]
    destination: str
    target: PurePosixPath
    origin: str | None
    origin_stage: Stage | None
    owner: str | None
    in_image: bool
    order: int

    @property
    def takes_whole_context(self) -> bool:
        return self.origin is None and any(source.strip("/") in {"", ".", "*"} for source in self.sources)


def _expanded(mount: Mount, environment: Mapping[str, str]) -> Mount:
    """With the variables in its paths, which a build replaces too."""
    target, source = (
        None if path is None else expand(path, environment).known or path for path in (mount.target, mount.source)
    )
    return mount if (target, source) == (mount.target, mount.source) else replace(mount, target=target, source=source)


def place_of(source: ImageSource, instruction: Instruction) -> Place:
    line, end_line = source.dockerfile.lines_of(instruction)
    return Place(source.dockerfile.source.path, line, end_line)


@dataclass(slots=True)
class _StageState:
    """What holds at a point of a stage."""

    working_directory: PurePosixPath
    user: str | None
    shell: tuple[str, ...] = ()


class StepReader:
    """Walks the stages that matter, in the order of the file."""

    def __init__(self, workspace: Workspace, source: ImageSource) -> None:
        self._workspace = workspace
        self._source = source
        self.in_image = frozenset(stage.index for stage in source.stages.ancestry(source.shipped))
        self.runs: list[RunStep] = []
        self.copies: list[CopyStep] = []
        self.ends: dict[int, _StageState] = {}

    def read(self, stage: Stage) -> None:
        parent = stage.base.index if isinstance(stage.base, StageBase) else None
        above = self.ends.get(parent) if parent is not None else None
        state = replace(above) if above is not None else _StageState(_ROOT, None)
        self.ends[stage.index] = state
        environment = self._source.stages.environment(stage)
        for instruction in stage.instructions:
            match instruction.keyword:
                case "WORKDIR" if instruction.arguments:
                    folder = expand(instruction.arguments[0], environment).text
                    state.working_directory = normal_path(state.working_directory / folder)
                case "USER" if instruction.arguments:
                    state.user = expand(instruction.arguments[0], environment).text
                case "SHELL":
                    state.shell = instruction.arguments
                case "RUN":
                    self.runs.append(self._run(stage, instruction, state, environment))
                case "COPY" | "ADD" if len(instruction.arguments) > 1:
                    self.copies.append(self._copy(stage, instruction, state, environment))

    def _run(
        self, stage: Stage, instruction: Instruction, state: _StageState, environment: Mapping[str, str]
    ) -> RunStep:
        mounts = tuple(_expanded(mount, environment) for mount in mounts_of(instruction))
        commands = list(commands_of_run(instruction, environment, shell=state.shell))
        scripts: list[PurePosixPath] = []
        carried = (*self._carried(stage), *self._mounted(stage, instruction, mounts))
        for command in commands:  # it grows while scripts call scripts; each is read once
            if len(commands) < _MOST_SCRIPT_COMMANDS:
                commands += self._called(carried, command, state, environment, scripts)
        return RunStep(
            stage=stage,
            instruction=instruction,
            place=place_of(self._source, instruction),
            source=self._source.dockerfile.source,
            commands=tuple(commands),
            actions=tuple(action for command in commands if (action := action_of(command)) is not None),
            mounts=mounts,
            in_image=stage.index in self.in_image,
            order=instruction.span.start,
            working_directory=state.working_directory,
            user=state.user,
            scripts=tuple(scripts),
        )

    def _carried(self, stage: Stage) -> list[CopyStep]:
        ancestry = {ancestor.index for ancestor in self._source.stages.ancestry(stage)}
        return [copy for copy in self.copies if copy.stage.index in ancestry]

    def _mounted(self, stage: Stage, instruction: Instruction, mounts: Iterable[Mount]) -> Iterator[CopyStep]:
        """What bind mounts show of the context to one RUN, as if it had been copied there."""
        for mount in mounts:
            if mount.kind == "bind" and mount.target and not mount.source_stage:
                yield CopyStep(
                    stage=stage,
                    instruction=instruction,
                    place=place_of(self._source, instruction),
                    sources=(mount.source or ".",),
                    destination=mount.target,
                    target=normal_path(_ROOT / mount.target),
                    origin=None,
                    origin_stage=None,
                    owner=None,
                    in_image=False,
                    order=instruction.span.start,
                )

    def _called(
        self,
        carried: Sequence[CopyStep],
        command: Command,
        state: _StageState,
        environment: Mapping[str, str],
        scripts: list[PurePosixPath],
    ) -> Iterator[Command]:
        """The commands of a script of the repository that ``command`` calls; they have no place of their own."""
        words = [word for word in command.argv if not word.startswith("-")]
        if words and words[0].rpartition("/")[2] in _SHELL_NAMES:
            words = words[1:]
        if not words or ("/" not in words[0] and not words[0].endswith(".sh")):
            return
        found = find_script(self._workspace, self._source.context, carried, state.working_directory, words[0])
        if found is None or found[0] in scripts or found[0].suffix not in {"", ".sh", ".bash"}:
            return
        first_line = found[1].partition("\n")[0]
        if first_line.startswith("#!") and "sh" not in first_line:
            return
        scripts.append(found[0])
        for inner in commands_of(found[1], environment)[:_MOST_SCRIPT_COMMANDS]:
            yield replace(inner, start=0, end=0)

    def _copy(
        self, stage: Stage, instruction: Instruction, state: _StageState, environment: Mapping[str, str]
    ) -> CopyStep:
        # A source that nobody knows is kept as it is written: empty, it would be the whole context.
        words = [expand(word, environment).known or word for word in instruction.arguments]
        origin = instruction.flag("from")
        origin = expand(origin, environment).text if origin is not None else None
        graph = self._source.stages
        return CopyStep(
            stage=stage,
            instruction=instruction,
            place=place_of(self._source, instruction),
            sources=tuple(word for word in words[:-1] if "://" not in word and not word.startswith(("<<", "git@"))),
            destination=words[-1],
            target=normal_path(state.working_directory / words[-1]),
            origin=origin,
            origin_stage=graph.find(origin) if origin is not None else None,
            owner=instruction.flag("chown"),
            in_image=stage.index in self.in_image,
            order=instruction.span.start,
        )


def find_script(
    workspace: Workspace,
    context: PurePosixPath,
    copies: Iterable[CopyStep],
    working_directory: PurePosixPath,
    script: str,
) -> tuple[PurePosixPath, str] | None:
    """The repository's file behind a path of the image, by the COPY instructions that brought it there."""
    inside = PurePosixPath(script)
    wanted = [normal_path(working_directory / inside)]
    if not inside.is_absolute() and "/" not in script:
        wanted += [PurePosixPath(folder) / script for folder in _ENVIRONMENT_SCRIPTS]
    for copy in reversed(list(copies)):
        if copy.origin is not None:
            continue
        for source in copy.sources:
            origin = normal_path(context / source.lstrip("/"))
            for path in wanted:
                candidates = []
                if path in {copy.target, copy.target / origin.name}:
                    candidates.append(origin)
                if path.is_relative_to(copy.target):
                    rest = path.relative_to(copy.target)
                    candidates += [origin / rest, *([origin.parent / rest] if "*" in origin.name else [])]
                for candidate in candidates:
                    if workspace.files.exists(candidate):
                        text = workspace.files.text_or_none(candidate)
                        return None if text is None else (candidate, text)
    return None
