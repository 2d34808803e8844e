"""What rules and plans need to know, derived once from the workspace and frozen.

Rules read these and parse nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cached_property
from pathlib import PurePosixPath

from careen.dockerfile.actions import Install
from careen.dockerfile.stages import EffectiveValue, ImageBase, ScratchBase, Stage
from careen.dockerfile.tree import Instruction
from careen.dockerfile.words import expand
from careen.findings import Place
from careen.ignorefile.causes import Cause, cause_of
from careen.ignorefile.context import ContextFile, ContextMeasure, measure
from careen.ignorefile.review import PatternFault, review
from careen.python.imports import Sources
from careen.text.values import dataclass
from careen.workspace.alone import is_file_for_development, is_for_development
from careen.workspace.dependencies import Dependencies
from careen.workspace.file_causes import with_causes
from careen.workspace.files import ProjectFiles, normal_path
from careen.workspace.known_bases import KnownBase, known_base
from careen.workspace.launch import Launch, LaunchInput, docker_words, resolve_launch
from careen.workspace.model import ImageSource, PythonProject, Service, Workspace
from careen.workspace.sent import SentFiles, inside_context
from careen.workspace.sources import HastySources, first_party
from careen.workspace.steps import CopyStep, RunStep, StepReader, find_script, place_of

_MOST_PARSED_MODULES = 150
_BASH_AS_SH = ("fedora", "centos", "rockylinux", "almalinux", "ubi", "amazonlinux", "oraclelinux", "redhat", "opensuse")
_ASH_AS_SH = ("alpine", "busybox", "wolfi", "chainguard", "cgr.dev")


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """A Dockerfile as the stack uses it. ``services`` are the names of those that ship this very image."""

    source: ImageSource
    services: tuple[str, ...]
    base: ImageBase | ScratchBase
    known_base: KnownBase | None
    base_place: Place
    ancestry: frozenset[int]
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

    def environment_value(self, text: str) -> str:
        """With the variables that hold at the end of the shipped stage."""
        return expand(text, self.environment).text

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The shipped stage and every other whose content can reach it, in the order of the file."""
        graph = self.source.stages
        indices = {*self.ancestry, *(stage.index for stage in graph.dependencies(self.source.shipped))}
        return tuple(graph.stages[index] for index in sorted(indices))

    def precedes(self, earlier: RunStep | CopyStep, later: RunStep | CopyStep) -> bool:
        """Whether ``earlier`` shaped the file system that ``later`` finds."""
        if earlier.order >= later.order:
            return False
        return any(stage.index == earlier.stage.index for stage in self.source.stages.ancestry(later.stage))

    def carries(self, stage: Stage, path: PurePosixPath, *, whole: bool = False) -> bool:
        """Whether what another stage has at ``path`` is taken into the shipped image by a COPY, or through another.

        All of it if ``whole``, else some of it.
        """
        waiting, seen = [(stage.index, path)], {(stage.index, path)}
        while waiting:
            index, inside = waiting.pop()
            if index in self.ancestry:
                return True
            for copy in self.copies:
                if copy.origin_stage is None or copy.origin_stage.index != index:
                    continue
                for source in copy.sources:
                    taken = PurePosixPath("/", source)
                    if (taken.is_relative_to(inside) and not whole) or inside.is_relative_to(taken):
                        lands = copy.target / inside.relative_to(taken) if inside.is_relative_to(taken) else copy.target
                        if (copy.stage.index, lands) not in seen:
                            seen.add((copy.stage.index, lands))
                            waiting.append((copy.stage.index, lands))
        return False

    @property
    def stage_is_for_development(self) -> bool:
        """Whether the shipped stage, or the file, says by its name that it is not what production gets."""
        return is_for_development(self.source.shipped) or is_file_for_development(self.source.dockerfile_path)

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
    _memory: "Memory" = field(compare=False, repr=False)

    @property
    def place(self) -> Place:
        """The ignore file's first line, or that of the first Dockerfile that takes something while there is none."""
        return Place(self.ignore_path, 1, 1) if self.has_ignore else self.taker.base_place

    @property
    def taker(self) -> ImageFacts:
        """The first image that takes something from the context, all of it if one does."""
        takers = [image for image in self.images if any(copy.takes_whole_context for copy in image.copies)]
        takers += [image for image in self.images if any(copy.origin is None and copy.sources for copy in image.copies)]
        return (*takers, *self.images)[0]

    @property
    def taken(self) -> tuple[str, ...]:
        """The paths that instructions take from the context, ``""`` for all of it; BuildKit asks for no others."""
        found: dict[str, None] = {}
        for image in self.images:
            for copy in image.copies:
                if copy.origin is None:
                    found.update(dict.fromkeys(inside_context(source) for source in copy.sources))
            for run in image.runs:
                for mount in run.mounts:
                    if mount.kind == "bind" and mount.source_stage is None:
                        found[inside_context(mount.source or "")] = None
        return ("",) if "" in found else tuple(found)

    @property
    def is_taken_whole(self) -> bool:
        return self.taken == ("",)

    @cached_property
    def sent(self) -> tuple[ContextFile, ...]:
        """What the ignore file lets through and some instruction takes."""
        if self.is_taken_whole:
            return self.measure.sent
        return tuple(dict.fromkeys(file for path in self.taken for file in self._memory.sent(self).at(path)))

    def sent_bytes_by_cause(self) -> dict[Cause, int]:
        """The heaviest first. Tests that an instruction takes by their name are wanted, and left out."""
        wanted = tuple(f"{path.rstrip('/')}/" for path in self.taken if cause_of(f"{path}/") is Cause.TESTS)
        totals: dict[Cause, int] = {}
        for file, cause in with_causes(self.sent):
            if wanted and file.path.startswith(wanted):
                continue
            totals[cause] = totals.get(cause, 0) + file.bytes
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))

    def files_at(self, source: str) -> tuple[ContextFile, ...]:
        """The files behind one source of a COPY."""
        return self._memory.sent(self).at(source)

    @cached_property
    def measure(self) -> ContextMeasure:
        return self._memory.measure(self)

    @cached_property
    def ignore_faults(self) -> tuple[PatternFault, ...]:
        return self._memory.faults(self)

    def measured(self) -> ContextMeasure:
        """Walks the context; :attr:`measure` remembers it."""
        source = self.images[0].source
        always = {str(self.ignore_path), str(source.dockerfile_path)}
        relative = {
            str(PurePosixPath(path).relative_to(self.path))
            for path in always
            if PurePosixPath(path).is_relative_to(self.path)
        }
        return measure(self.workspace.files.root / self.path, source.ignore, always=frozenset(relative))


class Memory:
    """What is dear to find out and the same for every stack of a folder."""

    def __init__(self) -> None:
        self._measures: dict[tuple[PurePosixPath, PurePosixPath], ContextMeasure] = {}
        self._sent: dict[tuple[PurePosixPath, PurePosixPath], SentFiles] = {}
        self._faults: dict[tuple[PurePosixPath, PurePosixPath], tuple[PatternFault, ...]] = {}
        self._modules: dict[PurePosixPath, Sources] = {}

    def measure(self, context: ContextFacts) -> ContextMeasure:
        key = (context.path, context.ignore_path)
        if key not in self._measures:
            self._measures[key] = context.measured()
        return self._measures[key]

    def sent(self, context: ContextFacts) -> SentFiles:
        key = (context.path, context.ignore_path)
        if key not in self._sent:
            self._sent[key] = SentFiles(self.measure(context).sent)
        return self._sent[key]

    def faults(self, context: ContextFacts) -> tuple[PatternFault, ...]:
        key = (context.path, context.ignore_path)
        ignore = context.images[0].source.ignore
        if key not in self._faults:
            self._faults[key] = review(ignore, self.measure(context)) if ignore is not None else ()
        return self._faults[key]

    def modules(self, files: ProjectFiles, folder: PurePosixPath) -> Sources:
        if folder not in self._modules:
            tree = first_party(files, folder)
            count = sum(path.suffix == ".py" for path in tree.files)
            kind = Sources if count <= _MOST_PARSED_MODULES else HastySources
            self._modules[folder] = kind(tree, lambda path: files.text_or_none(folder / path))
        return self._modules[folder]


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
    _memory: Memory = field(compare=False, repr=False)

    @cached_property
    def dependencies(self) -> Dependencies:
        return Dependencies(self.workspace)

    def modules(self, folder: PurePosixPath) -> Sources:
        """The project's own modules below a folder; in a large project they are read by their lines alone."""
        return self._memory.modules(self.workspace.files, folder)

    def project_of(self, image: ImageFacts) -> PythonProject | None:
        """The Python project that an image is built from."""
        return next((service.service.project for service in self.services if service.image is image), None)

    @property
    def built(self) -> tuple[ServiceFacts, ...]:
        return tuple(service for service in self.services if service.is_built)


def derive(workspace: Workspace, memory: Memory | None = None) -> StackFacts:
    """``memory`` is shared between the stacks of one folder."""
    memory = memory or Memory()
    images: dict[int, ImageFacts] = {}
    users: dict[int, list[str]] = {}
    sources: dict[int, ImageSource] = {}
    for service in workspace.services:
        if service.image is not None:
            sources.setdefault(id(service.image), service.image)
            users.setdefault(id(service.image), []).append(service.name)
    for identity, source in sources.items():
        images[identity] = _image(workspace, source, tuple(users[identity]))
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
            _memory=memory,
        )
        for (path, ignore_path), group in grouped.items()
        if workspace.files.is_folder(path)
    )
    return StackFacts(
        workspace=workspace,
        services=services,
        images=tuple(images.values()),
        contexts=contexts,
        _memory=memory,
    )


def _image(workspace: Workspace, source: ImageSource, services: tuple[str, ...]) -> ImageFacts:
    graph, shipped = source.stages, source.shipped
    steps = StepReader(workspace, source)
    for index in sorted({stage.index for stage in (*graph.ancestry(shipped), *graph.dependencies(shipped))}):
        steps.read(graph.stages[index])
    base = graph.image_base(shipped)
    reference = base.reference if isinstance(base, ImageBase) else None
    return ImageFacts(
        source=source,
        services=services,
        base=base,
        known_base=known_base(reference) if reference else None,
        base_place=place_of(source, graph.ancestry(shipped)[0].start),
        ancestry=steps.in_image,
        runs=tuple(steps.runs),
        copies=tuple(steps.copies),
        user=graph.effective(shipped, "USER"),
        health=graph.effective(shipped, "HEALTHCHECK"),
        entrypoint=graph.effective(shipped, "ENTRYPOINT"),
        command=graph.effective(shipped, "CMD"),
        stop_signal=graph.effective(shipped, "STOPSIGNAL"),
        working_directory=steps.ends[shipped.index].working_directory,
        environment=graph.environment(shipped),
    )


def _service(workspace: Workspace, service: Service, image: ImageFacts | None) -> ServiceFacts:
    compose = service.compose
    if image is None:
        return ServiceFacts(service=service, image=None, launch=_launch_of_unknown_image(service))
    shell = image.source.stages.effective(image.source.shipped, "SHELL")
    words = shell.arguments if shell is not None and shell.arguments else ("/bin/sh", "-c")
    entrypoint = docker_words(image.entrypoint, words)
    command = docker_words(image.command, words)
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
    given = LaunchInput(
        entrypoint=entrypoint,
        command=command,
        place=place,
        from_compose=from_compose,
        sh_gives_way=_sh_gives_way(image),
    )
    environment = {"PWD": ".", **image.environment}  # where it is started, wherever that will be
    if compose is not None:
        environment.update(compose.file_environment)
        environment.update((name, value) for name, value in compose.environment if value is not None)
    copies = [copy for copy in image.copies if copy.in_image]
    working_directory = image.working_directory
    if compose is not None and compose.working_directory:
        working_directory = normal_path(working_directory / compose.working_directory)

    def read_script(script: str) -> tuple[PurePosixPath, str] | None:
        return find_script(workspace, image.source.context, copies, working_directory, script)

    return ServiceFacts(service=service, image=image, launch=resolve_launch(given, environment, read_script))


def _launch_of_unknown_image(service: Service) -> Launch | None:
    """What compose itself says that an image from elsewhere runs."""
    compose = service.compose
    command = compose.command if compose is not None else None
    if command is None:
        return None
    place = Place(command.place.path, command.place.line, command.place.end_line)
    gives_way = any(word in (compose.image or "") for word in (*_BASH_AS_SH, *_ASH_AS_SH)) if compose else False
    given = LaunchInput(entrypoint=(), command=command.argv, place=place, from_compose=True, sh_gives_way=gives_way)
    return resolve_launch(given, {}, lambda _: None)


def _sh_gives_way(image: ImageFacts) -> bool:
    base = image.base
    name = (base.reference or base.written) if isinstance(base, ImageBase) else ""
    return any(word in name for word in (*_BASH_AS_SH, *_ASH_AS_SH))
