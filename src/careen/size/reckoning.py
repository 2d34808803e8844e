"""From the columns to the sums: each stored file is counted once in every table."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import field

from careen.oci.manifest import Manifest
from careen.oci.media_types import Compression, compression_of
from careen.size.attribution import Attribution
from careen.size.model import Cause, ImageSize, Share, SizedCause, SizedLayer, SizedPackage
from careen.size.reading import ReadLayers
from careen.size.stored import Fate, Stored
from careen.size.waste import find_waste
from careen.text.values import dataclass

_INSIDE = frozenset(
    {
        Cause.BYTECODE,
        Cause.TESTS,
        Cause.DOCUMENTATION,
        Cause.LOCALES,
        Cause.TOOLCHAIN,
        Cause.STATIC_LIBRARIES,
    }
)
"""What packages bring that an image can often do without."""


@dataclass(slots=True)
class _Count:
    bytes: int = 0
    files: int = 0

    def add(self, size: int) -> None:
        self.bytes += size
        self.files += 1


@dataclass(slots=True)
class _Sums:
    """By key (see Attribution), by cause inside of packages, and by layer."""

    visible: defaultdict[int, _Count] = field(default_factory=lambda: defaultdict(_Count))
    hidden: defaultdict[int, _Count] = field(default_factory=lambda: defaultdict(_Count))
    inside: defaultdict[Cause, _Count] = field(default_factory=lambda: defaultdict(_Count))
    layers: defaultdict[int, dict[int, _Count]] = field(default_factory=lambda: defaultdict(dict))
    hidden_in: Counter[tuple[int, int]] = field(default_factory=Counter)
    bytecode: Counter[int] = field(default_factory=Counter)


def reckon(name: str, manifest: Manifest, read: ReadLayers) -> ImageSize:
    """``name`` is what the user calls the image."""
    attribution = Attribution(read.stored, read.packages, read.config.run.working_directory)
    sums = _add_up(read.stored, attribution)
    waste = find_waste(read.stored, attribution)
    layers = tuple(_layer(number, manifest, read, sums, attribution) for number in range(len(manifest.layers)))
    compressed = [layer.compressed_bytes for layer in layers]
    return ImageSize(
        name=name,
        platform=read.config.platform,
        bytes=sum(layer.bytes for layer in layers),
        compressed_bytes=None if None in compressed else sum(filter(None, compressed)),
        hidden_bytes=sum(count.bytes for count in sums.hidden.values()),
        wasted_bytes=sum(item.bytes for item in waste),
        layers=layers,
        packages=_packages(sums, attribution),
        rest=_by_cause({cause: sums.visible[key] for key in sums.visible if (cause := attribution.cause_of(key))}),
        inside=_by_cause(sums.inside),
        waste=waste,
        notes=read.notes,
    )


def _add_up(stored: Stored, attribution: Attribution) -> _Sums:
    """Empty files have a place in the image but nothing to say about its size; they are left out of all counts."""
    sums = _Sums()
    for row, size in enumerate(stored.sizes):
        if not size:
            continue
        key, layer = attribution.key(row), stored.layers[row]
        sums.layers[layer].setdefault(key, _Count()).add(size)
        if stored.fates[row] != Fate.VISIBLE:
            sums.hidden[key].add(size)
            sums.hidden_in[layer, key] += size
            continue
        sums.visible[key].add(size)
        if key >= 0:
            cause = attribution.cause(row)
            if cause in _INSIDE:
                sums.inside[cause].add(size)
            if cause is Cause.BYTECODE:
                sums.bytecode[key] += size
    return sums


def _layer(number: int, manifest: Manifest, read: ReadLayers, sums: _Sums, attribution: Attribution) -> SizedLayer:
    descriptor = manifest.layers[number]
    shares = [
        Share(
            package=attribution.package(key),
            cause=attribution.cause_of(key),
            bytes=count.bytes,
            hidden_bytes=sums.hidden_in[number, key],
            files=count.files,
        )
        for key, count in sums.layers[number].items()
    ]
    return SizedLayer(
        number=number + 1,
        digest=descriptor.digest,
        instruction=read.instructions[number],
        bytes=sum(share.bytes for share in shares),
        compressed_bytes=None if compression_of(descriptor.media_type) is Compression.NONE else descriptor.size,
        files=sum(share.files for share in shares),
        hidden_bytes=sum(share.hidden_bytes for share in shares),
        shares=tuple(sorted(shares, key=lambda share: (-share.bytes, share.label))),
    )


def _packages(sums: _Sums, attribution: Attribution) -> tuple[SizedPackage, ...]:
    places: defaultdict[int, list[int]] = defaultdict(list)
    for layer in sorted(sums.layers):
        for key in sums.layers[layer]:
            places[key].append(layer + 1)
    found = [
        SizedPackage(
            package=package,
            bytes=sums.visible[key].bytes,
            files=sums.visible[key].files,
            bytecode_bytes=sums.bytecode[key],
            hidden_bytes=sums.hidden[key].bytes,
            layers=tuple(places[key]),
        )
        for key in places
        if (package := attribution.package(key)) is not None
    ]
    return tuple(sorted(found, key=lambda item: (-item.bytes, item.package)))


def _by_cause(counts: Mapping[Cause, _Count]) -> tuple[SizedCause, ...]:
    found = [SizedCause(cause=cause, bytes=count.bytes, files=count.files) for cause, count in counts.items()]
    return tuple(sorted(found, key=lambda item: (-item.bytes, item.cause.value)))
