"""`careen.gate/1`: images beside their budgets, and the findings that are too severe.

{"schema": "careen.gate/1", "stack": "shelf", "passes": false, "measured": "predicted", "against": "main",
 "services": [{"name": "api", "bytes": 512000000, "budget_bytes": 500000000, "bytes_before": 75000000, "passes": false,
 "heaviest": [{"name": "torch", "version": "2.5.1", "bytes": 437000000}],
 "changes": [{"name": "torch", "before": null, "after": "2.5.1", "bytes": 437000000, "line": 1204,
  "reason": "imported in src/shelf/rank.py:3", "brought_by": null}]}],
 "findings": [{"rule", "severity", "path", "line", "message"}], "notes": ["..."]}

`measured` is `built` with `--built`. `bytes_before` and `changes` are told with `--against`, whose revision is
`against`; a change's `line` is its line in the lock. `passes` of a service is null when its size is not known.
"""

from careen.app.gating import GateResult, ServiceGate

Json = dict[str, object]


def gate_document(result: GateResult) -> Json:
    return {
        "schema": "careen.gate/1",
        "stack": result.stack,
        "passes": result.passes,
        "measured": result.measured,
        "against": result.against,
        "services": [_service(service) for service in sorted(result.services, key=lambda service: service.name)],
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity.value,
                "path": str(finding.place.path),
                "line": finding.place.line,
                "message": finding.message,
            }
            for finding in result.findings
        ],
        "notes": sorted(result.notes),
    }


def _service(service: ServiceGate) -> Json:
    return {
        "name": service.name,
        "bytes": service.bytes,
        "budget_bytes": service.budget_bytes,
        "bytes_before": service.bytes_before,
        "passes": service.passes,
        "heaviest": [
            {"name": item.name, "version": item.version, "bytes": item.installed_bytes} for item in service.heaviest
        ],
        "changes": [
            {
                "name": change.name,
                "before": change.before,
                "after": change.after,
                "bytes": change.bytes,
                "line": change.line,
                "reason": change.reason,
                "brought_by": change.brought_by,
            }
            for change in service.changes
        ],
    }
