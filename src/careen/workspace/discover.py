"""Finding a stack in a folder: compose files, Dockerfiles, ignore files, projects."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path, PurePosixPath

from careen.compose.env_file import read_env_file
from careen.compose.load import DEFAULT_NAMES, OVERRIDE_NAMES, load_project
from careen.compose.model import Build, ComposeProject, ComposeService
from careen.dockerfile.instructions import problems_of
from careen.dockerfile.parser import parse
from careen.dockerfile.stages import stages_of
from careen.errors import CareenError
from careen.ignorefile.context import candidate_ignore_files
from careen.ignorefile.patterns import IgnoreFile, parse_ignorefile
from careen.python.pyproject import read_pyproject
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.alone import is_for_development, likely_context, likely_shipped
from careen.workspace.file_names import (
    COMPOSE_DEPTH,
    TEMPLATE,
    is_aside,
    is_compose_name,
    is_dockerfile_name,
    is_in_template,
    is_named_for_development,
    main_compose_files,
    service_name,
    template_folder,
)
from careen.workspace.files import ProjectFiles, normal_path
from careen.workspace.model import ImageSource, PythonProject, Service, Unreadable, Workspace

_DOCKERFILE_DEPTH = 6
_MOST_STACKS = 60
_DOCKER = re.compile(r"docker|compose")
_SERVICES = re.compile(r"(?m)^services:[^\S\n]*+(?:#.*)?\n(?:[^\S\n]*+(?:#.*)?\n)*+[ ]+[\w.-]+:\s*$")
_MOST_PROBLEMS = 5
"""Of one file; a file that is no Dockerfile at all has one on every line."""
_LOCK_NAMES = ("uv.lock", "poetry.lock", "pylock.toml", "Pipfile.lock")


class NothingToReadError(CareenError):
    """The folder holds no Docker set-up."""


def discover(
    root: Path,
    *,
    compose_files: Iterable[PurePosixPath] = (),
    instead: Mapping[PurePosixPath, str | None] | None = None,
) -> Workspace:
    """The stack of a folder; what cannot be read is told in ``unreadable`` and the rest still stands.

    ``instead`` is as of :class:`ProjectFiles`. Raises NothingToReadError, and what a compose file raises that the user
    named.
    """
    discovery = _discovery(root, compose_files, instead)
    main = discovery.stack(discovery.main_files())
    if not main.services and not main.unreadable:
        raise _nothing(root)
    return main


def discover_all(root: Path, *, compose_files: Iterable[PurePosixPath] = ()) -> tuple[Workspace, ...]:
    """The stack of :func:`discover`, those of further compose files, and the Dockerfiles that none of them builds.

    Files named by the user are all that is read. Raises as :func:`discover` does.
    """
    discovery = _discovery(root, compose_files)
    stacks = [discovery.stack(discovery.main_files())]
    if not discovery.named:
        alone = discovery.without_override(stacks[0])
        stacks += [alone] if alone is not None else []
        stacks += [
            stack for paths in discovery.further_files() if (stack := discovery.further_stack(paths)) is not None
        ]
        rest = discovery.rest(stacks)
        stacks += [rest] if rest.services or rest.unreadable else []
    if not any(stack.services or stack.unreadable for stack in stacks):
        raise _nothing(root)
    return tuple(stacks)


def _discovery(
    root: Path, compose_files: Iterable[PurePosixPath], instead: Mapping[PurePosixPath, str | None] | None = None
) -> "_Discovery":
    if not root.is_dir():
        raise NothingToReadError(f"{root} is not a folder", hints=("give careen the folder of the project",))
    files = ProjectFiles(root, instead or {})
    named = tuple(normal_path(path) for path in compose_files)
    depth = max(COMPOSE_DEPTH, _DOCKERFILE_DEPTH)
    listing = files.find(PurePosixPath(), lambda name: is_dockerfile_name(name) or is_compose_name(name), depth=depth)
    listing = sorted({*listing, *_unusually_named(files, listing)})
    templates = [path for path in listing if is_in_template(path)]
    discovery = _Discovery(files, named, tuple(path for path in listing if not is_in_template(path)))
    for folder in dict.fromkeys(template_folder(path) for path in templates):
        discovery.notes.append(f"{folder}: a template's folder, which is not read before it is filled in")
    discovery.notes += [
        f"{path}: not read: it is a link out of the project, or to nothing" for path in sorted(files.astray)
    ]
    discovery.notes += [f"{folder}/: not looked into: {reason}" for folder, reason in sorted(files.closed.items())]
    return discovery


def _nothing(root: Path) -> NothingToReadError:
    return NothingToReadError(
        f"{root} holds no compose file with services and no Dockerfile",
        hints=("give careen the folder that holds them, or name the compose file with --file",),
    )


@dataclass(slots=True)
class _Discovery:
    files: ProjectFiles
    named: tuple[PurePosixPath, ...]
    listing: tuple[PurePosixPath, ...]
    unreadable: list[Unreadable] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _images: dict[tuple[object, ...], ImageSource | None] = field(default_factory=dict)
    _projects: dict[PurePosixPath, PythonProject | None] = field(default_factory=dict)

    def main_files(self) -> tuple[PurePosixPath, ...]:
        """Those that the user named, or ``COMPOSE_FILE`` in the ``.env`` beside, or those of the usual names."""
        found = main_compose_files(self.listing)
        apart = any(is_dockerfile_name(path.name) and not is_aside(path) for path in self.listing)
        if found and apart and ".devcontainer" in found[0].parts:
            found = ()  # a container for developers beside the Dockerfile that is shipped
        folders = dict.fromkeys([PurePosixPath(), *(path.parent for path in found)])
        return self.named or next((chosen for folder in folders if (chosen := self._chosen_in(folder))), found)

    def _chosen_in(self, folder: PurePosixPath) -> tuple[PurePosixPath, ...]:
        """Nothing when one of the files is missing: they may be made on the machine that the set-up is for."""
        variables = self._variables(folder)
        names = variables.get("COMPOSE_FILE", "").split(variables.get("COMPOSE_PATH_SEPARATOR") or ":")
        paths = tuple(normal_path(folder / name.strip()) for name in names if name.strip())
        missing = [path for path in paths if not self.files.exists(path)]
        if missing:
            self.notes.append(f"{folder / '.env'}: COMPOSE_FILE names {missing[0]}, which is not here")
        return () if missing else paths

    def stack(self, paths: tuple[PurePosixPath, ...]) -> Workspace:
        """The services of one compose project; those of the Dockerfiles when it builds nothing."""
        variables: Mapping[str, str] = {}
        compose: ComposeProject | None = None
        services: list[Service] = []
        if paths:
            variables = self._variables(paths[0].parent)
            compose = self._compose(paths, variables)
        if compose is not None:
            self.notes += compose.notes
            services = _with_shared_images([self._service(compose, service) for service in compose.services])
        if not any(service.image is not None for service in services):
            apart = [path for path in self.listing if not is_aside(path)]
            services += self._dockerfiles_alone(apart) or self._dockerfiles_alone(self.listing)
        return self._workspace(compose, services, variables)

    def _workspace(
        self, compose: ComposeProject | None, services: Iterable[Service], variables: Mapping[str, str]
    ) -> Workspace:
        workspace = Workspace(
            files=self.files,
            compose=compose,
            services=tuple(services),
            variables=variables,
            unreadable=tuple(sorted(set(self.unreadable))),
            notes=tuple(dict.fromkeys(self.notes)),
        )
        self.unreadable.clear()
        self.notes.clear()
        return workspace

    def without_override(self, merged: Workspace) -> Workspace | None:
        """The main file's services whose image is another one without the override, which is often for developers."""
        paths = self.main_files()
        if len(paths) < 2 or merged.compose is None:
            return None
        stack = self.further_stack(paths[:1])
        if stack is None:
            return None
        known = {_built_from(service) for service in merged.services}
        services = tuple(service for service in stack.services if _built_from(service) not in known)
        return replace(stack, services=services) if services else None

    def further_files(self) -> Iterator[tuple[PurePosixPath, ...]]:
        """One project for each other folder with compose files, and one for each variant."""
        main = self.main_files()
        groups: dict[PurePosixPath, list[PurePosixPath]] = {}
        for path in self.listing:
            if not is_dockerfile_name(path.name) and path not in main and not is_aside(path):
                groups.setdefault(path.parent, []).append(path)
        count = 0
        for folder in sorted(groups, key=lambda folder: (len(folder.parts), folder)):
            paths = groups[folder]
            standard = () if main and folder == main[0].parent else main_compose_files(tuple(paths))
            variants = [path for path in paths if path not in standard and path.name not in OVERRIDE_NAMES]
            for project in (standard, *((path,) for path in variants)):
                if project and count < _MOST_STACKS:
                    count += 1
                    yield project

    def further_stack(self, paths: tuple[PurePosixPath, ...]) -> Workspace | None:
        """None for a file that only makes sense on top of another, and for one that starts things side by side.

        Of variants for developers, only what has the host's rights: it has them on their machines, too.
        """
        variables = self._variables(paths[0].parent)
        compose = self._compose(paths, variables)
        if compose is None:
            return self._workspace(None, (), variables)
        for_development = is_named_for_development(paths[0]) and paths[0].name not in DEFAULT_NAMES
        if not for_development and not _is_whole(compose) and (below := self._standard_beside(paths)) is not None:
            compose = self._compose((below, *paths), variables) or compose
        if for_development or not _is_whole(compose):
            # What a part gives to a service stays given, whatever it is laid upon; the rest cannot be judged by it.
            rights = [service for service in compose.services if service.build is None and _has_rights(service)]
            services = [self._service(compose, service) for service in rights]
            return self._workspace(compose, services, variables) if services else None
        if not any(
            service.build is not None or service.depends_on or _has_rights(service) for service in compose.services
        ):
            return None
        self.notes += compose.notes
        services = _with_shared_images([self._service(compose, service) for service in compose.services])
        return self._workspace(compose, services, variables)

    def _standard_beside(self, paths: tuple[PurePosixPath, ...]) -> PurePosixPath | None:
        """The compose file that another one is laid upon: ``-f compose.yaml -f compose.prod.yaml``."""
        beside = [path for path in self.listing if path.parent == paths[0].parent and path.name in DEFAULT_NAMES]
        found = min(beside, key=lambda path: DEFAULT_NAMES.index(path.name), default=None)
        return None if found in paths else found

    def rest(self, stacks: Iterable[Workspace]) -> Workspace:
        """The Dockerfiles that no stack builds, or of which the stacks build stages for developers alone."""
        images = [service.image for stack in stacks for service in stack.services if service.image is not None]
        built = {image.dockerfile_path for image in images if not is_for_development(image.shipped)}
        built |= {image.dockerfile_path for image in images if likely_shipped(image.stages) is image.shipped}
        told = {item.path for stack in stacks for item in stack.unreadable}
        left = [path for path in self.listing if path not in built | told and not is_aside(path)]
        return self._workspace(None, self._dockerfiles_alone(left), {})

    def _variables(self, folder: PurePosixPath) -> Mapping[str, str]:
        path = folder / ".env"
        if not self.files.exists(path):
            return {}
        try:
            return read_env_file(self.files.read(path).text)
        except CareenError as error:
            self._tell(path, error)
            return {}

    def _compose(self, paths: tuple[PurePosixPath, ...], variables: Mapping[str, str]) -> ComposeProject | None:
        folder = paths[0].parent
        name = folder.name or self.files.root.resolve().name
        try:
            return load_project(paths, self.files.read, variables=variables, folder_name=name)
        except CareenError as error:
            if self.named:
                raise
            self._tell(paths[0], error)
            return None

    def _service(self, compose: ComposeProject, service: ComposeService) -> Service:
        image = self._image(compose.folder, service.build) if service.build is not None else None
        folder = image.context if image is not None else compose.folder
        project = self._project(folder, image) if image is not None else None
        return Service(name=service.name, compose=service, image=image, project=project)

    def _image(self, folder: PurePosixPath, build: Build) -> ImageSource | None:
        if "://" in build.context or build.context.startswith("git@"):
            self.notes.append(
                f"{build.place.path}:{build.place.line}: a remote build context is not read: {build.context}"
            )
            return None
        context = normal_path(folder / build.context)
        arguments = {name: value for name, value in build.arguments if value is not None}
        if build.inline_dockerfile is not None:
            source = Source(build.place.path, build.inline_dockerfile)
            return self._read_image(source, build.place.path, context, build.target, arguments)
        path = normal_path(context / (build.dockerfile or "Dockerfile"))
        try:
            source = self.files.read(path)
        except CareenError as error:
            self.unreadable.append(Unreadable(build.place.path, build.place.line, error.message))
            return None
        return self._read_image(source, path, context, build.target, arguments)

    def _read_image(
        self,
        source: Source,
        path: PurePosixPath,
        context: PurePosixPath | None,
        target: str | None,
        arguments: Mapping[str, str],
    ) -> ImageSource | None:
        """``context`` is None for a Dockerfile of which nobody says how it is built."""
        key = (path, source.text, context, target, tuple(sorted(arguments.items())))
        if key not in self._images:
            self._images[key] = self._parse_image(source, path, context, target, arguments)
        return self._images[key]

    def _parse_image(
        self,
        source: Source,
        path: PurePosixPath,
        context: PurePosixPath | None,
        target: str | None,
        arguments: Mapping[str, str],
    ) -> ImageSource | None:
        try:
            dockerfile = parse(source)
            stages = stages_of(dockerfile, arguments)
        except SyntaxProblem as problem:
            self._tell(path, problem)
            return None
        refused = problems_of(dockerfile)
        template = TEMPLATE.search(source.text) if refused else None
        if template is not None:
            line = source.line_of(template.start())
            self.unreadable.append(Unreadable(path, line, "a template, which is not read before it is filled in"))
            return None
        for complaint in refused[:_MOST_PROBLEMS]:
            self._tell(path, complaint)
        shipped = stages.shipped(target) if context is not None else likely_shipped(stages)
        if shipped is None:
            reason = f"no stage is called {target}" if target else "no FROM in the file"
            self.unreadable.append(Unreadable(path, 1, reason))
            return None
        if context is None:
            context = likely_context(self.files, path, stages)
            target = shipped.name if shipped is not stages.stages[-1] else None
        beside, at_root = candidate_ignore_files(context, path)
        ignore_path = beside if self.files.exists(beside) else at_root
        return ImageSource(
            dockerfile_path=path,
            dockerfile=dockerfile,
            stages=stages,
            shipped=shipped,
            target=target,
            context=context,
            ignore_path=ignore_path,
            ignore=self._ignore(ignore_path),
        )

    def _ignore(self, path: PurePosixPath) -> IgnoreFile | None:
        if not self.files.exists(path):
            return None
        try:
            return parse_ignorefile(self.files.read(path))
        except CareenError as error:
            self._tell(path, error)
            return None

    def _project(self, context: PurePosixPath, image: ImageSource | None) -> PythonProject | None:
        """The nearest pyproject.toml: the context's, else the Dockerfile's folder's, else the root's."""
        folders = [context, *([image.dockerfile_path.parent] if image is not None else []), PurePosixPath()]
        for folder in folders:
            if folder not in self._projects:
                self._projects[folder] = self._read_project(folder)
            project = self._projects[folder]
            if project is not None:
                return project
        return None

    def _read_project(self, folder: PurePosixPath) -> PythonProject | None:
        path = folder / "pyproject.toml"
        if not self.files.exists(path):
            return None
        try:
            pyproject = read_pyproject(self.files.read(path))
        except CareenError as error:
            self._tell(path, error)
            return None
        # The lock of a workspace stands in its root, above the members.
        folders = (folder, *folder.parents)
        locks = [place / name for place in folders for name in _LOCK_NAMES if self.files.exists(place / name)]
        return PythonProject(folder=folder, pyproject=pyproject, lock_path=locks[0] if locks else None)

    def _dockerfiles_alone(self, paths: Iterable[PurePosixPath]) -> list[Service]:
        services: list[Service] = []
        for path in paths:
            if not is_dockerfile_name(path.name):
                continue
            try:
                source = self.files.read(path)
            except CareenError as error:
                self._tell(path, error)
                continue
            image = self._read_image(source, path, None, None, {})
            if image is not None:
                project = self._project(image.context, image)
                services.append(Service(name=service_name(path), compose=None, image=image, project=project))
        return services

    def _tell(self, path: PurePosixPath, error: CareenError) -> None:
        if isinstance(error, SyntaxProblem):
            self.unreadable.append(Unreadable(error.path, error.line, error.reason))
        else:
            self.unreadable.append(Unreadable(path, 1, error.message))


def _built_from(service: Service) -> tuple[PurePosixPath, str | None] | None:
    image = service.image
    return (image.dockerfile_path, image.shipped.name) if image is not None else None


def _unusually_named(files: ProjectFiles, listing: Iterable[PurePosixPath]) -> Iterator[PurePosixPath]:
    """``docker/default.yml``: compose files by what is in them, beside a Dockerfile in a folder called after Docker.

    Many such folders hold nothing but these, to be laid upon each other with ``-f``.
    """
    known = set(listing)
    folders = {path.parent for path in known if is_dockerfile_name(path.name) and _DOCKER.search(path.parent.name)}
    for folder in sorted(folders):
        for path in files.walk(folder, depth=1):
            if path.suffix in {".yml", ".yaml"} and path not in known and _is_of_services(files, path):
                yield path


def _is_of_services(files: ProjectFiles, path: PurePosixPath) -> bool:
    text = files.text_or_none(path)
    return text is not None and _SERVICES.search(text) is not None


def _is_whole(compose: ComposeProject) -> bool:
    return all(service.build is not None or service.image is not None for service in compose.services)


def _has_rights(service: ComposeService) -> bool:
    return service.privileged is not None or any((mount.source or "").endswith(".sock") for mount in service.mounts)


def _with_shared_images(services: list[Service]) -> list[Service]:
    """A service without ``build`` whose ``image`` another one builds runs that very image."""
    built = {
        service.compose.image: service
        for service in services
        if service.compose is not None and service.compose.image is not None and service.image is not None
    }
    shared = []
    for service in services:
        name = service.compose.image if service.compose is not None else None
        builder = built.get(name) if service.image is None and name is not None else None
        if builder is not None:
            shared.append(replace(service, image=builder.image, project=builder.project))
        else:
            shared.append(service)
    return shared
