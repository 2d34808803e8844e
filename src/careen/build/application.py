"""The segment of a service's own files: what the plan takes from the project, and what careen adds."""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path, PurePosixPath

from careen.blobs.digest import Digest, DigestingSink
from careen.blobs.store import EntryKey
from careen.build.distribution import Compile
from careen.build.segment import Contents, Folder, Member, Segment, SegmentMaker
from careen.errors import CareenError
from careen.plan.target import ApplicationFile, ServicePlan
from careen.text.values import dataclass

_PIECE = 1 << 20
_LARGEST_SOURCE = 16 << 20


class ApplicationFileError(CareenError):
    """A file of the project that an image needs cannot be taken into it."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A file of the project, opened once to learn what it holds."""

    file: ApplicationFile
    path: Path
    digest: Digest
    size: int


@dataclass(slots=True, kw_only=True)
class ApplicationRecipe:
    """``existing`` are folders of the layers below, which keep the mode and owner that they have there."""

    service: ServicePlan
    root: Path
    existing: frozenset[str]
    compiler: str = ""
    compile: Compile | None = None
    cache_tag: str = ""
    _known: tuple[_Known, ...] = field(default=())

    def __post_init__(self) -> None:
        self._known = tuple(self._known_files())

    @property
    def what(self) -> str:
        return f"{self.service.name}'s own files"

    @property
    def digests(self) -> Mapping[str, Digest]:
        """Of every file, by its place in the image."""
        own = {str(known.file.destination): known.digest for known in self._known}
        return {**{str(file.destination): Digest.of(file.content) for file in self.service.support}, **own}

    def key(self, maker: SegmentMaker, /) -> EntryKey:
        files = [
            [str(known.file.destination), known.digest.hex, known.file.executable]
            for known in sorted(self._known, key=lambda known: known.file.destination)
        ]
        support = sorted((str(file.destination), Digest.of(file.content).hex) for file in self.service.support)
        inputs: dict[str, object] = {
            "files": files,
            "support": support,
            "folders": [[folder.path, folder.mode, folder.owner] for folder in self._folders()],
            "compiler": self.compiler,
        }
        return maker.key("application", inputs)

    @property
    def weight(self) -> int:
        return sum(known.size for known in self._known)

    def fetch(self) -> None:
        """Everything is here."""

    def segment(self, maker: SegmentMaker, /, *, without: frozenset[str] = frozenset()) -> Segment:
        return maker.get_or_make(self.key(maker), self._contents)

    def _contents(self) -> Contents:
        members: dict[str, Member] = {}
        for support in self.service.support:
            members[_rooted(support.destination)] = Member(
                path=_rooted(support.destination),
                size=len(support.content),
                content=support.content,
                digest=Digest.of(support.content),
            )
        for known in self._known:
            members[_rooted(known.file.destination)] = Member(
                path=_rooted(known.file.destination),
                size=known.size,
                mode=0o755 if known.file.executable else 0o644,
                content=lambda known=known: _verified(known),  # type: ignore[misc]  # bound now, not later
                digest=known.digest,
            )
        for place, content in self._bytecode(members).items():
            path = f"{_rooted(place.parent)}/__pycache__/{place.stem}.{self.cache_tag}.pyc"
            members[path] = Member(
                path=path, size=len(content), content=content, digest=Digest.of(content), is_bytecode=True
            )
        return Contents(
            what=self.what, members=[members[path] for path in sorted(members)], folders=tuple(self._folders())
        )

    def _bytecode(self, members: dict[str, Member]) -> dict[PurePosixPath, bytes]:
        if self.compile is None:
            return {}
        sources: dict[PurePosixPath, bytes] = {}
        for path, member in members.items():
            if path.endswith(".py") and 0 < member.size <= _LARGEST_SOURCE:
                content = member.content if isinstance(member.content, bytes) else b"".join(member.content())
                sources[PurePosixPath("/", path)] = content
        return dict(self.compile(sources))

    def _folders(self) -> list[Folder]:
        """Places to write to, which belong to the service: a new volume takes its owner from the image's folder.

        A tmpfs belongs to root and takes the rights of the folder below it (runc: ``mountToRootfs``), so that they must
        be those of ``/tmp``.
        """
        volumes = {_rooted(path) for path in self.service.volumes}
        wanted = sorted((volumes | {_rooted(path) for path in self.service.writable}) - {""})
        uid = self.service.user.uid
        owned = [Folder(_rooted(path), 0o755, uid) for path in self.service.owned if _rooted(path) not in volumes]
        return owned + [
            Folder(path, 0o755 if path in volumes else 0o1777, uid) for path in wanted if path not in self.existing
        ]

    def _known_files(self) -> Iterator[_Known]:
        root = self.root.resolve()
        for file in self.service.application:
            path = root / file.source
            try:
                if file.source.is_absolute() or not path.resolve(strict=True).is_relative_to(root):
                    raise ApplicationFileError(
                        f"{file.source} leads out of the project",
                        hints=("copy the file into the project, or exclude it",),
                    )
                sink = DigestingSink()
                for data in _read(path, file.source):
                    sink.write(data)
            except OSError as error:
                raise ApplicationFileError(f"{file.source} cannot be read: {error.strerror}") from error
            yield _Known(file, path, sink.digest(), sink.size)


def _read(path: Path, name: PurePosixPath) -> Iterator[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a named pipe must not stop the build
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ApplicationFileError(f"{name} is not a regular file")
        while data := stream.read(_PIECE):
            yield data


def _verified(known: _Known) -> Iterator[bytes]:
    sink = DigestingSink()
    for data in _read(known.path, known.file.source):
        sink.write(data)
        yield data
    if sink.digest() != known.digest:
        raise ApplicationFileError(f"{known.file.source} changed while it was read", hints=("build again",))


def _rooted(path: PurePosixPath) -> str:
    return str(path).strip("/")
