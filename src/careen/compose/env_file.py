"""``.env`` files as compose reads them (compose-go's dotenv): quotes over several lines, variables, comments."""

import re
from collections import ChainMap
from collections.abc import Mapping

from careen.compose.interpolate import interpolate

_LINE = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*
        (?:[=:][ \t]*(?:'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<plain>[^\n]*)))?""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$$"}
_COMMENT = re.compile(r"(?:^|\s)#.*")
_MOST_CHARACTERS = 1 << 20


def read_env_file(text: str, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Values may name ``variables`` and those above them; what is not understood is passed over."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    outside = variables or {}
    values: dict[str, str] = {}
    known = ChainMap(dict(outside), values)
    size = 0
    position = 0
    while position < len(text) and size < _MOST_CHARACTERS:
        match = _LINE.match(text, position)
        if match is not None and text[match.end(1) : match.end()].strip()[:1] in {"=", ":"}:
            value = _value(match, known)
            values[match["name"]] = value
            size += len(value)
            position = match.end()
        end = text.find("\n", position)
        position = len(text) if end == -1 else end + 1
    return values


def _value(match: re.Match[str], known: Mapping[str, str]) -> str:
    if match["single"] is not None:
        return match["single"].replace("\\'", "'")
    if match["double"] is not None:
        text = _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[0]), match["double"])
        return interpolate(text, known).text
    return interpolate(_COMMENT.sub("", match["plain"]).strip(), known).text
