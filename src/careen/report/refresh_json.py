"""``careen.refresh/1``: what is newer than what the set-up pins, sorted.

{"schema": "careen.refresh/1", "current": false, "bases": [{"base": "debian:bookworm", "platform": "linux/amd64",
 "pinned": 42, "packages": [{"name": "libssl3", "before": "3.0.16-1", "after": "3.0.17-1", "suite": "bookworm-security",
 "bytes_before": 6021120, "bytes_after": 6021120}], "services": [{"name": "api", "bytes_before", "bytes_after"}]}],
 "images": [{"path": "Dockerfile", "line": 1, "name": "python:3.11-slim", "before": "sha256:...", "after": "sha256:...",
 "bytes_before", "bytes_after", "problem": null}], "changed": ["Dockerfile", "careen.lock"]}

`before` is null for what is not pinned, `after` for a package that goes and for an image whose registry was not asked
or did not answer. Bytes of packages are those that the archive's index has them take installed, of images those of
their compressed layers. `changed` are the files that `--write` changes.
"""

from careen.app.refreshing import BaseRefresh, ImageRefresh, Refresh

Json = dict[str, object]


def refresh_document(found: Refresh) -> Json:
    return {
        "schema": "careen.refresh/1",
        "current": found.is_current,
        "bases": [_base(base) for base in found.bases],
        "images": [_image(image) for image in found.images],
        "changed": sorted(str(change.path) for change in found.changes),
    }


def _base(base: BaseRefresh) -> Json:
    services = base.weights.services if base.weights is not None else ()
    return {
        "base": base.label,
        "platform": str(base.platform),
        "pinned": base.pinned,
        "packages": [
            {
                "name": change.name,
                "before": change.before,
                "after": change.after,
                "suite": change.suite,
                "bytes_before": change.bytes_before if change.before is not None else None,
                "bytes_after": change.bytes_after if change.after is not None else None,
            }
            for change in base.changes
        ],
        "services": [
            {"name": service.name, "bytes_before": service.bytes_before, "bytes_after": service.bytes_after}
            for service in sorted(services, key=lambda service: service.name)
        ],
    }


def _image(image: ImageRefresh) -> Json:
    return {
        "path": str(image.path),
        "line": image.line,
        "name": image.name,
        "before": str(image.before) if image.before is not None else None,
        "after": str(image.after) if image.after is not None else None,
        "bytes_before": image.bytes_before,
        "bytes_after": image.bytes_after,
        "problem": image.problem,
    }
