"""Variables that services get for a proof alone: ``--env`` and ``--env-file``, as docker takes them."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from careen.errors import CareenError

_Command = TypeVar("_Command", bound=Callable[..., Any])


class BadVariableError(CareenError):
    """What ``--env`` or ``--env-file`` names is no variable, or not there."""


def variable_options(command: _Command) -> _Command:
    command = click.option(
        "--env-file",
        "env_files",
        multiple=True,
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Give every service, databases and brokers too, the variables of this file, for the proof alone.",
    )(command)
    return click.option(
        "-e",
        "--env",
        "variables",
        multiple=True,
        metavar="NAME[=VALUE]",
        help="Give every service, databases and brokers too, this variable, for the proof alone; without a value, that "
        "of this shell.",
    )(command)


def given_variables(variables: Iterable[str], env_files: Iterable[Path]) -> Mapping[str, str]:
    """Of the options above; what is named by itself goes over what stands in a file. Raises BadVariableError."""
    from careen.compose.env_file import read_env_file  # noqa: PLC0415 - for those who ask

    found: dict[str, str] = {}
    for path in env_files:
        try:
            found.update(read_env_file(path.read_text("utf-8"), {**os.environ, **found}))
        except (OSError, UnicodeDecodeError) as error:
            raise BadVariableError(f"{path} cannot be read: {error}") from error
    for text in variables:
        name, equals, value = text.partition("=")
        if not name or (not equals and name not in os.environ):
            raise BadVariableError(f"--env {name or text}: nothing says what its value is", hints=("--env NAME=VALUE",))
        found[name] = value if equals else os.environ[name]
    return found
