"""Locks in uv's words, written from a few lines: ``celery 5.4: kombu, redis; extra redis = redis``."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from careen.blobs.digest import Digest
from careen.plan.lock_view import LockView, make_view, universe
from careen.platforms import Platform
from careen.python.contents import DistributionContents
from careen.python.environment import TargetEnvironment
from careen.python.locked import Lock
from careen.python.names import PackageName, PythonVersion, package_name
from careen.python.uvlock import read_uvlock
from careen.text.source import Source

AMD64 = Platform.parse("linux/amd64")


def environment(minor: int = 11, patch: int = 2, platform: Platform = AMD64) -> TargetEnvironment:
    return TargetEnvironment(PythonVersion(minor), platform, patch)


def uvlock(text: str, path: str = "uv.lock") -> Lock:
    return read_uvlock(Source(PurePosixPath(path), f'version = 1\nrequires-python = ">=3.11"\n{text}'))


def package(
    name: str,
    version: str = "1.0",
    *,
    requires: Iterable[str] = (),
    more: str = "",
    source: str = 'registry = "https://index.example/simple"',
) -> str:
    """One ``[[package]]``; ``requires`` are names, or whole inline tables; ``more`` is appended as it is."""
    edges = ", ".join(edge if edge.startswith("{") else f'{{ name = "{edge}" }}' for edge in requires)
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    wheel = ""
    if source.startswith("registry"):
        digest = Digest.of(filename.encode())
        wheel = f'wheels = [{{ url = "https://index.example/{filename}", hash = "{digest}", size = 10 }}]\n'
    return (
        f'\n[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ {source} }}\n'
        f"dependencies = [{edges}]\n{wheel}{more}\n"
    )


def project(name: str = "shelf", *, requires: Iterable[str] = (), more: str = "", folder: str = ".") -> str:
    return package(name, "0.1.0", requires=requires, more=more, source=f'editable = "{folder}"')


def contents(
    *imports: str, size: int = 1000, scripts: Iterable[str] = (), plugins: Iterable[str] = ()
) -> DistributionContents:
    """``scripts`` as ``name = module:function``; ``plugins`` as ``group: name = module``."""
    return DistributionContents(
        installed_bytes=size,
        kept_bytes=size,
        imports=imports,
        native=(),
        console_scripts=tuple((name.strip(), target.strip()) for name, target in (s.split("=") for s in scripts)),
        plugins=tuple(
            (group.strip(), name.strip(), target.strip())
            for group, rest in (plugin.split(":", 1) for plugin in plugins)
            for name, target in [rest.split("=")]
        ),
    )


def view(
    text: str,
    holds: dict[str, DistributionContents],
    target: TargetEnvironment | None = None,
    *,
    unread: Sequence[str] = (),
) -> LockView:
    """What services may draw on; a package that ``holds`` says nothing of brings a module of its own name.

    ``unread`` are those whose files nobody could read.
    """
    lock = uvlock(text)
    own = lock.project(None)
    assert own is not None
    there = universe(lock, own, target or environment())
    known: dict[PackageName, DistributionContents] = {
        name: contents(name.replace("-", "_"))
        for name, found in there.installable.items()
        if not found.is_local and name not in unread
    }
    known.update({package_name(name): found for name, found in holds.items()})
    return make_view(there, known)
