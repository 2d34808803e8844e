"""``careen.build/1``: the images for machines, sorted, without times or absolute paths.

{"schema": "careen.build/1", "engine": "native", "images": [{"service": "api", "digest": "sha256:...",
 "bytes": 77874797, "compressed_bytes": 31000000, "layers": [{"digest", "diff_id", "bytes",
 "services": ["api", "flower"]}]}], "stack": {"unique_bytes": 473646459}, "timing": {"seconds": 1.9}}
"""

from careen.build.engine import BuildResult, BuiltImage, BuiltLayer

Json = dict[str, object]


def build_document(result: BuildResult, *, reproducible: bool = False) -> Json:
    """``reproducible`` leaves out the object ``timing``, the only part that differs between equal builds."""
    document: Json = {
        "schema": "careen.build/1",
        "engine": result.engine,
        "images": [_image(image) for image in sorted(result.images, key=lambda image: image.service)],
        "stack": {
            "unique_bytes": result.unique_bytes,
            "unique_compressed_bytes": result.unique_compressed_bytes,
        },
        "notes": sorted(result.notes),
    }
    if not reproducible:
        document["timing"] = {"seconds": round(result.seconds, 3)}
    return document


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
