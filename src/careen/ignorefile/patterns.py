"""The language of ``.dockerignore`` as Moby reads it (``moby/patternmatcher`` and its ``ignorefile`` reader).

A path is decided as BuildKit decides it while it walks: from the top down, each pattern carrying from folder to child
whether it has matched, the last pattern that matches having the last word.
"""

from collections.abc import Iterable, Iterator
from dataclasses import field
from functools import cached_property
from itertools import groupby
from pathlib import PurePosixPath

from careen.ignorefile.expressions import MalformedPatternError
from careen.ignorefile.globs import Comparison, Glob, check_pattern, translate
from careen.ignorefile.matching import SAFE_WILDCARDS, Matcher
from careen.text.problems import SyntaxProblem
from careen.text.source import Source
from careen.text.values import dataclass

_GO_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
"""``unicode.IsSpace``; Python's ``str.strip`` would take four control characters more."""

_LONGEST_LINE = 64 * 1024
_MOST_WILDCARDS = 50_000
"""In all patterns of many together: each costs a tenth of a microsecond a path or more; no real file has so many."""
_LONGEST_SHOWN = 80
_GLOB_CHARACTERS = frozenset("*[]?^\\")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """``text`` is as written; ``cleaned`` as Moby keeps it, without the ``!``. ``line`` starts at 1.

    ``matches`` tells whether the pattern matches this very path, its parents not considered.
    """

    text: str
    cleaned: str
    negated: bool
    line: int
    glob: Glob
    matches: Matcher = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring patterns of one sign, among which order makes no difference."""

    negated: bool
    exact: frozenset[str]
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    others: tuple[Matcher, ...]

    def matches(self, path: str) -> bool:
        return (
            path in self.exact
            or path.endswith(self.suffixes)
            or path.startswith(self.prefixes)
            or any(matches(path) for matches in self.others)
        )


FolderState = tuple[bool, ...]
"""Which runs of patterns matched a folder or one of its parents."""


@dataclass(frozen=True)
class IgnoreFile:
    source: Source | None
    patterns: tuple[Pattern, ...]

    def deciding(self, path: str) -> Pattern | None:
        """The pattern that has the last word about a path relative to the context: None when none matches it."""
        parts = path.split("/")
        carried = (False,) * len(self.patterns)
        decided: Pattern | None = None
        for length in range(1, len(parts) + 1):
            decided, carried = self._step("/".join(parts[:length]), carried)
        return decided

    def excludes(self, path: str) -> bool:
        decided = self.deciding(path)
        return decided is not None and not decided.negated

    def decisions(self, paths: Iterable[str]) -> Iterator[tuple[str, Pattern | None]]:
        """:meth:`deciding` for many paths, asking once for each folder."""
        folders: dict[str, tuple[Pattern | None, tuple[bool, ...]]] = {"": (None, (False,) * len(self.patterns))}
        for path in paths:
            position = path.rfind("/")
            missing: list[str] = []
            while position != -1 and path[:position] not in folders:
                missing.append(path[:position])
                position = path.rfind("/", 0, position)
            for folder in reversed(missing):
                folders[folder] = self._step(folder, folders[folder.rpartition("/")[0]][1])
            yield path, self._step(path, folders[path.rpartition("/")[0]][1])[0]

    def _step(self, path: str, carried: tuple[bool, ...]) -> tuple[Pattern | None, tuple[bool, ...]]:
        matched = False
        decided: Pattern | None = None
        result: list[bool] = []
        for pattern, above in zip(self.patterns, carried, strict=True):
            # A pattern that could change nothing here is not asked, and its silence is carried on to the children.
            match = above or (pattern.negated is matched and pattern.matches(path))
            result.append(match)
            if match:
                matched = not pattern.negated
                decided = pattern
        return decided, tuple(result)

    @cached_property
    def _runs(self) -> tuple[_Run, ...]:
        return tuple(_run(negated, patterns) for negated, patterns in groupby(self.patterns, lambda each: each.negated))

    @property
    def top(self) -> FolderState:
        """The state in which the walk of a context begins."""
        return (False,) * len(self._runs)

    def step(self, path: str, above: FolderState) -> tuple[bool, FolderState]:
        """Whether ``path`` is excluded, given its folder's state, and its own state: :meth:`excludes` for a walk."""
        matched = False
        state: list[bool] = []
        for run, carried in zip(self._runs, above, strict=True):
            match = carried or (run.negated is matched and run.matches(path))
            state.append(match)
            if match:
                matched = not run.negated
        return matched, tuple(state)

    @cached_property
    def _reincluded(self) -> tuple[str, ...] | None:
        """Where re-inclusions point, with a slash at the end; None when one of them may point anywhere."""
        texts = [pattern.cleaned.removesuffix("/**").removesuffix("/*") for pattern in self.patterns if pattern.negated]
        if any(_GLOB_CHARACTERS & set(text) for text in texts):
            return None
        return tuple(f"{text}/" for text in texts)

    def may_reach_below(self, folder: str) -> bool:
        """Whether an exception may bring back something below an excluded folder, so that it must be walked."""
        targets = self._reincluded
        return targets is None or any(target.startswith(f"{folder}/") for target in targets)


def _run(negated: bool, patterns: Iterable[Pattern]) -> _Run:
    exact: set[str] = set()
    prefixes: list[str] = []
    suffixes: list[str] = []
    others: list[Matcher] = []
    for pattern in patterns:
        operand = pattern.glob.operand
        match pattern.glob.comparison:
            case Comparison.EXACT:
                exact.add(operand)
            case Comparison.PREFIX:
                prefixes.append(operand)
            case Comparison.SUFFIX:
                suffixes.append(operand)
                if operand.startswith("/"):
                    exact.add(operand[1:])
            case Comparison.EXPRESSION:
                others.append(pattern.matches)
    return _Run(negated, frozenset(exact), tuple(prefixes), tuple(suffixes), tuple(others))


def parse_ignorefile(source: Source) -> IgnoreFile:
    """Raises SyntaxProblem, with the line, for a pattern at which Docker would stop the build."""
    patterns: list[Pattern] = []
    wildcards = 0
    for number, ended in enumerate(source.text.removeprefix("\ufeff").split("\n"), start=1):
        line = ended.removesuffix("\r")
        if len(line.encode()) > _LONGEST_LINE:
            raise SyntaxProblem(source.path, number, "a line of more than 64 KiB, at which Docker stops")
        pattern = None if line.startswith("#") else _pattern(source.path, line, number)
        if pattern is None:
            continue
        patterns.append(pattern)
        count = sum(map(pattern.cleaned.count, "*?{")) if pattern.glob.comparison is Comparison.EXPRESSION else 0
        wildcards += count if count > SAFE_WILDCARDS else 0
        if wildcards > _MOST_WILDCARDS:
            raise SyntaxProblem(
                source.path,
                number,
                f"more than {_MOST_WILDCARDS} wildcards up to here, in patterns of many: matching would take too long",
                hints=("write fewer wildcards; a name alone says as much as what is below it",),
            )
    return IgnoreFile(source, tuple(patterns))


def _pattern(path: PurePosixPath, line: str, number: int) -> Pattern | None:
    written = line.strip(_GO_SPACE)
    if not written:
        return None
    negated = written.startswith("!")
    text = written[1:].strip(_GO_SPACE) if negated else written
    if text:
        text = clean_path(text)
        if len(text) > 1:
            text = text.removeprefix("/")
    # Moby cleans once more with the `!` in front, and looks for `!` only then: `!/` and `/!` change by it.
    whole = clean_path(f"!{text}" if negated else text.strip(_GO_SPACE))
    negated = whole.startswith("!")
    cleaned = whole.removeprefix("!") if negated else whole
    if not cleaned:
        raise SyntaxProblem(
            path, number, 'illegal exclusion pattern: "!"', hints=("put a path after the exclamation mark",)
        )
    try:
        check_pattern(cleaned)
        glob = translate(cleaned)
        matches = glob.matcher()
    except MalformedPatternError as error:
        raise SyntaxProblem(
            path,
            number,
            f"syntax error in pattern: {_shown(written)} ({error})",
            hints=("Docker stops the build here; put a backslash before a bracket that is meant as itself",),
        ) from error
    return Pattern(text=written, cleaned=cleaned, negated=negated, line=number, glob=glob, matches=matches)


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def clean_path(path: str) -> str:
    """The shortest equal path, by the rules of Go's ``filepath.Clean``."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in {"", "."}:
            continue
        if part != "..":
            parts.append(part)
        elif parts and parts[-1] != "..":
            parts.pop()
        elif not rooted:
            parts.append("..")
    return ("/" if rooted else "") + "/".join(parts) or "."
