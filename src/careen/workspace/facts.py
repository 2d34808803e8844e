"""What rules and plans need to know, derived once from the workspace and frozen.

Rules read these and parse nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from careen.dockerfile.actions import Action, Install, action_of
from careen.dockerfile.mounts import Mount, mounts_of
from careen.dockerfile.shell import Command, commands_of_run
from careen.dockerfile.stages import EffectiveValue, ImageBase, ScratchBase, Stage
from careen.dockerfile.tree import Instruction
from careen.findings import Place
from careen.ignorefile.context import ContextMeasure, measure
from careen.workspace.files import UnreadableFileError, normal_path
from careen.workspace.known_bases import KnownBase, known_base
from careen.workspace.launch import Launch, LaunchInput, docker_words, resolve_launch
from careen.workspace.model import ImageSource, Service, Workspace

_ENVIRONMENT_SCRIPTS = ("/", "/usr/local/bin/", "/usr/bin/", "/bin/")


@dataclass(frozen=True, kw_only=True)
class RunStep:
    """One RUN. ``in_image`` when its layer is part of the shipped image."""

    stage: Stage
    instruction: Instruction
    place: Place
    commands: tuple[Command, ...]
    actions: tuple[Action, ...]
    mounts: tuple[Mount, ...]
    in_image: bool

    def installs(self) -> Iterator[Install]:
        return (action for action in self.actions if isinstance(action, Install))


@dataclass(frozen=True, kw_only=True)
class CopyStep:
    """One COPY or ADD. ``origin`` is the stage or image of ``--from``, None for the build context."""

    stage: Stage
    instruction: Instruction
    place: Place
    sources: tuple[str, ...]
    destination: str
    origin: str | None
    owner: str | None
    in_image: bool
    order: int


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """A Dockerfile as the stack uses it. ``services`` are the names of those that ship this very image."""

    source: ImageSource
    services: tuple[str, ...]
    base: ImageBase | ScratchBase
    known_base: KnownBase | None
    base_place: Place
    runs: tuple[RunStep, ...]
    copies: tuple[CopyStep, ...]
    user: EffectiveValue | None
    health: EffectiveValue | None
    entrypoint: EffectiveValue | None
    command: EffectiveValue | None
    stop_signal: EffectiveValue | None
    working_directory: PurePosixPath
    environment: Mapping[str, str]

    def place(self, instruction: Instruction) -> Place:
        return place_of(self.source, instruction)

    @property
    def installs(self) -> Iterator[tuple[RunStep, Install]]:
        return ((run, install) for run in self.runs for install in run.installs())

    @property
    def is_multi_stage(self) -> bool:
        """Whether the shipped image takes something from a stage that it does not inherit from."""
        inherited = {stage.index for stage in self.source.stages.ancestry(self.source.shipped)}
        return any(stage.index not in inherited for stage in self.source.stages.dependencies(self.source.shipped))

    @property
    def is_python(self) -> bool:
        """Whether Python seems to be what this image is for."""
        base = self.base
        named = isinstance(base, ImageBase) and "python" in (base.reference or base.written).lower()
        managers = {"pip", "uv", "poetry", "pdm", "pipenv", "conda"}
        return named or any(install.manager in managers for _, install in self.installs)


@dataclass(frozen=True, kw_only=True)
class ContextFacts:
    """A build context and those who send it; measured when somebody asks."""

    path: PurePosixPath
    ignore_path: PurePosixPath
    has_ignore: bool
    images: tuple[ImageFacts, ...]
    workspace: Workspace

    @property
    def place(self) -> Place:
        """The ignore file's first line, or that of the Dockerfile while there is none."""
        return Place(self.ignore_path, 1, 1) if self.has_ignore else self.images[0].base_place

    @cached_property
    def measure(self) -> ContextMeasure:
        source = self.images[0].source
        always = {str(self.ignore_path), str(source.dockerfile_path)}
        relative = {
            str(PurePosixPath(path).relative_to(self.path))
            for path in always
            if PurePosixPath(path).is_relative_to(self.path)
        }
        return measure(self.workspace.files.root / self.path, source.ignore, always=frozenset(relative))


@dataclass(frozen=True, kw_only=True)
class ServiceFacts:
    service: Service
    image: ImageFacts | None
    launch: Launch | None

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def place(self) -> Place:
        compose = self.service.compose
        if compose is not None:
            return Place(compose.place.path, compose.place.line, compose.place.line)
        if self.image is not None:
            return self.image.base_place
        return Place(PurePosixPath(), 1, 1)

    @property
    def is_built(self) -> bool:
        return self.image is not None


@dataclass(frozen=True, kw_only=True)
class StackFacts:
    workspace: Workspace
    services: tuple[ServiceFacts, ...]
    images: tuple[ImageFacts, ...]
    contexts: tuple[ContextFacts, ...]

    @property
    def built(self) -> tuple[ServiceFacts, ...]:
        return tuple(service for service in self.services if service.is_built)


def place_of(source: ImageSource, instruction: Instruction) -> Place:
    line, end_line = source.dockerfile.lines_of(instruction)
    return Place(source.dockerfile.source.path, line, end_line)


def derive(workspace: Workspace) -> StackFacts:
    images: dict[int, ImageFacts] = {}
    users: dict[int, list[str]] = {}
    sources: dict[int, ImageSource] = {}
    for service in workspace.services:
        if service.image is not None:
            sources.setdefault(id(service.image), service.image)
            users.setdefault(id(service.image), []).append(service.name)
    for identity, source in sources.items():
        images[identity] = _image(source, tuple(users[identity]))
    services = tuple(
        _service(workspace, service, images.get(id(service.image)) if service.image is not None else None)
        for service in workspace.services
    )
    grouped: dict[tuple[PurePosixPath, PurePosixPath], list[ImageFacts]] = {}
    for image in images.values():
        grouped.setdefault((image.source.context, image.source.ignore_path), []).append(image)
    contexts = tuple(
        ContextFacts(
            path=path,
            ignore_path=ignore_path,
            has_ignore=group[0].source.ignore is not None,
            images=tuple(group),
            workspace=workspace,
        )
        for (path, ignore_path), group in grouped.items()
        if workspace.files.is_folder(path)
    )
    return StackFacts(workspace=workspace, services=services, images=tuple(images.values()), contexts=contexts)


def _image(source: ImageSource, services: tuple[str, ...]) -> ImageFacts:
    graph, shipped = source.stages, source.shipped
    ancestry = {stage.index for stage in graph.ancestry(shipped)}
    relevant = sorted({*ancestry, *(stage.index for stage in graph.dependencies(shipped))})
    runs: list[RunStep] = []
    copies: list[CopyStep] = []
    order = 0
    for index in relevant:
        stage = graph.stages[index]
        environment = graph.environment(stage)
        for instruction in stage.instructions:
            order += 1
            if instruction.keyword == "RUN":
                commands = commands_of_run(instruction, environment)
                actions = tuple(action for command in commands if (action := action_of(command)) is not None)
                runs.append(
                    RunStep(
                        stage=stage,
                        instruction=instruction,
                        place=place_of(source, instruction),
                        commands=commands,
                        actions=actions,
                        mounts=mounts_of(instruction),
                        in_image=index in ancestry,
                    )
                )
            elif instruction.keyword in {"COPY", "ADD"} and len(instruction.arguments) > 1:
                copies.append(
                    CopyStep(
                        stage=stage,
                        instruction=instruction,
                        place=place_of(source, instruction),
                        sources=instruction.arguments[:-1],
                        destination=instruction.arguments[-1],
                        origin=instruction.flag("from"),
                        owner=instruction.flag("chown"),
                        in_image=index in ancestry,
                        order=order,
                    )
                )
    base = graph.image_base(shipped)
    reference = base.reference if isinstance(base, ImageBase) else None
    working_directory = PurePosixPath("/")
    for _, instruction in graph.lineage(shipped):
        if instruction.keyword == "WORKDIR" and instruction.arguments:
            working_directory /= instruction.arguments[0]
    return ImageFacts(
        source=source,
        services=services,
        base=base,
        known_base=known_base(reference) if reference else None,
        base_place=place_of(source, graph.ancestry(shipped)[0].start),
        runs=tuple(runs),
        copies=tuple(copies),
        user=graph.effective(shipped, "USER"),
        health=graph.effective(shipped, "HEALTHCHECK"),
        entrypoint=graph.effective(shipped, "ENTRYPOINT"),
        command=graph.effective(shipped, "CMD"),
        stop_signal=graph.effective(shipped, "STOPSIGNAL"),
        working_directory=working_directory,
        environment=graph.environment(shipped),
    )


def _service(workspace: Workspace, service: Service, image: ImageFacts | None) -> ServiceFacts:
    if image is None:
        return ServiceFacts(service=service, image=None, launch=None)
    compose = service.compose
    entrypoint = docker_words(image.entrypoint)
    command = docker_words(image.command)
    value = image.command or image.entrypoint
    place = image.place(value.instruction) if value is not None else image.base_place
    from_compose = False
    if compose is not None:
        if compose.entrypoint is not None:
            entrypoint, command = compose.entrypoint.argv, ()
        if compose.command is not None:
            command = compose.command.argv
        deciding = compose.command or compose.entrypoint
        if deciding is not None:
            place = Place(deciding.place.path, deciding.place.line, deciding.place.end_line)
            from_compose = True
    given = LaunchInput(entrypoint=entrypoint, command=command, place=place, from_compose=from_compose)
    environment = dict(image.environment)
    if compose is not None:
        environment.update((name, value) for name, value in compose.environment if value is not None)
    launch = resolve_launch(given, environment, lambda script: _find_script(workspace, image, script))
    return ServiceFacts(service=service, image=image, launch=launch)


def _find_script(workspace: Workspace, image: ImageFacts, script: str) -> tuple[PurePosixPath, str] | None:
    """The repository's file behind a path of the image, by the COPY instructions that brought it there."""
    inside = PurePosixPath(script)
    wanted = [inside if inside.is_absolute() else image.working_directory / inside]
    if not inside.is_absolute() and "/" not in script:
        wanted += [PurePosixPath(folder) / script for folder in _ENVIRONMENT_SCRIPTS]
    for copy in reversed(image.copies):
        if copy.origin is not None or not copy.in_image:
            continue
        destination = PurePosixPath(copy.destination)
        if not destination.is_absolute():
            destination = image.working_directory / destination
        for source in copy.sources:
            origin = normal_path(image.source.context / source.lstrip("/"))
            for path in wanted:
                candidates = []
                if path == destination or path == destination / origin.name:
                    candidates.append(origin)
                if path.is_relative_to(destination):
                    candidates.append(origin / path.relative_to(destination))
                for candidate in candidates:
                    if workspace.files.exists(candidate):
                        try:
                            return candidate, workspace.files.read(candidate).text
                        except UnreadableFileError:
                            return None
    return None
