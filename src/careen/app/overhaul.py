"""The verb ``overhaul``: scan, plan, rewrite, build and prove in one go, into a folder that appears whole or not."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from careen.app.building import BuildRequest, build_planned
from careen.app.plan_request import PlanRequest
from careen.app.proving import ProveChoices, Subject, prove_planned, prove_traced
from careen.app.remembering import planned_now
from careen.app.rewrite import propose_for, write
from careen.app.scanning import ScanResult, judge
from careen.app.session import Session
from careen.app.tracing import Traced
from careen.build.engine import BuildOptions, BuildResult
from careen.errors import CareenError
from careen.plan.target import Plan
from careen.progress import Step
from careen.prove.evidence import ProofReport
from careen.python.trimming import TrimmingPolicy
from careen.rewrite.options import RewriteOptions
from careen.rewrite.patchset import PatchSet

MARK = ".careen-overhaul"
"""A file that tells the folder of an overhaul from any other, so that only such a folder is ever replaced."""

STACK_FOLDER = "stack"
IMAGES_FOLDER = "images"


class OutputExistsError(CareenError):
    """The folder to write to is there already."""


@dataclass(frozen=True, kw_only=True)
class OverhaulRequest:
    """``into`` is the folder to make; with ``replace`` it may be that of an earlier overhaul."""

    plan: PlanRequest
    into: Path
    build: BuildOptions
    rewrite: RewriteOptions
    prove: ProveChoices
    replace: bool = False


@dataclass(frozen=True, kw_only=True)
class Overhaul:
    """Everything that was found, decided, made and shown; ``traced`` where that is how images were trimmed."""

    into: Path
    scan: ScanResult
    plan: Plan
    patch: PatchSet
    build: BuildResult
    proof: ProofReport
    traced: Traced | None = None

    @property
    def over_budget(self) -> tuple[str, ...]:
        """Services whose image is larger than it may be."""
        return tuple(
            image.service for image in self.build.images if image.bytes > self.plan.service(image.service).budget_bytes
        )

    @property
    def succeeded(self) -> bool:
        return self.proof.passed and not self.over_budget


WriteReports = Callable[[Overhaul, Path], None]
"""Writes whatever is to lie beside the images into a folder."""


def overhaul(session: Session, request: OverhaulRequest, write_reports: WriteReports) -> Overhaul:
    """The project itself stays as it is.

    Raises OutputExistsError, and what planning, rewriting, building and proving raise; then ``into`` is as it was. A
    proof that fails is no error here: it is in the result, and the folder is there to look into.
    """
    with _appearing(request.into, replaces=request.replace) as aside:
        session.progress(Step("reading", 0, None))
        planned = planned_now(session, request.plan)
        found = judge((planned.facts,), planned.config)
        proposal = propose_for(session, planned, request.rewrite)
        session.progress(Step("rewriting the set-up", 0, None))
        write(proposal, into=aside / STACK_FOLDER, compose_files=request.plan.compose_files)
        layout = aside / IMAGES_FOLDER
        traced = None
        subject = Subject(plan=planned.plan, facts=planned.facts, config=planned.config)
        images = BuildRequest(plan=request.plan, output=layout, options=request.build)
        if request.build.trimming is TrimmingPolicy.TRACED:
            traced = prove_traced(session, images, subject, request.prove)
            built, proof = traced.build, traced.proof
        else:
            built = build_planned(session, images, planned.plan)
            proof = prove_planned(session, subject, layout, request.prove)
        done = Overhaul(
            into=request.into,
            scan=found,
            plan=planned.plan,
            patch=proposal.patch,
            build=replace(built, layout=request.into / IMAGES_FOLDER),
            proof=proof,
            traced=traced,
        )
        session.progress(Step("writing the report", 0, None))
        write_reports(done, aside)
    return done


@contextmanager
def _appearing(place: Path, *, replaces: bool) -> Iterator[Path]:
    """A folder beside ``place`` that takes its name at the end, and is gone after an error.

    Raises OutputExistsError.
    """
    earlier = place.exists() or place.is_symlink()
    if earlier:
        if not (place / MARK).is_file():
            raise OutputExistsError(f"{place} exists", hints=("name a folder that does not exist, with --into",))
        if not replaces:
            raise OutputExistsError(
                f"{place} holds an earlier overhaul", hints=("add --replace, or name another folder with --into",)
            )
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        (aside / MARK).touch()
        yield aside
        aside.chmod(0o755)
        if earlier:
            retired = Path(tempfile.mkdtemp(prefix=f".{place.name}-old-", dir=place.parent))
            place.replace(retired / place.name)
            aside.replace(place)
            shutil.rmtree(retired, ignore_errors=True)
        else:
            aside.replace(place)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
