"""What today's Dockerfile does beside installing the project, and whether a recast can do it too.

Front-end stages are kept word for word. Every other step is either what the plan does by itself, or carried over,
or told as a refusal: nothing gets lost in silence.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from functools import cached_property
from pathlib import PurePosixPath

from careen.dockerfile.actions import ChangeOwner, CleanUp, CopyFiles, CreateUser, Download, Install, action_of
from careen.dockerfile.shell import Command
from careen.dockerfile.stages import ImageBase, Stage
from careen.dockerfile.tree import Instruction
from careen.ignorefile.causes import Cause, cause_of
from careen.plan.roles import Role
from careen.plan.target import Plan, ServicePlan
from careen.rewrite.carried_packages import PackageCarrier
from careen.rewrite.patchset import Refusal
from careen.rewrite.stage_origins import context_paths
from careen.rewrite.system_packages import Purpose, bare, purpose_of
from careen.text.source import Span
from careen.text.values import dataclass
from careen.workspace.facts import ImageFacts
from careen.workspace.files import normal_path
from careen.workspace.steps import CopyStep, RunStep

MARK = "rendered by careen"
"""Stands in the head of every Dockerfile that careen has written as a whole."""

OWN_STAGES = frozenset(
    {"uv", "uv-image", "uv-index", "builder", "dependencies", "empty", "foundation", "foundation-files", "packages"}
    | {"runtime"}
)
OWN_SUFFIXES = ("-dependencies", "-libraries", "-debug")

_INSTALLERS = frozenset(
    {"uv", "pip", "setuptools", "wheel", "poetry", "pipenv", "pdm", "virtualenv", "build", "pip-tools", "hatch"}
    | {"poetry-plugin-export", "pipx"}
)
_PYTHON_MANAGERS = frozenset({"pip", "uv", "poetry", "pdm", "pipenv", "conda"})
_REPLACED = frozenset(
    # What the new file does in its own way, or what has no effect on the image that runs.
    {"set", "cd", "export", "echo", "true", ":", "groupadd", "addgroup", "usermod", "apt-get", "apt", "apk", "dnf"}
    | {"yum", "microdnf", "ldconfig", "update-ca-certificates", "locale-gen", "update-locale", "dpkg-reconfigure"}
    | {"find", "source", ".", "virtualenv", "which", "test", "[", "touch", "id", "date", "uv", "pip", "pip3", "poetry"}
    | {"pdm", "pipenv", "hash", "sleep", "ls", "cat", "printf", "env", "umask", "curl", "wget", "sync"}
    | {"exit", "pushd", "popd", "grep", "command", "type", "unset", "local", "return", "shift"}
)
_PYTHON_MODULES = frozenset({"venv", "compileall", "ensurepip", "pip", "uv"})
_MANIFESTS = frozenset(
    {"pyproject.toml", "uv.lock", "poetry.lock", "pylock.toml", "Pipfile", "Pipfile.lock", "pdm.lock", "setup.py"}
    | {"setup.cfg", "README.md", "README.rst", "LICENSE", "MANIFEST.in", ".python-version", "uv.toml", "poetry.toml"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """``stages`` are verbatim texts. ``copies`` and ``programs`` go to the services named.

    ``needed`` are paths of the build context that kept stages and copies take from it. ``mounts`` are the secret and
    ssh mounts of the installing step, ``build_packages`` what its distribution builds need.
    """

    stages: tuple[str, ...] = ()
    copies: tuple[tuple[frozenset[str], str], ...] = ()
    programs: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = ()
    libraries: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = ()
    build_packages: tuple[str, ...] = ()
    needed: tuple[PurePosixPath, ...] = ()
    mounts: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()


def is_rendered(text: str) -> bool:
    """Whether careen wrote this Dockerfile as a whole."""
    return MARK in text.lower()


def carry_over(
    image: ImageFacts, plan: Plan, services: tuple[ServicePlan, ...], text_of: Callable[[PurePosixPath], str | None]
) -> Carried:
    """``services`` are those that ship this image, ``text_of`` reads a file of the project."""
    return _Carrier(image, plan, services, text_of).carried()


@dataclass
class _Carrier:
    image: ImageFacts
    plan: Plan
    services: tuple[ServicePlan, ...]
    text_of: Callable[[PurePosixPath], str | None]
    refusals: list[Refusal] = field(default_factory=list)
    copies: list[tuple[frozenset[str], str]] = field(default_factory=list)
    needed: list[PurePosixPath] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        source = self.image.source
        self.packages = PackageCarrier(self.plan, self.services, self.text_of)
        self.is_own = is_rendered(source.dockerfile.source.text)
        graph = source.stages
        ancestry = {stage.index for stage in graph.ancestry(source.shipped)}
        self.kept = tuple(
            stage
            for stage in graph.dependencies(source.shipped)
            if stage.index not in ancestry and not self._is_ours(stage) and not self._is_python(stage)
        )
        self.everyone = frozenset(service.name for service in self.services)

    def carried(self) -> Carried:
        kept = {stage.index for stage in self.kept}
        stages = tuple(self._verbatim(stage) for stage in self.kept)
        for run in self.image.runs:
            if self._is_ours(run.stage):
                self._built_before(run)
            elif run.stage.index not in kept:
                self._run(run)
        for copy in self.image.copies:
            if copy.stage.index in kept:
                self._context_of(copy)
            elif not self._is_ours(copy.stage):
                self._copy(copy)
        for instruction in self.image.source.shipped.instructions:
            if instruction.keyword in {"ONBUILD", "VOLUME"}:
                self._leave(instruction, f"{instruction.keyword} is not carried over", stops=False)
        return Carried(
            stages=stages,
            copies=tuple(dict.fromkeys(self.copies)),
            programs=tuple(self.packages.programs),
            libraries=tuple(self.packages.libraries),
            build_packages=tuple(dict.fromkeys(self.packages.build_packages)),
            needed=tuple(dict.fromkeys(self.needed)),
            mounts=tuple(dict.fromkeys(self.mounts)),
            refusals=tuple(self.refusals),
            notes=tuple(dict.fromkeys(self.packages.notes)),
        )

    def _is_ours(self, stage: Stage) -> bool:
        name = stage.name or ""
        return self.is_own and (name in OWN_STAGES or name.endswith(OWN_SUFFIXES))

    def _is_python(self, stage: Stage) -> bool:
        graph = self.image.source.stages
        base = graph.image_base(stage)
        named = isinstance(base, ImageBase) and any(
            word in (base.reference or base.written).lower() for word in ("python", "astral-sh/uv", "poetry", "pypy")
        )
        lineage = {ancestor.index for ancestor in graph.ancestry(stage)}
        installs = any(
            run.stage.index in lineage and any(install.manager in _PYTHON_MANAGERS for install in run.installs())
            for run in self.image.runs
        )
        return named or installs

    # Stages

    def _verbatim(self, stage: Stage) -> str:
        dockerfile = self.image.source.dockerfile
        first, last = stage.instructions[0].span, stage.instructions[-1].span
        if stage.name is None:
            self._leave(stage.start, "a stage without a name is kept and has to be named", stops=True)
        return dockerfile.source.slice(Span(first.start, last.end)).rstrip()

    def _context_of(self, copy: CopyStep) -> None:
        for source in copy.sources if copy.origin is None else ():
            path = self._in_context(copy, source)
            if path is not None:
                self.needed.append(path)
        if copy.origin is None and self.image.source.context != self.plan.root:
            self._leave(copy.instruction, f"the stage copies from the context {self.image.source.context}", stops=True)

    # RUN

    def _built_before(self, run: RunStep) -> None:
        """What an earlier rendering carried into its building stages stays there."""
        self._secrets(run)
        for install in run.installs():
            if run.stage.name == "builder" and install.manager == "apt":
                names = map(bare, install.packages)
                self.packages.build_packages += [name for name in names if purpose_of(name) is Purpose.BUILDING]

    def _secrets(self, run: RunStep) -> None:
        if not any(install.manager in _PYTHON_MANAGERS for install in run.installs()):
            return
        for value in run.instruction.flag_values("mount"):
            if any(f"type={kind}" in value for kind in ("secret", "ssh")):
                self.mounts.append(f"--mount={value}")

    def _run(self, run: RunStep) -> None:
        self._secrets(run)
        if not run.commands and run.instruction.value:
            self._leave(run.instruction, f"`{_shown(run.instruction.value)}` could not be read", stops=True)
        for command in run.commands:
            self._command(run, command)

    def _command(self, run: RunStep, command: Command) -> None:
        match action_of(command):
            case Install() as install:
                self._install(run, install)
            case Download(urls=urls):
                if not any("uv" in url or "poetry" in url or "get-pip" in url for url in urls):
                    self._leave(run.instruction, f"`{_shown(' '.join(command.argv))}` downloads into the image")
            case ChangeOwner() | CreateUser() | CleanUp():
                pass
            case None | CopyFiles():
                self._other(run, command)

    def _other(self, run: RunStep, command: Command) -> None:
        argv = command.argv
        name = command.name
        written = [target for target in command.redirects if not target.startswith("/dev/")]
        if written:
            self._leave(run.instruction, f"`{_shown(' '.join(argv))}` writes {written[0]}")
            return
        if name in _REPLACED or (argv and "=" in argv[0] and len(argv) == 1):
            return
        if name == "mkdir":
            self._folders(run.instruction, [word for word in argv[1:] if not word.startswith("-")])
            return
        if argv[1:] in {("--version",), ("--help",), ("-V",)}:  # a look whether it was installed
            return
        if name == "sed" and _are_start_scripts(argv[1:]):  # their line ends; the scripts are left out
            return
        if argv[:2] == ("git", "config"):
            reason = f"`{_shown(' '.join(argv))}` is left out: it is git's own, and git is in no image that runs"
            self._leave(run.instruction, reason, hint="a service that starts git needs a slim image", stops=False)
            return
        if name.startswith("python") and argv[1:2] == ("-m",) and argv[2:3] and argv[2] in _PYTHON_MODULES:
            return
        if name == "install" and "-d" in argv:
            return
        self._leave(run.instruction, f"`{_shown(' '.join(argv))}` is not carried over")

    def _folders(self, instruction: Instruction, folders: Iterable[str]) -> None:
        writable = {path for service in self.services for path in (*service.writable, *service.volumes)}
        for folder in folders:
            path = normal_path(self.image.working_directory / folder)
            made = any(path.is_relative_to(other) or other.is_relative_to(path) for other in writable)
            if not made and path not in {PurePosixPath("/app"), self.image.working_directory}:
                self._leave(
                    instruction,
                    f"the folder {path} is made by today's image and is not there any more",
                    hint=f'if a service writes there: writable = ["{path}"] in [tool.careen.services.<name>]',
                    stops=False,
                )

    def _install(self, run: RunStep, install: Install) -> None:
        if install.manager == "apk" and install.packages:
            left = self.packages.of_alpine(install, self._where(run.instruction))
            if left:
                self._leave(run.instruction, f"apk installs {', '.join(left[:4])}: the new image is a Debian one")
        elif install.manager in {"dnf", "conda"} and install.packages:
            names = ", ".join(install.packages[:4])
            self._leave(run.instruction, f"{install.manager} installs {names}: the new image is a Debian one")
        elif install.manager == "apt":
            left = self.packages.of_debian(install, self._where(run.instruction))
            if left:
                reason = f"no package of Alpine's that careen knows is what {', '.join(left[:4])} is on Debian"
                self._leave(run.instruction, reason, hint="take the slim image: --runtime slim")
        elif install.manager in _PYTHON_MANAGERS:
            self._distributions(run, install)
        elif install.manager == "npm" and run.in_image:
            self._leave(run.instruction, "npm installs into the image that runs")

    def _distributions(self, run: RunStep, install: Install) -> None:
        """Distributions beside the lock: in the plan, an installer, or a reason to stop."""
        if install.whole_project:
            return
        planned = {item.name for service in self.services for item in service.distributions}
        planned |= {item.name for service in self.services for item in service.dropped}  # known, and not needed
        for package in install.packages:
            name = _requirement_name(package)
            if not name or name in planned or name in _INSTALLERS or package.startswith((".", "/")):
                continue
            self._leave(
                run.instruction,
                f"{name} is installed beside the lock, and nothing of the plan needs it",
                hint=f"add it to the project (uv add {name}) if a service needs it",
            )

    # COPY

    def _copy(self, copy: CopyStep) -> None:
        if copy.origin is not None:
            self._from_stage(copy)
            return
        if any("://" in word or word.startswith("git@") for word in copy.instruction.arguments[:-1]):
            self._leave(copy.instruction, "ADD downloads into the image")
            return
        for source in copy.sources:
            if copy.in_image:
                self._of_context(copy, source)

    def _of_context(self, copy: CopyStep, source: str) -> None:
        path = self._in_context(copy, source)
        if path is None or path == PurePosixPath() or path.name in _MANIFESTS:
            return
        if path.name.startswith("requirements") or path.name == "uv.lock" or self._is_start_script(copy, source):
            return
        folder = path.parent if "*" in path.name else path
        if any(file == path or file.is_relative_to(folder) for file in self._planned):
            return
        stops = cause_of(f"{path}/") not in {Cause.TESTS, Cause.DOCUMENTATION}
        self._leave(
            copy.instruction,
            f"{path} is copied into today's image, and no service's plan holds it",
            stops=stops,
            hint=f'if a service reads it: data = ["{path}/**"] or ["{path}"] in [tool.careen.services.<name>]',
        )

    @cached_property
    def _planned(self) -> frozenset[PurePosixPath]:
        own = (file.source for service in self.services for file in service.application)
        return frozenset({*own, *self._support_sources()})

    def _support_sources(self) -> Iterator[PurePosixPath]:
        """Where earlier runs of careen keep the files they add."""
        for service in self.services:
            for file in service.support:
                yield self.support_folder / file.destination.name

    @property
    def support_folder(self) -> PurePosixPath:
        return support_folder(self.image.source.dockerfile_path, self.plan)

    def _is_start_script(self, copy: CopyStep, source: str) -> bool:
        name = PurePosixPath(source).name
        if not name.endswith((".sh", ".bash")):
            return False
        self._leave(
            copy.instruction,
            f"{name} is left out: the image starts the service itself",
            hint="what else the script does is told where it matters",
            stops=False,
        )
        return True

    def _from_stage(self, copy: CopyStep) -> None:
        origin = copy.origin or ""
        stage = copy.origin_stage
        if stage is not None and self._is_ours(stage):
            return
        if stage is not None and stage.index not in {kept.index for kept in self.kept}:
            # A Python stage: the environment or the wheels, which the new file makes itself.
            for source in copy.sources:
                if not _is_environment(source, self.image.working_directory):
                    self._of_python_stage(copy, source, stage)
            return
        if not copy.in_image or (stage is None and any(word in origin for word in ("astral-sh/uv", "python:"))):
            return
        names = self._web_services() if stage is not None else self.everyone
        sources = " ".join(copy.sources)
        target = self._moved(copy)
        flags = " ".join(flag.text for flag in copy.instruction.flags if flag.name not in {"link", "chown"})
        self.copies.append((names, f"COPY {flags} {sources} {target}"))

    def _of_python_stage(self, copy: CopyStep, source: str, stage: Stage) -> None:
        """What it has from the context comes from there in the new file, too."""
        context = self.image.source.context
        behind = context_paths(
            source,
            self.image.source.stages.ancestry(stage),
            self.image.copies,
            lambda path: self.text_of(normal_path(context / path.lstrip("/"))) is not None,
        )
        if not behind:
            self._leave(copy.instruction, f"{source} of the stage {copy.origin} is not carried over")
        for path in behind if copy.in_image else ():
            self._of_context(copy, path)

    def _web_services(self) -> frozenset[str]:
        """Who serves what a front end built: web services, or everybody where there is none."""
        web = frozenset(service.name for service in self.services if service.role is Role.WEB)
        return web or self.everyone

    def _moved(self, copy: CopyStep) -> str:
        """A destination below today's working directory, below the new one."""
        working, absolute = self.image.working_directory, copy.target
        home = self.services[0].working_directory if self.services else PurePosixPath("/app")
        if working != PurePosixPath("/") and absolute.is_relative_to(working):
            absolute = home / absolute.relative_to(working)
        return f"{absolute}/" if copy.destination.endswith("/") else str(absolute)

    def _in_context(self, copy: CopyStep, source: str) -> PurePosixPath | None:
        """The path relative to the new context; None, with a refusal, for what lies outside."""
        path = normal_path(self.image.source.context / source.lstrip("/"))
        if not path.is_relative_to(self.plan.root):
            if path == PurePosixPath() or self.plan.root.is_relative_to(path):
                return PurePosixPath()
            self._leave(copy.instruction, f"{path} lies outside of the project's folder {self.plan.root}")
            return None
        return path.relative_to(self.plan.root)

    def _where(self, instruction: Instruction) -> str:
        place = self.image.place(instruction)
        return f"{place.path}:{place.line}"

    def _leave(self, instruction: Instruction, reason: str, *, hint: str = "", stops: bool = True) -> None:
        place = self.image.place(instruction)
        refusal = Refusal(
            path=place.path,
            line=place.line,
            reason=reason,
            hint=hint or "accept it with --accept if the services run without it, or use `careen fix --mend`",
            stops=stops,
        )
        if refusal not in self.refusals:
            self.refusals.append(refusal)


def support_folder(dockerfile: PurePosixPath, plan: Plan) -> PurePosixPath:
    """Where the files that careen adds stand, relative to the project: beside the Dockerfile."""
    home = dockerfile.parent
    if home != plan.root and home.is_relative_to(plan.root):
        return home.relative_to(plan.root) / "careen"
    return PurePosixPath("docker", "careen")


def _is_environment(source: str, working_directory: PurePosixPath) -> bool:
    """Whether a path of a Python stage is what installing made, or the application that was copied there."""
    path = PurePosixPath("/") / source
    telling = ("venv", "site-packages", "dist-packages", "wheel", "requirements", ".local", "install", "env")
    if any(word in part for part in path.parts for word in telling):
        return True
    return path == working_directory or path.is_relative_to("/usr/local") or path.is_relative_to("/opt")


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def _requirement_name(text: str) -> str:
    name = text.strip("\"'")
    for mark in "[<>=!~;@ ":
        name = name.partition(mark)[0]
    return name.strip().lower().replace("_", "-").replace(".", "-")


def _are_start_scripts(words: tuple[str, ...]) -> bool:
    """Whether all files that are named are scripts, by their ending, or stand at the root like ``/entrypoint``."""
    paths = [word for word in words if word.startswith(("/", "./"))]
    return bool(paths) and all(word.endswith((".sh", ".bash")) or re.fullmatch(r"/[^/.]+", word) for word in paths)
