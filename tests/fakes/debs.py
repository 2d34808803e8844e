""".deb files, such as a mirror hands out (deb(5))."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from careen.blobs.digest import Digest
from careen.debian.packages import BinaryPackage


def write_deb(
    folder: Path, name: str, files: Mapping[str, bytes], *, version: str = "1-1", md5sums: bytes = b""
) -> tuple[BinaryPackage, Path]:
    """``files`` are contents by path; those below a ``bin`` folder are programs."""
    control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody <nobody@example.org>\n"
    members = {
        "debian-binary": b"2.0\n",
        "control.tar": _tar({"control": control.encode(), **({"md5sums": md5sums} if md5sums else {})}),
        "data.tar": _tar(files),
    }
    data = b"!<arch>\n"
    for member, content in members.items():
        data += f"{member:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        data += content + b"\n" * (len(content) % 2)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}_{version}_amd64.deb"
    path.write_bytes(data)
    package = BinaryPackage(
        name=name,
        version=version,
        architecture="amd64",
        digest=Digest.of(data),
        size=len(data),
        installed_bytes=sum(map(len, files.values())),
        url=f"https://mirror.example/{path.name}",
    )
    return package, path


def _tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(f"./{path}")
            member.size = len(content)
            member.mode = 0o755 if "bin" in path.split("/")[:-1] else 0o644
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()
