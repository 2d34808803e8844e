"""Here-documents of a shell's text, lifted out before its grammar is asked: it knows only one of them a line."""

import re
from bisect import bisect_left

from careen.text.values import dataclass

_TOKEN = re.compile(
    r"""(?P<skip>'[^']*+'|"(?:[^"\\]++|\\.)*+"|\\.|<<<|(?<=[\s;&|(])\#[^\n]*|^\#[^\n]*)"""
    r"""|<<(?P<chomp>-?)[ \t]*(?P<name>'[^'\n]+'|"[^"\n]+"|\\?[A-Za-z0-9_.!@%+-]+)"""
    r"""|(?P<end>\n)""",
    re.DOTALL | re.MULTILINE,
)
_LEADING_TABS = re.compile(r"^\t+", re.MULTILINE)
_NOT_NEWLINE = re.compile(r"[^\n]")


@dataclass(frozen=True, slots=True)
class Document:
    """``mark`` is the span of ``<<name`` in the text; ``text`` what a command reads from it."""

    mark: tuple[int, int]
    text: str


def lift_documents(text: str) -> tuple[str, tuple[Document, ...]]:
    """The text with every mark and body blanked, of the same length, and the documents in order.

    A mark whose name stands on no later line is none: ``1 << 2`` in arithmetic looks like one.
    """
    if "<<" not in text:
        return text, ()
    lines = _LineIndex(text)
    blanks: list[tuple[int, int]] = []
    documents: list[Document] = []
    waiting: list[re.Match[str]] = []
    position = 0
    while (match := _TOKEN.search(text, position)) is not None:
        position = match.end()
        if match["name"]:
            waiting.append(match)
        if not match["end"] or not waiting:
            continue
        for mark in waiting:
            name, chomp = mark["name"].strip("'\"\\"), bool(mark["chomp"])
            terminator = lines.find(name, position, chomp=chomp)
            if terminator is None:
                continue
            start, after = terminator
            body = text[position:start]
            documents.append(Document(mark.span(), _LEADING_TABS.sub("", body) if chomp else body))
            blanks += (mark.span(), (position, after))
            position = after
        waiting.clear()
    pieces: list[str] = []
    kept = 0
    for start, end in sorted(blanks):
        pieces += (text[kept:start], _NOT_NEWLINE.sub(" ", text[start:end]))
        kept = end
    pieces.append(text[kept:])
    return "".join(pieces), tuple(documents)


class _LineIndex:
    """Where a line with a given text stands next, without reading everything again for each name."""

    def __init__(self, text: str) -> None:
        self._exact: dict[str, list[int]] = {}
        self._chomped: dict[str, list[int]] = {}
        self._ends: dict[int, int] = {}
        start = 0
        for line in text.split("\n"):
            end = start + len(line) + 1
            content = line.rstrip("\r")
            self._exact.setdefault(content, []).append(start)
            self._chomped.setdefault(content.lstrip("\t"), []).append(start)
            self._ends[start] = min(end, len(text))
            start = end

    def find(self, name: str, position: int, *, chomp: bool) -> tuple[int, int] | None:
        """Start of the line and the place behind its ending."""
        starts = (self._chomped if chomp else self._exact).get(name, [])
        index = bisect_left(starts, position)
        return (starts[index], self._ends[starts[index]]) if index < len(starts) else None
