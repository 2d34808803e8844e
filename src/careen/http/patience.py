"""How long careen waits for a server, and how often it asks again."""

from typing import TYPE_CHECKING

from careen.http.addresses import redacted
from careen.http.failures import TransferError
from careen.text.values import dataclass

if TYPE_CHECKING:
    import httpx

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Of servers that may answer otherwise a little later."""

_LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Times in seconds; ``attempts`` counts the first one too.

    A body that arrives more slowly than ``slowest`` bytes a second, once ``patience`` is over, is given up.
    """

    offline: bool = False
    connect_timeout: float = 10
    read_timeout: float = 60
    attempts: int = 4
    backoff: float = 0.4
    patience: float = 60
    slowest: int = 10_000

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failed attempts."""
        return self.backoff * 2.0 ** (failures - 1)

    def insist_on_speed(self, url: str, received: int, seconds: float) -> None:
        """Raises TransferError for a server that answers so slowly that nobody would wait for the rest."""
        late = seconds - self.patience
        if late > 0 and received < late * self.slowest:
            raise TransferError(
                f"{redacted(url)}: only {received} bytes in {seconds:.0f} seconds",
                hints=("use another index or mirror",),
            )


def wait_asked_for(response: "httpx.Response", backoff: float) -> float:
    """Seconds until the next attempt; what the server asks for, within bounds."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT) if asked.isdigit() and len(asked) < 6 else backoff
