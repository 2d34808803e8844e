"""Images by docker or buildah, from the Dockerfile that careen writes; the project itself stays as it is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from careen.app.builder_choice import BuilderChoice, BuilderKind
from careen.app.planning import Planned
from careen.app.rewrite import RefusedError, propose_for
from careen.app.session import Session
from careen.blobs.digest import Digest
from careen.blobs.store import Store
from careen.build.buildah import find_buildah
from careen.build.configuration import references
from careen.build.docker import find_docker
from careen.build.engine import BuildOptions, BuildResult
from careen.build.handed import Handed, take
from careen.build.interpreter import host_architecture
from careen.build.recipe_file import USUAL_BUILD_SECONDS, Builder, RecipeFile, Target
from careen.dockerfile.parser import parse
from careen.progress import Step
from careen.rewrite.apply import apply_into
from careen.rewrite.options import RewriteOptions
from careen.rewrite.patchset import effective
from careen.rewrite.recast import stage_names
from careen.rewrite.stack import dockerfile_of
from careen.text.source import Source
from careen.text.units import format_seconds


def find_builder(session: Session, choice: BuilderChoice) -> Builder:
    """Raises MissingToolError."""
    environment = session.surroundings.environment
    if choice.kind is BuilderKind.BUILDAH:
        return find_buildah(environment)
    return find_docker(environment, choice.name)


def build_from_recipe(
    session: Session,
    planned: Planned,
    builder: Builder,
    choice: BuilderChoice,
    *,
    output: Path,
    options: BuildOptions,
) -> BuildResult:
    """The images that the builder makes, taken into the layout ``output``.

    Raises RefusedError when the project cannot be recast, BuilderFailedError, and what planning and reading raise.
    """
    started = time.perf_counter()
    store = Store(session.store)
    with store.scratch() as folder, _recast(session, planned, folder) as project:
        path = dockerfile_of(planned.plan, planned.facts)
        data = (project / path).read_bytes()
        recipe = RecipeFile(
            context=project / planned.plan.root,
            path=project / path,
            dockerfile=parse(Source.decode(path, data)),
            targets=_targets(planned),
            platform=None if planned.plan.platform.architecture is host_architecture() else planned.plan.platform,
            options=choice.options,
            environment=session.surroundings.environment,
        )
        builder.build(recipe, folder, session.progress)
        seconds = time.perf_counter() - started
        session.progress(Step("taking the images over", 0, None, builder.described))
        handed = builder.hand_over(recipe, folder)
        images = take(
            Handed(
                plan=planned.plan,
                store=store,
                options=options,
                described=builder.described,
                dockerfile=Digest.of(data),
            ),
            recipe.targets,
            handed,
            output,
        )
    slow = f"the build took {format_seconds(seconds)}, more than {format_seconds(USUAL_BUILD_SECONDS)}"
    return BuildResult(
        engine=builder.engine,
        platform=planned.plan.platform,
        layout=output,
        images=images,
        seconds=time.perf_counter() - started,
        notes=(slow,) if seconds > USUAL_BUILD_SECONDS else (),
    )


@contextmanager
def _recast(session: Session, planned: Planned, folder: Path) -> Iterator[Path]:
    """The project with the set-up that careen writes: itself where it has it, else a copy."""
    patch = propose_for(session, planned, RewriteOptions()).patch
    if patch.stopped:
        first = next(refusal for refusal in patch.refusals if refusal.stops)
        raise RefusedError(
            str(first), hints=(first.hint, "or accept that: careen fix --accept --write, and build that")
        )
    root = planned.facts.workspace.files.root
    if not list(effective(patch.changes)):
        yield root
        return
    session.progress(Step("rewriting the set-up", 0, None))
    apply_into(root, folder / "project", patch.changes)
    yield folder / "project"


def _targets(planned: Planned) -> tuple[Target, ...]:
    services = planned.plan.services
    stages = stage_names(service.name for service in services)
    names = references(services)
    return tuple(
        Target(service=service.name, stage=stages[service.name], reference=names[service.name]) for service in services
    )
