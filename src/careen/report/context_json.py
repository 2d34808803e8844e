"""``careen.context/1``: what each build context sends, sorted, without times or absolute paths.

{"schema": "careen.context/1", "contexts": [{"path": ".", "services": ["api"], "ignore_file": ".dockerignore",
 "has_ignore_file": false, "sent": {"bytes": 875503, "files": 31}, "let_through": {"bytes", "files"},
 "causes": [{"cause", "bytes", "files", "heaviest": [{"path", "bytes"}]}], "proposed_patterns": ["**/notebooks"],
 "after": {"bytes", "files"}, "faults": [{"line", "pattern", "fault", "bytes", "example", "message"}], "notes": []}],
 "unreadable": [{"path", "line", "message"}]}

``sent`` is what a builder asks for, ``let_through`` what the ignore file would let it have.

With ``--list`` each context has ``paths`` besides: everything that is sent.
"""

from careen.app.contexts import ContextReport, Contexts
from careen.ignorefile.context import ContextMeasure

Json = dict[str, object]


def context_document(found: Contexts, *, paths: bool = False) -> Json:
    return {
        "schema": "careen.context/1",
        "contexts": [_context(report, paths) for report in found.reports],
        "unreadable": [
            {"path": str(item.path), "line": item.line, "message": item.message} for item in found.unreadable
        ],
    }


def _context(report: ContextReport, paths: bool) -> Json:
    document: Json = {
        "path": str(report.path),
        "services": list(report.services),
        "ignore_file": str(report.ignore_path),
        "has_ignore_file": report.has_ignore,
        "sent": _total(report.before),
        "let_through": _total(report.let_through),
        "causes": [
            {
                "cause": weight.cause.value,
                "bytes": weight.bytes,
                "files": weight.files,
                "heaviest": [{"path": file.path, "bytes": file.bytes} for file in weight.heaviest],
            }
            for weight in report.before.by_cause()
        ],
        "proposed_patterns": list(report.proposed),
        "after": _total(report.after),
        "faults": [
            {
                "line": fault.pattern.line,
                "pattern": fault.pattern.text,
                "fault": fault.kind.value,
                "bytes": fault.bytes,
                "example": fault.example,
                "message": fault.explanation,
            }
            for fault in report.faults
        ],
        "notes": list(report.before.notes),
    }
    if paths:
        document["paths"] = [{"path": file.path, "bytes": file.bytes} for file in sorted(report.before.sent)]
    return document


def _total(measured: ContextMeasure) -> Json:
    return {"bytes": measured.sent_bytes, "files": measured.sent_files}
