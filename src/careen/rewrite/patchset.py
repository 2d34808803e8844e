"""Changes to a project's files, decided and not yet made, and what was left alone, with the reason."""

from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import PurePosixPath

from careen.findings import FixKind, Topic
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """``before`` is None for a file that is new, ``after`` for one that goes away; texts keep their line endings.

    Paths are relative to the folder that was asked about. ``topics`` are those whose findings the change ends,
    ``why`` says in a sentence each what a reviewer should know.
    """

    path: PurePosixPath
    before: str | None
    after: str | None
    disposition: FixKind
    topics: tuple[Topic, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Something that a rewriting does not do, and what the user can do about it.

    ``stops`` when the rest would be wrong without it, so that nothing is changed unless the user accepts it.
    """

    path: PurePosixPath
    line: int
    reason: str
    hint: str
    stops: bool = True

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSet:
    """``notes`` are sentences for a reader of the whole patch."""

    changes: tuple[FileChange, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def stopped(self) -> bool:
        return any(refusal.stops for refusal in self.refusals)

    @property
    def needs_review(self) -> bool:
        return any(change.disposition is FixKind.REVIEW for change in self.changes)

    @property
    def topics(self) -> frozenset[Topic]:
        return frozenset(topic for change in self.changes for topic in change.topics)

    def change_of(self, path: PurePosixPath) -> FileChange | None:
        return next((change for change in self.changes if change.path == path), None)

    def with_changes(self, changes: Iterable[FileChange]) -> "PatchSet":
        return PatchSet(changes=tuple(changes), refusals=self.refusals, notes=self.notes)

    def safe_only(self) -> "PatchSet":
        return self.with_changes(change for change in self.changes if change.disposition is FixKind.SAFE)


def effective(changes: Iterable[FileChange]) -> Iterator[FileChange]:
    """Those that change anything."""
    return (change for change in changes if change.before != change.after)
