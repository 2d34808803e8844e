"""A Debian mirror of one release: packages, signed indices (by nobody: tests pass their own ``verify``), pool."""

import gzip
import lzma
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from careen.blobs.digest import Digest
from careen.debian.runtime import DebianPython, python_of
from fakes.debs import write_deb


@dataclass
class FakeMirror:
    """``fields`` are more lines of a package's stanza, ``libraries`` paths of the Contents index with their package."""

    folder: Path
    release: str = "bookworm"
    files: dict[str, bytes] = field(default_factory=dict)
    stanzas: list[str] = field(default_factory=list)
    libraries: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, files: Mapping[str, bytes], *, version: str = "1-1", fields: Iterable[str] = ()) -> None:
        package, path = write_deb(self.folder, name, files, version=version)
        place = f"pool/{path.name}"
        self.files[f"debian/{place}"] = path.read_bytes()
        installed = sum(map(len, files.values())) // 1024 + 1
        self.stanzas.append(
            "\n".join(
                [
                    f"Package: {name}",
                    f"Version: {version}",
                    "Architecture: amd64",
                    f"Installed-Size: {installed}",
                    f"Filename: {place}",
                    f"Size: {package.size}",
                    f"SHA256: {package.digest.hex}",
                    *fields,
                ]
            )
        )
        for inside in files:
            if ".so" in inside:
                self.libraries[inside] = name

    def add_python(self) -> None:
        """The packages of the release's Python base, a few bytes each."""
        python = python_of(self.release)
        for name in python.packages:
            self.add(name, _of_python(name, python))

    def publish(self) -> Mapping[str, bytes]:
        """Every file of the mirror by its path."""
        packages = lzma.compress(("\n\n".join(self.stanzas) + "\n").encode())
        rows = "".join(f"{path} libs/{package}\n" for path, package in sorted(self.libraries.items()))
        for suite in (self.release, f"{self.release}-updates"):
            own = packages if suite == self.release else lzma.compress(b"")
            contents = gzip.compress(rows.encode() if suite == self.release else b"", mtime=0)
            indices = {"main/binary-amd64/Packages.xz": own, "main/Contents-amd64.gz": contents}
            sums = "".join(f" {Digest.of(data).hex} {len(data)} {path}\n" for path, data in indices.items())
            self.files |= {f"debian/dists/{suite}/{path}": data for path, data in indices.items()}
            self.files[f"debian/dists/{suite}/InRelease"] = (
                f"Origin: Debian\nSuite: {suite}\nCodename: {suite}\nDate: Mon, 01 Jun 2026 00:00:00 UTC\n"
                f"SHA256:\n{sums}"
            ).encode()
        return self.files


def _of_python(name: str, python: DebianPython) -> Mapping[str, bytes]:
    files = {f"usr/share/doc/{name}/copyright": b"free\n"}
    library = f"usr/lib/{python.name}"
    if name == f"{python.name}-minimal":
        files[f"usr/bin/{python.name}"] = b"a program\n" * 100
    if name == f"lib{python.name}-stdlib":
        files |= {f"{library}/json/__init__.py": b"VALUE = 1\n", f"{library}/turtle.py": b"" * 10}
    if name == "libc6":
        files["lib/x86_64-linux-gnu/libc.so.6"] = b"not an ELF file\n"
    return files
