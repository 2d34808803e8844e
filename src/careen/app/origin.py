"""What images say of where they come from: the project's version and address, the revision that the user names."""

import contextlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from careen.blobs.digest import Digest
from careen.build.engine import Origin

_SOURCES = ("source", "source code", "repository", "code", "github", "gitlab", "homepage")
"""Labels of ``[project.urls]`` (well-known project URLs), the better first."""


def origin_of(project: Path, lock: Path | None, revision: str) -> Origin:
    """``project`` is the folder with ``pyproject.toml``; whatever is not there or not readable stays unknown."""
    table: Mapping[str, object] = {}
    with contextlib.suppress(OSError, ValueError):
        found = tomllib.loads((project / "pyproject.toml").read_text("utf-8")).get("project")
        table = found if isinstance(found, dict) else {}
    version, urls = table.get("version"), table.get("urls")
    digest = None
    if lock is not None:
        with contextlib.suppress(OSError):
            digest = Digest.of(lock.read_bytes())
    return Origin(
        version=version if isinstance(version, str) else "",
        source=_source(urls) if isinstance(urls, dict) else "",
        revision=revision,
        lock=digest,
    )


def _source(urls: Mapping[str, object]) -> str:
    named = {label.lower().replace("-", " "): url for label, url in urls.items() if isinstance(url, str)}
    for label in _SOURCES:
        with contextlib.suppress(ValueError):
            parts = urlsplit(named.get(label, ""))
            if parts.scheme in {"http", "https"} and parts.netloc:
                return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return ""
