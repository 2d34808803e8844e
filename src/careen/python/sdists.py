"""What a source distribution would install, told without building it.

Names come from its own metadata where setuptools has left any, else from the packages that lie in it; bytes are an
estimate, since what a build compiles or leaves out stands nowhere. Sources of compiled modules do not count; they
stand for what would be native.
"""

import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from careen.errors import CareenError
from careen.python.contents import (
    DistributionContents,
    compiled_whole,
    import_names,
    installation_bytes,
    parse_entry_points,
)
from careen.python.names import normal_name
from careen.python.requirements import requirements_in
from careen.text.values import dataclass

_MOST_FILES = 100_000
_MOST_BYTES = 2 * 1024**3
_LARGEST_TEXT = 4 * 1024**2
_SOURCE_FOLDERS = ("", "src/", "lib/", "python/")
_NO_PACKAGES = frozenset(
    {"tests", "test", "testing", "docs", "doc", "examples", "example", "benchmarks", "scripts", "tools", "build"}
)
_NOT_INSTALLED = (".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".pyx", ".rs", ".o", ".a", ".in", ".m4")
_COMPILED = (".c", ".cc", ".cpp", ".cxx", ".pyx", ".rs")
_WHEEL_FILE_BYTES = 90
"""``WHEEL`` of the metadata folder, whichever tool writes it."""


class SdistFormatError(CareenError):
    """Not a source distribution, or one beyond all bounds."""


@dataclass(frozen=True, slots=True)
class _Archive:
    """Files below the archive's one folder, with their sizes, and the texts of its metadata."""

    files: Mapping[str, int]
    texts: Mapping[str, str]

    def text(self, name: str) -> str:
        """A file of the ``.egg-info`` folder, wherever that lies; empty when there is none."""
        found = [text for path, text in self.texts.items() if path.endswith(f".egg-info/{name}")]
        return found[0] if found else ""


def read_sdist(path: Path) -> DistributionContents:
    """Raises SdistFormatError."""
    archive = _gathered(path)
    return _contents(archive, _field(archive.texts.get("PKG-INFO", ""), "Name"))


def _gathered(path: Path) -> _Archive:
    try:
        return _gather(_zip_members(path) if path.suffix == ".zip" else _tar_members(path))
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as e:
        raise SdistFormatError(f"{path.name} is no source distribution that can be read: {e}") from e


def read_source_texts(path: Path) -> Mapping[str, str]:
    """The texts of an archive that tell of the distribution, by their paths in it. Raises SdistFormatError."""
    return _gathered(path).texts


def read_source_folder(folder: Path, name: str) -> DistributionContents:
    """The same of sources that lie in a folder, such as a checkout of git. Raises SdistFormatError."""
    try:
        archive = _gather(_folder_members(folder))
    except (OSError, ValueError) as error:
        raise SdistFormatError(f"{folder.name} holds no sources that can be read: {error}") from error
    return _contents(archive, name)


def _contents(archive: _Archive, name: str) -> DistributionContents:
    metadata = archive.texts.get("PKG-INFO", "")
    installed, names = _installed(archive, name)
    entry_points = archive.text("entry_points.txt") or _project_scripts(archive.texts.get("pyproject.toml", ""))
    groups = parse_entry_points(entry_points)
    console = groups.get("console_scripts", ())
    folder = f"{normal_name(name or 'unknown').replace('-', '_')}-{_field(metadata, 'Version') or '0'}.dist-info"
    whole, kept = installation_bytes(
        [
            *installed.items(),
            (f"{folder}/METADATA", len(metadata.encode())),
            (f"{folder}/WHEEL", _WHEEL_FILE_BYTES),
            *([(f"{folder}/entry_points.txt", len(entry_points))] if entry_points else []),
        ],
        (*console, *groups.get("gui_scripts", ())),
    )
    return DistributionContents(
        installed_bytes=whole,
        kept_bytes=kept,
        imports=names,
        native=tuple(sorted(path for path in archive.files if _is_compiled(path))),
        console_scripts=tuple(console),
        plugins=tuple(
            (group, entry, target)
            for group, pairs in groups.items()
            if group not in {"console_scripts", "gui_scripts"}
            for entry, target in pairs
        ),
        requires=requirements_in(metadata) if metadata else None,
        bytecode_bytes=compiled_whole(installed.items()),
        is_estimate=True,
    )


def _is_compiled(path: str) -> bool:
    """Sources of native code outside of what only its developers build."""
    return path.endswith(_COMPILED) and not any(part in _NO_PACKAGES for part in path.split("/")[:-1])


def _installed(archive: _Archive, name: str) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Files by the place where they would lie, and the import names."""
    told = [line.strip() for line in archive.text("top_level.txt").splitlines() if line.strip()]
    installed: dict[str, int] = {}
    for folder in _SOURCE_FOLDERS:
        tops = told or list(_packages_in(archive, folder, normal_name(name).replace("-", "_")))
        for top in tops:
            installed |= _below(archive, folder, top.replace(".", "/"))
        if installed and not told:
            break
    if not installed:
        # Somewhere else: a setup.py may take its packages from any folder.
        for path in archive.files:
            folder, slash, _ = path.rpartition("/")
            outer, _, top = folder.rpartition("/")
            if slash and path.endswith("/__init__.py") and (top in told or (not told and top not in _NO_PACKAGES)):
                installed |= _below(archive, f"{outer}/" if outer else "", top)
                break
    found = import_names(installed)
    compiled = [top for top in told if top.isidentifier() and not any(_is_in(each, top) for each in found)]
    return installed, tuple(sorted({*found, *compiled}))


def _is_in(name: str, top: str) -> bool:
    return name == top or name.startswith(f"{top}.")


def _packages_in(archive: _Archive, folder: str, own: str) -> Iterator[str]:
    for path in archive.files:
        if not path.startswith(folder):
            continue
        top, slash, rest = path[len(folder) :].partition("/")
        if slash and rest == "__init__.py" and top not in _NO_PACKAGES:
            yield top
        elif not slash and top == f"{own}.py":
            yield own
        elif slash and top == own and rest.endswith(".py"):
            yield own  # a namespace package has no file of its own


def _below(archive: _Archive, folder: str, top: str) -> Mapping[str, int]:
    start = len(folder)
    return {
        path[start:]: size
        for path, size in archive.files.items()
        if (path == f"{folder}{top}.py" or path.startswith(f"{folder}{top}/")) and not path.endswith(_NOT_INSTALLED)
    }


def _field(metadata: str, name: str) -> str:
    for line in metadata.splitlines():
        if not line:
            break
        if line.lower().startswith(f"{name.lower()}:"):
            return line.partition(":")[2].strip()
    return ""


def _project_scripts(text: str) -> str:
    """Entry points of a pyproject.toml, as ``entry_points.txt`` has them."""
    import tomllib  # noqa: PLC0415 - few source distributions need it

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ""
    project, tool = document.get("project"), document.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    groups: dict[str, object] = {}
    for table in (poetry, project):
        if isinstance(table, dict):
            groups["console_scripts"] = table.get("scripts") or groups.get("console_scripts")
            more = table.get("entry-points") or table.get("plugins")
            groups |= more if isinstance(more, dict) else {}
    lines: list[str] = []
    for group, entries in groups.items():
        if isinstance(entries, dict):
            lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items() if isinstance(value, str))]
    return "\n".join(lines)


_Member = tuple[str, int, bytes]


def _gather(members: Iterator[_Member]) -> _Archive:
    files: dict[str, int] = {}
    texts: dict[str, str] = {}
    total = 0
    for path, size, data in members:
        total += size
        if len(files) >= _MOST_FILES or total > _MOST_BYTES:
            raise ValueError("it unpacks to more than any source distribution should")
        _, slash, inside = path.removeprefix("./").partition("/")
        if slash and inside:
            files[inside] = size
            if data:
                texts[inside] = data.decode("utf-8", "replace")
    return _Archive(files, texts)


def _folder_members(folder: Path) -> Iterator[_Member]:
    for root, folders, names in os.walk(folder):  # which follows no link
        folders[:] = sorted(inner for inner in folders if not inner.startswith("."))
        for name in sorted(names):
            place = Path(root, name)
            if place.is_symlink() or not place.is_file():
                continue
            path, size = f"{folder.name}/{place.relative_to(folder).as_posix()}", place.stat().st_size
            yield path, size, place.read_bytes() if _is_text(path, size) else b""


def _is_text(path: str, size: int) -> bool:
    inside = path.removeprefix("./").partition("/")[2]
    wanted = inside in {"PKG-INFO", "pyproject.toml", "setup.py", "setup.cfg"} or inside.endswith(
        (".egg-info/top_level.txt", ".egg-info/entry_points.txt", ".egg-info/requires.txt")
    )
    return wanted and size <= _LARGEST_TEXT


def _tar_members(path: Path) -> Iterator[_Member]:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isreg():
                stream = archive.extractfile(member) if _is_text(member.name, member.size) else None
                yield member.name, member.size, stream.read(_LARGEST_TEXT) if stream is not None else b""


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                data = b""
                if _is_text(member.filename, member.file_size):
                    with archive.open(member) as stream:
                        data = stream.read(_LARGEST_TEXT)
                yield member.filename, member.file_size, data
