"""The wiring: the few things with an outside that verbs are handed, made once and passed down."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from careen.errors import CareenError
from careen.progress import Progress, unheard
from careen.text.values import dataclass

if TYPE_CHECKING:
    from careen.debian.mirror import Archive, MirrorClient
    from careen.http.client import HttpClient
    from careen.oci.registry import Registries
    from careen.platforms import Architecture
    from careen.python.index import PackageFiles
    from careen.python.simple_index import IndexAnswer

_HELPER_SECONDS = 60.0
"""A program that keeps credentials may ask the user."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What only the outermost layer may look up: folders, clock, environment.

    ``cache`` is careen's own folder; ``apt`` holds apt's configuration; ``project`` is the folder that the user named.
    """

    cache: Path
    now: Callable[[], datetime]
    environment: Mapping[str, str]
    apt: Path = Path("/etc/apt")
    project: Path | None = None
    offline: bool = False


@dataclass(frozen=True, kw_only=True)
class Session:
    """One run of a verb. ``ask_again`` has mirrors asked what they have now, whatever they told a few hours ago;
    ``plain_http`` are registries that may be talked to unencrypted.
    """

    surroundings: Surroundings
    progress: Progress = unheard
    ask_again: bool = False
    plain_http: frozenset[str] = frozenset()

    @cached_property
    def http(self) -> "HttpClient":
        from careen.app.index_access import IndexAccess  # noqa: PLC0415 - what is remembered needs no network
        from careen.http.client import HttpClient  # noqa: PLC0415
        from careen.http.patience import HttpSettings  # noqa: PLC0415

        access = IndexAccess(environment=self.surroundings.environment, project=self.surroundings.project)
        return HttpClient(HttpSettings(offline=self.surroundings.offline), access.find)

    @cached_property
    def registries(self) -> "Registries":
        """With the credentials that docker and podman keep."""
        from careen.oci.credentials import CredentialFiles, credential_files  # noqa: PLC0415 - few verbs ask a registry
        from careen.oci.registry import Registries, RegistrySettings  # noqa: PLC0415

        environment = self.surroundings.environment
        files = credential_files(environment, Path(environment.get("HOME") or "/"))
        settings = RegistrySettings(plain_http=self.plain_http)
        return Registries(self.http, CredentialFiles(files, _run_helper).find, settings)

    @cached_property
    def variables_asked(self) -> set[str]:
        """Names of variables that the project's own files ask for and that reading has put in; grows."""
        return set()

    @property
    def store(self) -> Path:
        """Where segments, layers and composed bases are kept."""
        return self.surroundings.cache / "store"

    @cached_property
    def packages(self) -> "PackageFiles":
        from careen.python.index import PackageFiles  # noqa: PLC0415 - as above

        return PackageFiles(self.http, self.surroundings.cache / "python", self.surroundings.project or Path())

    def ask_index(self, url: str, accept: str) -> "IndexAnswer":
        """Any status is an answer. Raises HttpError, OfflineError."""
        from careen.http.messages import Request  # noqa: PLC0415 - as above
        from careen.python.simple_index import LARGEST_PAGE, IndexAnswer  # noqa: PLC0415

        answer = self.http.exchange(
            Request(method="GET", url=url, headers={"accept": accept}, identify=True), limit=LARGEST_PAGE
        )
        return IndexAnswer(status=answer.status, headers=answer.headers, body=answer.body, url=answer.url)

    @cached_property
    def mirror(self) -> "MirrorClient":
        from careen.app.answers import Answers  # noqa: PLC0415 - as above
        from careen.app.release_signatures import RememberedSignatures  # noqa: PLC0415
        from careen.debian.mirror import FRESH_FOR, MirrorClient  # noqa: PLC0415

        return MirrorClient(
            fetcher=self.http,
            verify=RememberedSignatures(Answers(self.store / "answers"), self.surroundings.now),
            cache=self.surroundings.cache / "debian",
            now=self.surroundings.now,
            fresh_for=timedelta() if self.ask_again else FRESH_FOR,
        )

    def archive(self, release: str, architecture: "Architecture") -> "Archive":
        """The release on the mirrors that apt is configured for.

        Raises NoMirrorError, MirrorError, SignatureError, or what the HTTP client raises.
        """
        from careen.debian.sources import read_configuration, sources_for  # noqa: PLC0415 - as above

        configuration = read_configuration(self.surroundings.apt)
        return self.mirror.open(sources_for(release, configuration), architecture)

    def close(self) -> None:
        if "http" in self.__dict__:
            self.http.close()


def is_of_the_network(problem: CareenError) -> bool:
    """Whether a server, and not the project, is why something cannot be done now."""
    from careen.http.failures import HttpError  # noqa: PLC0415 - as above

    return isinstance(problem, HttpError)


def _run_helper(program: str, argument: str, stdin: bytes) -> tuple[int, bytes]:
    """Raises MissingToolError when there is no such program."""
    from careen.process.run import find_program, run  # noqa: PLC0415 - few verbs ask a registry

    done = run([find_program(program, package=program), argument], timeout=_HELPER_SECONDS, stdin=stdin)
    return done.status, done.stdout or done.stderr
