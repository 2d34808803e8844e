"""`careen.overhaul/1`: the plan, the images and the proof of one overhaul, each as its own verb tells it.

{"schema": "careen.overhaul/1", "succeeded": true, "plan": {"schema": "careen.plan/1", ...},
 "build": {"schema": "careen.build/1", ...}, "proof": {"schema": "careen.prove/1", ...}, "traced": {...}}

`overhaul.json` in the folder that `--into` names holds the same. `traced` is there after `--trim traced`.
"""

from careen.app.overhaul import Overhaul
from careen.report.build_json import build_document
from careen.report.plan_json import plan_document
from careen.report.prove_json import prove_document
from careen.report.traced import traced_document


def overhaul_document(done: Overhaul) -> dict[str, object]:
    document: dict[str, object] = {
        "schema": "careen.overhaul/1",
        "succeeded": done.succeeded,
        "plan": plan_document(done.plan),
        "build": build_document(done.build),
        "proof": prove_document(done.proof),
    }
    if done.traced is not None:
        document["traced"] = traced_document(done.traced)
    return document
