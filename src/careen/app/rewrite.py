"""The verb ``fix``: from a plan to a patch, and from a patch to files that were read and judged again."""

import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from careen.app.plan_request import PlanRequest
from careen.app.planning import Planned, plan_stack
from careen.app.relocking import find_uv, relocked
from careen.app.scanning import judge
from careen.app.session import Session
from careen.config import Config
from careen.errors import CareenError, ExitCode, MissingToolError
from careen.findings import Finding, FixKind
from careen.rewrite.apply import apply_changes, apply_into, undo
from careen.rewrite.mending import Mending, mending_of, patch_of
from careen.rewrite.options import RewriteOptions
from careen.rewrite.patchset import PatchSet
from careen.rewrite.stack import LockedProject, rewrite_stack
from careen.workspace.configuration import configuration_of
from careen.workspace.discover import discover
from careen.workspace.facts import StackFacts, derive

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
    return propose_for(session, plan_stack(session, request), options)


def propose_for(session: Session, planned: Planned, options: RewriteOptions) -> Proposal:
    """The recast of a stack that is planned already, with the uv of this machine named in the Dockerfile."""
    # Without uv the Dockerfile names the one that careen knows; locking, if it comes to that, tells that it is missing.
    with suppress(MissingToolError):
        options = replace(options, uv_version=find_uv(session).version)
    locked = LockedProject(planned.project, planned.lock)
    patch = rewrite_stack(planned.plan, planned.facts, options, locked)
    lock = relocked(session, planned.facts.workspace.files, planned.plan.root, patch.changes)
    if lock is not None and lock.before != lock.after:
        patch = patch.with_changes((*patch.changes, lock))
    return Proposal(facts=planned.facts, config=planned.config, patch=patch)


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
