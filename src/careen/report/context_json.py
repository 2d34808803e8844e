"""``careen.context/1``: what each build context sends, sorted, without times or absolute paths.

{"schema": "careen.context/1", "contexts": [{"path": ".", "services": ["api"], "ignore_file": ".dockerignore",
 "has_ignore_file": false, "sent": {"bytes": 875503, "files": 31}, "causes": [{"cause", "bytes", "files",
 "heaviest": [{"path", "bytes"}]}], "proposed_patterns": ["**/notebooks"], "after": {"bytes", "files"},
 "faults": [{"line", "pattern", "message"}], "notes": []}]}

With ``--list`` each context has ``paths`` besides: everything that is sent.
"""

from collections.abc import Sequence

from careen.app.contexts import ContextReport
from careen.ignorefile.context import ContextMeasure

Json = dict[str, object]


def context_document(reports: Sequence[ContextReport], *, paths: bool = False) -> Json:
    return {"schema": "careen.context/1", "contexts": [_context(report, paths) for report in reports]}


def _context(report: ContextReport, paths: bool) -> Json:
    document: Json = {
        "path": str(report.path),
        "services": list(report.services),
        "ignore_file": str(report.ignore_path),
        "has_ignore_file": report.has_ignore,
        "sent": _total(report.before),
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
            {"line": fault.pattern.line, "pattern": fault.pattern.text, "message": fault.explanation}
            for fault in report.faults
        ],
        "notes": list(report.before.notes),
    }
    if paths:
        document["paths"] = [{"path": file.path, "bytes": file.bytes} for file in report.before.sent]
    return document


def _total(measured: ContextMeasure) -> Json:
    return {"bytes": measured.sent_bytes, "files": measured.sent_files}
