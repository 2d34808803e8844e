"""JSON documents of images: read with the path to what is wrong, written in one canonical way.

Names that occur twice are refused: which of the two counts differs between readers, and so would the image.
"""

import json
from collections.abc import Iterable, Mapping
from typing import cast

from careen.blobs.digest import Descriptor, Digest, InvalidDigestError
from careen.errors import CareenError

LARGEST_DOCUMENT = 16 << 20
"""Bytes; registries take manifests of at most 4 MiB, configurations may be larger."""

_LARGEST_NUMBER = (1 << 63) - 1


class ImageDocumentError(CareenError):
    """A manifest, index, configuration or layout document is not what the image spec says."""


def render_document(value: Mapping[str, object]) -> bytes:
    """Sorted, without blanks, UTF-8 (canonical JSON, as the image spec's considerations.md asks)."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ImageDocumentError("a text of the image is not Unicode and cannot be written") from error


def read_document(data: bytes, name: str) -> "Fields":
    """``name`` begins the paths in messages. Raises ImageDocumentError."""
    return Fields(_object(_json(data, name), name), name)


def read_list(data: bytes, name: str) -> tuple["Fields", ...]:
    """A document that is a list of objects. Raises ImageDocumentError."""
    return _objects(_json(data, name), name)


def _json(data: bytes, name: str) -> object:
    if len(data) > LARGEST_DOCUMENT:
        raise ImageDocumentError(f"{name} has {len(data)} bytes, more than any image needs")
    try:
        return cast("object", json.loads(data, object_pairs_hook=_without_twins))
    except (ValueError, RecursionError) as error:
        raise ImageDocumentError(f"{name} is not a JSON document: {str(error)[:120]}") from error


def _without_twins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twin[:80]!r} occurs twice")
    return found


class Fields:
    """The members of a JSON object; ``null`` is the same as absent, as Go writes it. Raises ImageDocumentError."""

    def __init__(self, values: Mapping[str, object], place: str) -> None:
        self._values = values
        self._place = place

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def wrong(self, name: str, reason: str) -> ImageDocumentError:
        return ImageDocumentError(f"{self._place}.{name} {reason}")

    def text(self, name: str, default: str | None = None) -> str:
        """Without a default the member must be there."""
        found = self.optional_text(name)
        if found is not None:
            return found
        if default is None:
            raise self.wrong(name, "is missing")
        return default

    def optional_text(self, name: str) -> str | None:
        value = self._values.get(name)
        return None if value is None else _text(value, f"{self._place}.{name}")

    def number(self, name: str, default: int | None = None) -> int:
        """Not negative, and within 63 bits."""
        value = self._values.get(name)
        if value is None:
            if default is None:
                raise self.wrong(name, "is missing")
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_NUMBER:
            raise self.wrong(name, "is not a whole number that is possible there")
        return value

    def flag(self, name: str) -> bool:
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(name, "is neither true nor false")
        return bool(value)

    def texts(self, name: str) -> tuple[str, ...]:
        place = f"{self._place}.{name}"
        return tuple(_text(value, f"{place}[{at}]") for at, value in enumerate(_list(self._values.get(name), place)))

    def text_map(self, name: str) -> Mapping[str, str]:
        place = f"{self._place}.{name}"
        found = self._members(name, place)
        return {_text(key, place): _text(value, f"{place}.{key[:80]}") for key, value in found.items()}

    def names(self, name: str) -> tuple[str, ...]:
        """The member names of an object that stands for a set."""
        place = f"{self._place}.{name}"
        return tuple(sorted(_text(key, place) for key in self._members(name, place)))

    def fields(self, name: str) -> "Fields":
        """An empty object where it is absent."""
        place = f"{self._place}.{name}"
        return Fields(self._members(name, place), place)

    def fields_list(self, name: str) -> tuple["Fields", ...]:
        return _objects(self._values.get(name), f"{self._place}.{name}")

    def digests(self, name: str) -> tuple[Digest, ...]:
        return tuple(self._digest(f"{name}[{at}]", text) for at, text in enumerate(self.texts(name)))

    def descriptor(self) -> Descriptor:
        """This object as a descriptor (image spec, descriptor.md)."""
        return Descriptor(self.text("mediaType"), self._digest("digest", self.text("digest")), self.number("size"))

    def _members(self, name: str, place: str) -> Mapping[str, object]:
        value = self._values.get(name)
        return {} if value is None else _object(value, place)

    def _digest(self, name: str, text: str) -> Digest:
        try:
            return Digest.parse(text)
        except InvalidDigestError as error:
            raise self.wrong(name, f"is {error.message}") from error


def descriptor_document(descriptor: Descriptor) -> dict[str, object]:
    return {"mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size}


def _objects(value: object, place: str) -> tuple[Fields, ...]:
    return tuple(
        Fields(_object(item, f"{place}[{at}]"), f"{place}[{at}]") for at, item in enumerate(_list(value, place))
    )


def _object(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ImageDocumentError(f"{place} is not an object")
    return value


def _list(value: object, place: str) -> Iterable[object]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ImageDocumentError(f"{place} is not a list")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise ImageDocumentError(f"{place} is not a text")
    if not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ImageDocumentError(f"{place} is not Unicode text")
    return value
