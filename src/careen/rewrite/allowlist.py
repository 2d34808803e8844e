"""An ignore file that lets through what the Dockerfile copies and nothing else, checked against the tree."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from careen.ignorefile.patterns import IgnoreFile, Pattern, parse_ignorefile
from careen.rewrite.copies import Extent, Piece
from careen.text.source import Source
from careen.text.values import dataclass

_HEAD = "# Only what the Dockerfile copies is sent to the builder.\n*\n"
_NEVER = ("**/__pycache__", "**/*.pyc")
_KEPT_HEAD = "# Kept from the file as it was.\n"


class WrongAllowListError(AssertionError):
    """A bug in careen: the list it wrote keeps out what the Dockerfile copies, or names what is not there."""


@dataclass(frozen=True, kw_only=True)
class AllowListInputs:
    """Paths are relative to the build context. ``needed`` are files that must be sent, whether or not they exist yet.

    ``extra`` are whole paths that kept stages copy. ``before`` is today's ignore file of that context.
    """

    path: PurePosixPath
    pieces: tuple[Piece, ...]
    needed: frozenset[PurePosixPath]
    extra: tuple[PurePosixPath, ...]
    tree: tuple[PurePosixPath, ...]
    before: IgnoreFile | None


def allow_list(inputs: AllowListInputs) -> str:
    """The text of the ignore file. Raises WrongAllowListError rather than giving one that breaks the build."""
    pieces = dict.fromkeys(
        [
            *(Piece(path, Extent.FILE) for path in sorted(inputs.needed) if not _covered(path, inputs.pieces)),
            *inputs.pieces,
            *(Piece(path, Extent.FILE) for path in _outermost(inputs.extra)),
        ]
    )
    lines = [f"!{piece.pattern.removesuffix('/')}\n" for piece in sorted(pieces, key=lambda piece: piece.pattern)]
    never = (*_NEVER, "**/node_modules") if inputs.extra else _NEVER
    text = _HEAD + "".join(lines) + "".join(f"{pattern}\n" for pattern in never)
    kept = _kept(inputs, parse_ignorefile(Source(inputs.path, text)))
    if kept:
        text += _KEPT_HEAD + "".join(f"{pattern.text}\n" for pattern in kept)
    _check(inputs, parse_ignorefile(Source(inputs.path, text)))
    return text


def _outermost(paths: Iterable[PurePosixPath]) -> list[PurePosixPath]:
    unique = sorted(set(paths))
    return [path for path in unique if not any(other != path and path.is_relative_to(other) for other in unique)]


def _covered(path: PurePosixPath, pieces: Iterable[Piece]) -> bool:
    return any(piece.covers(path) for piece in pieces)


def _kept(inputs: AllowListInputs, allowed: IgnoreFile) -> list[Pattern]:
    """Patterns of today's file that keep out something which the list would let through, and nothing needed."""
    if inputs.before is None:
        return []
    sent = [str(path) for path in inputs.tree if not allowed.excludes(str(path))]
    needed = {str(path) for path in inputs.needed}
    kept: dict[str, Pattern] = {}
    harmful: set[str] = set()
    for path in sent:
        pattern = inputs.before.deciding(path)
        if pattern is not None and not pattern.negated:
            (harmful.add(pattern.text) if path in needed else kept.setdefault(pattern.text, pattern))
    return [pattern for text, pattern in kept.items() if text not in harmful]


def _check(inputs: AllowListInputs, ignore: IgnoreFile) -> None:
    for path in inputs.needed:
        if ignore.excludes(str(path)):
            raise WrongAllowListError(f"{inputs.path}: {path} is copied and would not be sent")
    present = {*inputs.tree, *inputs.needed}
    for pattern in ignore.patterns:
        if not pattern.negated:
            continue
        matched = any(pattern.matches(str(place)) for path in present for place in (path, *path.parents) if place.name)
        if not matched and not any(str(path) == pattern.cleaned for path in inputs.extra):
            raise WrongAllowListError(f"{inputs.path}: the pattern {pattern.text} matches nothing")
