"""Cases of planning: a project, and the index that its lock was made with, served for as long as the test runs."""

import re
import shutil
import tomllib
from pathlib import Path

from careen.blobs.digest import Digest
from fakes.index import FakeIndex
from fakes.mirrors import FakeMirror
from fakes.wheels import write_wheel

_ADDRESS = "https://index.example"
_WHEEL = re.compile(rf'url = "{_ADDRESS}/(?P<file>[^"]+)", hash = "\?"')

_DIGEST = re.compile(r"digest of (?P<file>[\w.-]+\.whl)")
_WITH_ADDRESSES = frozenset({"uv.lock", "poetry.lock", "pyproject.toml", "Pipfile", "Pipfile.lock"})


def stand_up(case: Path, folder: Path, index: FakeIndex) -> Path:
    """Puts the case's wheels, their pages and a Debian mirror into ``index``; gives the copy of its project, locked
    against it.
    """
    described = tomllib.loads((case / "index.toml").read_text())
    for filename, wheel in described["wheels"].items():
        name, version, tag = filename.removesuffix(".whl").split("-", 2)
        path = write_wheel(
            folder / "wheels",
            name,
            {inside: bytes(size) for inside, size in wheel["files"].items()},
            version=version,
            tag=tag,
            console_scripts=wheel.get("scripts", ()),
            metadata={"METADATA": _metadata(name, version, wheel["requires"])} if "requires" in wheel else None,
        )
        index.files[filename] = _spoiled(path.read_bytes()) if wheel.get("spoiled") else path.read_bytes()
    _publish_pages(index)
    mirror = FakeMirror(folder / "debs")
    mirror.add_python()
    index.files |= mirror.publish()
    project = folder / "project"
    shutil.copytree(case / "project", project)
    for path in project.rglob("*"):
        if path.name in _WITH_ADDRESSES or path.suffix == ".txt":
            path.write_text(locked(path.read_text(), index))
    return project


def locked(text: str, index: FakeIndex) -> str:
    """The lock's text with the digests of the index's files, at its address."""

    def known(match: re.Match[str]) -> str:
        data = index.files.get(match["file"], b"")
        return f'url = "{index.url(match["file"])}", hash = "{Digest.of(data)}"'

    def digest(match: re.Match[str]) -> str:
        return str(Digest.of(index.files[match["file"]]))

    return _DIGEST.sub(digest, _WHEEL.sub(known, text)).replace(_ADDRESS, index.address)


def _metadata(name: str, version: str, requires: list[str]) -> bytes:
    lines = [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""]).encode()


def _publish_pages(index: FakeIndex) -> None:
    """The simple index (PEP 503) of the files, below ``simple/``."""
    pages: dict[str, list[str]] = {}
    for filename, data in index.files.items():
        name = filename.partition("-")[0].replace("_", "-").lower()
        link = f'<a href="../../{filename}#sha256={Digest.of(data).hex}">{filename}</a>'
        pages.setdefault(name, []).append(link)
    for name, links in pages.items():
        index.files[f"simple/{name}/"] = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()


def _spoiled(data: bytes) -> bytes:
    """With a directory that promises more files than there are."""
    end = data.rfind(b"PK\x05\x06")
    return data[: end + 10] + (9999).to_bytes(2, "little") + data[end + 12 :]
