"""What a service offers to others: the OpenAPI document of a web service, the tasks that a worker has registered."""

import json
from collections.abc import Mapping

from careen.plan.target import ServicePlan
from careen.prove.evidence import Contract
from careen.prove.runner import Ground
from careen.prove.web import get

_DOCUMENT = "/openapi.json"


def openapi(ground: Ground, service: ServicePlan) -> Contract:
    """With the document in one form whatever the order of its keys; without one where none is served."""
    try:
        status, body = get(ground, service, _DOCUMENT)
        document = json.loads(body) if status == 200 else None
    except (OSError, ValueError, RecursionError):
        return Contract()
    if not isinstance(document, dict) or "openapi" not in document:
        return Contract()
    return Contract(openapi=json.dumps(document, sort_keys=True, indent=1))


def registered(description: Mapping[str, object]) -> Contract:
    """From what a worker's probe wrote down of it."""
    tasks = description.get("tasks")
    return Contract(tasks=tuple(sorted(map(str, tasks))) if isinstance(tasks, list) else None)
