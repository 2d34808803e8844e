"""What the modules of a service say in so many words about how it is run."""

import re
from collections.abc import Mapping

from careen.plan.health_routes import health_routes
from careen.text.values import dataclass

_TIME_LIMIT = re.compile(
    r"""["']?\b(?:CELERY_)?(?:task_)?(?:soft_)?time_limit["']?\s*[=:]\s*(\d+(?:\s*\*\s*\d+)*)""", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHints:
    """What the reached modules say in so many words: routes that are health checks, task time limits, whether they ask
    for PYTHON_VERSION, which images of python set, and whether they speak of SIGTERM.
    """

    health_paths: tuple[str, ...]
    time_limit_seconds: int | None
    asks_python_version: bool = False
    speaks_of_sigterm: bool = False


def read_hints(texts: Mapping[str, str], *, serves: bool = True) -> SourceHints:
    """``texts`` are modules by dotted name. Routes are looked for only where the service ``serves``."""
    limits: list[int] = []
    asks_python_version = speaks_of_sigterm = False
    for text in texts.values():
        asks_python_version = asks_python_version or "PYTHON_VERSION" in text
        speaks_of_sigterm = speaks_of_sigterm or "SIGTERM" in text
        for product in _TIME_LIMIT.findall(text):
            seconds = 1
            for factor in product.split("*"):
                seconds *= int(factor)
            limits.append(seconds)
    return SourceHints(
        health_paths=health_routes(texts) if serves else (),
        time_limit_seconds=max(limits, default=None),
        asks_python_version=asks_python_version,
        speaks_of_sigterm=speaks_of_sigterm,
    )
