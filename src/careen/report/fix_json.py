"""``careen.fix/1``: what would change or was changed, without times or absolute paths.

{"schema": "careen.fix/1", "not_recast": null or {"reason", "hints": ["..."]}, "changes": [{"path", "kind": "create",
 "fix": "review", "topics": ["runs-as-root"], "why": ["..."], "patch"}], "refusals": [{"path", "line", "reason",
 "hint", "stops"}], "notes": ["..."], "written": null or ["Dockerfile"], "findings_ended", "findings_left"}

Where `not_recast` says why there is no new set-up, `changes` are what can be repaired line by line. `topics` are those
whose findings a change ends, without any that the changed files, read and judged again, would still show.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from careen.rewrite.unified import file_patch

if TYPE_CHECKING:
    from careen.app.rewrite import Proposal, Written
    from careen.findings import Finding


def fix_document(
    proposal: "Proposal", written: "Written | None" = None, foreseen: "Iterable[Finding]" = ()
) -> dict[str, object]:
    """``foreseen`` is what a patch that is not written was to end and would not."""
    patch = proposal.patch
    unkept = {finding.topic for finding in (written.unkept if written is not None else foreseen)}
    problem = proposal.problem
    return {
        "schema": "careen.fix/1",
        "not_recast": None if problem is None else {"reason": problem.message, "hints": list(problem.hints)},
        "changes": [
            {
                "path": str(change.path),
                "kind": "create" if change.before is None else "delete" if change.after is None else "modify",
                "fix": change.disposition.value,
                "topics": [topic.value for topic in change.topics if topic not in unkept],
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
