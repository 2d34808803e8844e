"""``careen.size/1`` and ``careen.size-difference/1``: sizes for machines, sorted, without times or absolute paths.

{"schema": "careen.size/1", "image": "web", "platform": "linux/amd64", "bytes": 6690000000, "compressed_bytes": null,
 "visible_bytes": 4450000000, "hidden_bytes": 2240000000, "wasted_bytes": 2310000000,
 "layers": [{"number": 1, "digest": "sha256:…", "instruction": "RUN …", "bytes", "compressed_bytes", "hidden_bytes",
             "files", "shares": [{"kind": "python", "name": "torch", "version": "2.9.1", "bytes",
                         "hidden_bytes", "files"},
                        {"kind": "cause", "name": "application", "version": "", "bytes", "hidden_bytes", "files"}]}],
 "packages": [{"ecosystem", "name", "version", "bytes", "bytecode_bytes", "hidden_bytes", "files", "layers": [2, 5]}],
 "rest": [{"cause", "bytes", "files"}], "inside_packages": [{"cause", "bytes", "files"}],
 "waste": [{"kind", "layer": 3, "because_of": 4, "instruction": "RUN chown …", "bytes", "files", "label",
            "examples": [{"path": "/app/model.onnx", "bytes"}]}],
 "notes": []}
"""

from careen.size.difference import Change, SizeDifference
from careen.size.model import ImageSize, Share, SizedCause, SizedLayer, SizedPackage, Waste

Json = dict[str, object]


def size_document(image: ImageSize) -> Json:
    return {"schema": "careen.size/1", **_image(image)}


def difference_document(difference: SizeDifference) -> Json:
    return {
        "schema": "careen.size-difference/1",
        "before": _image(difference.before),
        "after": _image(difference.after),
        "grown_bytes": difference.grown,
        "changes": [_change(change) for change in difference.changes],
    }


def _image(image: ImageSize) -> Json:
    return {
        "image": image.name,
        "platform": str(image.platform),
        "bytes": image.bytes,
        "compressed_bytes": image.compressed_bytes,
        "visible_bytes": image.visible_bytes,
        "hidden_bytes": image.hidden_bytes,
        "wasted_bytes": image.wasted_bytes,
        "layers": [_layer(layer) for layer in image.layers],
        "packages": [_package(item) for item in image.packages],
        "rest": [_cause(item) for item in image.rest],
        "inside_packages": [_cause(item) for item in image.inside],
        "waste": [_waste(item, image) for item in image.waste],
        "notes": sorted(image.notes),
    }


def _layer(layer: SizedLayer) -> Json:
    return {
        "number": layer.number,
        "digest": str(layer.digest),
        "instruction": layer.instruction,
        "bytes": layer.bytes,
        "compressed_bytes": layer.compressed_bytes,
        "hidden_bytes": layer.hidden_bytes,
        "files": layer.files,
        "shares": [_share(share) for share in layer.shares],
    }


def _share(share: Share) -> Json:
    kind, name, version = "cause", share.label, ""
    if share.package is not None:
        kind, name, version = share.package.ecosystem, share.package.name, share.package.version
    return {
        "kind": kind,
        "name": name,
        "version": version,
        "bytes": share.bytes,
        "hidden_bytes": share.hidden_bytes,
        "files": share.files,
    }


def _package(item: SizedPackage) -> Json:
    return {
        "ecosystem": item.package.ecosystem,
        "name": item.package.name,
        "version": item.package.version,
        "bytes": item.bytes,
        "bytecode_bytes": item.bytecode_bytes,
        "hidden_bytes": item.hidden_bytes,
        "files": item.files,
        "layers": list(item.layers),
    }


def _cause(item: SizedCause) -> Json:
    return {"cause": item.cause.value, "bytes": item.bytes, "files": item.files}


def _waste(item: Waste, image: ImageSize) -> Json:
    return {
        "kind": item.kind.value,
        "layer": item.layer,
        "because_of": item.because_of,
        "instruction": image.instruction(item.because_of),
        "bytes": item.bytes,
        "files": item.files,
        "label": item.label,
        "examples": [{"path": f"/{file.path}", "bytes": file.bytes} for file in item.examples],
    }


def _change(change: Change) -> Json:
    return {
        "kind": change.kind,
        "name": change.name,
        "before_bytes": change.before,
        "after_bytes": change.after,
        "before_version": change.before_version,
        "after_version": change.after_version,
        "grown_bytes": change.grown,
    }
