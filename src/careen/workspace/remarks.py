"""``# careen: ignore[rule] reason``: what a person has looked at and left as it is, said where it stands.

The comment speaks of its own line, or, on a line of its own, of the next line that is no comment.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from careen.text.source import Source
from careen.text.values import dataclass

_REMARK = re.compile(r"#\s*careen:\s*ignore\b(?:\s*\[([^\]\n]*)\])?[ \t]*(.*)", re.IGNORECASE)
_ANNOUNCEMENT = "careen:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """``names`` are rules or topics; ``line`` is where the comment stands, ``speaks_of`` the line that it is about.

    ``problem`` says why it silences nothing; None when it does.
    """

    path: PurePosixPath
    line: int
    speaks_of: int
    names: tuple[str, ...]
    reason: str
    problem: str | None = None

    def covers(self, path: PurePosixPath, line: int, end_line: int) -> bool:
        return self.path == path and (line <= self.line <= end_line or line <= self.speaks_of <= end_line)


def remarks_in(source: Source) -> tuple[Remark, ...]:
    if _ANNOUNCEMENT not in source.text:
        return ()
    lines = source.text.split("\n")
    return tuple(_remarks(source.path, lines))


def _remarks(path: PurePosixPath, lines: list[str]) -> Iterator[Remark]:
    for index, line in enumerate(lines):
        match = _REMARK.search(line) if "#" in line else None
        if match is None:
            continue
        alone = line[: match.start()].strip().lstrip("\ufeff") == ""
        speaks_of = _next_statement(lines, index) if alone else index
        names = tuple(name for name in re.split(r"[,\s]+", match[1] or "") if name)
        reason = match[2].strip().strip("-:\u2013\u2014").strip()
        problem = None
        if not names:
            problem = "an ignore comment names the rule in brackets: `# careen: ignore[rule] reason`"
        elif not reason:
            problem = (
                f"an ignore comment gives its reason behind the bracket: `# careen: ignore[{names[0]}] because ...`"
            )
        yield Remark(path=path, line=index + 1, speaks_of=speaks_of + 1, names=names, reason=reason, problem=problem)


def _next_statement(lines: list[str], index: int) -> int:
    for later in range(index + 1, len(lines)):
        text = lines[later].strip()
        if text and not text.startswith("#"):
            return later
    return index


def remarks_of(sources: Iterable[Source]) -> tuple[Remark, ...]:
    return tuple(remark for source in sources for remark in remarks_in(source))
