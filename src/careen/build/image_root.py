"""A base that is an image: its layers go into ours as they are, and its files are known.

Packed once more as one segment it answers what a composed base answers: which modules its standard library has, which
libraries are there, where the interpreter lies that compiles. That segment is read, and never part of an image.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from careen.blobs.digest import Digest
from careen.blobs.store import EntryKey
from careen.build.assembly import Layer, Share
from careen.build.segment import Contents, Folder, Member, Segment, SegmentMaker
from careen.oci.layout import Layout
from careen.plan.target import ImageBase
from careen.text.values import dataclass

if TYPE_CHECKING:
    from careen.oci.filesystem import ImageFile

_FORMAT = 1
_PIECE = 1 << 20

FindBase = Callable[[ImageBase], Layout]
"""The layout that holds a base's blobs, fetched when it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRootRecipe:
    base: ImageBase
    find: FindBase

    def inputs(self) -> dict[str, object]:
        return {"format": _FORMAT, "image": self.base.manifest.hex}

    @property
    def what(self) -> str:
        return f"{self.base.label} with Python {self.base.runtime.version}"

    @property
    def weight(self) -> int:
        return self.base.bytes

    def key(self, maker: SegmentMaker, /) -> EntryKey:
        return maker.key("image", self.inputs())

    def fetch(self) -> None:
        self.find(self.base)

    def segment(self, maker: SegmentMaker, /, *, without: frozenset[str] = frozenset()) -> Segment:
        assert not without  # noqa: S101 - nothing lies below it
        found = maker.find(self.key(maker))
        if found is not None:
            return found
        with maker.store.scratch() as scratch:
            return maker.get_or_make(self.key(maker), lambda: self._contents(scratch / "root"))

    def _contents(self, folder: Path) -> Contents:
        """Unpacked into ``folder``, which must stay until the members are read."""
        from careen.oci.layer_entries import EntryKind  # noqa: PLC0415 - few bases are images, and each is read once
        from careen.oci.unpack import Specials, UnpackSettings, unpack  # noqa: PLC0415

        layout = self.find(self.base)
        manifest = layout.manifest(layout.image(self.base.manifest.hex))
        files = unpack(layout, manifest, folder, UnpackSettings(specials=Specials.SKIP)).files()
        folders = (Folder(file.path, file.mode, file.uid) for file in files if file.kind is EntryKind.DIRECTORY)
        members = (member for file in files if (member := _member(file, folder)) is not None)
        return Contents(what=self.what, members=members, folders=tuple(folders))

    def layers(self) -> tuple[Layer, ...]:
        """Bottom to top, as they are in the image."""
        layout = self.find(self.base)
        count = len(self.base.layers)
        return tuple(
            Layer(
                key=EntryKey.of("image layer", {"digest": layer.digest.hex}),
                path=layout.blob_path(layer.digest),
                digest=layer.digest,
                diff_id=layer.diff_id,
                bytes=layer.bytes,
                packed_bytes=layer.size,
                shares=(Share(f"{self.base.label}, layer {number} of {count}", layer.bytes, 0),),
                overlaps=(),
                media_type=layer.media_type,
            )
            for number, layer in enumerate(self.base.layers, 1)
        )


def _member(file: "ImageFile", root: Path) -> Member | None:
    """None for what is no part of a segment. A second name of a file is a file here."""
    from careen.oci.layer_entries import EntryKind  # noqa: PLC0415 - as above

    if file.kind is EntryKind.SYMBOLIC_LINK:
        return Member(path=file.path, target=file.target)
    if file.kind not in {EntryKind.FILE, EntryKind.HARD_LINK}:
        return None
    place = root / file.path

    def content() -> Iterator[bytes]:
        with place.open("rb") as stream:
            while data := stream.read(_PIECE):
                yield data

    return Member(
        path=file.path, size=place.stat().st_size, mode=0o755 if file.mode & 0o111 else 0o644, content=content
    )


def whiteouts(base: ImageBase, replaced: frozenset[str]) -> tuple[str, ...]:
    """Files of the base's own distributions that the stack brings itself, in whatever version: paths to hide."""
    others = {path for item in base.distributions if item.name not in replaced for path in item.paths}
    mine = {path for item in base.distributions if item.name in replaced for path in item.paths}
    return tuple(sorted(mine - others))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhiteoutRecipe:
    """Hides files of layers below (image spec, layer.md, "Whiteouts")."""

    paths: tuple[str, ...]
    what: str
    weight: int = 0

    def key(self, maker: SegmentMaker, /) -> EntryKey:
        return maker.key(
            "whiteouts", {"paths": Digest.of("\n".join(self.paths).encode("utf-8", "surrogateescape")).hex}
        )

    def fetch(self) -> None:
        """Nothing has to be."""

    def segment(self, maker: SegmentMaker, /, *, without: frozenset[str] = frozenset()) -> Segment:
        return maker.get_or_make(self.key(maker), lambda: Contents(what=self.what, members=self._members(without)))

    def _members(self, without: frozenset[str]) -> Iterator[Member]:
        names = (path.rpartition("/") for path in self.paths if path not in without)
        for path in sorted(f"{folder}{slash}.wh.{name}" for folder, slash, name in names):
            yield Member(path=path, content=b"", digest=Digest.of(b""))
