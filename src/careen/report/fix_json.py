"""``careen fix --format json``: what would change or was changed, without times or absolute paths."""

from typing import TYPE_CHECKING

from careen.rewrite.patchset import PatchSet
from careen.rewrite.unified import file_patch

if TYPE_CHECKING:
    from careen.app.rewrite import Written


def fix_document(patch: PatchSet, written: "Written | None" = None) -> dict[str, object]:
    return {
        "schema": "careen.fix/1",
        "changes": [
            {
                "path": str(change.path),
                "kind": "create" if change.before is None else "delete" if change.after is None else "modify",
                "fix": change.disposition.value,
                "topics": [topic.value for topic in change.topics],
                "why": list(change.why),
                "patch": "".join(file_patch(change)),
            }
            for change in sorted(patch.changes, key=lambda change: change.path)
        ],
        "refusals": [
            {
                "path": str(refusal.path),
                "line": refusal.line,
                "reason": refusal.reason,
                "hint": refusal.hint,
                "stops": refusal.stops,
            }
            for refusal in patch.refusals
        ],
        "notes": list(patch.notes),
        "written": None if written is None else [str(path) for path in written.paths],
        "findings_ended": None if written is None else len(written.ended),
        "findings_left": None if written is None else len(written.left),
    }
