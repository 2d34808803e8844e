"""SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), as code hosts and editors read it.

Paths are relative to where careen was called from, which in CI is the repository's root. Findings that somebody
silenced are listed as suppressed, so that a dashboard closes them rather than losing them.
"""

import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import quote

from careen import __version__
from careen.app.scanning import ScanResult, Silenced
from careen.findings import Confidence, Finding, Place, Severity
from careen.rules.catalogue import RULES
from careen.rules.rule import Rule
from careen.text.units import format_bytes
from careen.workspace.model import Unreadable

Json = dict[str, object]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.HIGH: "error", Severity.MEDIUM: "warning", Severity.LOW: "note"}
_PRECISIONS = {Confidence.CERTAIN: "very-high", Confidence.LIKELY: "high", Confidence.POSSIBLE: "medium"}


def render(result: ScanResult, *, shown_root: PurePosixPath) -> str:
    reported = [finding.rule for finding in result.findings]
    reported += [silenced.finding.rule for silenced in result.silenced]
    rules = [rule for rule in RULES if rule.slug in reported]
    indices = {rule.slug: index for index, rule in enumerate(rules)}
    results = [_result(finding, indices, shown_root) for finding in result.findings]
    results += [_suppressed(silenced, indices, shown_root) for silenced in result.silenced]
    run: Json = {
        "tool": {"driver": {"name": "careen", "version": __version__, "rules": [_rule(rule) for rule in rules]}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": _notifications(result.unreadable, shown_root),
            }
        ],
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: Rule) -> Json:
    return {
        "id": rule.slug,
        "name": "".join(word.capitalize() for word in rule.slug.split("-")),
        "shortDescription": {"text": f"{rule.summary}."},
        "fullDescription": {"text": rule.words},
        "help": {"text": f"{rule.words}\n\nPrinted by `careen scan --explain {rule.slug}`."},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"precision": _PRECISIONS[rule.confidence], "tags": [rule.topic.value]},
    }


def _result(finding: Finding, indices: dict[str, int], shown_root: PurePosixPath) -> Json:
    weight = f" ({format_bytes(finding.bytes)})" if finding.bytes else ""
    return {
        "ruleId": finding.rule,
        "ruleIndex": indices[finding.rule],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.message}{weight}."},
        "locations": [{"physicalLocation": _location(finding.place, shown_root)}],
        "properties": {
            "bytes": finding.bytes,
            "confidence": finding.confidence.value,
            "fix": finding.fix.value if finding.fix is not None else None,
            "service": finding.service,
            "topic": finding.topic.value,
        },
    }


def _suppressed(silenced: Silenced, indices: dict[str, int], shown_root: PurePosixPath) -> Json:
    kind = "external" if silenced.from_baseline else "inSource"
    entry = _result(silenced.finding, indices, shown_root)
    return {**entry, "suppressions": [{"kind": kind, "justification": silenced.reason}]}


def _location(place: Place, shown_root: PurePosixPath) -> Json:
    region: Json = {"startLine": place.line, "endLine": place.end_line}
    if place.column and place.end_column:
        region |= {"startColumn": place.column, "endColumn": place.end_column}
    return {"artifactLocation": {"uri": quote(str(shown_root / place.path))}, "region": region}


def _notifications(unreadable: Iterable[Unreadable], shown_root: PurePosixPath) -> list[Json]:
    return [
        {
            "level": "error",
            "message": {"text": f"Not read: {item.message}."},
            "locations": [
                {"physicalLocation": _location(Place(item.path, item.line, item.line), shown_root)},
            ],
        }
        for item in unreadable
    ]
