"""Whether an expression matches a path.

Go matches in linear time and Python does not, so that a hostile pattern could keep a scan busy for hours: patterns
with many wildcards are matched by sets of places instead of by :mod:`re`. A set is an integer with a bit for every
place in the path, and a token takes all places at once to those behind it.
"""

import re
from collections.abc import Callable

from careen.ignorefile.expressions import Alternatives, read_expression
from careen.ignorefile.tokens import ANY, Anchor, Characters, Folders, Many, Repeated, Token, least

Matcher = Callable[[str], bool]

SAFE_WILDCARDS = 3
"""With three wildcards the worst path of a file system costs :mod:`re` milliseconds; with six, hours."""

_SLASH = Characters((("/", "/"),))


def expression_matcher(expression: str) -> Matcher:
    """Raises MalformedPatternError."""
    alternatives = read_expression(expression)
    wildcards = sum(isinstance(token, Many | Folders | Repeated) for tokens in alternatives for token in tokens)
    return in_python(alternatives) if wildcards <= SAFE_WILDCARDS else by_places(alternatives)


def in_python(alternatives: Alternatives) -> Matcher:
    written = "|".join("".join(token.expression for token in tokens) for tokens in alternatives)
    search = re.compile(written, re.ASCII).search
    return lambda path: search(path) is not None


def by_places(alternatives: Alternatives) -> Matcher:
    """A few operations on an integer of the path's length for each token; what needs more characters than a path has
    is not tried.
    """
    told_apart = dict.fromkeys(tuple(tokens) for tokens in alternatives)
    vocabulary = tuple(dict.fromkeys(token for tokens in told_apart for token in tokens))
    numbers = {token: number for number, token in enumerate(vocabulary)}
    by_need = sorted(
        ((sum(map(least, tokens)), tuple(map(numbers.__getitem__, tokens))) for tokens in told_apart),
        key=lambda each: each[0],
    )

    members: dict[Characters, dict[str, bool]] = {}

    def matches(path: str) -> bool:
        walk = _Walk(path, members)
        known: list[dict[int, int]] = [{} for _ in vocabulary]
        for need, words in by_need:
            if need > len(path):
                return False
            places = walk.everywhere
            for word in words:
                behind = known[word].get(places)
                if behind is None:
                    behind = known[word][places] = walk.behind(vocabulary[word], places)
                places = behind
                if not places:
                    break
            if places:
                return True
        return False

    return matches


class _Walk:
    """One path. Bit ``n`` of a set stands for the place before character ``n``; the last one is the path's end.

    ``members`` remembers from path to path which characters are in which classes.
    """

    def __init__(self, path: str, members: dict[Characters, dict[str, bool]]) -> None:
        self._path = path
        self._members = members
        self.everywhere = (1 << (len(path) + 1)) - 1
        self._characters: dict[str, int] = {}
        for place, character in enumerate(path):
            self._characters[character] = self._characters.get(character, 0) | 1 << place
        self._masks: dict[Characters | Anchor, int] = {}

    def behind(self, token: Token, places: int) -> int:
        """Where one may be behind ``token``, from one of ``places``."""
        match token:
            case Characters():
                return (places & self._mask(token)) << 1
            case Many():
                return _along(places, self._mask(token.of))
            case Folders():
                return places | (_along(places, self._mask(ANY)) & self._mask(_SLASH)) << 1
            case Repeated():
                mask = self._mask(token.of)
                behind = _exactly(places, mask, token.least)
                if token.most is None:
                    return _along(behind, mask) if behind else 0
                return _at_most(behind, mask, token.most - token.least)
            case Anchor():
                return places & self._anchored(token)

    def _mask(self, of: Characters) -> int:
        """The places of characters that are in ``of``."""
        mask = self._masks.get(of)
        if mask is None:
            mask = 0
            members = self._members.setdefault(of, {})
            for character, places in self._characters.items():
                is_member = members.get(character)
                if is_member is None:
                    is_member = members[character] = character in of
                if is_member:
                    mask |= places
            self._masks[of] = mask
        return mask

    def _anchored(self, anchor: Anchor) -> int:
        mask = self._masks.get(anchor)
        if mask is None:
            here = re.compile(anchor.expression, re.ASCII)
            mask = sum(1 << place for place in range(len(self._path) + 1) if here.match(self._path, place))
            self._masks[anchor] = mask
        return mask


def _along(places: int, mask: int) -> int:
    """From each place over any number of characters of ``mask``.

    Adding carries a bit through a run of ones: the MatchStar of Cameron et al., Bitwise Data Parallelism in Regular
    Expression Matching, 2014.
    """
    return (((places & mask) + mask) ^ mask) | places


def _runs(mask: int, count: int) -> int:
    """Where ``count`` characters of ``mask``, at least one, stand behind each other."""
    length, runs = 1, mask
    while length < count:
        step = min(length, count - length)
        runs &= runs >> step
        length += step
    return runs


def _exactly(places: int, mask: int, count: int) -> int:
    return (places & _runs(mask, count)) << count if count else places


def _at_most(places: int, mask: int, count: int) -> int:
    """Over none to ``count`` characters, in steps that double."""
    step = 1
    while count:
        step = min(step, count)
        places |= _exactly(places, mask, step)
        count -= step
        step *= 2
    return places
