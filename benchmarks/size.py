"""What it costs to attribute a large image: careen beside `whybig` and beside reading the layers at all (`tar t`).

Usage: python benchmarks/size.py [--gigabytes 6] [--files 150000] [--packing gzip|none] [--folder SCRATCH]

Makes an image of that size in the scratch folder, as Python services grow them: a Debian-like base, distributions with
records, one `chown -R` that stores a third of it again. Then every program reads it, each in a process of its own, and
the table tells its time, its processor time and the most memory it held. `whybig` is used when it is installed
(`pip install whybig`). Reading takes the layers through `gzip -dc | tar t`; it is the floor for anything
that looks at every file.
"""

import argparse
import hashlib
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isal import igzip

from careen.blobs.digest import Descriptor, Digest
from careen.oci.config import History, ImageConfig
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.manifest import ImagePlatform, Manifest
from careen.oci.media_types import CONFIG, LAYER, LAYER_GZIP, MANIFEST
from careen.text.units import format_bytes, format_seconds

SITE = "usr/local/lib/python3.11/site-packages"
DISTRIBUTIONS = 300
LAYERS = 6
_NOISE = random.Random(1).randbytes(1 << 20)  # noqa: S311 - the same bytes on every machine
_TEXT = b"def function(argument, other=None):\n    return argument or other\n" * 4000


@dataclass(frozen=True, slots=True)
class Made:
    """A layer's stream: what it is called by, packed and unpacked."""

    descriptor: Descriptor
    diff_id: Digest
    instruction: str


class _Sink(io.RawIOBase):
    """Hashes a tar stream on its way into a blob."""

    def __init__(self, target: "io.BufferedIOBase") -> None:
        self._target = target
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        self.hash.update(data)
        self._target.write(data)
        return len(data)


def files_of(layer: int, total: int, count: int) -> Iterator[tuple[str, int]]:
    """Paths and sizes: most files are small, a few hold nearly everything, as in CUDA's wheels."""
    numbers = random.Random(layer)  # noqa: S311
    heavy = max(1, count // 400)
    small = sum(3000 + 977 * index % 9000 for index in range(count - heavy))
    each = max(1, (total - small) // heavy)
    for index in range(count):
        distribution = f"d{layer}x{index % (DISTRIBUTIONS // LAYERS):03}"
        size = each if index < heavy else 3000 + 977 * (index - heavy) % 9000
        name = f"lib{index}.so" if index < heavy else f"part{numbers.randrange(40)}/module{index}.py"
        yield f"{distribution}/{name}", size


def content(size: int, salt: int) -> Iterator[bytes]:
    """Half of it can be packed."""
    yield salt.to_bytes(8, "big")[: min(8, size)]
    left = size - 8
    while left > 0:
        for source in (_NOISE, _TEXT):
            piece = source[: max(0, left)]
            left -= len(piece)
            yield piece


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def write_layer(stream: io.RawIOBase, layer: int, total: int, count: int, owner: int) -> None:
    with tarfile.open(fileobj=stream, mode="w|", bufsize=1 << 20) as archive:
        records: dict[str, list[str]] = {}
        for index, (path, size) in enumerate(files_of(layer, total, count)):
            item = tarfile.TarInfo(f"{SITE}/{path}")
            item.size, item.uid, item.mtime = size, owner, 1_700_000_000
            archive.addfile(item, _Pieces(content(size, layer << 32 | index)))
            records.setdefault(path.partition("/")[0], []).append(path)
        for name, paths in records.items():
            data = "".join(f"{path},sha256=x,{len(path)}\n" for path in paths).encode()
            item = tarfile.TarInfo(f"{SITE}/{name}-1.0.dist-info/RECORD")
            item.size, item.uid, item.mtime = len(data), owner, 1_700_000_000
            archive.addfile(item, io.BytesIO(data))


def make_layer(writer: LayoutWriter, scratch: Path, packing: str, number: int, arguments: argparse.Namespace) -> Made:
    total, count = int(arguments.gigabytes * 1e9 / (LAYERS + LAYERS // 2)), arguments.files * 2 // (LAYERS * 3)
    repeated = number >= LAYERS
    source = number - LAYERS if repeated else number
    path = scratch / "layer"
    with path.open("wb") as blob:
        if packing == "gzip":
            with igzip.IGzipFile(fileobj=blob, mode="wb", compresslevel=1) as packed:
                sink = _Sink(packed)
                write_layer(sink, source, total, count, owner=1000 if repeated else 0)
        else:
            sink = _Sink(blob)
            write_layer(sink, source, total, count, owner=1000 if repeated else 0)
    with path.open("rb") as blob:
        digest = hashlib.file_digest(blob, "sha256").hexdigest()
    media_type = LAYER_GZIP if packing == "gzip" else LAYER
    descriptor = Descriptor(media_type, Digest(digest), path.stat().st_size)
    writer.add_blob(descriptor, path)
    path.unlink()
    instruction = f"RUN chown -R 1000 /{SITE}" if repeated else f"RUN pip install group-{number}"
    return Made(descriptor, Digest(sink.hash.hexdigest()), instruction)


def make(folder: Path, arguments: argparse.Namespace) -> Layout:
    with LayoutWriter(folder / "image") as writer:
        made = [
            make_layer(writer, folder, arguments.packing, number, arguments) for number in range(LAYERS + LAYERS // 2)
        ]
        config = ImageConfig(
            platform=ImagePlatform(architecture="amd64"),
            diff_ids=tuple(layer.diff_id for layer in made),
            history=tuple(History(created_by=layer.instruction) for layer in made),
        )
        manifest = Manifest(
            config=writer.put(CONFIG, config.render()), layers=tuple(layer.descriptor for layer in made)
        )
        return writer.finish({"web": writer.put(MANIFEST, manifest.render())})


def run(label: str, command: list[str]) -> str:
    """What it printed; its figures go into the table."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        printed.seek(0)
        output = printed.read()
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if status:
        print(f"{label:28} failed with status {os.waitstatus_to_exitcode(status)}")
        return ""
    print(
        f"{label:28} {format_seconds(seconds):>14} {format_seconds(busy):>14} "
        f"{format_bytes(usage.ru_maxrss * 1024):>12}"
    )
    return str(output, "utf-8", "replace")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=6.0)
    parser.add_argument("--files", type=int, default=150_000)
    parser.add_argument("--packing", choices=("gzip", "none"), default="gzip")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        layout = make(folder, arguments)
        blobs = [str(layout.blob_path(layer.digest)) for layer in layout.manifest(layout.image()).layers]
        packed = sum(Path(blob).stat().st_size for blob in blobs)
        unpack = "gzip -dc" if arguments.packing == "gzip" else "cat"
        print(f"{'':28} {'time':>14} {'processor':>14} {'memory':>12}")
        floor = " && ".join(f"{unpack} {blob} | tar tf - >/dev/null" for blob in blobs)
        run("reading (tar t)", ["sh", "-c", floor])
        output = run(
            "careen size",
            [sys.executable, "-m", "careen", "size", "--quiet", "--format", "json", f"{folder}/image"],
        )
        whybig = shutil.which("whybig")
        if whybig is None:
            print("whybig is not installed: pip install whybig")
        else:
            run("whybig", [whybig, "--json", f"{folder}/image"])
        found = json.loads(output)
        print()
        files = sum(layer["files"] for layer in found["layers"])
        print(
            f"{format_bytes(found['bytes'])} in {files} files, {format_bytes(packed)} as packed; "
            f"{format_bytes(found['wasted_bytes'])} wasted, most of it by: {found['waste'][0]['instruction']}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
