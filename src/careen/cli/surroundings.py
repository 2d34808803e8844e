"""What only the command line may look up: the environment, the clock, folders of the user."""

import os
from datetime import UTC, datetime
from pathlib import Path

from careen.app.session import Surroundings
from careen.errors import CareenError
from careen.plan.epoch import DEFAULT_EPOCH


class BadVariableError(CareenError):
    """An environment variable has a value that careen cannot use."""


class NoCacheError(CareenError):
    """Careen has no folder to keep what it fetches and packs."""


def surroundings(*, offline: bool = False, project: Path | None = None) -> Surroundings:
    """``CAREEN_CACHE`` names careen's folder; the platform's usual cache folder otherwise. Raises NoCacheError."""
    named = os.environ.get("CAREEN_CACHE")
    if named:
        cache = Path(named).absolute()
    else:
        import platformdirs  # noqa: PLC0415 - a variable spares it

        cache = platformdirs.user_cache_path("careen")
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoCacheError(
            f"careen's cache cannot be made at {cache}: {(error.strerror or type(error).__name__).lower()}",
            hints=("name another folder with the variable CAREEN_CACHE",),
        ) from error
    return Surroundings(
        cache=cache, now=lambda: datetime.now(UTC), environment=dict(os.environ), offline=offline, project=project
    )


def source_date_epoch() -> int:
    """Seconds since 1970 (reproducible-builds.org, SOURCE_DATE_EPOCH). Raises BadVariableError."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return DEFAULT_EPOCH
    if not text.isdigit() or int(text) >= 1 << 33:
        raise BadVariableError(f"SOURCE_DATE_EPOCH is {text!r}", hints=("it counts seconds since 1970",))
    return int(text)
