"""The verb ``fix``: from a plan to a patch, and from a patch to files that were read and judged again."""

import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from careen.app.bytecode import unimported
from careen.app.ignored_by_git import ignored_by_git
from careen.app.lock_choice import LockKind, lock_choice
from careen.app.locks import lock_of
from careen.app.plan_request import PlanRequest
from careen.app.relocking import LockingFailedError, find_uv, relocked
from careen.app.remembering import known_plan, planned_now
from careen.app.scanning import judge
from careen.app.session import Session, is_of_the_network
from careen.config import Config
from careen.errors import CareenError, ExitCode, MissingToolError
from careen.findings import Finding, FixKind, Severity, Topic
from careen.plan.target import Plan
from careen.python.addresses import lacks_address
from careen.python.metadata_edges import lacks_edges
from careen.rewrite.apply import apply_changes, apply_into, undo
from careen.rewrite.mending import Mending, mending_of, patch_of
from careen.rewrite.options import RewriteOptions
from careen.rewrite.patchset import PatchSet
from careen.rewrite.stack import LockedProject, rewrite_stack
from careen.workspace.configuration import configuration_of
from careen.workspace.discover import discover
from careen.workspace.facts import StackFacts, derive

if TYPE_CHECKING:
    from careen.app.planning import Planned

_MOST_ROUNDS = 3


class RefusedError(CareenError):
    """The old set-up does something that the new one would not; the user has not accepted that."""

    exit_code = ExitCode.FINDINGS


class NewFindingError(CareenError):
    """After the change something is found that was not there before; the change is taken back."""

    exit_code = ExitCode.FINDINGS


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A patch with the files it was made from. ``patch`` holds the lock as well.

    ``mending`` has the local repairs where there is no recast, ``problem`` why there is none, if it was to be one.
    """

    facts: StackFacts
    config: Config
    patch: PatchSet
    mending: Mending | None = None
    problem: CareenError | None = None

    @property
    def root(self) -> Path:
        return self.facts.workspace.files.root


@dataclass(frozen=True, kw_only=True)
class Written:
    """``ended`` are findings that are gone, ``left`` those that still stand, ``root`` the folder that was changed.

    ``unkept`` are those of ``left`` that the patch was to end, ``brought`` those that it has brought: advice only.
    """

    root: Path
    paths: tuple[PurePosixPath, ...]
    ended: tuple[Finding, ...]
    left: tuple[Finding, ...]
    unkept: tuple[Finding, ...] = ()
    brought: tuple[Finding, ...] = ()


def propose(session: Session, request: PlanRequest, options: RewriteOptions) -> Proposal:
    """Raises what planning raises, and VersionsMovedError when locking the groups would move versions."""
    plan = known_plan(session, request)
    if plan is not None:
        facts = _read(request.root, request.compose_files)
        locked = _locked_as_written(session, plan, facts)
        if locked is not None:
            return _proposal(session, options, plan, facts, locked)
    return propose_for(session, planned_now(session, request), options)


def propose_or_mend(session: Session, request: PlanRequest, options: RewriteOptions) -> Proposal:
    """The recast; where the project cannot be recast as it is, the local repairs that there are instead.

    Raises what :func:`propose` raises when nothing can be repaired either, or when it was not the project's fault.
    """
    try:
        proposal = propose(session, request, options)
    except CareenError as problem:
        if problem.exit_code is not ExitCode.USAGE or is_of_the_network(problem):
            raise
        mended = _mended_after(problem, request)
        if mended is None:
            raise
        return mended
    patch = proposal.patch
    if not patch.stopped or options.accept or patch.changes:
        return proposal
    mending = mending_of(proposal.facts, findings_of(proposal.facts, proposal.config))
    return replace(proposal, mending=mending, problem=_refused(patch)) if mending.mends else proposal


def _refused(patch: PatchSet) -> RefusedError:
    first, *others = (refusal for refusal in patch.refusals if refusal.stops)
    lost = f"{len(others) + 1} steps" if others else "1 step"
    more = ("`careen fix` tells of each",) if others else ()
    return RefusedError(f"{lost} of today's set-up would be lost, the first at {first}", hints=(first.hint, *more))


def _mended_after(problem: CareenError, request: PlanRequest) -> Proposal | None:
    try:
        proposal = read_for_mending(request.root, request.compose_files)
    except CareenError:  # nothing can be read at all: what planning said of it is what counts
        return None
    return replace(proposal, problem=problem) if proposal.mending is not None and proposal.mending.mends else None


def propose_for(session: Session, planned: "Planned", options: RewriteOptions) -> Proposal:
    """The recast of a stack that is planned already, with the uv of this machine named in the Dockerfile."""
    return _proposal(session, options, planned.plan, planned.facts, LockedProject(planned.project, planned.lock))


def _proposal(
    session: Session, options: RewriteOptions, plan: Plan, facts: StackFacts, locked: LockedProject
) -> Proposal:
    # Without uv the Dockerfile names the one that careen knows; locking, if it comes to that, tells that it is missing.
    with suppress(MissingToolError):
        options = replace(options, uv_version=find_uv(session).version)
    options = replace(options, unimported=unimported(session, plan, facts.workspace.files.root / plan.root))
    patch = rewrite_stack(plan, facts, options, locked)
    try:
        lock = relocked(session, facts.workspace.files, plan.root, patch.changes)
    except LockingFailedError as problem:
        # Git that cannot be reached, a Python that uv would have to fetch: the lock as it is still says everything.
        patch = rewrite_stack(plan, facts, replace(options, lists=True), locked)
        note = f"{problem.message.splitlines()[0]}; images install pinned lists instead, and uv.lock stays as it is"
        patch = replace(patch, notes=(*patch.notes, note))
        lock = None
    if lock is not None and lock.before != lock.after:
        patch = patch.with_changes((*patch.changes, lock))
    unseen = tuple(ignored_by_git(facts.workspace.files.root, patch.changes, session.surroundings.environment))
    patch = replace(patch, notes=(*patch.notes, *unseen))
    return Proposal(facts=facts, config=configuration_of(facts.workspace), patch=patch)


def _locked_as_written(session: Session, plan: Plan, facts: StackFacts) -> LockedProject | None:
    """The lock that a remembered plan was made from, where uv's file says all of it; else planning completes it."""
    names = {service.name for service in plan.services}
    service = next((service for service in facts.built if service.name in names), None)
    choice = lock_choice(service, facts) if service is not None else None
    if choice is None or choice.kind is not LockKind.UV:
        return None
    lock = lock_of(session, facts.workspace.files, [choice]).lock
    if lacks_edges(lock) or any(lacks_address(package) for package in lock.packages):
        return None
    return LockedProject(replace(choice.project, lock_path=choice.paths[0]), lock)


def read_for_mending(root: Path, compose_files: tuple[PurePosixPath, ...] = ()) -> Proposal:
    """What local repairs there are, none of them chosen yet; needs nothing but the files."""
    facts = _read(root, compose_files)
    config = configuration_of(facts.workspace)
    mending = mending_of(facts, findings_of(facts, config))
    return Proposal(facts=facts, config=config, patch=PatchSet(), mending=mending)


def mend_on(written: Written, compose_files: tuple[PurePosixPath, ...], *, safe_only: bool) -> Written:
    """Repairs that had to wait for others of the same text, until there are none."""
    for _ in range(_MOST_ROUNDS):
        proposal = read_for_mending(written.root, compose_files)
        mending = proposal.mending or Mending(mends=(), refusals=(), left=())
        patch = patch_of(proposal.facts, mending, lambda mend: not safe_only or mend.disposition is FixKind.SAFE)
        if not patch.changes:
            return written
        again = write(replace(proposal, patch=patch), compose_files=compose_files)
        paths = tuple(sorted({*written.paths, *again.paths}))
        written = replace(again, paths=paths, ended=(*written.ended, *again.ended))
    return written


def write(proposal: Proposal, *, into: Path | None = None, compose_files: tuple[PurePosixPath, ...] = ()) -> Written:
    """Makes the changes, reads and judges the result, and takes the changes back if they bring a new finding.

    What was promised and is still found is told in the result: the rest of the patch is no worse for it.
    ``into`` names a folder for a copy of the project; the project itself then stays as it is.
    Raises RefusedError, CannotApplyError, FolderInTheWayError or NewFindingError.
    """
    patch = proposal.patch
    if patch.stopped and not patch.changes:
        raise _refused(patch)
    before = findings_of(proposal.facts, proposal.config)
    if into is not None:
        # Judged in a folder of its own first, so that the one that is asked for appears only when it is right.
        with tempfile.TemporaryDirectory(prefix="careen-judge-") as scratch:
            trial = Path(scratch, "project")
            apply_into(proposal.root, trial, patch.changes)
            after = findings_of(_read(trial, compose_files), proposal.config)
        _check(before, after)
        paths = apply_into(proposal.root, into, patch.changes)
        return _written(patch, into, paths, before, after)
    paths = apply_changes(proposal.root, patch.changes)
    try:
        after = findings_of(_read(proposal.root, compose_files), proposal.config)
        _check(before, after)
    except BaseException:
        undo(proposal.root, patch.changes)
        raise
    return _written(patch, proposal.root, paths, before, after)


def unkept_by(proposal: Proposal, compose_files: tuple[PurePosixPath, ...] = ()) -> tuple[Finding, ...]:
    """What the patch was to end and would still be found after it; nothing is written.

    Contexts are measured as they lie on disk, so patterns for files that the patch itself brings are not judged.
    Raises what reading the changed files raises.
    """
    changes = proposal.patch.changes
    if not changes:
        return ()
    instead = {change.path: change.after for change in changes}
    facts = derive(discover(proposal.root, compose_files=compose_files, instead=instead))
    topics = proposal.patch.topics - {Topic.INEFFECTIVE_IGNORE_PATTERN}
    return tuple(finding for finding in findings_of(facts, proposal.config) if finding.topic in topics)


def _read(root: Path, compose_files: tuple[PurePosixPath, ...]) -> StackFacts:
    return derive(discover(root, compose_files=compose_files))


def findings_of(facts: StackFacts, config: Config) -> tuple[Finding, ...]:
    return judge((facts,), config).findings


def _check(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> None:
    """Raises NewFindingError, naming what is new and more than advice."""
    new = next((finding for finding in _brought(before, after) if finding.severity is not Severity.LOW), None)
    if new is not None:
        raise NewFindingError(
            f"{new.place.path}:{new.place.line}: {new.rule} would be new after the change ({new.message}); "
            "nothing was changed",
            hints=(
                "repair line by line instead: --mend",
                "this is a bug in careen: report it with the files that provoke it",
            ),
        )


def _brought(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> tuple[Finding, ...]:
    known = {(finding.rule, finding.service) for finding in before}
    return tuple(finding for finding in after if (finding.rule, finding.service) not in known)


def _written(
    patch: PatchSet,
    root: Path,
    paths: tuple[PurePosixPath, ...],
    before: tuple[Finding, ...],
    after: tuple[Finding, ...],
) -> Written:
    left = {(finding.rule, finding.service) for finding in after}
    ended = tuple(finding for finding in before if (finding.rule, finding.service) not in left)
    unkept = tuple(finding for finding in after if finding.topic in patch.topics)
    brought = _brought(before, after)
    return Written(root=root, paths=paths, ended=ended, left=after, unkept=unkept, brought=brought)
