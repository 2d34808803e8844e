"""Pieces of Dockerfile text."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from careen.plan.target import HealthCheck, NumericUser
from careen.rewrite.copies import Piece

_CONTINUED = " \\\n"
_WIDTH = 110


def comment(text: str, width: int = _WIDTH) -> str:
    """A sentence or two as comment lines."""
    import textwrap  # noqa: PLC0415 - nothing else here wraps

    return "\n".join(textwrap.wrap(text, width, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False))


def exec_form(words: Iterable[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False)


def quoted(value: str) -> str:
    """A value of ENV or LABEL: bare when nothing in it means anything to the parser (Dockerfile reference, ENV)."""
    if value and all(character.isalnum() or character in "/:._-+,=@%" for character in value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n")
    return f'"{escaped}"'


def assignments(keyword: str, values: Mapping[str, str]) -> str:
    """One ENV or LABEL for all of them."""
    pairs = (f"{name}={quoted(value)}" for name, value in values.items())
    return _filled([keyword], pairs, " " * (len(keyword) + 1))


def run(mounts: Sequence[str], commands: Sequence[str]) -> str:
    """RUN with its mounts, as many on a line as it takes, then its commands joined by ``&&``."""
    first = f"{_filled(['RUN'], mounts, ' ' * 4)}{_CONTINUED}    " if mounts else "RUN "
    return first + f"{_CONTINUED}    && ".join(commands)


def words(first: str, rest: Iterable[str], *, indent: int = 8) -> str:
    """A command with many operands, broken over lines."""
    return _filled([first], rest, " " * (indent + 4), _WIDTH - indent)


def _filled(first: Iterable[str], rest: Iterable[str], indent: str, width: int = _WIDTH) -> str:
    """Words on lines of about that width; one that is longer stands alone."""
    lines, line = [], " ".join(first)
    for word in rest:
        if len(line) + len(word) + 1 > width:
            lines.append(line)
            line = indent + word
        else:
            line += f" {word}"
    return _CONTINUED.join([*lines, line])


def apt_install(packages: Iterable[str]) -> str:
    install = words("apt-get install -y --no-install-recommends", packages)
    return run((), ("apt-get update", install, "rm -rf /var/lib/apt/lists/*"))


def apk_add(packages: Iterable[str]) -> str:
    return run((), (words("apk add --no-cache", packages),))


def copies(pieces: Iterable[Piece], root: PurePosixPath, owner: NumericUser) -> list[str]:
    """COPY instructions that put every piece below ``root`` where it stands in the project."""
    grouped: dict[PurePosixPath, list[str]] = {}
    for piece in pieces:
        grouped.setdefault(piece.folder, []).append(piece.pattern)
    return [copy(patterns, f"{root / folder}/", owner) for folder, patterns in grouped.items()]


def copy(sources: Sequence[str], destination: str, owner: NumericUser | None = None, origin: str | None = None) -> str:
    flag = (f"--from={origin} " if origin else "") + (f"--chown={owner} " if owner is not None else "")
    operands = [*sources, destination]
    if any(character.isspace() or character == '"' for operand in operands for character in operand):
        return f"COPY {flag}{exec_form(operands)}"
    return f"COPY {flag}{' '.join(operands)}"


def healthcheck(check: HealthCheck, argv: Sequence[str]) -> str:
    times = (
        f"--interval={_seconds(check.interval)} --timeout={_seconds(check.timeout)} "
        f"--start-period={_seconds(check.start_period)} --retries={check.retries}"
    )
    return f"HEALTHCHECK {times}{_CONTINUED}    CMD {exec_form(argv)}"


def _seconds(value: float) -> str:
    return f"{value:g}s"
