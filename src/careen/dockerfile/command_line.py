"""Options and operands of a command, and the command behind those that only run another."""

from collections.abc import Mapping, Sequence

from careen.text.values import dataclass

_WRAPPERS: Mapping[str, frozenset[str]] = {
    "env": frozenset({"-u", "--unset", "-C", "--chdir"}),
    "nice": frozenset({"-n", "--adjustment"}),
    "ionice": frozenset({"-c", "-n", "-p"}),
    "nohup": frozenset(),
    "setsid": frozenset(),
    "stdbuf": frozenset({"-i", "-o", "-e"}),
    "eatmydata": frozenset(),
    "timeout": frozenset({"-s", "--signal", "-k", "--kill-after"}),
    "gosu": frozenset(),
    "su-exec": frozenset(),
    "runuser": frozenset({"-u", "--user", "-g", "--group"}),
    "setpriv": frozenset(),
    "chroot": frozenset(),
    "xargs": frozenset({"-a", "--arg-file", "-d", "-E", "-I", "-L", "-n", "-P", "-s", "--max-args", "--max-procs"}),
    "fakeroot": frozenset(),
    "tini": frozenset({"-p", "-e"}),
    "dumb-init": frozenset({"-r", "--rewrite"}),
}
_OPERANDS_IN_FRONT = {"timeout": 1, "gosu": 1, "su-exec": 1, "chroot": 1}
_MOST_WRAPPERS = 8


@dataclass(frozen=True, slots=True)
class CommandLine:
    options: tuple[tuple[str, str | None], ...]
    operands: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.options)

    def has(self, *names: str) -> bool:
        return any(name in names for name, _ in self.options)

    def has_letter(self, letter: str) -> bool:
        """Whether a single-letter option stands alone or among others, as in ``-rf``."""
        return any(letter in name[1:] for name, _ in self.options if not name.startswith("--"))

    def values(self, *names: str) -> tuple[str, ...]:
        return tuple(value for name, value in self.options if name in names and value is not None)

    def items(self, *names: str) -> tuple[str, ...]:
        """The values split at commas and blanks."""
        return tuple(part for value in self.values(*names) for part in value.replace(",", " ").split())


def split_line(words: Sequence[str], with_value: frozenset[str]) -> CommandLine:
    """``with_value`` names the options whose value may be the next word. After ``--`` everything is an operand."""
    options: list[tuple[str, str | None]] = []
    operands: list[str] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word == "--":
            operands += words[index:]
            break
        if not word.startswith("-") or word == "-":
            operands.append(word)
            continue
        name, equals, value = word.partition("=")
        if equals and word.startswith("--"):
            options.append((name, value))
        elif word in with_value:
            options.append((word, words[index] if index < len(words) else None))
            index += 1
        elif word[:2] in with_value and not word.startswith("--"):
            options.append((word[:2], word[2:]))
        else:
            options.append((name, value if equals else None))
    return CommandLine(tuple(options), tuple(operands))


def without_wrappers(argv: Sequence[str]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The command that ``env A=b timeout 5 nice command ...`` runs in the end, and the variables set for it."""
    words = list(argv)
    assignments: list[tuple[str, str]] = []
    for _ in range(_MOST_WRAPPERS):
        name = words[0].rpartition("/")[2] if words else ""
        with_value = _WRAPPERS.get(name)
        if with_value is None:
            break
        rest = words[1:]
        while rest and rest[0].startswith("-"):
            option, rest = rest[0], rest[1:]
            if option == "--":
                break
            if option in with_value:
                rest = rest[1:]
        while name == "env" and rest and "=" in rest[0]:
            variable, _, value = rest[0].partition("=")
            assignments.append((variable, value))
            rest = rest[1:]
        words = rest[_OPERANDS_IN_FRONT.get(name, 0) :]
    return tuple(words), tuple(assignments)
