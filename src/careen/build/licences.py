"""Licences of what an image holds, looked up once for each wheel and each base, and kept."""

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from careen.blobs.store import EntryKey, Store
from careen.build.distribution import WheelRecipe
from careen.build.interpreter import base_files
from careen.build.segment import Segment
from careen.debian.licence import licence_names as names_in_copyright
from careen.oci.layer import Packer
from careen.python.installing import metadata_folder
from careen.python.licence import licence_expression, licence_names
from careen.text.values import dataclass

_FORMAT = 2
_LARGEST = 4 << 20
_FOLDER = "usr/share/doc/"
_STATUS = "var/lib/dpkg/status.d/"


@dataclass(frozen=True, slots=True)
class Licence:
    """Either an SPDX expression, or what the authors call it, which may be several names."""

    expression: str = ""
    names: tuple[str, ...] = ()


def licences_of_wheels(store: Store, recipes: Iterable[WheelRecipe], pool: ThreadPoolExecutor) -> Mapping[str, Licence]:
    """By the digest of the wheel. Raises what fetching and reading a wheel raise."""
    wanted = {recipe.digest.hex: recipe for recipe in recipes}
    key = EntryKey.of("licences", {"format": _FORMAT, "wheels": sorted(wanted)})

    def find() -> bytes:
        found = pool.map(lambda recipe: _of_wheel(store, recipe), wanted.values())
        return json.dumps(dict(zip(wanted, found, strict=True))).encode()

    document = json.loads(store.get_or_make(key, lambda _: find()).document)
    return {digest: Licence(expression, tuple(names)) for digest, (expression, names) in document.items()}


def _of_wheel(store: Store, recipe: WheelRecipe) -> tuple[str, tuple[str, ...]]:
    def read() -> bytes:
        with recipe.open() as archive:
            path = f"{metadata_folder(archive)}/METADATA"
            entry = next((found for found in archive.directory.files() if found.path == path), None)
            data = archive.read(entry) if entry is not None and entry.size <= _LARGEST else b""
        metadata = data.decode("utf-8", "replace")
        return json.dumps([licence_expression(metadata), licence_names(metadata)]).encode()

    key = EntryKey.of("licence", {"format": _FORMAT, "wheel": recipe.digest.hex})
    expression, names = json.loads(store.get_or_make(key, lambda _: read()).document)
    return expression, names


def licences_of_packages(
    store: Store, segment_key: EntryKey, segment: Callable[[], Segment], packer: Packer
) -> Mapping[str, Licence]:
    """By the names of the Debian packages that the segment has something of, which is asked for once.

    Trimming may leave nothing of a package; then dpkg's status does not name it either.
    """
    key = EntryKey.of("licences", {"format": _FORMAT, "segment": segment_key.digest.hex})

    def read() -> bytes:
        made = segment()
        paths = [file.path for file in made.files]
        statuses = (path.removeprefix(_STATUS) for path in paths if path.startswith(_STATUS))
        found: dict[str, tuple[str, ...]] = {name: () for name in statuses if not name.endswith(".md5sums")}
        wanted = [path for path in paths if path.startswith(_FOLDER) and path.endswith("/copyright")]
        for path, data in base_files(made, packer, wanted):
            package = path.removeprefix(_FOLDER).removesuffix("/copyright")
            if package in found:
                found[package] = names_in_copyright(data[:_LARGEST].decode("utf-8", "replace"))
        return json.dumps(found).encode()

    document = json.loads(store.get_or_make(key, lambda _: read()).document)
    return {package: Licence(names=tuple(names)) for package, names in document.items()}
