"""Services as a compose file describes them, with the place of everything a finding may point at."""

from dataclasses import field
from pathlib import PurePosixPath

from careen.compose.document import ComposeDocument
from careen.text.source import Span
from careen.text.values import dataclass


@dataclass(frozen=True, slots=True)
class Located:
    """Where something stands: the file it is in and its span there."""

    path: PurePosixPath
    span: Span
    line: int
    end_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """``context`` is relative to the project's folder, ``dockerfile`` to the context, whatever file says it."""

    context: str
    dockerfile: str | None
    inline_dockerfile: str | None
    target: str | None
    arguments: tuple[tuple[str, str | None], ...]
    place: Located


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``argv`` is split as compose does: a string is split into words, never run by a shell.

    ``dropped`` is what of a string stands behind a sign of the shell, which compose leaves out.
    """

    argv: tuple[str, ...]
    written_as_string: bool
    place: Located
    dropped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """``kind`` is bind, volume, tmpfs or another of compose's; ``source`` is None for an anonymous volume."""

    kind: str
    source: str | None
    target: str
    read_only: bool
    place: Located


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Times in seconds, None when unset; ``shell`` when the test is a string or ``CMD-SHELL``."""

    test: tuple[str, ...]
    shell: bool
    disabled: bool
    interval: float | None
    timeout: float | None
    start_period: float | None
    retries: int | None
    place: Located


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits:
    """None where nothing is said; ``gpus`` when devices of the kind gpu are reserved."""

    memory_bytes: int | None
    cpus: float | None
    pids: int | None
    gpus: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    service: str
    condition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """``file_environment`` is what the readable ones of ``env_files`` say; ``environment`` wins over it.

    ``aliases`` are other names by which containers find it, ``links`` those that it has for others, as (service, name).
    """

    name: str
    place: Located
    image: str | None
    build: Build | None
    command: Command | None
    entrypoint: Command | None
    environment: tuple[tuple[str, str | None], ...]
    ports: tuple[tuple[int | None, int], ...]
    mounts: tuple[Mount, ...]
    health: HealthCheck | None
    limits: ResourceLimits
    stop_grace_seconds: float | None
    stop_signal: str | None
    user: str | None
    init: bool
    read_only: bool
    tmpfs: tuple[str, ...]
    privileged: Located | None
    cap_add: tuple[str, ...]
    cap_drop: tuple[str, ...]
    security_opt: tuple[str, ...]
    depends_on: tuple[Dependency, ...]
    profiles: tuple[str, ...]
    working_directory: str | None
    network_mode: str | None
    env_files: tuple[str, ...]
    file_environment: tuple[tuple[str, str], ...] = ()
    pid_mode: str | None = None
    aliases: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """All that is known of what a container gets, whether from files or from the service itself."""
        told = {name: value for name, value in self.environment if value is not None}
        return tuple({**dict(self.file_environment), **told}.items())


@dataclass(frozen=True, kw_only=True)
class ComposeProject:
    """``documents`` are the files that were read, the main one first; ``notes`` what was passed over."""

    name: str
    folder: PurePosixPath
    documents: tuple[ComposeDocument, ...]
    services: tuple[ComposeService, ...]
    notes: tuple[str, ...] = field(default=())

    def service(self, name: str) -> ComposeService | None:
        for service in self.services:
            if service.name == name:
                return service
        return None
