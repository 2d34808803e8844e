"""Local repairs of the user's own files, as far as each can be made without changing the rest."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePosixPath

from careen.findings import Finding, FixKind, Topic
from careen.rewrite.mends import (
    apt,
    cache_mounts,
    dependency_layer,
    dev_dependencies,
    exec_form,
    health,
    ignore,
    ownership,
    user,
)
from careen.rewrite.mends.mend import Mend, Topical
from careen.rewrite.patchset import FileChange, PatchSet, Refusal
from careen.text.edits import ConflictingEditsError, Edit, apply_edits
from careen.text.source import Source
from careen.text.values import dataclass
from careen.workspace.facts import StackFacts

# Insertions at one place stand in this order.
MENDERS: tuple[Topical, ...] = (
    dev_dependencies.MENDER,
    cache_mounts.MENDER,
    dependency_layer.MENDER,
    ownership.MENDER,
    exec_form.MENDER,
    user.MENDER,
    health.MENDER,
    ignore.MENDER,
)


@dataclass(frozen=True, kw_only=True)
class Mending:
    """``left`` are findings of topics that have a mender, and were not mended."""

    mends: tuple[Mend, ...]
    refusals: tuple[Refusal, ...]
    left: tuple[Finding, ...]


def mending_of(facts: StackFacts, findings: Iterable[Finding]) -> Mending:
    mends: list[Mend] = []
    refusals: list[Refusal] = []
    left: list[Finding] = []
    given = tuple(findings)
    for mender in MENDERS:
        for finding in given:
            if finding.topic is not mender.topic:
                continue
            outcomes = list(mender.mend(finding, facts))
            mends += [outcome for outcome in outcomes if isinstance(outcome, Mend)]
            refusals += [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
            if not any(isinstance(outcome, Mend) for outcome in outcomes):
                left.append(finding)
    mends += list(apt.mends(facts))
    return Mending(mends=tuple(mends), refusals=tuple(dict.fromkeys(refusals)), left=tuple(left))


def patch_of(facts: StackFacts, mending: Mending, wanted: Callable[[Mend], bool] = lambda _: True) -> PatchSet:
    """The mends that are wanted, those that touch the same text left out and told."""
    chosen = [mend for mend in mending.mends if wanted(mend)]
    changes: list[FileChange] = []
    clashes: list[Refusal] = []
    made: set[int] = set()
    for path in dict.fromkeys(mend.path for mend in chosen):
        mine = [mend for mend in chosen if mend.path == path]
        change, taken = _changed(facts, path, mine)
        made |= {id(mend) for mend in taken}
        clashes += [_clash(mend) for mend in mine if mend not in taken]
        changes.append(change)
    repaired = _repaired(mending, [mend for mend in chosen if id(mend) in made])
    return PatchSet(
        changes=tuple(
            FileChange(
                path=change.path,
                before=change.before,
                after=change.after,
                disposition=change.disposition,
                topics=tuple(topic for topic in change.topics if topic in repaired),
                why=change.why,
            )
            for change in changes
            if change.before != change.after
        ),
        refusals=(*mending.refusals, *clashes),
    )


def _clash(mend: Mend) -> Refusal:
    return Refusal(
        path=mend.path,
        line=mend.line,
        reason=f"another repair changes the same text; left for the next run ({mend.why})",
        hint="write this patch, then run careen fix --mend again",
        stops=False,
    )


def _changed(facts: StackFacts, path: PurePosixPath, mends: list[Mend]) -> tuple[FileChange, list[Mend]]:
    files = facts.workspace.files
    before = files.read(path) if files.exists(path) else None
    source = before or Source(path, "")
    taken: list[Mend] = []
    edits: list[Edit] = []
    after = mends[0].new_file if before is None else None
    for mend in mends:
        if mend.new_file is not None:
            taken.append(mend)
            continue
        try:
            after = apply_edits(source, [*edits, *mend.edits]).text
        except ConflictingEditsError:
            continue
        edits += mend.edits
        taken.append(mend)
    needs_review = any(mend.disposition is FixKind.REVIEW for mend in taken)
    change = FileChange(
        path=path,
        before=before.text if before is not None else None,
        after=after if after is not None else source.text,
        disposition=FixKind.REVIEW if needs_review else FixKind.SAFE,
        topics=tuple(dict.fromkeys(mend.finding.topic for mend in taken if mend.finding is not None)),
        why=tuple(dict.fromkeys(mend.why for mend in taken)),
    )
    return change, taken


def _repaired(mending: Mending, made: Iterable[Mend]) -> frozenset[Topic]:
    """Topics of which every finding is mended."""
    ended = [mend.finding for mend in made if mend.finding is not None]
    open_topics = {finding.topic for finding in mending.left}
    open_topics |= {finding.topic for finding in _asked(mending) if finding not in ended}
    return frozenset(finding.topic for finding in ended) - open_topics


def _asked(mending: Mending) -> Iterator[Finding]:
    return (mend.finding for mend in mending.mends if mend.finding is not None)
