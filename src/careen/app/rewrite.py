"""The verb ``fix``: from a plan to a patch, and from a patch to files that were read and judged again."""

import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from careen.app.lock_choice import LockKind, lock_choice
from careen.app.locks import lock_of
from careen.app.plan_request import PlanRequest
from careen.app.relocking import find_uv, relocked
from careen.app.remembering import known_plan, planned_now
from careen.app.scanning import judge
from careen.app.session import Session
from careen.config import Config
from careen.errors import CareenError, ExitCode, MissingToolError
from careen.findings import Finding, FixKind
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


class NotRepairedError(CareenError):
    """After the change something is found that the change was to end, or that was not there before."""

    exit_code = ExitCode.BUG


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A patch with the files it was made from. ``patch`` holds the lock as well."""

    facts: StackFacts
    config: Config
    patch: PatchSet

    @property
    def root(self) -> Path:
        return self.facts.workspace.files.root


@dataclass(frozen=True, kw_only=True)
class Written:
    """``ended`` are findings that are gone, ``left`` those that still stand, ``root`` the folder that was changed."""

    root: Path
    paths: tuple[PurePosixPath, ...]
    ended: tuple[Finding, ...]
    left: tuple[Finding, ...]


def propose(session: Session, request: PlanRequest, options: RewriteOptions) -> Proposal:
    """Raises what planning raises, and VersionsMovedError or LockingFailedError when uv cannot lock the groups."""
    plan = known_plan(session, request)
    if plan is not None:
        facts = _read(request.root, request.compose_files)
        locked = _locked_as_written(session, plan, facts)
        if locked is not None:
            return _proposal(session, options, plan, facts, locked)
    return propose_for(session, planned_now(session, request), options)


def propose_for(session: Session, planned: "Planned", options: RewriteOptions) -> Proposal:
    """The recast of a stack that is planned already, with the uv of this machine named in the Dockerfile."""
    return _proposal(session, options, planned.plan, planned.facts, LockedProject(planned.project, planned.lock))


def _proposal(
    session: Session, options: RewriteOptions, plan: Plan, facts: StackFacts, locked: LockedProject
) -> Proposal:
    # Without uv the Dockerfile names the one that careen knows; locking, if it comes to that, tells that it is missing.
    with suppress(MissingToolError):
        options = replace(options, uv_version=find_uv(session).version)
    patch = rewrite_stack(plan, facts, options, locked)
    lock = relocked(session, facts.workspace.files, plan.root, patch.changes)
    if lock is not None and lock.before != lock.after:
        patch = patch.with_changes((*patch.changes, lock))
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


def read_for_mending(root: Path, compose_files: tuple[PurePosixPath, ...] = ()) -> tuple[StackFacts, Config, Mending]:
    """What local repairs there are; needs nothing but the files."""
    facts = _read(root, compose_files)
    config = configuration_of(facts.workspace)
    return facts, config, mending_of(facts, findings_of(facts, config))


def mend_on(written: Written, compose_files: tuple[PurePosixPath, ...], *, safe_only: bool) -> Written:
    """Repairs that had to wait for others of the same text, until there are none."""
    for _ in range(_MOST_ROUNDS):
        facts, config, mending = read_for_mending(written.root, compose_files)
        patch = patch_of(facts, mending, lambda mend: not safe_only or mend.disposition is FixKind.SAFE)
        if not patch.changes:
            return written
        again = write(Proposal(facts=facts, config=config, patch=patch), compose_files=compose_files)
        paths = tuple(sorted({*written.paths, *again.paths}))
        written = Written(root=again.root, paths=paths, ended=(*written.ended, *again.ended), left=again.left)
    return written


def write(proposal: Proposal, *, into: Path | None = None, compose_files: tuple[PurePosixPath, ...] = ()) -> Written:
    """Makes the changes, reads and judges the result, and takes the changes back if it is not what was promised.

    ``into`` names a folder for a copy of the project; the project itself then stays as it is.
    Raises RefusedError, CannotApplyError, FolderInTheWayError or NotRepairedError.
    """
    patch = proposal.patch
    if patch.stopped and not patch.changes:
        first = next(refusal for refusal in patch.refusals if refusal.stops)
        raise RefusedError(str(first), hints=(first.hint,))
    before = findings_of(proposal.facts, proposal.config)
    if into is not None:
        # Judged in a folder of its own first, so that the one that is asked for appears only when it is right.
        with tempfile.TemporaryDirectory(prefix="careen-judge-") as scratch:
            trial = Path(scratch, "project")
            apply_into(proposal.root, trial, patch.changes)
            after = findings_of(_read(trial, compose_files), proposal.config)
        _check(patch, before, after)
        paths = apply_into(proposal.root, into, patch.changes)
        return _written(into, paths, before, after)
    paths = apply_changes(proposal.root, patch.changes)
    try:
        after = findings_of(_read(proposal.root, compose_files), proposal.config)
        _check(patch, before, after)
    except BaseException:
        undo(proposal.root, patch.changes)
        raise
    return _written(proposal.root, paths, before, after)


def _read(root: Path, compose_files: tuple[PurePosixPath, ...]) -> StackFacts:
    return derive(discover(root, compose_files=compose_files))


def findings_of(facts: StackFacts, config: Config) -> tuple[Finding, ...]:
    return judge((facts,), config).findings


def _check(patch: PatchSet, before: tuple[Finding, ...], after: tuple[Finding, ...]) -> None:
    """Raises NotRepairedError, naming what is wrong."""
    promised = patch.topics
    kept = [finding for finding in after if finding.topic in promised]
    known: dict[tuple[str, str | None], int] = {}
    for finding in before:
        known[finding.rule, finding.service] = known.get((finding.rule, finding.service), 0) + 1
    new = [finding for finding in after if (finding.rule, finding.service) not in known]
    if kept or new:
        first = (kept or new)[0]
        what = "is still found" if kept else "is new"
        raise NotRepairedError(
            f"{first.place.path}:{first.place.line}: {first.rule} {what} after the change ({first.message}); "
            "nothing was changed",
            hints=("this is a bug in careen: report it with the files that provoke it",),
        )


def _written(
    root: Path, paths: tuple[PurePosixPath, ...], before: tuple[Finding, ...], after: tuple[Finding, ...]
) -> Written:
    left = {(finding.rule, finding.service) for finding in after}
    ended = tuple(finding for finding in before if (finding.rule, finding.service) not in left)
    return Written(root=root, paths=paths, ended=ended, left=after)
