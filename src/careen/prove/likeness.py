"""Whether two images are renderings of one plan: the native engine's, and the one a Dockerfile was built to.

They hold the same distributions, the same files of the application and the same settings. What differs is listed, each
with the reason for which it may; a difference without a reason is a fault of one of the two.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from careen.blobs.digest import Descriptor
from careen.blobs.elf import MAGIC
from careen.oci.config import RunConfig
from careen.oci.images import Images, choose_manifest, read_config, read_manifest
from careen.oci.layer_entries import EntryKind
from careen.oci.unpack import open_layer
from careen.plan.target import Plan, ServicePlan
from careen.rewrite.bases import is_put_together
from careen.rewrite.installing import VENV
from careen.text.values import dataclass

_WHITEOUT = ".wh."
_INSTALLERS_OWN = re.compile(
    r"[^/]+\.dist-info/(?:INSTALLER|RECORD|REQUESTED|direct_url\.json|uv_cache\.json|uv_build\.json)"
)
_ENVIRONMENTS_OWN = re.compile(r"(?:_virtualenv\.(?:py|pth)|distutils-precedence\.pth)")
_MADE_SYSTEM_FILES = frozenset(
    {
        "etc/group",
        "etc/hosts",
        "etc/ld.so.cache",
        "etc/ld.so.conf",
        "etc/nsswitch.conf",
        "etc/passwd",
        "etc/shadow",
        "etc/ssl/certs/ca-certificates.crt",
        "usr/sbin/ldconfig",
    }
)
"""Made by whoever puts a base together, since no maintainer script runs. Runtimes mount their own hosts; the native
engine's ldconfig is a few lines that answer what is in the cache.
"""

_APT = "var/lib/dpkg/status"
"""Of images in which packages can be installed."""

_PULLED = "the native base is trimmed, and the image that the Dockerfile stands on is not"

_SYSTEM = frozenset(
    {"bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "proc", "root", "run", "sbin", "srv", "sys"}
    | {"tmp", "usr", "var"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """``first`` and ``second`` say what each has, empty where it has nothing. Without a ``reason`` it is a fault."""

    what: str
    first: str
    second: str
    bytes: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """``alike`` counts the files that both have with the same content."""

    service: str
    alike: int
    differences: tuple[Difference, ...]

    @property
    def faults(self) -> tuple[Difference, ...]:
        return tuple(difference for difference in self.differences if not difference.reason)

    def reasons(self) -> Mapping[str, tuple[int, int]]:
        """How many files differ for each reason, and their bytes."""
        counts: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for difference in self.differences:
            counts[difference.reason] += 1
            sizes[difference.reason] += difference.bytes
        return {reason: (counts[reason], sizes[reason]) for reason in counts}


@dataclass(frozen=True, slots=True)
class _File:
    """``content`` is a digest, or where a link leads; ``native`` whether it is an ELF file."""

    content: str
    size: int
    executable: bool
    owner: str
    native: bool = False


@dataclass(frozen=True, slots=True)
class _Image:
    files: Mapping[str, _File]
    run: RunConfig


def compare_renderings(
    plan: Plan, service: ServicePlan, native: tuple[Images, Descriptor], recast: tuple[Images, Descriptor]
) -> Likeness:
    """``native`` is the native engine's image, ``recast`` the one of the Dockerfile. Raises what reading raises."""
    first, second = _read(*native), _read(*recast)
    places = _Places(plan)
    ours, theirs = places.by_meaning(first.files), places.by_meaning(second.files)
    differences = list(_settings(plan, first.run, second.run))
    pulled = not is_put_together(plan.base) or _APT in second.files
    alike = 0
    for meaning in sorted({*ours, *theirs}):
        one, other = ours.get(meaning), theirs.get(meaning)
        if one is not None and other is not None and _same(meaning, one, other):
            alike += 1
            continue
        differences.append(
            Difference(
                what=meaning,
                first=_told(one),
                second=_told(other),
                bytes=max(one.size if one is not None else 0, other.size if other is not None else 0),
                reason=_reason(meaning, one, other, service) or (_PULLED if pulled and _is_more(meaning, one) else ""),
            )
        )
    return Likeness(service=service.name, alike=alike, differences=tuple(differences))


class _Places:
    """Names for files that are the same in both images: ``site:`` of the site folder, ``scripts:``, else the path."""

    def __init__(self, plan: Plan) -> None:
        runtime = plan.base.runtime
        version = runtime.version
        self._folders = (
            (f"{str(runtime.site_packages).lstrip('/')}/", "site:"),
            (f"{str(VENV).lstrip('/')}/lib/python{version}/site-packages/", "site:"),
            (f"{str(runtime.scripts).lstrip('/')}/", "scripts:"),
            (f"{str(VENV).lstrip('/')}/bin/", "scripts:"),
            (f"{str(VENV).lstrip('/')}/", "environment:"),
        )

    def by_meaning(self, files: Mapping[str, _File]) -> Mapping[str, _File]:
        return {self._meaning(path): file for path, file in files.items()}

    def _meaning(self, path: str) -> str:
        for folder, word in self._folders:
            if path.startswith(folder):
                return word + path.removeprefix(folder)
        return path


def _read(images: Images, descriptor: Descriptor) -> _Image:
    manifest = read_manifest(images, choose_manifest(images, descriptor))
    config = read_config(images, manifest)
    files: dict[str, _File] = {}
    for layer, diff_id in zip(manifest.layers, config.diff_ids, strict=True):
        with open_layer(images, layer, diff_id=diff_id) as entries:
            for entry in entries:
                folder, _, name = entry.path.rpartition("/")
                if name.startswith(_WHITEOUT):
                    hidden = f"{folder}/{name.removeprefix(_WHITEOUT)}".lstrip("/")
                    gone = f"{folder}/" if name == ".wh..wh..opq" else f"{hidden}/"
                    for path in [path for path in files if path == hidden or path.startswith(gone)]:
                        del files[path]
                elif entry.kind is EntryKind.HARD_LINK and entry.target in files:
                    files[entry.path] = files[entry.target]
                elif entry.kind is EntryKind.SYMBOLIC_LINK:
                    files[entry.path] = _File(f"-> {entry.target}", 0, executable=False, owner="")
                elif entry.kind is EntryKind.FILE:
                    digest, head = hashlib.sha256(), b""
                    for data in entries.content():
                        digest.update(data)
                        head = head or bytes(data[: len(MAGIC)])
                    files[entry.path] = _File(
                        digest.hexdigest(),
                        entry.size,
                        bool(entry.mode & 0o100),
                        f"{entry.uid}:{entry.gid}",
                        native=head == MAGIC,
                    )
    return _Image(files, config.run)


def _same(meaning: str, one: _File, other: _File) -> bool:
    """For what the project brings, who owns it and whether it can be run counts as well."""
    if one.content != other.content:
        return False
    return _is_systems(meaning) or ":" in meaning.partition("/")[0] or one.executable == other.executable


def _told(file: _File | None) -> str:
    if file is None:
        return ""
    return file.content if file.content.startswith("->") else f"{file.content[:12]} ({file.size} bytes)"


def _is_more(meaning: str, one: _File | None) -> bool:
    return one is None and _is_systems(meaning)


def _is_systems(meaning: str) -> bool:
    return meaning.partition("/")[0] in _SYSTEM


def _reason(meaning: str, one: _File | None, other: _File | None, service: ServicePlan) -> str:
    if meaning.endswith(".pyc") and "__pycache__/" in meaning:
        return "bytecode, which names the folder of its source; the Dockerfile has some of what nobody imports, too"
    kind, colon, path = meaning.partition(":")
    if colon and kind == "site":
        return _reason_of_site(path, one, other)
    if colon and kind == "scripts":
        return "" if one is None and other is None else "a virtual environment's own programs and their first lines"
    if colon and kind == "environment":
        return "what makes a folder a virtual environment"
    if _is_systems(meaning):
        if meaning in _MADE_SYSTEM_FILES:
            return "made by whoever puts the base together"
        if meaning.startswith("var/lib/dpkg/"):
            return "records of packages, which name the files that are there"
        if one is None and other is not None and other.content.startswith("->"):
            return "one more name of a library, which nothing asks for"
        return ""
    if one is None and _comes_along(meaning, service):
        return "a file of a package that the service reaches, copied as a whole"
    return ""


def _reason_of_site(path: str, one: _File | None, other: _File | None) -> str:
    if _INSTALLERS_OWN.fullmatch(path):
        return "written by whoever installs"
    if _ENVIRONMENTS_OWN.fullmatch(path):
        return "what makes a folder a virtual environment"
    if one is not None and other is not None and one.native and other.native:
        return "native code without symbols: by binutils in a builder, by careen itself natively, if it is asked to"
    return ""


def _comes_along(path: str, service: ServicePlan) -> bool:
    """Beside a file of the plan, or in a folder that the service has whole."""
    folders = {parent for file in service.application for parent in file.destination.parents}
    return PurePosixPath("/", path).parent in folders - {PurePosixPath("/")}


def _settings(plan: Plan, first: RunConfig, second: RunConfig) -> Iterator[Difference]:
    python, environment = str(plan.base.runtime.executable), str(VENV / "bin" / "python")
    through = "the virtual environment's interpreter, which is a link to the same"
    pairs = {
        "user": (first.user, second.user),
        "working directory": (first.working_directory, second.working_directory),
        "stop signal": (first.stop_signal, second.stop_signal),
        "command": (first.command, second.command),
        "ports": (first.exposed_ports, second.exposed_ports),
        "health check": (first.healthcheck, second.healthcheck),
    }
    for what, (one, other) in pairs.items():
        if one != other:
            yield Difference(what=what, first=str(one), second=str(other))
    if first.entrypoint != second.entrypoint:
        put_back = tuple(python if word == environment else word for word in second.entrypoint)
        yield Difference(
            what="entry point",
            first=" ".join(first.entrypoint),
            second=" ".join(second.entrypoint),
            reason=through if put_back == first.entrypoint else "",
        )
    ours, theirs = dict(first.environment), dict(second.environment)
    for name in sorted({*ours, *theirs}):
        one_value, other_value = ours.get(name, ""), theirs.get(name, "")
        if one_value != other_value:
            beside = name == "PATH" and other_value == f"{VENV}/bin:{one_value}"
            missing = name == "PATH" and not one_value
            yield Difference(
                what=f"variable {name}",
                first=one_value,
                second=other_value,
                reason="the virtual environment's programs come first" if beside or missing else "",
            )
