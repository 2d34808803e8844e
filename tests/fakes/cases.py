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


def stand_up(case: Path, folder: Path, index: FakeIndex) -> Path:
    """Puts the case's wheels and a Debian mirror into ``index``; gives the copy of its project, locked against it."""
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
        )
        index.files[filename] = _spoiled(path.read_bytes()) if wheel.get("spoiled") else path.read_bytes()
    mirror = FakeMirror(folder / "debs")
    mirror.add_python()
    index.files |= mirror.publish()
    project = folder / "project"
    shutil.copytree(case / "project", project)
    lock = project / "uv.lock"
    lock.write_text(locked(lock.read_text(), index))
    return project


def locked(text: str, index: FakeIndex) -> str:
    """The lock's text with the digests of the index's files, at its address."""

    def known(match: re.Match[str]) -> str:
        data = index.files.get(match["file"], b"")
        return f'url = "{index.url(match["file"])}", hash = "{Digest.of(data)}"'

    return _WHEEL.sub(known, text).replace(_ADDRESS, index.address)


def _spoiled(data: bytes) -> bytes:
    """With a directory that promises more files than there are."""
    end = data.rfind(b"PK\x05\x06")
    return data[: end + 10] + (9999).to_bytes(2, "little") + data[end + 12 :]
