"""A session whose index and mirror are served by this process."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from careen.app.session import Session, Surroundings
from careen.debian.mirror import FRESH_FOR, MirrorClient
from careen.debian.sources import SuiteSource
from careen.http.client import HttpClient
from careen.http.patience import HttpSettings


class FakeSession(Session):
    """Believes a mirror without a signature, and waits for no answer longer than a test may."""

    @cached_property
    def http(self) -> HttpClient:
        offline = self.surroundings.offline
        return HttpClient(
            HttpSettings(offline=offline, attempts=2, backoff=0.001, read_timeout=0.3, connect_timeout=0.3)
        )

    @cached_property
    def mirror(self) -> MirrorClient:
        return MirrorClient(
            fetcher=self.http,
            verify=_believe,
            cache=self.surroundings.cache / "debian",
            now=self.surroundings.now,
            fresh_for=timedelta() if self.ask_again else FRESH_FOR,
        )


def _believe(data: bytes, _: SuiteSource) -> bytes:
    return data


def later() -> datetime:
    """A little ahead, so that files which a test has just written are older than the run."""
    return datetime.now(UTC) + timedelta(seconds=10)


def fake_session(
    folder: Path, address: str, *, offline: bool = False, environment: Mapping[str, str] | None = None
) -> FakeSession:
    """``folder`` takes the cache and apt's configuration; the mirror is at ``address``/debian."""
    apt = folder / "apt"
    apt.mkdir(parents=True, exist_ok=True)
    (apt / "sources.list").write_text(f"deb {address}/debian bookworm main\n")
    return FakeSession(
        surroundings=Surroundings(
            cache=folder / "cache", now=later, environment=environment or {}, apt=apt, offline=offline
        )
    )
