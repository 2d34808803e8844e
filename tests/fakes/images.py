"""Images of a few files, as a test needs them; their layers are written by the standard library's tarfile."""

import gzip
import io
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from careen.blobs.digest import Descriptor, Digest
from careen.oci.config import ImageConfig, RunConfig
from careen.oci.layout import Layout, LayoutWriter
from careen.oci.manifest import ImagePlatform, Manifest
from careen.oci.media_types import CONFIG, DOCKER_LAYER_GZIP, LAYER, LAYER_GZIP, LAYER_ZSTD, MANIFEST


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a layer: a folder when its path ends with a slash, else what ``kind`` says."""

    path: str
    data: bytes = b""
    kind: bytes = tarfile.REGTYPE
    mode: int = 0o644
    target: str = ""
    owner: int = 0
    pax: dict[str, str] = field(default_factory=dict)


def folder(path: str, mode: int = 0o755) -> Item:
    return Item(path, kind=tarfile.DIRTYPE, mode=mode)


def symlink(path: str, target: str) -> Item:
    return Item(path, kind=tarfile.SYMTYPE, mode=0o777, target=target)


def hard_link(path: str, target: str) -> Item:
    return Item(path, kind=tarfile.LNKTYPE, target=target)


def tar(items: Iterable[Item], form: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for item in items:
            header = tarfile.TarInfo(item.path)
            header.type, header.mode, header.linkname = item.kind, item.mode, item.target
            header.uid = header.gid = item.owner
            header.size = len(item.data)
            header.mtime = 1_700_000_000
            header.pax_headers = item.pax
            archive.addfile(header, io.BytesIO(item.data))
    return packed.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    LAYER: bytes,
    LAYER_GZIP: lambda data: gzip.compress(data, 1, mtime=0),
    DOCKER_LAYER_GZIP: lambda data: gzip.compress(data, 1, mtime=0),
    LAYER_ZSTD: lambda data: zstandard.ZstdCompressor(1).compress(data),
}


def put_image(
    writer: LayoutWriter,
    layers: Iterable[bytes],
    *,
    media_type: str = LAYER_GZIP,
    architecture: str = "amd64",
    run: RunConfig | None = None,
) -> Descriptor:
    """The manifest of an image whose layers are these tar streams."""
    tars = list(layers)
    config = ImageConfig(
        platform=ImagePlatform(architecture=architecture),
        diff_ids=tuple(Digest.of(data) for data in tars),
        run=run or RunConfig(),
    )
    blobs = tuple(writer.put(media_type, PACKINGS[media_type](data)) for data in tars)
    manifest = Manifest(config=writer.put(CONFIG, config.render()), layers=blobs)
    return writer.put(MANIFEST, manifest.render())


def layout_of(root: Path, *layers: Iterable[Item], media_type: str = LAYER_GZIP, name: str = "web") -> Layout:
    with LayoutWriter(root) as writer:
        return writer.finish({name: put_image(writer, (tar(layer) for layer in layers), media_type=media_type)})
