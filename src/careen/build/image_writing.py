"""From layers that are made to an image of the layout, and what is true of it."""

import json
from collections.abc import Sequence

from careen.blobs.digest import Descriptor
from careen.blobs.store import EntryKey, Store
from careen.build.assembly import Assembler, Layer, Piece
from careen.build.attachments import NewImage
from careen.build.closure import missing_libraries
from careen.build.configuration import annotations, image_config
from careen.build.engine import BuildOptions, BuiltImage, BuiltLayer, BuiltShare
from careen.build.segment import FORMAT
from careen.build.stack_layers import StackLayer
from careen.oci.layout import LayoutWriter
from careen.oci.manifest import Manifest
from careen.oci.media_types import CONFIG, MANIFEST, layer_type
from careen.plan.target import Plan, ServicePlan
from careen.text.values import dataclass

_WHITEOUT = ".wh."


@dataclass(frozen=True, slots=True)
class PlacedLayer:
    """A layer that is."""

    layer: StackLayer
    pieces: tuple[Piece, ...]
    made: Layer


@dataclass(frozen=True, slots=True)
class _ImageFacts:
    """``hidden_bytes`` are those of files that a layer above replaces; ``tops`` the top names that have files."""

    hidden_bytes: int
    notes: tuple[str, ...]
    tops: frozenset[str]


@dataclass(frozen=True, slots=True)
class ImageWriter:
    plan: Plan
    options: BuildOptions
    store: Store
    assembler: Assembler

    def write(
        self, writer: LayoutWriter, service: ServicePlan, reference: str, placed: Sequence[PlacedLayer]
    ) -> tuple[BuiltImage, NewImage]:
        media_type = layer_type(self.options.compression)
        layers = []
        for item in placed:
            descriptor = Descriptor(item.made.media_type or media_type, item.made.digest, item.made.packed_bytes)
            if not writer.has(descriptor):
                writer.add_blob(descriptor, item.made.path)
            layers.append(descriptor)
        contents = [(item.layer.what, item.made.diff_id) for item in placed]
        origin = self.options.origin
        config = image_config(self.plan, service, contents, origin)
        manifest = Manifest(
            config=writer.put(CONFIG, config.render()),
            layers=tuple(layers),
            annotations=annotations(self.plan, service, contents[0][1], origin),
        )
        descriptor = writer.put(MANIFEST, manifest.render())
        facts = self._facts(placed)
        image = BuiltImage(
            service=service.name,
            reference=reference,
            digest=descriptor.digest,
            bytes=sum(item.made.bytes for item in placed) - facts.hidden_bytes,
            compressed_bytes=sum(item.made.packed_bytes for item in placed),
            layers=tuple(_built(item) for item in placed),
            notes=(*facts.notes, *(sentence for item in placed for sentence in item.made.overlaps)),
        )
        written = NewImage(
            service=service, reference=reference, manifest=descriptor, run=config.run, layers=contents, files={}
        )
        return image, written

    def _facts(self, placed: Sequence[PlacedLayer]) -> _ImageFacts:
        """What is true of these layers together. Of the shared ones it is known from the last time; the service's own
        files, which change often, lie apart as a rule.
        """
        *shared, own = placed
        known = self._known_facts(shared)
        contents = self.assembler.contents(own.pieces)
        if contents.natives or any(_top(path) in known.tops for path in contents.files):
            return self._known_facts(placed)
        return known

    def _known_facts(self, placed: Sequence[PlacedLayer]) -> _ImageFacts:
        key = EntryKey.of("image", {"format": FORMAT, "layers": [item.made.key.digest.hex for item in placed]})
        document = json.loads(self.store.get_or_make(key, lambda _: self._find_facts(placed)).document)
        return _ImageFacts(document["hidden_bytes"], tuple(document["notes"]), frozenset(document["tops"]))

    def _find_facts(self, placed: Sequence[PlacedLayer]) -> bytes:
        contents = [self.assembler.contents(item.pieces) for item in placed]
        files: dict[str, int] = {}
        hidden = 0
        for layer in contents:
            for path, size in layer.files.items():
                folder, slash, name = path.rpartition("/") if _WHITEOUT in path else ("", "", path)
                if name.startswith(_WHITEOUT):
                    hidden += files.pop(f"{folder}{slash}{name.removeprefix(_WHITEOUT)}", 0)
                    continue
                hidden += files.get(path, 0)
                files[path] = size
        natives = [native for layer in contents for native in layer.natives if native.path in files]
        missing = missing_libraries(natives, files, self.plan.platform.architecture, self.plan.base.c_library)
        document = {
            "hidden_bytes": hidden,
            "notes": [str(library) for library in missing],
            "tops": sorted({_top(path) for path in files}),
        }
        return json.dumps(document).encode()


def _top(path: str) -> str:
    return path.partition("/")[0]


def _built(item: PlacedLayer) -> BuiltLayer:
    return BuiltLayer(
        digest=item.made.digest,
        diff_id=item.made.diff_id,
        bytes=item.made.bytes,
        compressed_bytes=item.made.packed_bytes,
        services=item.layer.services,
        what=item.layer.what,
        shares=tuple(
            BuiltShare(what=share.what, bytes=share.bytes, bytecode_bytes=share.bytecode_bytes)
            for share in item.made.shares
        ),
    )
