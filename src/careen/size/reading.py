"""The one pass over an image's layers: every entry once, every byte once, nothing kept but columns."""

from dataclasses import field

from careen.blobs.digest import Digest
from careen.oci.config import ImageConfig
from careen.oci.decompress import LayerError
from careen.oci.images import Images, read_config
from careen.oci.layer_entries import EntryKind, LayerEntries, LayerEntry
from careen.oci.manifest import Manifest
from careen.oci.unpack import open_layer
from careen.progress import Progress, Step, unheard
from careen.size.fingerprint import fingerprint
from careen.size.instructions import layer_instructions
from careen.size.model import Ecosystem, PackageId
from careen.size.printable import printable
from careen.size.records import LARGEST_RECORD, Claim, RecordError, claims, debian_versions, ecosystem_of, is_record
from careen.size.stored import Stored
from careen.size.tree import Tree
from careen.text.units import format_bytes
from careen.text.values import dataclass

_MOST_RECORDED = 64 << 20
"""Bytes of records in one layer that are held at a time; more of them are not believed."""

_PRECEDENCE = (Ecosystem.CONDA, Ecosystem.PYTHON, Ecosystem.DEBIAN, Ecosystem.ALPINE)
"""The last one is believed: Debian's Python packages bring metadata of their own, conda's are told apart by theirs."""

_TOLD_EVERY = 64 << 20
_MOST_NOTES = 20
_MOST_LAYERS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLayers:
    """What the pass found. ``packages`` by the numbers in ``stored.owners``; instructions by layer."""

    config: ImageConfig
    digests: tuple[Digest, ...]
    instructions: tuple[str, ...]
    stored: Stored
    packages: tuple[PackageId, ...]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Owners:
    """Who owns what, written into the columns when a layer is complete."""

    stored: Stored
    tree: Tree
    numbers: dict[PackageId, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    waiting: list[tuple[str, bytes]] = field(default_factory=list)
    held: int = 0

    def keep(self, entry: LayerEntry, data: bytes) -> None:
        self.waiting.append((entry.path, data))
        self.held += len(data)

    def has_room(self, entry: LayerEntry) -> bool:
        if entry.size <= LARGEST_RECORD and self.held + entry.size <= _MOST_RECORDED:
            return True
        self._note(f"/{printable(entry.path[:200])} is too large to be read, so its packages are not named")
        return False

    def end_layer(self) -> None:
        """Versions first: a list of files may stand before the status that tells its package's version."""
        for path, data in self.waiting:
            try:
                self.versions.update(debian_versions(path, data))
            except RecordError as error:
                self._note(error.message)
        for ecosystem in _PRECEDENCE:
            for path, data in self.waiting:
                if ecosystem_of(path) is ecosystem:
                    self._read(path, data)
        self.waiting, self.held = [], 0

    def _read(self, path: str, data: bytes) -> None:
        try:
            for claim in claims(path, data, self.versions):
                self._write(claim)
        except RecordError as error:
            self._note(error.message)

    def _note(self, text: str) -> None:
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(text)
        elif len(self.notes) == _MOST_NOTES:
            self.notes.append("more records like these were passed over")

    def _write(self, claim: Claim) -> None:
        number = self.numbers.setdefault(claim.package, len(self.numbers))
        owners = self.stored.owners
        for path in claim.paths:
            row = self.tree.row(path)
            if row is not None:
                owners[self.stored.content(row)] = number


def read_layers(images: Images, manifest: Manifest, progress: Progress = unheard) -> ReadLayers:
    """Raises LayerError, DigestMismatchError, ImageDocumentError, or what the source of the image raises."""
    config = read_config(images, manifest)
    if len(config.diff_ids) != len(manifest.layers):
        raise LayerError(f"the image has {len(manifest.layers)} layers and names {len(config.diff_ids)}")
    if len(manifest.layers) > _MOST_LAYERS:
        raise LayerError(f"the image has {len(manifest.layers)} layers, more than any runtime takes")
    instructions = layer_instructions(config)
    stored = Stored()
    tree = Tree(stored)
    owners = _Owners(stored, tree)
    count = len(manifest.layers)
    for layer, (descriptor, diff_id) in enumerate(zip(manifest.layers, config.diff_ids, strict=True)):
        read = told = 0
        progress(Step("reading layers", layer, count, instructions[layer]))
        with open_layer(images, descriptor, diff_id=diff_id) as entries:
            for entry in entries:
                _take(entry, entries, layer, tree, owners)
                read += entry.size
                if read - told >= _TOLD_EVERY:
                    told = read
                    progress(Step("reading layers", layer, count, f"{format_bytes(read)}  {instructions[layer]}"))
        owners.end_layer()
        tree.end_layer()
    progress(Step("reading layers", count, count))
    return ReadLayers(
        config=config,
        digests=tuple(layer.digest for layer in manifest.layers),
        instructions=instructions,
        stored=stored,
        packages=tuple(owners.numbers),
        notes=tuple(dict.fromkeys(owners.notes)),
    )


def _take(entry: LayerEntry, entries: LayerEntries, layer: int, tree: Tree, owners: _Owners) -> None:
    if entry.kind is not EntryKind.FILE or not entry.size:
        tree.apply(entry, layer)
    elif is_record(entry.path) and owners.has_room(entry):
        data = b"".join(entries.content())
        tree.apply(entry, layer, fingerprint((data,)))
        owners.keep(entry, data)
    else:
        tree.apply(entry, layer, fingerprint(entries.content()))
