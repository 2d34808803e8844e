"""Images by buildah, which has no daemon."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from careen.build.recipe_file import HandedImage, RecipeFile, Target
from careen.build.several import SeveralBuilds
from careen.dockerfile.tree import Dockerfile
from careen.process.run import find_program, run_checked
from careen.progress import Progress
from careen.text.values import dataclass

ENGINE = "buildah"
_ASKING_SECONDS = 60.0
_PUSHING_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildahBuilder:
    program: Path
    described: str
    environment: Mapping[str, str]

    @property
    def engine(self) -> str:
        return ENGINE

    def build(self, recipe: RecipeFile, folder: Path, progress: Progress) -> None:
        """The first target alone: what it makes of shared stages, the others then find; they would all make it."""
        builds = SeveralBuilds(self.described, recipe, self.environment, progress)
        builds.run(recipe.targets[:1], lambda target: self._command(recipe, target), at_once=1)
        builds.run(recipe.targets[1:], lambda target: self._command(recipe, target), at_once=os.cpu_count() or 1)

    def _command(self, recipe: RecipeFile, target: Target) -> Sequence[str | Path]:
        # OCI's form of an image has no health check.
        words: list[str | Path] = [self.program, "build", "--layers", "--format", "docker"]
        words += ["--file", recipe.path, "--target", target.stage, "--tag", target.reference]
        beside = recipe.path.with_name(f"{recipe.path.name}.dockerignore")
        if beside.is_file():
            words += ["--ignorefile", beside]
        if recipe.platform is not None:
            words += ["--platform", str(recipe.platform)]
        # Those that are given later count, so the caller's do.
        words += [f"--build-arg={default}" for default in _defaults(recipe.dockerfile)]
        return [*words, *recipe.options, recipe.context]

    def hand_over(self, recipe: RecipeFile, folder: Path) -> Mapping[str, HandedImage]:
        def push(target: Target) -> tuple[str, HandedImage]:
            archive = folder / f"{target.stage}.tar"
            run_checked(
                [self.program, "push", "--quiet", target.reference, f"docker-archive:{archive}"],
                timeout=_PUSHING_SECONDS,
                environment=self.environment,
            )
            return target.service, HandedImage(archive)

        with ThreadPoolExecutor(os.cpu_count() or 1) as pushers:
            return dict(pushers.map(push, recipe.targets))


def _defaults(dockerfile: Dockerfile) -> Iterator[str]:
    """``NAME=value`` of the arguments above the first stage.

    Which stages a target needs, buildah 1.28 (Debian 12) finds out before it knows what they are when nobody says so,
    and then lacks the stage that ``FROM ${UV_FROM}`` means.
    """
    for instruction in dockerfile.of("ARG", "FROM"):
        if instruction.keyword == "FROM":
            return
        yield from (argument for argument in instruction.arguments if "=" in argument)


def find_buildah(environment: Mapping[str, str]) -> BuildahBuilder:
    """Raises MissingToolError."""
    program = find_program("buildah", package="buildah")
    told = run_checked([program, "--version"], timeout=_ASKING_SECONDS, environment=environment)
    words = told.stdout.decode("utf-8", "replace").split()
    return BuildahBuilder(
        program=program, described=f"buildah {words[2] if len(words) > 2 else ''}".rstrip(), environment=environment
    )
