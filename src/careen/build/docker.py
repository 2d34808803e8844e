"""Images by docker: its daemon's own BuildKit, or a builder that buildx knows by name, wherever that runs."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from careen.build.recipe_file import HandedImage, RecipeFile, Target
from careen.build.several import SeveralBuilds
from careen.errors import MissingToolError
from careen.process.run import find_program, run, run_checked
from careen.progress import Progress
from careen.text.values import dataclass

ENGINE = "docker"
_ASKING_SECONDS = 60.0
_SAVING_SECONDS = 3600.0
_DRIVER = re.compile(r"^Driver:\s+(\S+)", re.MULTILINE)
_NODE_ERROR = re.compile(r"^Error:\s+(.+)", re.MULTILINE)
_FIRST_WITHOUT_BUILDKIT = 23
"""Docker's client has BuildKit only as its plugin buildx since this version."""
_DAEMONS_DRIVER = "docker"


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerBuilder:
    """``builder`` is a name of buildx's; None without buildx, where the client asks its daemon.

    ``in_daemon`` when what is built is in the daemon, from where it has to be saved.
    """

    program: Path
    builder: str | None
    described: str
    in_daemon: bool
    buildx: bool
    environment: Mapping[str, str]

    @property
    def engine(self) -> str:
        return ENGINE

    def build(self, recipe: RecipeFile, folder: Path, progress: Progress) -> None:
        builds = SeveralBuilds(self.described, recipe, {**self.environment, "DOCKER_BUILDKIT": "1"}, progress)
        builds.run(recipe.targets, lambda target: self._command(recipe, target, folder), at_once=len(recipe.targets))

    def _command(self, recipe: RecipeFile, target: Target, folder: Path) -> Sequence[str | Path]:
        words: list[str | Path] = [self.program, *(["buildx"] if self.buildx else []), "build", "--progress=plain"]
        if self.builder is not None:
            words.append(f"--builder={self.builder}")
        words += ["--file", recipe.path, "--target", target.stage]
        if recipe.platform is not None:
            words += ["--platform", str(recipe.platform)]
        if self.in_daemon:
            words += ["--tag", target.reference, *(["--load"] if self.buildx else [])]
        else:
            words += ["--output", f"type=oci,dest={folder / target.stage}.tar"]
        return [*words, *recipe.options, recipe.context]

    def hand_over(self, recipe: RecipeFile, folder: Path) -> Mapping[str, HandedImage]:
        if not self.in_daemon:
            return {target.service: HandedImage(folder / f"{target.stage}.tar") for target in recipe.targets}
        archive = folder / "images.tar"
        names = {target.service: _tagged(target.reference) for target in recipe.targets}
        run_checked(
            [self.program, "save", "--output", archive, *names.values()],
            timeout=_SAVING_SECONDS,
            environment=self.environment,
        )
        return {service: HandedImage(archive, name) for service, name in names.items()}


def find_docker(environment: Mapping[str, str], builder: str | None = None) -> DockerBuilder:
    """The client of this machine with a builder that answers; the one in use unless ``builder`` names another.

    Raises MissingToolError.
    """
    program = find_program("docker", package="docker.io")
    if run([program, "buildx", "version"], timeout=_ASKING_SECONDS, environment=environment).succeeded:
        return _with_buildx(program, environment, builder)
    if builder is not None:
        raise MissingToolError(
            f"docker has no buildx here, which would know the builder {builder}",
            hints=("install it: apt-get install docker-buildx (Debian), or docker-buildx-plugin (Docker's own)",),
        )
    version = _answer(program, environment, "{{.Client.Version}}")
    server = _answer(program, environment, "{{.Server.Version}}")
    if _major(version) >= _FIRST_WITHOUT_BUILDKIT:
        raise MissingToolError(
            f"docker {version} needs its plugin buildx to build with BuildKit",
            hints=("install it: apt-get install docker-buildx (Debian), or docker-buildx-plugin (Docker's own)",),
        )
    return DockerBuilder(
        program=program,
        builder=None,
        described=f"docker {server}",
        in_daemon=True,
        buildx=False,
        environment=environment,
    )


def _with_buildx(program: Path, environment: Mapping[str, str], builder: str | None) -> DockerBuilder:
    words: list[str | Path] = [program, "buildx", "inspect", "--bootstrap", *([builder] if builder is not None else [])]
    told = run(words, timeout=_ASKING_SECONDS, environment=environment)
    text = told.stdout.decode("utf-8", "replace")
    driver = _DRIVER.search(text)
    broken = _NODE_ERROR.search(text)
    if not told.succeeded or driver is None or broken is not None:
        why = broken[1] if broken is not None else told.tail()
        raise MissingToolError(
            f"docker's builder {builder or 'in use'} does not answer: {why}", hints=("docker buildx ls lists them all",)
        )
    return DockerBuilder(
        program=program,
        builder=builder,
        described=f"docker buildx ({builder or driver[1]})",
        in_daemon=driver[1] == _DAEMONS_DRIVER,
        buildx=True,
        environment=environment,
    )


def _answer(program: Path, environment: Mapping[str, str], template: str) -> str:
    """Raises MissingToolError."""
    told = run([program, "version", "--format", template], timeout=_ASKING_SECONDS, environment=environment)
    if not told.succeeded:
        raise MissingToolError(
            f"docker's daemon does not answer: {told.tail()}", hints=("start it, or build by careen's own engine",)
        )
    return told.stdout.decode("utf-8", "replace").strip()


def _major(version: str) -> int:
    digits = version.partition(".")[0]
    return int(digits) if digits.isdigit() else 0


def _tagged(reference: str) -> str:
    """With the tag that docker gives it, since that is what it writes into an archive."""
    return reference if ":" in reference.rpartition("/")[2] else f"{reference}:latest"
