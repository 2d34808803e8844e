"""Wheels as an index would have them, and such as none should."""

import base64
import hashlib
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def recorded(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def write_wheel(  # noqa: PLR0913 - each is a way in which wheels differ
    folder: Path,
    name: str,
    files: Mapping[str, bytes],
    *,
    version: str = "1.0",
    tag: str = "py3-none-any",
    console_scripts: Sequence[str] = (),
    executables: Sequence[str] = (),
    metadata: Mapping[str, bytes] | None = None,
    record: str | None = None,
    stored: bool = False,
) -> Path:
    """``metadata`` adds or replaces files of the ``.dist-info`` folder; ``record`` replaces RECORD's text."""
    info = f"{name}-{version}.dist-info"
    contents = dict(files)
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
    if console_scripts:
        contents[f"{info}/entry_points.txt"] = ("[console_scripts]\n" + "\n".join(console_scripts) + "\n").encode()
    for path, content in (metadata or {}).items():
        contents[f"{info}/{path}"] = content
    if record is None:
        rows = [f"{path},{recorded(data)},{len(data)}" for path, data in contents.items()]
        record = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    contents[f"{info}/RECORD"] = record.encode()
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as archive:
        for path, content in contents.items():
            archive.writestr(_entry(path, executable=path in executables), content)
    return place


def _entry(path: str, *, executable: bool) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    return entry
