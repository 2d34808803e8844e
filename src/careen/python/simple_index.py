"""The simple repository API: which files an index has of a project (PEP 503 as HTML, PEP 691 as JSON, PEP 700 sizes).

For locks that name no addresses. Nothing here knows a host: addresses of indexes come from the lock, or from what pip
and uv are configured for.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urldefrag, urlsplit

from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.http.client import Answer, HttpError, Request, joined, redacted
from careen.python.locked import LockedFile
from careen.python.names import PackageName, normal_name
from careen.text.values import dataclass

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_LARGEST_PAGE = 64 << 20
_PARALLEL = 16
_MISSING = frozenset({404, 410})


class IndexPageError(CareenError):
    """The index answers with something that is not a list of files."""


class Exchanger(Protocol):
    """What is asked of the HTTP client."""

    def exchange(self, request: Request, *, limit: int, repeat: bool = True) -> Answer:
        """Answers with any status; raises HttpError when nothing answers."""


@dataclass(frozen=True, slots=True)
class Indexes:
    """``addresses`` are asked in order and the first that has the project wins, as uv does it; ``links`` are folders of
    files or pages with links to them, which count beside every index.
    """

    addresses: tuple[str, ...]
    links: tuple[str, ...] = ()


def files_of(
    http: Exchanger,
    wanted: Mapping[PackageName, Sequence[str]],
    links: Sequence[str] = (),
    *,
    on_done: Callable[[PackageName], None] | None = None,
) -> Mapping[PackageName, tuple[LockedFile, ...] | CareenError]:
    """The files of each project; ``wanted`` gives the addresses of indexes that may have it, in order.

    A project that no index has, or whose index does not answer, has its error in place of its files.
    """
    pages = [_linked(http, link) for link in links]

    def ask(item: tuple[PackageName, Sequence[str]]) -> tuple[LockedFile, ...] | CareenError:
        name, addresses = item
        beside = tuple(file for page in pages for file in page if _is_of(file, name))
        try:
            return (*_first(http, name, addresses), *beside)
        except CareenError as error:
            return beside or error

    found: dict[PackageName, tuple[LockedFile, ...] | CareenError] = {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for name, files in zip(wanted, pool.map(ask, wanted.items()), strict=True):
            found[name] = files
            if on_done is not None:
                on_done(name)
    return found


def _first(http: Exchanger, name: PackageName, addresses: Sequence[str]) -> tuple[LockedFile, ...]:
    for address in addresses:
        files = _project(http, address, name)
        if files:
            return files
    asked = ", ".join(redacted(address) for address in addresses) or "no index"
    raise HttpError(f"{name}: {asked} has no such project")


def _project(http: Exchanger, address: str, name: PackageName) -> tuple[LockedFile, ...]:
    """Nothing where the index does not have the project."""
    local = _local_folder(address)
    if local is not None:
        page = local / name / "index.html"
        if page.is_file():
            return read_html(page.read_text("utf-8", "replace"), page.as_uri())
        return _folder_files(local / name)
    url = f"{address.rstrip('/')}/{name}/"
    answer = http.exchange(Request(method="GET", url=url, headers={"accept": _ACCEPT}), limit=_LARGEST_PAGE)
    if answer.status in _MISSING:
        return ()
    if answer.status != 200:
        raise HttpError(f"{redacted(url)} answers {answer.status}")
    return read_page(answer.body, answer.headers.get("content-type", ""), answer.url)


def read_page(body: bytes, content_type: str, address: str) -> tuple[LockedFile, ...]:
    """Raises IndexPageError for JSON that is none, or of another version than 1."""
    if "json" in content_type:
        return _read_json(body, address)
    return read_html(body.decode("utf-8", "replace"), address)


def _read_json(body: bytes, address: str) -> tuple[LockedFile, ...]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise IndexPageError(f"{redacted(address)}: not JSON: {error}") from error
    meta = document.get("meta") if isinstance(document, dict) else None
    version = meta.get("api-version", "") if isinstance(meta, dict) else ""
    if not isinstance(version, str) or not version.startswith("1."):
        raise IndexPageError(f"{redacted(address)}: an answer of version {version!r}, careen reads version 1")
    files = document.get("files")
    found = []
    for item in files if isinstance(files, list) else ():
        if not isinstance(item, dict) or not isinstance(item.get("url"), str):
            continue
        hashes, size = item.get("hashes"), item.get("size")
        found.append(
            LockedFile(
                url=joined(address, item["url"]),
                digest=_digest(hashes.get("sha256") if isinstance(hashes, dict) else None),
                size=size if isinstance(size, int) and not isinstance(size, bool) else None,
            )
        )
    return tuple(found)


def read_html(text: str, address: str) -> tuple[LockedFile, ...]:
    parser = _Anchors()
    parser.feed(text)
    base = joined(address, parser.base) if parser.base else address
    found = []
    for href in parser.hrefs:
        url, fragment = urldefrag(joined(base, href))
        match = re.search(r"(?:^|&)sha256=([0-9a-fA-F]{64})", fragment)
        file = LockedFile(url=url, digest=_digest(match[1].lower() if match is not None else None), size=None)
        if _is_archive(file.filename):
            found.append(file)
    return tuple(found)


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.base: str | None = None
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if href is None:
            return
        if tag == "a":
            self.hrefs.append(href)
        elif tag == "base" and self.base is None:
            self.base = href


def _linked(http: Exchanger, link: str) -> tuple[LockedFile, ...]:
    """The files that ``--find-links`` names; nothing where it leads nowhere, as for pip."""
    local = _local_folder(link)
    if local is not None:
        if local.is_file():
            return read_html(local.read_text("utf-8", "replace"), local.as_uri())
        return _folder_files(local)
    try:
        answer = http.exchange(Request(method="GET", url=link), limit=_LARGEST_PAGE)
        return read_page(answer.body, "text/html", answer.url) if answer.status == 200 else ()
    except CareenError:
        return ()


def _local_folder(address: str) -> Path | None:
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(address)


def _folder_files(folder: Path) -> tuple[LockedFile, ...]:
    try:
        places = sorted(place for place in folder.iterdir() if _is_archive(place.name) and place.is_file())
    except OSError:
        return ()
    return tuple(LockedFile(url=place.absolute().as_uri(), digest=None, size=place.stat().st_size) for place in places)


def _is_archive(name: str) -> bool:
    return name.endswith((".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz"))


def _is_of(file: LockedFile, name: PackageName) -> bool:
    stem = file.filename
    if stem.endswith(".whl"):
        return normal_name(stem.partition("-")[0]) == name
    return normal_name(stem).startswith(f"{name}-")


def _digest(text: object) -> Digest | None:
    return Digest(text) if isinstance(text, str) and re.fullmatch(r"[0-9a-f]{64}", text) else None


def sdist_version(filename: str, name: PackageName) -> str | None:
    """The version in an sdist's name (PEP 625 and what came before); None for another project's."""
    stem = re.sub(r"\.(?:tar\.gz|zip|tar\.bz2|tgz)$", "", filename)
    if stem == filename:
        return None
    for match in re.finditer("-", stem):
        if normal_name(stem[: match.start()]) == name and stem[match.end() :][:1].isdigit():
            return stem[match.end() :]
    return None


def version_of(filename: str, name: PackageName) -> str | None:
    """The version in the name of a wheel or sdist of the project."""
    if filename.endswith(".whl"):
        parts = filename.split("-")
        return parts[1] if len(parts) in {5, 6} and normal_name(parts[0]) == name else None
    return sdist_version(filename, name)


def of_version(files: Iterable[LockedFile], name: PackageName, version: str) -> tuple[LockedFile, ...]:
    """The files of one version, versions compared as PEP 440 has it."""
    wanted = _canonical(version)
    return tuple(
        file
        for file in files
        if (told := version_of(file.filename, name)) is not None and (told == version or _canonical(told) == wanted)
    )


def _canonical(version: str) -> str:
    from packaging.utils import canonicalize_version  # noqa: PLC0415 - only locks without addresses need it

    return canonicalize_version(version.replace("_", "+", 1) if "+" not in version else version)
