"""Distributions that have no wheel for the target: built once, in isolation, and kept.

uv builds them, in an environment of its own with nothing of the project in it. Pure-Python results serve any
platform; compiled ones only the machine they were compiled on.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from careen.blobs.digest import ByteSink, Digest
from careen.blobs.store import EntryKey, Store
from careen.build.engine import Wheels
from careen.errors import CareenError, MissingToolError
from careen.plan.target import PlannedDistribution, UnbuiltSource
from careen.platforms import Platform
from careen.python.c_library import CLibrary, Kind
from careen.python.locked import LockedFile
from careen.python.names import PythonVersion
from careen.python.tags import best_wheel
from careen.text.values import dataclass

_FORMAT = 2
_BUILD_SECONDS = 1800.0
_CLONE_SECONDS = 600.0
_LARGEST_WHEEL = 4 << 30
_OLDEST_IN_ZIP = 315532800
"""1980-01-01, before which zip archives have no times."""

_GIT = re.compile(
    r"(?P<name>[\w.-]+)\s*@\s*(?:git\+)?(?P<url>[^?#]+)(?:\?(?P<query>[^#]*))?#(?P<commit>[0-9a-f]{40,64})"
)
_PASSED_ON = re.compile(r"PATH|HOME|LANG|TMPDIR|(?:UV|SSL|XDG|GIT)_.*|(?:HTTPS?|ALL|NO)_PROXY|(?:https?|all|no)_proxy")


class UnbuildableError(CareenError):
    """A distribution has no wheel for the target, and none can be built for it here."""


@dataclass(frozen=True, slots=True)
class WheelFile:
    """A wheel on this disk; ``name`` is what it is called, which the path need not say."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelBuilder:
    """``environment`` is what uv and git get to see of the caller's, filtered; ``c_library`` is the target's."""

    store: Store
    packages: Wheels
    uv: Path | None
    environment: Mapping[str, str]
    python: PythonVersion
    platform: Platform
    c_library: CLibrary
    epoch: int

    def identity(self, item: PlannedDistribution, source: UnbuiltSource) -> Digest:
        """Names the wheel before it is built. Raises UnbuildableError for sources that nothing pins."""
        pinned = source.digest.hex if source.digest is not None else ""
        if not pinned and _GIT.fullmatch(source.requirement) is None:
            raise UnbuildableError(
                f"{item.name} {item.version} has no wheel for {self.platform}, and its source is not pinned",
                hints=("lock it from an index or by a commit of git", "or exclude it in [tool.careen]"),
            )
        parts = (str(_FORMAT), pinned or source.requirement, str(self.python), str(self.platform), str(self.epoch))
        return Digest.of("\n".join(parts).encode())

    def direct_url(self, source: UnbuiltSource) -> bytes | None:
        """What ``direct_url.json`` says (PEP 610); None for sources of an index."""
        match = _GIT.fullmatch(source.requirement) if source.digest is None else None
        if match is None:
            return None
        document: dict[str, object] = {
            "url": _without_credentials(match["url"]),
            "vcs_info": {"vcs": "git", "commit_id": match["commit"]},
        }
        folder = _subdirectory(match["query"])
        if folder:
            document["subdirectory"] = folder
        return json.dumps(document, sort_keys=True).encode()

    def wheel(self, item: PlannedDistribution, source: UnbuiltSource) -> WheelFile:
        """Built, or found. Raises UnbuildableError, MissingToolError, CommandFailedError, or what fetching raises."""
        key = EntryKey("built-wheel", self.identity(item, source))
        entry = self.store.get_or_make(key, lambda sink: self._build(item, source, sink))
        document = json.loads(entry.document)
        self._check_c_library(item, document["glibc"])
        return WheelFile(entry.blob, document["name"])

    def _build(self, item: PlannedDistribution, source: UnbuiltSource, sink: ByteSink) -> bytes:
        from careen.process.run import CommandFailedError, run_checked  # noqa: PLC0415 - most stacks have wheels alone
        from careen.python.linkage import newest_glibc  # noqa: PLC0415

        if self.uv is None:
            raise MissingToolError(
                f"{item.name} {item.version} has no wheel for {self.platform}, and uv is not here to build one",
                hints=("install uv, which builds it in isolation",),
            )
        with self.store.scratch() as scratch:
            tree = self._source(item, source, scratch)
            built = scratch / "built"
            argv: list[str | Path] = [self.uv, "build", "--wheel", "--quiet", "--no-python-downloads"]
            argv += ["--python", str(self.python), "--out-dir", built, tree]
            try:
                run_checked(argv, timeout=_BUILD_SECONDS, environment=self._visible())
            except CommandFailedError as error:
                raise UnbuildableError(
                    f"{item.name} {item.version} has no wheel for {self.platform} and could not be built: "
                    f"{error.message}",
                    hints=(f"building needs Python {self.python} and what the distribution's own build asks for",),
                ) from error
            wheels = sorted(built.glob("*.whl"))
            if len(wheels) != 1 or wheels[0].stat().st_size > _LARGEST_WHEEL:
                raise UnbuildableError(f"building {item.name} {item.version} gave {len(wheels)} wheels instead of one")
            self._check_target(item, wheels[0].name)
            with wheels[0].open("rb") as stream:
                while data := stream.read(1 << 20):
                    sink.write(data)
            return json.dumps({"name": wheels[0].name, "glibc": newest_glibc(wheels[0])}).encode()

    def _source(self, item: PlannedDistribution, source: UnbuiltSource, scratch: Path) -> Path:
        from careen.process.run import find_program, run_checked  # noqa: PLC0415 - as above

        if source.url is not None and source.digest is not None:
            return self.packages.wheel(LockedFile(url=source.url, digest=source.digest, size=None))
        match = _GIT.fullmatch(source.requirement)
        if match is None:
            raise UnbuildableError(f"{item.name} {item.version} has a source that careen cannot build from")
        git = find_program("git", package="git")
        clone = scratch / "clone"
        clone.mkdir()
        for argv in (
            ["init", "--quiet"],
            ["fetch", "--quiet", "--depth", "1", match["url"], match["commit"]],
            ["checkout", "--quiet", "FETCH_HEAD"],
        ):
            run_checked([git, "-C", clone, *argv], timeout=_CLONE_SECONDS, environment=self._visible())
        tree = (clone / _subdirectory(match["query"])).resolve()
        if not tree.is_relative_to(clone.resolve()):
            raise UnbuildableError(f"{item.name}'s source names a folder outside of its repository")
        return tree

    def _visible(self) -> Mapping[str, str]:
        kept = {name: value for name, value in self.environment.items() if _PASSED_ON.fullmatch(name)}
        return {**kept, "SOURCE_DATE_EPOCH": str(max(self.epoch, _OLDEST_IN_ZIP)), "PYTHONHASHSEED": "0"}

    def _check_target(self, item: PlannedDistribution, name: str) -> None:
        candidate = LockedFile(url=name, digest=None, size=None)
        if best_wheel([candidate], self.python, self.platform, self.c_library) is None:
            raise UnbuildableError(
                f"{item.name} {item.version} compiles to {name}, which Python {self.python} on {self.platform} "
                "cannot load",
                hints=(f"build on a {self.platform} machine, or ask its authors for a wheel",),
            )

    def _check_c_library(self, item: PlannedDistribution, newest: Sequence[int] | None) -> None:
        """What is compiled here is linked with this machine's C library, which may be newer than the target's, or
        another. ``newest`` is the glibc that it asks for.
        """
        if newest is None:
            return
        needed = CLibrary(Kind.GLIBC, (newest[0], newest[1]))
        if self.c_library.is_musl:
            raise UnbuildableError(
                f"{item.name} {item.version} compiles here to what asks for {needed}, and the base has musl",
                hints=("build on a base with glibc, on a machine with musl, or ask its authors for a wheel",),
            )
        if needed.version > self.c_library.version:
            there = self.c_library
            raise UnbuildableError(
                f"{item.name} {item.version} compiles here to what asks for {needed}, and the base has {there}",
                hints=("build on a machine whose system is no newer than the base, or ask its authors for a wheel",),
            )


def _subdirectory(query: str | None) -> str:
    for pair in (query or "").split("&"):
        name, _, value = pair.partition("=")
        if name == "subdirectory":
            return value
    return ""


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}" if separator else url
