"""Where uv is, for what only it can do, and where it keeps what it has fetched."""

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_SHORTEST = 7
"""Digits of a commit that name a checkout."""


def uv_program() -> Path | None:
    """uv on the path, or the one that was installed beside this interpreter."""
    beside = Path(sys.executable).parent / "uv"
    found = shutil.which("uv")
    return Path(found) if found is not None else beside if beside.is_file() else None


def uv_cache(environment: Mapping[str, str]) -> Path | None:
    """Where uv keeps what it has fetched (uv documentation, "Caching"); None without a home."""
    if environment.get("UV_CACHE_DIR"):
        return Path(environment["UV_CACHE_DIR"])
    if environment.get("XDG_CACHE_HOME"):
        return Path(environment["XDG_CACHE_HOME"], "uv")
    return Path(environment["HOME"], ".cache", "uv") if environment.get("HOME") else None


def checkout_of(url: str, cache: Path) -> Path | None:
    """The sources of a locked git address (``#`` and the commit at its end), where uv has checked them out."""
    address, _, commit = url.rpartition("#")
    if not _COMMIT.fullmatch(commit):
        return None
    inside = dict(parse_qsl(urlsplit(address).query)).get("subdirectory", "")
    for folder in sorted(cache.glob("git-v*/checkouts/*/*")):
        if folder.is_dir() and len(folder.name) >= _SHORTEST and commit.startswith(folder.name):
            found = (folder / inside).resolve()
            return found if found.is_relative_to(folder.resolve()) and found.is_dir() else None
    return None
