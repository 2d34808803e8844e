"""``careen.build/1``: the images for machines, sorted, without times or absolute paths.

{"schema": "careen.build/1", "engine": "native", "images": [{"service": "api", "digest": "sha256:...",
 "bytes": 77874797, "compressed_bytes": 31000000, "layers": [{"digest", "diff_id", "bytes",
 "services": ["api", "flower"]}]}], "stack": {"unique_bytes": 473646459}, "timing": {"seconds": 1.9}}

``careen build`` says besides what its names in the layout lead to, which images changed and why, and where they went:

{"names": {"docker_api": "sha256:..."}, "changes": [{"service", "platform", "image", "because": ["files: ..."]}],
 "loaded": {"engine": "docker", "references": ["docker_api:latest"]}, "pushed": [{"reference", "digest",
 "uploaded_bytes", "mounted_bytes", "present_bytes"}]}

With several platforms ``images`` has those of all, each with its ``platform``, and ``platforms`` has a ``stack`` for
each.
"""

from careen.app.building import Built
from careen.build.engine import BuildResult, BuiltImage, BuiltLayer

Json = dict[str, object]


def build_document(result: BuildResult, *, reproducible: bool = False) -> Json:
    """``reproducible`` leaves out the object ``timing``, the only part that differs between equal builds."""
    document: Json = {
        "schema": "careen.build/1",
        "engine": result.engine,
        "images": [_image(image) for image in sorted(result.images, key=lambda image: image.service)],
        "stack": _stack(result),
        "notes": sorted(result.notes),
    }
    if not reproducible:
        document["timing"] = {"seconds": round(result.seconds, 3)}
    return document


def built_document(built: Built, *, reproducible: bool = False) -> Json:
    """Of the verb: the same for every platform together, and what was done with the images."""
    results = [result for _, result in built.all]
    document = build_document(built.result, reproducible=reproducible)
    document["images"] = sorted(
        ({**_image(image), "platform": str(result.platform)} for result in results for image in result.images),
        key=lambda image: (str(image["service"]), str(image["platform"])),
    )
    if len(results) > 1:
        stacks = {str(result.platform): _stack(result) for result in results}
        document["platforms"] = [{"platform": platform, "stack": stack} for platform, stack in stacks.items()]
        layers = {layer.digest: layer for result in results for layer in result.layers}.values()
        document["stack"] = {
            "unique_bytes": sum(layer.bytes for layer in layers),
            "unique_compressed_bytes": sum(layer.compressed_bytes for layer in layers),
        }
        document["notes"] = sorted({note for result in results for note in result.notes})
        if not reproducible:
            document["timing"] = {"seconds": round(sum(result.seconds for result in results), 3)}
    document["names"] = dict(built.names)
    document["changes"] = [
        {
            "service": change.service,
            "platform": change.platform,
            "image": change.image,
            "because": list(change.because),
        }
        for change in built.changes
    ]
    done = built.delivered
    document["loaded"] = {"engine": done.engine, "references": list(done.loaded)} if done.engine else None
    document["pushed"] = [
        {
            "reference": pushed.reference,
            "digest": pushed.digest,
            "uploaded_bytes": pushed.uploaded,
            "mounted_bytes": pushed.mounted,
            "present_bytes": pushed.present,
        }
        for pushed in done.pushed
    ]
    return document


def _stack(result: BuildResult) -> Json:
    return {"unique_bytes": result.unique_bytes, "unique_compressed_bytes": result.unique_compressed_bytes}


def _image(image: BuiltImage) -> Json:
    return {
        "service": image.service,
        "reference": image.reference,
        "digest": str(image.digest),
        "bytes": image.bytes,
        "bytecode_bytes": image.bytecode_bytes,
        "compressed_bytes": image.compressed_bytes,
        "layers": [_layer(layer) for layer in image.layers],
        "notes": list(image.notes),
    }


def _layer(layer: BuiltLayer) -> Json:
    return {
        "digest": str(layer.digest),
        "diff_id": str(layer.diff_id),
        "bytes": layer.bytes,
        "compressed_bytes": layer.compressed_bytes,
        "services": sorted(layer.services),
        "what": layer.what,
    }
