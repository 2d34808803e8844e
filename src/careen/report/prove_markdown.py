"""A proof as a section of a Markdown page: a table a service, what failed with its evidence."""

from collections.abc import Sequence

from careen.prove.evidence import CheckResult, ProofReport, Verdict
from careen.report.verdicts import summary
from careen.text.units import format_bytes, format_seconds

_WORDS = {Verdict.PASS: "pass", Verdict.FAIL: "**fail**", Verdict.SKIPPED: "_skipped_"}


def prove_markdown(report: ProofReport, *, level: int = 2) -> str:
    """``level`` is that of its heading."""
    lines = [f"{'#' * level} Proof", "", f"{summary(report)}."]
    for service in report.services:
        measured = []
        if service.start_seconds is not None:
            measured.append(f"healthy after {format_seconds(service.start_seconds)}")
        if service.peak_memory_bytes is not None:
            measured.append(f"peak memory {format_bytes(service.peak_memory_bytes)}")
        lines += ["", f"{'#' * (level + 1)} {service.name}", ""]
        lines += [f"{', '.join(measured)}.", ""] if measured else []
        lines += _table(service.checks)
    if report.stack:
        lines += ["", f"{'#' * (level + 1)} The stack together", "", *_table(report.stack)]
    return "\n".join(lines) + "\n"


def _table(results: Sequence[CheckResult]) -> list[str]:
    rows = ["| check | verdict | evidence |", "| --- | --- | --- |"]
    rows += [f"| {result.check} | {_WORDS[result.verdict]} | {_cell(result.evidence.summary)} |" for result in results]
    for result in results:
        if result.verdict is Verdict.FAIL and (result.evidence.command or result.evidence.output):
            rows += [line for hint in result.evidence.hints for line in ("", f"Hint: {_cell(hint)}")]
            rows += ["", f"What `{result.check}` saw:", ""]
            rows += [f"    $ {' '.join(result.evidence.command)}"] if result.evidence.command else []
            rows += [f"    {line}" for line in result.evidence.output.splitlines()]
    return rows


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
