"""``careen.store/1``: what careen keeps of earlier builds, by kind. ``forgotten`` stands where something was to be.

{"schema": "careen.store/1", "bytes": 4694642352,
 "kinds": {"segment": {"entries": 722, "bytes": 2334715954}, "layer": {"entries": 139, "bytes": 2316804925}},
 "forgotten": {"entries": 3, "bytes": 1048576}}
"""

from collections.abc import Mapping

from careen.blobs.store import Collected


def store_document(weights: Mapping[str, Collected], forgotten: Collected | None) -> dict[str, object]:
    document: dict[str, object] = {
        "schema": "careen.store/1",
        "bytes": sum(weight.bytes for weight in weights.values()),
        "kinds": {kind: {"entries": weight.entries, "bytes": weight.bytes} for kind, weight in sorted(weights.items())},
    }
    if forgotten is not None:
        document["forgotten"] = {"entries": forgotten.entries, "bytes": forgotten.bytes}
    return document
