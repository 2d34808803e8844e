"""A Markdown document with a map of itself in front: sections and key elements with true line numbers.

The map is one line of JSON inside a comment, so that a reader with little patience, a person or a program,
can jump:

    <!-- FILE_MAP_BEGIN
    {"file_metadata":{...},"sections":[{"name","description","line_start","line_end"}],"key_elements":[{"name","description","line"}]}
    FILE_MAP_END -->
"""

import json
from collections.abc import Sequence
from dataclasses import field

from careen.text.values import dataclass

_LINES_IN_FRONT = 4
"""The map's three lines and the blank one after it."""


@dataclass(slots=True)
class _Section:
    name: str
    description: str
    level: int
    start: int


@dataclass(slots=True)
class NavigableDocument:
    """Collects lines; :meth:`render` puts the map in front. ``title`` becomes the first heading."""

    title: str
    description: str
    _lines: list[str] = field(default_factory=list)
    _sections: list[_Section] = field(default_factory=list)
    _elements: list[tuple[str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.section(1, self.title, self.description)

    @property
    def _next_line(self) -> int:
        return len(self._lines) + 1 + _LINES_IN_FRONT

    def section(self, level: int, name: str, description: str) -> None:
        """Opens a section with a heading of ``level`` (1 to 6); it ends before the next one of its level or above."""
        if self._lines and self._lines[-1]:
            self._lines.append("")
        self._sections.append(_Section(name, description, level, self._next_line))
        self._lines += [f"{'#' * level} {name}", ""]

    def element(self, name: str, description: str) -> None:
        """Names the line that is written next as worth finding."""
        self._elements.append((name, description, self._next_line))

    def write(self, *lines: str) -> None:
        for line in lines:
            self._lines += line.split("\n")

    def table(self, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        """A pipe table; every column but the first is aligned right when its head starts with a space."""
        rule = ["---:" if cell.startswith(" ") else "---" for cell in head]
        for row in (tuple(cell.strip() for cell in head), tuple(rule), *rows):
            self._lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |")
        self._lines.append("")

    def render(self) -> str:
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        last = len(self._lines) + _LINES_IN_FRONT
        document = {
            "file_metadata": {"title": self.title, "description": self.description, "type": "documentation"},
            "sections": [
                {
                    "name": section.name,
                    "description": section.description,
                    "line_start": section.start,
                    "line_end": self._end_of(index, last),
                }
                for index, section in enumerate(self._sections)
            ],
            "key_elements": [
                {"name": name, "description": description, "line": line} for name, description, line in self._elements
            ],
        }
        # A comment ends at the first `-->`, so the map must hold none.
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":")).replace("-->", "--\\u003e")
        front = ["<!-- FILE_MAP_BEGIN", text, "FILE_MAP_END -->", ""]
        return "\n".join([*front, *self._lines]) + "\n"

    def _end_of(self, index: int, last: int) -> int:
        level = self._sections[index].level
        for later in self._sections[index + 1 :]:
            if later.level <= level:
                return later.start - 1
        return last
