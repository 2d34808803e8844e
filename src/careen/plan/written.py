"""Folders that a service writes to, because its command says so or because its code does."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from posixpath import normpath

from careen.plan.entry_points import EntryPoint
from careen.plan.roles import Role
from careen.plan.target import NumericUser
from careen.python.writes import Kind, Write
from careen.text.values import dataclass

_FILES: Mapping[str, frozenset[str]] = {
    "celery": frozenset({"-f", "--logfile", "--pidfile", "--statedb", "-s", "--schedule"}),
    "gunicorn": frozenset({"--access-logfile", "--error-logfile", "--log-file", "-p", "--pid"}),
}
"""Options whose value is a file that the program writes (their ``--help``)."""

_SCHEDULE = "/tmp/celerybeat-schedule"  # noqa: S108 - a tmpfs of the container
_ALWAYS_THERE = (PurePosixPath("/tmp"), PurePosixPath("/dev"), PurePosixPath("/proc"))  # noqa: S108 - a tmpfs


@dataclass(frozen=True, slots=True)
class CodeWrite:
    """``source`` is the module, relative to the project."""

    source: PurePosixPath
    write: Write

    def __str__(self) -> str:
        return f"{self.source}:{self.write.line}: {self.write.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """``home`` is the folder that the service is started in, ``files`` are those of the image. ``granted`` are folders
    that can be written to anyway, ``mounted`` those that lie on the host. ``settled`` when the user has said where the
    service writes.
    """

    home: PurePosixPath
    files: Collection[PurePosixPath]
    granted: Collection[PurePosixPath] = ()
    mounted: Collection[PurePosixPath] = ()
    settled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenByCode:
    """``scratch`` are folders that need a tmpfs, each with the first place that writes there, ``mounted`` those of the
    host that are written to. ``beside`` are places that write where no tmpfs can be, or nobody knows where: the root
    stays writable for them, and ``owned`` are folders that the service must own then.
    """

    scratch: Mapping[PurePosixPath, CodeWrite]
    mounted: Mapping[PurePosixPath, CodeWrite]
    beside: tuple[str, ...]
    owned: tuple[PurePosixPath, ...]

    def notes(self, service: str, user: NumericUser) -> Iterator[str]:
        for folder, place in self.scratch.items():
            yield f"{place} of {service} writes to {folder}: a tmpfs, where nothing outlives the container"
        for folder, place in self.mounted.items():
            yield (
                f"{place} of {service} writes to {folder}, which lies on the host: "
                f"the folder there must let user {user} write"
            )
        if self.beside:
            more = f", and {len(self.beside) - 1} more" if len(self.beside) > 1 else ""
            yield (
                f"{service} keeps a root that it can write to: {self.beside[0]}{more}; "
                f"writable = [...] in [tool.careen.services.{service}] says where it writes"
            )


def written_by_code(places: Iterable[CodeWrite], around: Surroundings) -> WrittenByCode:
    scratch: dict[PurePosixPath, CodeWrite] = {}
    mounted: dict[PurePosixPath, CodeWrite] = {}
    beside: dict[str, None] = {}
    owned: dict[PurePosixPath, None] = {}
    for place in places:
        folder = place.write.folder
        if folder is None:
            if not around.settled:
                beside[f"{place} writes where only a run can tell"] = None
                owned[around.home] = None
            continue
        folder = PurePosixPath(normpath(around.home / folder))
        held = any(path.is_relative_to(folder) for path in (*around.files, around.home))
        if _lies_in(folder, (*_ALWAYS_THERE, *around.granted)) or (held and place.write.kind is Kind.FOLDER):
            continue
        host = next((path for path in around.mounted if folder.is_relative_to(path)), None)
        if host is not None:
            mounted.setdefault(host, place)
        elif held or place.write.kind is Kind.DATABASE:
            why = "beside what the image holds" if held else "and a tmpfs would lose it"
            beside[f"{place} writes to {folder}, {why}"] = None
            owned[folder if folder != PurePosixPath("/") else around.home] = None
        else:
            scratch.setdefault(folder, place)
    return WrittenByCode(
        scratch={folder: place for folder, place in scratch.items() if not _lies_in(folder.parent, scratch)},
        mounted=mounted,
        beside=tuple(beside),
        owned=tuple(owned),
    )


def _lies_in(folder: PurePosixPath, others: Iterable[PurePosixPath]) -> bool:
    return any(folder.is_relative_to(other) for other in others)


def written_folders(
    arguments: Sequence[str], working_directory: PurePosixPath, occupied: Collection[PurePosixPath]
) -> tuple[PurePosixPath, ...]:
    """Those that need a tmpfs of their own under a read-only root.

    ``arguments`` follow the interpreter. ``occupied`` are paths of files and mounts: a tmpfs above one would hide it.
    """
    found = dict.fromkeys(_folder(value, working_directory) for value in _named(arguments))
    return tuple(
        folder
        for folder in found
        if not any(folder.is_relative_to(place) for place in _ALWAYS_THERE)
        and not any(path.is_relative_to(folder) for path in (*occupied, working_directory))
    )


def with_schedule(entry: EntryPoint) -> tuple[str, ...]:
    """The arguments of a scheduler with a place for what it remembers: left alone, it is the folder it starts in."""
    arguments = entry.arguments
    schedules = entry.role is Role.BEAT or (entry.role is Role.WORKER and not {"-B", "--beat"}.isdisjoint(arguments))
    named = any(word in {"-s", "--schedule"} or word.startswith(("--schedule=", "-s=")) for word in arguments)
    return (*arguments, "--schedule", _SCHEDULE) if schedules and not named else arguments


def _folder(value: str, working_directory: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(normpath(working_directory / value)).parent


def _named(arguments: Sequence[str]) -> Iterator[str]:
    options = _FILES.get(arguments[1], frozenset()) if tuple(arguments[:1]) == ("-m",) and len(arguments) > 1 else ()
    for word, following in zip(arguments, (*arguments[1:], "-"), strict=True):
        name, equals, value = word.partition("=")
        if name in options:
            named = value if equals else following
            if named and not named.startswith("-"):
                yield named
