"""What registries say when they refuse (distribution spec, "Error Codes")::

{"errors": [{"code": "DENIED", "message": "requested access to the resource is denied", "detail": {}}]}
"""

from http import HTTPStatus

from careen.errors import CareenError
from careen.http.messages import Answer
from careen.oci.document import ImageDocumentError, read_document

_LONGEST = 300


class RegistryError(CareenError):
    """A registry refuses, or does not keep to the distribution spec."""


class NotInRegistryError(RegistryError):
    """The registry has no such image or blob."""


class AccessDeniedError(RegistryError):
    """The registry wants to know who is there, or does not allow it to whoever it is."""


def registry_message(answer: Answer) -> str:
    """In the registry's own words where it has some, else the status; never more than a line."""
    words: list[str] = []
    try:
        document = read_document(answer.body, "answer")
        errors = document.fields_list("errors")
        words = [": ".join(filter(None, (error.text("code", ""), error.text("message", "")))) for error in errors]
        if not words:  # token servers have other members
            words = [document.text(name, "") for name in ("details", "error", "error_description", "message")]
    except ImageDocumentError:
        if answer.headers.get("content-type", "").startswith("text/plain"):
            words = [answer.body[:_LONGEST].decode("utf-8", "replace")]
    said = _one_line("; ".join(word for word in words if word))
    status = f"{answer.status} {_phrase(answer.status)}".rstrip()
    return f"{said} ({status})" if said else status


def _one_line(text: str) -> str:
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * _LONGEST]).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
