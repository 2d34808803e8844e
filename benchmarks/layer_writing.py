"""Writing a layer: careen's own tar entries and parallel packing beside the standard library's tarfile and gzip.

    python benchmarks/layer_writing.py [--rounds 3] [--megabytes 223] [--entries 9744]

Makes a tree of real files (the standard library and installed packages of the interpreter that runs it, and native
code), then writes the same tree in each way, in turns, and prints the best time of each, with its ratio to the floor:
reading every file and hashing it. With copies it is what a build keeps of a wheel, to join layers from without
inflating. The page cache is warm; run it on a machine that does nothing else.
"""

import argparse
import gzip
import hashlib
import os
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from careen.blobs.digest import DigestingSink
from careen.oci.layer import PartWriter, packer
from careen.oci.media_types import Compression
from careen.oci.tarwriter import END_OF_ARCHIVE, TarHeaders, padding


def make_tree(root: Path, megabytes: int, entries: int) -> tuple[int, int]:
    """Bytes and entries of what was made; about a sixth of the entries are folders, as in installed packages."""
    sources = [
        path
        for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
        for path in Path(folder).rglob("*.py")
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20
    ]
    sources.sort()
    total = made = 0
    folders = entries // 6
    for number in range(folders):
        (root / f"package{number:05}").mkdir()
    for number in range(entries - folders - 8):
        data = sources[number % len(sources)].read_bytes()
        (root / f"package{number % folders:05}" / f"module{number:05}.py").write_bytes(data)
        total += len(data)
        made += 1
    native = b"".join(path.read_bytes() for path in native_files())
    share = max(0, megabytes * 10**6 - total) // 8
    for number in range(8):
        start = number * share % len(native)
        data = (native[start:] + native * (share // len(native) + 1))[:share]
        (root / f"package{number:05}" / "native.so").write_bytes(data)
        total += len(data)
        made += 1
    return total, made + folders


def native_files() -> list[Path]:
    folders = [sysconfig.get_path("platstdlib"), sysconfig.get_path("platlib")]
    found = sorted(path for folder in folders for path in Path(folder).rglob("*.so*") if path.is_file())
    return [*found, Path(sys.executable).resolve()]


def walk(root: Path) -> Iterator[tuple[str, os.stat_result | None]]:
    """Paths in the order of a layer; None for folders."""
    found: list[tuple[str, os.stat_result | None]] = []
    waiting = [("", root)]
    while waiting:
        prefix, folder = waiting.pop()
        with os.scandir(folder) as listing:
            for item in listing:
                name = f"{prefix}{item.name}"
                if item.is_dir(follow_symlinks=False):
                    found.append((name, None))
                    waiting.append((f"{name}/", Path(item.path)))
                else:
                    found.append((name, item.stat(follow_symlinks=False)))
    yield from sorted(found, key=lambda item: item[0])


def floor(root: Path, _: Path) -> None:
    digest = hashlib.sha256()
    for path, status in walk(root):
        if status is not None:
            descriptor = os.open(root / path, os.O_RDONLY)
            digest.update(os.read(descriptor, status.st_size))
            os.close(descriptor)
    digest.hexdigest()


def with_tarfile(level: int) -> Callable[[Path, Path], None]:
    def write(root: Path, output: Path) -> None:
        digest = hashlib.sha256()
        with (
            output.open("wb") as target,
            gzip.GzipFile(fileobj=target, mode="wb", compresslevel=level, mtime=0) as packed,
        ):
            sink = _Tee(packed, digest)
            with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for path, _ in walk(root):
                    member = archive.gettarinfo(str(root / path), path)
                    member.uid = member.gid = member.mtime = 0
                    member.uname = member.gname = ""
                    if member.isreg():
                        with (root / path).open("rb") as stream:
                            archive.addfile(member, stream)
                    else:
                        archive.addfile(member)
        hashlib.sha256(output.read_bytes()).hexdigest()

    return write


class _Tee:
    def __init__(self, target: gzip.GzipFile, digest: "hashlib._Hash") -> None:
        self._target, self._digest = target, digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._target.write(data)


def with_careen(compression: Compression, *, copies: bool = False) -> Callable[[Path, Path], None]:
    def write(root: Path, output: Path) -> None:
        headers = TarHeaders(0)
        stream = hashlib.sha256()
        hashing: list[object] = []
        with (
            ThreadPoolExecutor(os.cpu_count()) as pool,
            ThreadPoolExecutor(1) as hasher,
            output.open("wb") as target,
        ):
            sink = DigestingSink(target)
            part = PartWriter(sink, packer(compression), pool, copies=copies)
            waiting: list[bytes] = []
            size = 0
            for path, status in walk(root):
                if status is None:
                    waiting.append(headers.folder(path))
                    size += 512
                    continue
                descriptor = os.open(root / path, os.O_RDONLY)
                data = os.read(descriptor, status.st_size)
                os.close(descriptor)
                waiting += (headers.file(path, len(data), mode=0o644), data, padding(len(data)))
                size += len(data)
                if size >= 1 << 20:
                    joined = b"".join(waiting)
                    waiting, size = [], 0
                    part.write(joined)
                    hashing.append(hasher.submit(stream.update, joined))
            joined = b"".join(waiting) + END_OF_ARCHIVE
            part.write(joined)
            hasher.submit(stream.update, joined).result()
            part.finish()
            sink.digest()
        stream.hexdigest()

    return write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=223)
    parser.add_argument("--entries", type=int, default=9744)
    arguments = parser.parse_args()
    ways: dict[str, Callable[[Path, Path], None]] = {
        "floor: read and sha256": floor,
        "careen, gzip": with_careen(Compression.GZIP),
        "careen, gzip and copies": with_careen(Compression.GZIP, copies=True),
        "careen, zstd": with_careen(Compression.ZSTD),
        "tarfile, gzip 1": with_tarfile(1),
        "tarfile, gzip 6": with_tarfile(6),
    }
    best = dict.fromkeys(ways, float("inf"))
    sizes = dict.fromkeys(ways, 0)
    with tempfile.TemporaryDirectory(prefix="careen-benchmark-") as folder:
        root, output = Path(folder, "tree"), Path(folder, "layer")
        root.mkdir()
        total, entries = make_tree(root, arguments.megabytes, arguments.entries)
        print(f"{total / 1e6:.1f} MB in {entries} entries, {os.cpu_count()} processors")
        for _ in range(arguments.rounds):
            for name, way in ways.items():
                output.unlink(missing_ok=True)
                started = time.perf_counter()
                way(root, output)
                best[name] = min(best[name], time.perf_counter() - started)
                sizes[name] = output.stat().st_size if output.exists() else 0
    least = best["floor: read and sha256"]
    for name in ways:
        packed = f"{sizes[name] / 1e6:7.1f} MB" if sizes[name] else ""
        print(f"{name:26} {best[name]:6.2f} s  {best[name] / least:5.1f} x the floor  {packed}")


if __name__ == "__main__":
    main()
