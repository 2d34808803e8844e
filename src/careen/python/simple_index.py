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
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from careen.blobs.digest import Digest
from careen.errors import CareenError
from careen.python.locked import LockedFile
from careen.python.names import PackageName, normal_name
from careen.text.values import dataclass

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
LARGEST_PAGE = 64 << 20
"""Bytes; a project with thousands of files has a page of several megabytes."""

_PARALLEL = 16
_MISSING = frozenset({404, 410})


class IndexPageError(CareenError):
    """The index answers with something that is not a list of files."""


class NotInIndexError(CareenError):
    """None of the indexes has the project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAnswer:
    """``headers`` by lower-case name; ``url`` is where redirects led."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


Ask = Callable[[str, str], IndexAnswer]
"""Gets an address with an Accept header, whatever the status; raises CareenError when nothing answers."""


def files_of(
    ask: Ask,
    wanted: Mapping[PackageName, Sequence[str]],
    links: Sequence[str] = (),
    *,
    on_done: Callable[[PackageName], None] | None = None,
) -> Mapping[PackageName, tuple[LockedFile, ...] | CareenError]:
    """The files of each project; ``wanted`` gives the addresses of indexes that may have it, in order.

    A project that no index has, or whose index does not answer, has its error in place of its files.
    """
    pages = [_linked(ask, link) for link in links]

    def found_of(item: tuple[PackageName, Sequence[str]]) -> tuple[LockedFile, ...] | CareenError:
        name, addresses = item
        beside = tuple(file for page in pages for file in page if _is_of(file, name))
        try:
            return (*_all(ask, name, addresses), *beside)
        except CareenError as error:
            return beside or error

    found: dict[PackageName, tuple[LockedFile, ...] | CareenError] = {}
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for name, files in zip(wanted, pool.map(found_of, wanted.items()), strict=True):
            found[name] = files
            if on_done is not None:
                on_done(name)
    return found


def _all(ask: Ask, name: PackageName, addresses: Sequence[str]) -> tuple[LockedFile, ...]:
    """Of every index, as pip takes them; where two have a file of one name, that of the first."""
    files: dict[str, LockedFile] = {}
    failure: CareenError | None = None
    for address in addresses:
        try:
            for file in _project(ask, address, name):
                files.setdefault(file.filename, file)
        except CareenError as error:
            failure = failure or error
    if not files:
        asked = ", ".join(_shown(address) for address in addresses) or "no index"
        raise failure or NotInIndexError(f"{name}: {asked} has no such project")
    return tuple(files.values())


def _project(ask: Ask, address: str, name: PackageName) -> tuple[LockedFile, ...]:
    """Nothing where the index does not have the project."""
    local = _local_folder(address)
    if local is not None:
        page = local / name / "index.html"
        if page.is_file():
            return read_html(page.read_text("utf-8", "replace"), page.as_uri())
        return _folder_files(local / name)
    url = f"{address.rstrip('/')}/{name}/"
    answer = ask(url, _ACCEPT)
    if answer.status in _MISSING:
        return ()
    if answer.status != 200:
        raise IndexPageError(f"{_shown(url)} answers {answer.status}")
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
        raise IndexPageError(f"{_shown(address)}: not JSON: {error}") from error
    meta = document.get("meta") if isinstance(document, dict) else None
    version = meta.get("api-version", "") if isinstance(meta, dict) else ""
    if not isinstance(version, str) or not version.startswith("1."):
        raise IndexPageError(f"{_shown(address)}: an answer of version {version!r}, careen reads version 1")
    files = document.get("files")
    found = []
    for item in files if isinstance(files, list) else ():
        if not isinstance(item, dict) or not isinstance(item.get("url"), str):
            continue
        hashes, size = item.get("hashes"), item.get("size")
        found.append(
            LockedFile(
                url=_joined(address, item["url"]),
                digest=_digest(hashes.get("sha256") if isinstance(hashes, dict) else None),
                size=size if isinstance(size, int) and not isinstance(size, bool) else None,
            )
        )
    return tuple(found)


def read_html(text: str, address: str) -> tuple[LockedFile, ...]:
    parser = _Anchors()
    parser.feed(text)
    base = _joined(address, parser.base) if parser.base else address
    found = []
    for href in parser.hrefs:
        url, fragment = urldefrag(_joined(base, href))
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


def _linked(ask: Ask, link: str) -> tuple[LockedFile, ...]:
    """The files that ``--find-links`` names; nothing where it leads nowhere, as for pip."""
    local = _local_folder(link)
    if local is not None:
        if local.is_file():
            return read_html(local.read_text("utf-8", "replace"), local.as_uri())
        return _folder_files(local)
    try:
        answer = ask(link, "text/html")
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


def _joined(address: str, place: str) -> str:
    """Raises IndexPageError."""
    try:
        return urljoin(address, place)
    except ValueError as error:
        raise IndexPageError(f"{_shown(address)} names what is not an address") from error


def _shown(address: str) -> str:
    """Without user, password and query."""
    scheme, separator, rest = address.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


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
