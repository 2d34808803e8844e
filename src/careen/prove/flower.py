"""Flower sees every worker of the stack: the page that people look at tells the truth.

Asked over HTTP, from beside it: the JSON of its list of workers (``/workers?json=1``), or its API.
"""

import json
import time
from collections.abc import Sequence

from careen.plan.target import ServicePlan
from careen.prove.evidence import CheckResult, Evidence, failed, judged, skipped
from careen.prove.runner import Ground
from careen.prove.web import get

SLUG = "flower"
_PATIENCE_SECONDS = 25.0
_PAUSE_SECONDS = 0.5


def check(flower: ServicePlan, workers: Sequence[ServicePlan], ground: Ground) -> CheckResult:
    if not workers:
        return skipped(SLUG, "the stack has no worker that started and could be seen")
    begun = time.monotonic()
    alive, complaint = -1, ""
    while alive < len(workers) and time.monotonic() - begun < _PATIENCE_SECONDS:
        try:
            status, body = get(ground, flower, "/workers?json=1")
        except OSError as error:
            complaint = f"Flower cannot be asked: {error}"
        else:
            if status in (401, 403):
                return skipped(SLUG, "Flower asks for a password")
            alive, complaint = workers_alive(status, body)
        if alive < len(workers):
            time.sleep(_PAUSE_SECONDS)
    seconds = time.monotonic() - begun
    command = ("GET", f"http://{flower.name}:{flower.container_ports[0]}/workers?json=1")
    if alive < 0:
        return failed(SLUG, Evidence(summary=complaint, command=command, seconds=seconds))
    complaints = (f"Flower sees {alive} of {len(workers)} workers",) if alive < len(workers) else ()
    return judged(SLUG, complaints, Evidence(summary=f"Flower sees {alive} workers", command=command, seconds=seconds))


def workers_alive(status: int, body: bytes) -> tuple[int, str]:
    try:
        rows = json.loads(body)["data"]
        return sum(1 for row in rows if row.get("status", True)), ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return -1, f"Flower answers {status} without a list of workers"
