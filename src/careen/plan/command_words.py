"""The words of a command: what stands in front of it, its options and operands."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from careen.text.values import dataclass

_RUNNERS: Mapping[str, frozenset[str]] = {
    # A runner in front of the command, and those of its options that take a value.
    "uv run": frozenset(
        {"--extra", "--group", "--only-group", "--no-group", "--project", "--directory", "--with", "-p", "--python"}
    ),
    "poetry run": frozenset({"--directory", "-C", "--project", "-P"}),
    "pdm run": frozenset({"--project", "-p"}),
    "pipenv run": frozenset(),
    "hatch run": frozenset(),
}
_WRAPPERS = frozenset(
    {
        "exec",
        "tini",
        "dumb-init",
        "gosu",
        "su-exec",
        "nice",
        "nohup",
        "env",
        "ddtrace-run",
        "opentelemetry-instrument",
        "newrelic-admin",
        "timeout",
    }
)
_WRAPPER_WORDS: Mapping[str, int] = {"gosu": 1, "su-exec": 1, "newrelic-admin": 1, "timeout": 1}
"""Operands of a wrapper that come before the command it runs."""

_WRAPPER_VALUES: Mapping[str, frozenset[str]] = {
    "timeout": frozenset({"-s", "--signal", "-k", "--kill-after"}),
    "nice": frozenset({"-n"}),
    "env": frozenset({"-u", "-C"}),
    "tini": frozenset({"-e", "-p"}),
}
"""Options of a wrapper that take the next word."""


def strip_wrappers(argv: Sequence[str]) -> tuple[str, ...]:
    """The command behind ``uv run``, ``tini --``, ``gosu user`` and their like."""
    words = list(argv)
    while words:
        name = PurePosixPath(words[0]).name
        runner = _RUNNERS.get(f"{name} {words[1]}") if len(words) > 1 else None
        if runner is not None:
            words = _skip_options(words[2:], runner)
        elif name in _WRAPPERS and len(words) > 1:
            rest = words[1:]
            while rest and (rest[0].startswith("-") or (name == "env" and "=" in rest[0])):
                end = rest[0] == "--"
                rest = rest[2:] if rest[0] in _WRAPPER_VALUES.get(name, ()) else rest[1:]
                if end:
                    break
            words = rest[_WRAPPER_WORDS.get(name, 0) :]
        else:
            break
    return tuple(words)


def _skip_options(words: list[str], with_value: frozenset[str]) -> list[str]:
    while words and words[0].startswith("-"):
        if words[0] == "--":
            return words[1:]
        words = words[2:] if words[0] in with_value else words[1:]
    return words


def is_python(word: str) -> bool:
    """``python``, ``python3``, ``/opt/venv/bin/python3.11`` and so on."""
    name = PurePosixPath(word).name
    return name == "python" or (name.startswith("python3") and name[7:].lstrip(".").isdigit()) or name == "python3"


@dataclass(frozen=True, slots=True)
class Options:
    """A command line split into options and operands, knowing which options take a value."""

    values: tuple[tuple[str, str], ...]
    operands: tuple[str, ...]

    def last(self, *names: str) -> str | None:
        found = [value for name, value in self.values if name in names]
        return found[-1] if found else None


def parse_options(words: Sequence[str], flags: frozenset[str]) -> Options:
    """Every option takes a value unless it is in ``flags``, has ``=`` in it or is followed by an option."""
    values: list[tuple[str, str]] = []
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
        name, has_value, value = word.partition("=")
        if not has_value and not word.startswith("--") and len(word) > 2:
            name, value, has_value = word[:2], word[2:], "="
        if has_value or name in flags or index == len(words) or words[index].startswith("-"):
            values.append((name, value))
        else:
            values.append((name, words[index]))
            index += 1
    return Options(tuple(values), tuple(operands))


def module_of(reference: str) -> str:
    """``pkg.main`` of ``pkg.main:app`` and of ``pkg.main:create_app()``."""
    return reference.partition(":")[0]


def port_of(text: str | None, default: int) -> int:
    """The port of ``8000``, ``:8000`` and ``0.0.0.0:8000``; ``default`` when it is not a number."""
    digits = (text or "").rpartition(":")[2]
    return int(digits) if digits.isdigit() else default


def without(words: Sequence[str], unwanted: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kept = tuple(word for word in words if word.partition("=")[0] not in unwanted)
    return kept, tuple(word for word in words if word.partition("=")[0] in unwanted)


def words_that_name(words: Sequence[str]) -> tuple[str, ...]:
    """Words, and the values of ``--option=value``, that are no options themselves."""
    values = (word.partition("=")[2] if word.startswith("-") else word for word in words)
    return tuple(value for value in values if value)
