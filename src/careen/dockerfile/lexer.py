"""Splitting an instruction's line as BuildKit does (frontend/dockerfile/parser: line_parsers.go, split_command.go)."""

import json
import re
from dataclasses import dataclass

from careen.dockerfile.tree import Flag

WHITESPACE = re.compile(r"[\t\v\f\r ]+")
_HEREDOC = re.compile(r"(\d*)<<(-?)([^<]*)", re.DOTALL)


class NotStringArrayError(ValueError):
    """A JSON array with something other than strings in it."""


@dataclass(frozen=True, slots=True)
class HeredocMark:
    """``<<-"EOF"`` as it stands on the instruction's line."""

    descriptor: int
    chomp: bool
    name: str
    expand: bool


def split_command(line: str) -> tuple[str, tuple[Flag, ...], int]:
    """Keyword, flags, and the offset in ``line`` at which the arguments begin."""
    start = len(line) - len(line.lstrip())
    match = WHITESPACE.search(line, start)
    if match is None:
        return line.strip(), (), len(line)
    flags, offset = _extract_flags(line, match.end())
    return line[start : match.start()], flags, offset


def _extract_flags(line: str, position: int) -> tuple[tuple[Flag, ...], int]:
    words: list[str] = []
    word = ""
    quote = ""
    blank_allowed = False
    in_spaces = True
    end = len(line)
    while position < end:
        char = line[position]
        if in_spaces:
            if char.isspace():
                position += 1
                continue
            if line[position : position + 2] != "--":
                return tuple(map(_flag, words)), position
            in_spaces = False
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and position + 1 < end:
                position += 1
                word += line[position]
            elif char != "\\":
                word += char
        elif char.isspace():
            if word == "--":
                return tuple(map(_flag, words)), position
            if blank_allowed or word:
                words.append(word)
            word, blank_allowed, in_spaces = "", False, True
        elif char in "'\"":
            quote, blank_allowed = char, True
        elif char == "\\":
            position += 1
            word += line[position : position + 1]
        else:
            word += char
        position += 1
    if word != "--" and (blank_allowed or word) and not in_spaces:
        words.append(word)
    return tuple(map(_flag, words)), end


def _flag(word: str) -> Flag:
    name, equals, value = word.removeprefix("--").partition("=")
    return Flag(name, value if equals else None)


def parse_words(rest: str, escape: str) -> list[str]:
    """Words with their quotes and escapes kept, as in ``ENV a="b c" d=e\\ f``."""
    words: list[str] = []
    word = ""
    quote = ""
    in_word = False
    blank_allowed = False
    position = 0
    while position < len(rest):
        char = rest[position]
        if not in_word:
            if char.isspace():
                position += 1
                continue
            in_word = True
        if not quote and char.isspace():
            in_word = False
            if blank_allowed or word:
                words.append(word)
            word, blank_allowed = "", False
            position += 1
            continue
        if not quote:
            if char in "'\"":
                quote, blank_allowed = char, True
            elif char == escape:
                if position + 1 == len(rest):
                    break
                word += char
                position += 1
                char = rest[position]
        elif char == quote:
            quote = ""
        elif char == escape and quote != "'":
            if position + 1 == len(rest):
                break
            word += escape
            position += 1
            char = rest[position]
        word += char
        position += 1
    if in_word and (blank_allowed or word):
        words.append(word)
    return words


def parse_json_array(rest: str) -> tuple[str, ...] | None:
    """None when the text is not a JSON array; raises NotStringArrayError when it holds other things than strings."""
    if not rest.startswith("["):
        return None
    try:
        value = json.loads(rest)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list):
        return None
    if not all(isinstance(item, str) for item in value):
        raise NotStringArrayError
    return tuple(value)


def heredoc_marks(line: str, escape: str) -> list[HeredocMark]:
    """The here-documents that a line announces, left to right; quotes around one hide it."""
    if "<<" not in line:
        return []
    marks: list[HeredocMark] = []
    for word in parse_words(line, escape):
        match = _HEREDOC.fullmatch(word)
        if match is None or not match[3]:
            continue
        name = _unquote(match[3], escape)
        if name:
            marks.append(HeredocMark(int(match[1] or 0), match[2] == "-", name, expand=name == match[3]))
    return marks


def _unquote(word: str, escape: str) -> str:
    result = ""
    quote = ""
    position = 0
    while position < len(word):
        char = word[position]
        if quote:
            if char == quote:
                quote = ""
            else:
                result += char
        elif char in "'\"":
            quote = char
        elif char == escape and position + 1 < len(word):
            position += 1
            result += word[position]
        else:
            result += char
        position += 1
    return "" if quote else result
