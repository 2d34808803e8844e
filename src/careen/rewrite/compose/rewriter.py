"""The compose file of a recast stack: targets instead of commands, limits, health, a way to stop, less power.

What all planned services need goes into the mapping that only they share, where there is one; the rest into the
services. Nothing else of the file changes.
"""

from dataclasses import dataclass

from careen.findings import FixKind
from careen.rewrite.compose.builds import name_target
from careen.rewrite.compose.draft import ComposeDraft, ComposeInputs
from careen.rewrite.compose.image_names import give_own_image
from careen.rewrite.compose.removals import override, remove_what_the_image_has
from careen.rewrite.compose.settings import add_settings
from careen.rewrite.compose.waiting import check_backing_services, wait_for_health
from careen.rewrite.patchset import FileChange, Refusal
from careen.text.edits import apply_edits


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeResult:
    changes: tuple[FileChange, ...]
    refusals: tuple[Refusal, ...]


def rewrite_compose(inputs: ComposeInputs) -> ComposeResult:
    changes: list[FileChange] = []
    refusals: list[Refusal] = []
    done: set[str] = set()
    for document in inputs.compose.documents:
        draft = ComposeDraft(inputs, document, frozenset(done))
        change = _change(draft)
        done |= draft.planned.keys()
        refusals += draft.refusals
        if change is not None:
            changes.append(change)
    return ComposeResult(changes=tuple(changes), refusals=tuple(refusals))


def _change(draft: ComposeDraft) -> FileChange | None:
    for service in draft.overridden.values():
        override(draft, service)
    for service in draft.planned.values():
        remove_what_the_image_has(draft, service)
    add_settings(draft)
    for service in draft.planned.values():
        name_target(draft, service)
        give_own_image(draft, service)
        wait_for_health(draft, service)
    check_backing_services(draft)
    edits = draft.editor.finish()
    source = draft.document.source
    after = apply_edits(source, edits).text if edits else source.text
    if after == source.text:
        return None
    return FileChange(
        path=source.path,
        before=source.text,
        after=after,
        disposition=FixKind.REVIEW,
        topics=tuple(draft.topics),
        why=("limits and grace periods are defaults by role where nobody has measured",),
    )
