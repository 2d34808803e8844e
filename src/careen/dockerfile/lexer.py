"""Splitting an instruction's line as BuildKit does (frontend/dockerfile/parser: line_parsers.go, split_command.go)."""

import json
import re
from math import isfinite
from typing import NoReturn

from careen.dockerfile.characters import SPACES
from careen.dockerfile.globs import BadSubstitutionError
from careen.dockerfile.tree import Flag
from careen.dockerfile.words import WordLexer
from careen.text.values import dataclass

WHITESPACE = re.compile(r"[\t\v\f\r ]+")
_HEREDOC = re.compile(r"([0-9]*)<<(-?)[\t\n\f\r ]*([^<]*)")
_ESCAPES = ("\\", "`")
_UNQUOTED = {escape: re.compile(f"[^'\"{re.escape(escape + SPACES)}]+") for escape in _ESCAPES}
_QUOTED = {
    (escape, mark): re.compile(f"[^{mark}]+" if mark == "'" else f"[^{mark}{re.escape(escape)}]+")
    for escape in _ESCAPES
    for mark in "'\""
}
_WHOLE_WORD = {
    escape: re.compile(
        rf"""(?:[^'"{re.escape(escape + SPACES)}]++|{re.escape(escape)}.|'[^']*+'"""
        rf"""|"(?:[^"{re.escape(escape)}]++|{re.escape(escape)}.)*+")++(?=[{SPACES}]|\Z)""",
        re.DOTALL,
    )
    for escape in _ESCAPES
}
_MOST_DESCRIPTOR = 2**64 - 1


class NotStringArrayError(ValueError):
    """A JSON array with something other than strings in it."""


@dataclass(frozen=True, slots=True)
class HeredocMark:
    """``<<-"EOF"`` as it stands on the instruction's line."""

    descriptor: int
    chomp: bool
    name: str
    expand: bool


def split_command(line: str, escape: str) -> tuple[str, tuple[Flag, ...], int]:
    """Keyword, flags, and the offset in ``line`` at which the arguments begin."""
    start = len(line) - len(line.lstrip(SPACES))
    end = max(start, len(line.rstrip(SPACES)))
    match = WHITESPACE.search(line, start, end)
    if match is None:
        return line[start:end], (), end
    behind = line[match.end() : end]
    if not behind.lstrip(SPACES).startswith("--"):
        return line[start : match.start()], (), match.end()
    words, consumed = _extract_flags(behind, escape)
    return line[start : match.start()], tuple(map(_flag, words)), match.end() + consumed


def _extract_flags(line: str, escape: str) -> tuple[list[str], int]:
    """The flags in front, and how much of the line they take.

    BuildKit goes byte by byte and takes each for a character: what is not ASCII comes out as Latin-1 would read it.
    """
    data = line.encode()
    text = data.decode("latin-1")
    words: list[str] = []
    word: list[str] = []
    mark = ""
    blank_allowed = False
    in_spaces = True
    position = 0
    end = len(text)
    while position < end:
        char = text[position]
        if in_spaces:
            if char in SPACES:
                position += 1
                continue
            if text[position : position + 2] != "--":
                break
            in_spaces = False
        if mark:
            if char == mark:
                mark = ""
            elif char != escape:
                word.append(char)
            elif position + 1 < end:
                position += 1
                word.append(text[position])
        elif char in SPACES:
            if word == ["-", "-"]:
                break
            if blank_allowed or word:
                words.append("".join(word))
            word, blank_allowed, in_spaces = [], False, True
        elif char in "'\"":
            mark, blank_allowed = char, True
        elif char == escape:
            position += 1
            word.append(text[position : position + 1])
        else:
            word.append(char)
        position += 1
    else:
        if not in_spaces and word != ["-", "-"]:
            words.append("".join(word))
    return words, position if line.isascii() else len(data[:position].decode("utf-8", "ignore"))


def _flag(word: str) -> Flag:
    name, equals, value = word.removeprefix("--").partition("=")
    return Flag(name, value if equals else None)


def parse_words(rest: str, escape: str) -> list[str]:
    """Words with their quotes and escapes kept, as in ``ENV a="b c" d=e\\ f``."""
    words: list[str] = []
    word: list[str] = []
    mark = ""
    position = 0
    while position < len(rest):
        if not word and not mark and (whole := _WHOLE_WORD[escape].match(rest, position)):
            words.append(whole[0])
            position = whole.end()
            continue
        plain = _QUOTED[escape, mark] if mark else _UNQUOTED[escape]
        run = plain.match(rest, position)
        if run is not None:
            word.append(run[0])
            position = run.end()
            continue
        char = rest[position]
        position += 1
        if not mark and char in SPACES:
            if word:
                words.append("".join(word))
                word = []
        elif char == escape and mark != "'":
            if position == len(rest):
                break  # an escape at the end is passed over
            word.append(char + rest[position])
            position += 1
        else:
            mark = "" if mark else char
            word.append(char)
    if word:
        words.append("".join(word))
    return words


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _finite(text: str) -> float:
    value = float(text)
    return value if isfinite(value) else _refuse(text)


_JSON = json.JSONDecoder(parse_int=len, parse_float=_finite, parse_constant=_refuse)
"""What Go's decoder refuses is refused: NaN and infinities. Numbers are only counted, whatever their length."""


def parse_json_array(rest: str) -> tuple[str, ...] | None:
    """None when the text is not a JSON array; raises NotStringArrayError when it holds other things than strings."""
    rest = rest.lstrip(SPACES)
    if not rest.startswith("["):
        return None
    try:
        value = _JSON.decode(rest)
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(item, str) for item in value):
        raise NotStringArrayError
    return tuple(item if item.isascii() else _without_surrogates(item) for item in value)


def _without_surrogates(text: str) -> str:
    """Half of an escaped pair stands for no character; Go puts the replacement character there."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def heredoc_marks(line: str) -> list[HeredocMark]:
    """The here-documents that a line announces, left to right; quotes around one hide it.

    The escape is a backslash here, whatever the file says. Raises BadSubstitutionError where BuildKit refuses.
    """
    try:
        words = WordLexer(line, {}, raw_quotes=True, raw_escapes=True, keep_unset=True).read()[1]
    except BadSubstitutionError:
        return []
    return [mark for word in words if (mark := heredoc_mark(word)) is not None]


def heredoc_mark(word: str) -> HeredocMark | None:
    """Raises BadSubstitutionError where BuildKit refuses."""
    match = _HEREDOC.fullmatch(word)
    if match is None or not match[3]:
        return None
    words = WordLexer(match[3], {}, keep_unset=True).read()[1]
    if len(words) != 1:
        return None
    raw_words = WordLexer(match[3], {}, raw_quotes=True, keep_unset=True).read()[1]
    if len(raw_words) != 1:
        raise BadSubstitutionError(f"internal lexing of heredoc produced inconsistent results: {match[3]}")
    digits = match[1][:20]  # as many as the largest descriptor has
    return HeredocMark(
        descriptor=min(int(digits or 0), _MOST_DESCRIPTOR) if digits == match[1] else _MOST_DESCRIPTOR,
        chomp=match[2] == "-",
        name=words[0],
        expand=_quotes_in(words[0]) == _quotes_in(raw_words[0]),
    )


def _quotes_in(word: str) -> int:
    return word.count("'") + word.count('"')
