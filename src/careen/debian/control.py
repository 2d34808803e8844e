"""Control data: paragraphs of ``Field: value`` (Debian policy, section 5.1; deb822(5))."""

import re
from collections.abc import Iterator, Mapping

from careen.errors import CareenError

_FIELD = re.compile(r"([!-,./-9;-~][!-9;-~]*)[ \t]*:[ \t]*(.*)")


class ControlError(CareenError):
    """Not control data; the message names the line."""


def read_paragraphs(text: str) -> Iterator[Mapping[str, str]]:
    """Field names are given in lower case; continued lines are joined by newlines with their first blank removed.

    Comment lines are left out. Raises ControlError.
    """
    fields: dict[str, str] = {}
    last = ""
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.rstrip("\r \t")
        if line.startswith("#"):
            continue
        if not bare:
            if fields:
                yield fields
            fields, last = {}, ""
        elif line[0] in " \t":
            if not last:
                raise ControlError(f"line {number} continues a field that is not there")
            fields[last] += "\n" + bare[1:]
        else:
            match = _FIELD.fullmatch(bare)
            if match is None:
                raise ControlError(f"line {number} is not a field: {bare[:60]!r}")
            last = match[1].lower()
            if last in fields:
                raise ControlError(f"line {number} gives {match[1]} a second time")
            fields[last] = match[2]
    if fields:
        yield fields


def read_paragraph(text: str) -> Mapping[str, str]:
    """Raises ControlError unless there is exactly one."""
    paragraphs = list(read_paragraphs(text))
    if len(paragraphs) != 1:
        raise ControlError(f"expected one paragraph of fields, found {len(paragraphs)}")
    return paragraphs[0]
