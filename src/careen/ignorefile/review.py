"""Patterns of an ignore file that do not do what was meant, judged against the tree they are for."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property

from careen.ignorefile.causes import Cause, cause_of
from careen.ignorefile.context import ContextFile, ContextMeasure
from careen.ignorefile.expressions import MalformedPatternError
from careen.ignorefile.globs import check_pattern, translate
from careen.ignorefile.matching import Matcher
from careen.ignorefile.patterns import IgnoreFile, Pattern, clean_path
from careen.text.values import dataclass


class FaultKind(StrEnum):
    TRAILING_COMMENT = "trailing comment"
    FOREIGN_SYNTAX = "foreign syntax"
    OUTSIDE = "outside the context"
    ROOT_ONLY = "root only"
    MATCHES_NOTHING = "matches nothing"
    LEFT_BEHIND = "left behind"
    REINCLUDES_NOTHING = "re-includes nothing"
    OVERRIDDEN = "overridden"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternFault:
    """``bytes`` is what is sent although the pattern seems to be meant to keep it out, ``example`` one such path."""

    pattern: Pattern
    kind: FaultKind
    explanation: str
    bytes: int = 0
    example: str | None = None


_COMMENT = re.compile(r"\s#")
_BRACES = re.compile(r"\{[^{}/]*,[^{}/]*\}")
_LETTER_ESCAPE = re.compile(r"\\(?=[A-Za-z])")
_PRUDENT = frozenset(Cause) - {Cause.OTHER, Cause.PYTHON, Cause.TESTS, Cause.DOCUMENTATION, Cause.MEDIA}
"""A pattern for what is not there today, such as a log or a cache, is foresight."""
_MADE_LATER = re.compile(r"cache|upload|cred|results?$|reports?$|\.env$", re.IGNORECASE)
_LITTLE = 4096
_ALIKE = 0.75
_MEANT_EVERYWHERE = frozenset(
    {Cause.VIRTUAL_ENVIRONMENT, Cause.NODE_MODULES, Cause.CACHES, Cause.SECRETS, Cause.NOTEBOOKS, Cause.LOGS}
)
"""Who keeps these out at the top wants them out altogether; ``README.md`` may well mean the one at the top."""


def review(ignore: IgnoreFile, measured: ContextMeasure) -> tuple[PatternFault, ...]:
    """At most one fault for each pattern, in the order of the file; ``measured`` is the same context's."""
    tree = _Tree(ignore, measured)
    faults = (_syntax_fault(pattern, tree) or _effect_fault(pattern, tree) for pattern in ignore.patterns)
    return tuple(fault for fault in faults if fault is not None)


class _Tree:
    def __init__(self, ignore: IgnoreFile, measured: ContextMeasure) -> None:
        self._ignore = ignore
        self._measured = measured

    @cached_property
    def sent(self) -> dict[str, ContextFile]:
        return {file.path: file for file in self._measured.sent}

    @cached_property
    def _ordered(self) -> list[str]:
        return sorted(self.sent)

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Files and folders that the walk looked at."""
        files = (file.path for file in (*self._measured.sent, *self._measured.excluded))
        return tuple(dict.fromkeys((*self._measured.excluded_folders, *_with_folders(files))))

    @cached_property
    def deeper_by_name(self) -> dict[str, list[str]]:
        """What lies in folders, by its last name: a bare pattern asks for that alone."""
        found: dict[str, list[str]] = {}
        for path in self.paths:
            if "/" in path:
                found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    @cached_property
    def hidden_paths(self) -> tuple[str, ...]:
        return tuple(_with_folders(file.path for file in self._measured.below_excluded_folders))

    @cached_property
    def decisions(self) -> dict[str, Pattern | None]:
        return dict(self._ignore.decisions(self.paths))

    @cached_property
    def deciding(self) -> frozenset[int]:
        """The lines of the patterns that decide about something."""
        return frozenset(pattern.line for pattern in self.decisions.values() if pattern is not None)

    def matched(self, pattern: Pattern) -> list[str]:
        return [path for path in self.paths if pattern.matches(path)]

    def matches_anything(self, pattern: Pattern) -> bool:
        return any(map(pattern.matches, self.paths)) or any(map(pattern.matches, self.hidden_paths))

    def sent_by(self, patterns: Iterable[str]) -> list[ContextFile]:
        """What is sent, and would be matched by other patterns."""
        matchers: list[Matcher] = []
        for pattern in patterns:
            cleaned = clean_path(pattern)
            try:
                check_pattern(cleaned)
                matchers.append(translate(cleaned).matcher())
            except MalformedPatternError:
                continue
        return self.sent_at_or_below(path for path in self.paths if any(matches(path) for matches in matchers))

    def sent_at_or_below(self, paths: Iterable[str]) -> list[ContextFile]:
        found: dict[str, ContextFile] = {}
        ordered = self._ordered
        for root in paths:
            if root in self.sent:
                found[root] = self.sent[root]
            first, last = bisect_left(ordered, f"{root}/"), bisect_left(ordered, f"{root}0")  # "0" follows "/"
            found.update((path, self.sent[path]) for path in ordered[first:last])
        return [found[path] for path in sorted(found)]


def _folders(path: str) -> Iterator[str]:
    position = path.find("/")
    while position != -1:
        yield path[:position]
        position = path.find("/", position + 1)


def _with_folders(files: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for path in files:
        for folder in _folders(path):
            if folder not in seen:
                seen.add(folder)
                yield folder
        yield path


def _syntax_fault(pattern: Pattern, tree: _Tree) -> PatternFault | None:
    cleaned = pattern.cleaned
    if cleaned == ".." or cleaned.startswith("../"):
        return _fault(pattern, FaultKind.OUTSIDE, "this points out of the context, where nothing is sent from")
    if cleaned in {".", "/"}:
        return _fault(
            pattern,
            FaultKind.OUTSIDE,
            "this names the context itself, which cannot be left out; `*` is everything in it",
        )
    suspicions = (
        (
            FaultKind.TRAILING_COMMENT,
            [_COMMENT.split(cleaned, maxsplit=1)[0]],
            "a comment needs a line of its own; here the hash and all after it belong to the pattern",
        ),
        (FaultKind.FOREIGN_SYNTAX, _alternatives(cleaned), "braces are no alternatives here; write a line for each"),
        (FaultKind.FOREIGN_SYNTAX, [cleaned.replace("[!", "[^")], "a class is negated by `[^`, not by `[!`"),
        (
            FaultKind.FOREIGN_SYNTAX,
            [cleaned.replace(".*", "*").replace("\\.", ".")] if "\\." in cleaned else [cleaned],
            "this is no regular expression; a dot is a dot here, and `*` is anything but `/`",
        ),
        (
            FaultKind.FOREIGN_SYNTAX,
            [_LETTER_ESCAPE.sub("/", cleaned)],
            "folders are separated by `/`; a backslash changes the meaning of the letter after it",
        ),
    )
    for kind, meant, explanation in suspicions:
        if meant != [cleaned] and not tree.matches_anything(pattern):
            return _fault(pattern, kind, explanation, tree.sent_by(meant))
    return None


def _alternatives(text: str) -> list[str]:
    """What a shell would make of the first braces in ``text``."""
    found = _BRACES.search(text)
    if found is None:
        return [text]
    return [text[: found.start()] + choice + text[found.end() :] for choice in found[0][1:-1].split(",")]


def _effect_fault(pattern: Pattern, tree: _Tree) -> PatternFault | None:
    if pattern.line in tree.deciding:
        return None if pattern.negated else _root_only_fault(pattern, tree)
    matched = tree.matched(pattern)
    if not matched:
        if pattern.negated:
            explanation = "nothing has this name, so there is nothing to bring back"
            return (
                None if tree.matches_anything(pattern) else _fault(pattern, FaultKind.REINCLUDES_NOTHING, explanation)
            )
        return _root_only_fault(pattern, tree) or _one_level_fault(pattern, tree) or _absence(pattern, tree)
    decided = [tree.decisions[path] for path in matched]
    last = max((each for each in decided if each is not None), key=lambda each: each.line, default=None)
    if pattern.negated:
        explanation = (
            f"line {last.line} (`{last.text}`) comes later and leaves out again what this brings back"
            if last is not None and not last.negated and last.line > pattern.line
            else "nothing leaves out what this would bring back"
        )
        return _fault(pattern, FaultKind.REINCLUDES_NOTHING, explanation)
    files = tree.sent_at_or_below(matched)
    if last is not None and "*" in pattern.cleaned and "*" not in last.cleaned:
        return None  # `*.sh` and `!start.sh`: all but one, and the one is all there is today
    if last is None or not last.negated or not files:
        return None  # what it names is left out by another pattern: redundant, and harmless
    explanation = f"line {last.line} (`{last.text}`) comes later and brings back all that this leaves out"
    return _fault(pattern, FaultKind.OVERRIDDEN, explanation, files)


def _root_only_fault(pattern: Pattern, tree: _Tree) -> PatternFault | None:
    """A bare name reaches only the top of the context, unlike in ``.gitignore``."""
    if "/" in pattern.cleaned or "**" in pattern.cleaned or pattern.text.startswith(("/", "./")):
        return None
    cause = cause_of(pattern.cleaned.replace("*", "x"))
    inside = cause_of(f"{pattern.cleaned}/x")
    only_top = _MEANT_EVERYWHERE.isdisjoint({cause, inside})
    if only_top and (cause is Cause.PYTHON or tree.matched(pattern)):
        return None
    matches = translate(pattern.cleaned).matcher()
    named = [path for name, paths in tree.deeper_by_name.items() if matches(name) for path in paths]
    deeper = [path for path in sorted(named) if _left_alone(path, pattern, tree)]
    files = tree.sent_at_or_below(deeper)
    if not files:
        return None
    if only_top and (
        all(file.cause is Cause.PYTHON for file in files)  # a package of code has the name by chance
        or ("*" in pattern.cleaned and sum(file.bytes for file in files) < _LITTLE)
    ):
        return None
    explanation = f"this reaches the top of the context only; `**/{pattern.cleaned}` reaches {deeper[0]} too"
    return _fault(pattern, FaultKind.ROOT_ONLY, explanation, files)


def _one_level_fault(pattern: Pattern, tree: _Tree) -> PatternFault | None:
    """``*/node_modules`` reaches ``web/node_modules``, not ``apps/web/node_modules``."""
    star, _, name = pattern.cleaned.partition("/")
    if star != "*" or not name or "/" in name or "*" in name:
        return None
    deeper = [path for path in sorted(tree.deeper_by_name.get(name, ())) if _left_alone(path, pattern, tree)]
    files = tree.sent_at_or_below(deeper)
    if not files:
        return None
    return _fault(pattern, FaultKind.ROOT_ONLY, f"`*` is one folder; `**/{name}` reaches {deeper[0]} too", files)


def _left_alone(path: str, pattern: Pattern, tree: _Tree) -> bool:
    """Whether nobody asked for ``path`` to be sent after ``pattern`` was written."""
    decided = tree.decisions[path]
    return decided is None or (decided.negated and decided.line < pattern.line)


def _absence(pattern: Pattern, tree: _Tree) -> PatternFault | None:
    if tree.matches_anything(pattern):
        return None
    if _is_below_nothing(pattern, tree):
        top = pattern.cleaned.partition("/")[0]
        return _fault(pattern, FaultKind.LEFT_BEHIND, f"there is no {top} in this context")
    bare = pattern.cleaned.removesuffix("/**").removesuffix("/*")
    named = (bare.replace("*", "x") + "/x", bare.replace("*", "") + "/x", bare.replace("*", "x"), bare.replace("*", ""))
    if any(cause_of(name) in _PRUDENT for name in named) or _MADE_LATER.search(bare) or bare.startswith("*."):
        return None
    if bare.startswith(".") and not _has_likeness(bare, tree):
        return None  # settings and leavings of tools that others use
    return _fault(pattern, FaultKind.MATCHES_NOTHING, "nothing in this context has this name")


def _has_likeness(name: str, tree: _Tree) -> bool:
    """Whether something at the top is called almost the same: ``.mypy_baseline`` and ``.mypy-baseline.txt``."""
    top = {path.partition("/")[0] for path in tree.paths}
    return bool(get_close_matches(name, top, n=1, cutoff=_ALIKE))


def _is_below_nothing(pattern: Pattern, tree: _Tree) -> bool:
    """``old_name/__pycache__`` where no folder has the old name any more: no foresight, but a line left behind."""
    top, slash, _ = pattern.cleaned.partition("/")
    named = slash and not any(mark in top for mark in "*?[\\") and cause_of(f"{top}/x") is Cause.OTHER
    return bool(named) and not any(path == top or path.startswith(f"{top}/") for path in tree.paths)


def _fault(pattern: Pattern, kind: FaultKind, explanation: str, files: Iterable[ContextFile] = ()) -> PatternFault:
    sent = () if pattern.negated else tuple(files)
    return PatternFault(
        pattern=pattern,
        kind=kind,
        explanation=explanation,
        bytes=sum(file.bytes for file in sent),
        example=sent[0].path if sent else None,
    )
