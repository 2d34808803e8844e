"""Changes as a patch that ``git apply`` and ``patch -p1`` take (git documentation, "Generating patch text with -p")."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from careen.rewrite.patchset import FileChange, effective

_CONTEXT_LINES = 3
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_NO_NEWLINE = "\\ No newline at end of file\n"


def patch_text(changes: Iterable[FileChange]) -> str:
    """Files in the order of their paths; nothing for changes that change nothing."""
    ordered = sorted(effective(changes), key=lambda change: change.path)
    return "".join("".join(file_patch(change)) for change in ordered)


def file_patch(change: FileChange) -> Iterator[str]:
    """The lines of one file's patch."""
    old, new = _quoted("a", change.path), _quoted("b", change.path)
    yield f"diff --git {old} {new}\n"
    if change.before is None:
        yield "new file mode 100644\n"
    elif change.after is None:
        yield "deleted file mode 100644\n"
    before, after = _lines(change.before), _lines(change.after)
    if not before and not after:
        return
    yield f"--- {_header(old) if change.before is not None else '/dev/null'}\n"
    yield f"+++ {_header(new) if change.after is not None else '/dev/null'}\n"
    for group in _groups(before, after):
        yield from _hunk(group, before, after)


_Opcode = tuple[str, int, int, int, int]


def _groups(before: Sequence[str], after: Sequence[str]) -> Iterator[list[_Opcode]]:
    if not before or not after:
        yield [("replace", 0, len(before), 0, len(after))]
        return
    # What both begin and end with is left out of the comparison, which costs the product of what it is given.
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    start, end = max(0, start - _CONTEXT_LINES), max(0, end - _CONTEXT_LINES)
    # Without junk: the most frequent line of a lock is still a line.
    matcher = SequenceMatcher(None, before[start : len(before) - end], after[start : len(after) - end], autojunk=False)
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        yield [(kind, a + start, b + start, c + start, d + start) for kind, a, b, c, d in group]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many lines both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _hunk(group: Sequence[_Opcode], before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    first, last = group[0], group[-1]
    yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"
    for kind, old_start, old_end, new_start, new_end in group:
        if kind == "equal":
            yield from _marked(" ", before[old_start:old_end])
            continue
        yield from _marked("-", before[old_start:old_end])
        yield from _marked("+", after[new_start:new_end])


def _marked(mark: str, lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"{mark}{line}"
        if not line.endswith("\n"):
            yield f"\n{_NO_NEWLINE}"


def _range(start: int, end: int) -> str:
    """Lines count from 1; an empty range names the line before it."""
    length = end - start
    beginning = start + 1 if length else start
    return str(beginning) if length == 1 else f"{beginning},{length}"


def _lines(text: str | None) -> list[str]:
    """Lines as git counts them: only a line feed ends one."""
    if not text:
        return []
    return [f"{line}\n" for line in text.split("\n")[:-1]] + ([rest] if (rest := text.rpartition("\n")[2]) else [])


def _quoted(side: str, path: PurePosixPath) -> str:
    name = f"{side}/{path}"
    if name.isascii() and name.isprintable() and not {'"', "\\"} & set(name):
        return name
    quoted = []
    for byte in name.encode():
        character = chr(byte)
        if character in _ESCAPES:
            quoted.append(_ESCAPES[character])
        else:
            quoted.append(character if 0x20 <= byte < 0x7F else f"\\{byte:03o}")
    return f'"{"".join(quoted)}"'


def _header(name: str) -> str:
    """A tab ends a name with a space in it, so that readers do not take the rest for a date."""
    return f"{name}\t" if " " in name and not name.startswith('"') else name
