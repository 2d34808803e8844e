"""What may go wrong between careen and a server."""

from careen.errors import CareenError


class HttpError(CareenError):
    """A request failed for good; the address in the message carries no credentials."""


class TransferError(HttpError):
    """The connection failed or broke off; another attempt may succeed."""


class OfflineError(CareenError):
    """Something must be fetched and fetching was forbidden."""


class RangeRefusedError(HttpError):
    """The server has the file and gives no parts of it."""


class TooLargeError(HttpError):
    """The answer has more bytes than it may have."""
