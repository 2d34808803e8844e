"""What stays of distributions under the ``traced`` policy: what a proof touched, and what that cannot do without.

Beside the files of the traces stay the modules that services can import (those that get bytecode), the extension
modules these name, every library that native code which stays asks the linker for, metadata, and whatever lies outside
of the site folder. Services share layers, so a file that one of them touched stays for all.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from careen.blobs.elf_streams import linkage_of
from careen.blobs.store import EntryKey, Store
from careen.build.distribution import WheelRecipe, scheme_for
from careen.build.module_choice import Choice
from careen.errors import CareenError
from careen.plan.target import PythonRuntime, ServicePlan
from careen.plan.traces import ServiceTrace
from careen.python.installing import content, installed_files
from careen.text.values import dataclass

_FORMAT = 1
"""Raised when wheels are read differently, so that what was found before is not believed."""


class IncompleteTraceError(CareenError):
    """A service that is built was not traced."""


@dataclass(frozen=True, slots=True)
class WheelFiles:
    """``paths`` are those in the image; ``needed`` are the libraries that native files ask for."""

    paths: tuple[str, ...]
    needed: Mapping[str, tuple[str, ...]]


def touched_files(traces: Iterable[ServiceTrace], services: Iterable[ServicePlan]) -> frozenset[str]:
    """Paths in the image, without a leading slash. Raises IncompleteTraceError."""
    known = {trace.service: trace.paths for trace in traces}
    missing = sorted(service.name for service in services if service.name not in known)
    if missing:
        raise IncompleteTraceError(
            f"the trace knows nothing of {', '.join(missing)}",
            hints=("trace the whole stack: careen prove --trace FILE",),
        )
    return frozenset(str(path).lstrip("/") for paths in known.values() for path in paths)


def wheel_files(store: Store, recipe: WheelRecipe) -> WheelFiles:
    """A wheel's native files are read once. Raises what reading a wheel raises."""
    scheme = scheme_for(recipe.runtime, recipe.name)
    inputs = {
        "format": _FORMAT,
        "wheel": recipe.digest.hex,
        "trimming": recipe.trimming.value,
        "site": str(scheme.site_packages),
        "scripts": str(scheme.scripts),
    }

    def read() -> bytes:
        paths: list[str] = []
        needed: dict[str, tuple[str, ...]] = {}
        with recipe.open() as archive:
            for file in installed_files(archive, scheme, recipe.trimming):
                paths.append(file.path)
                if ".so" in file.path.rpartition("/")[2]:
                    linkage = linkage_of(file.size, lambda file=file: content(archive, file))  # type: ignore[misc]
                    if linkage is not None:
                        needed[file.path] = linkage.needed
        return json.dumps({"paths": paths, "needed": needed}).encode()

    document = json.loads(store.get_or_make(EntryKey.of("natives", inputs), lambda _: read()).document)
    return WheelFiles(tuple(document["paths"]), {path: tuple(names) for path, names in document["needed"].items()})


def kept_files(
    files: Mapping[str, WheelFiles], choice: Choice, touched: frozenset[str], runtime: PythonRuntime
) -> Mapping[str, frozenset[str]]:
    """Paths in the image that stay, by the digest of their wheel, by which ``files`` are keyed too."""
    site = f"{str(runtime.site_packages).lstrip('/')}/"
    named = _named(choice)
    kept: dict[str, set[str]] = {}
    places: dict[str, list[tuple[str, str]]] = {}
    for wheel, own in files.items():
        modules = choice.modules.get(wheel, {})
        kept[wheel] = {
            path
            for path in own.paths
            if path in touched
            or not path.startswith(site)
            or path.removeprefix(site).partition("/")[0].endswith(".dist-info")
            or path.removeprefix(site) in modules
            or (".so" in path and _dotted(path.removeprefix(site)) in named)
        }
        for path in own.paths:
            if ".so" in path.rpartition("/")[2]:
                places.setdefault(path.rpartition("/")[2], []).append((wheel, path))
    _close(kept, places, lambda wheel, path: files[wheel].needed.get(path, ()))
    return {wheel: frozenset(paths) for wheel, paths in kept.items()}


def _named(choice: Choice) -> frozenset[str]:
    """Everything that the chosen modules import, be it when a function is called."""
    found: set[str] = set()
    sets = choice.sets()
    for wheel, modules in choice.modules.items():
        for module in sets[wheel].modules.values():
            if module.path in modules:
                found.update(module.imports.eager, module.imports.lazy, module.imports.texts)
    return frozenset(found)


def _dotted(path: str) -> str:
    """The module that an extension is: a/b.cpython-311-x86_64-linux-gnu.so is a.b."""
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.partition('.')[0]}".replace("/", ".")


def _close(
    kept: Mapping[str, set[str]],
    places: Mapping[str, Sequence[tuple[str, str]]],
    needed: Callable[[str, str], tuple[str, ...]],
) -> None:
    waiting = [(wheel, path) for wheel, paths in kept.items() for path in paths]
    while waiting:
        for name in needed(*waiting.pop()):
            for wheel, path in places.get(name.rpartition("/")[2], ()):
                if path not in kept[wheel]:
                    kept[wheel].add(path)
                    waiting.append((wheel, path))
