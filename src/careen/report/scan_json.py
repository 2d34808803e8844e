"""``careen.scan/1``: the promise to programs. Sorted, without times or absolute paths.

{"schema": "careen.scan/1", "services": [{"name", "dockerfile", "target", "context"}],
 "findings": [{"rule", "topic", "severity", "confidence", "service", "path", "line", "end_line", "message",
 "bytes", "fix"}], "unreadable": [{"path", "line", "message"}]}

``line`` starts at 1; ``bytes`` is null when unknown; ``fix`` is safe, review or null.
"""

import json

from careen.app.scanning import ScanResult
from careen.findings import Finding
from careen.workspace.facts import ServiceFacts

SCHEMA = "careen.scan/1"


def render(result: ScanResult) -> str:
    document = {
        "schema": SCHEMA,
        "services": sorted((_service(service) for service in result.services), key=lambda row: str(row["name"])),
        "findings": [_finding(finding) for finding in result.findings],
        "unreadable": [
            {"path": str(item.path), "line": item.line, "message": item.message} for item in result.unreadable
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _service(service: ServiceFacts) -> dict[str, object]:
    source = service.image.source if service.image is not None else None
    return {
        "name": service.name,
        "dockerfile": str(source.dockerfile_path) if source is not None else None,
        "target": source.target if source is not None else None,
        "context": str(source.context) if source is not None else None,
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "topic": finding.topic.value,
        "severity": finding.severity.value,
        "confidence": finding.confidence.value,
        "service": finding.service,
        "path": str(finding.place.path),
        "line": finding.place.line,
        "end_line": finding.place.end_line,
        "message": finding.message,
        "bytes": finding.bytes,
        "fix": finding.fix.value if finding.fix is not None else None,
    }
