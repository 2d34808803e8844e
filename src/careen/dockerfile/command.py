"""One command of a shell's text."""

from careen.text.values import dataclass

_SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh", "mksh"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """``argv`` has quotes removed and known variables replaced. ``start`` and ``end`` are offsets in the text read.

    ``execs`` when ``exec`` was in front; ``last`` when no other command of the same text follows it.
    ``redirects`` are the files written to; ``unknown`` the words that hold an unknown value.
    """

    argv: tuple[str, ...]
    start: int
    end: int
    execs: bool = False
    background: bool = False
    piped: bool = False
    conditional: bool = False
    last: bool = False
    assignments: tuple[tuple[str, str], ...] = ()
    redirects: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The program's name without its folder."""
        return self.argv[0].rpartition("/")[2] if self.argv else ""


def shell_text(argv: tuple[str, ...]) -> str | None:
    """The text behind ``-c`` when ``argv`` starts a shell with one; None otherwise."""
    if not argv or not is_shell(argv[0]):
        return None
    words = iter(argv[1:])
    wanted = False
    for word in words:
        if not word.startswith(("-", "+")):
            return word if wanted else None
        if word == "--":
            continue
        if not word.startswith("--"):
            wanted = wanted or (word[0] == "-" and "c" in word[1:])
            if word.endswith(("o", "O")):
                next(words, None)  # the name of an option follows
    return None


def is_shell(word: str) -> bool:
    return word.rpartition("/")[2] in _SHELLS
