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
    pairs = [f"{name}={quoted(value)}" for name, value in values.items()]
    return f"{keyword} " + f"{_CONTINUED}{' ' * (len(keyword) + 1)}".join(pairs)


def run(mounts: Sequence[str], commands: Sequence[str]) -> str:
    """RUN with its mounts, then its commands joined by ``&&``."""
    lines = [*mounts, commands[0], *(f"&& {command}" for command in commands[1:])]
    return "RUN " + f"{_CONTINUED}    ".join(lines)


def words(first: str, rest: Iterable[str], *, indent: int = 8) -> str:
    """A command with many operands, broken over lines."""
    lines, line = [], first
    for word in rest:
        if len(line) + len(word) + 1 > _WIDTH - indent:
            lines.append(line)
            line = " " * 4 + word
        else:
            line += f" {word}"
    return f"{_CONTINUED}{' ' * indent}".join([*lines, line])


def apt_install(packages: Iterable[str]) -> str:
    return run(
        (),
        (
            "apt-get update",
            words("apt-get install -y --no-install-recommends", packages),
            "rm -rf /var/lib/apt/lists/*",
        ),
    )


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
