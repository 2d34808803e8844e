"""Options that several verbs share, spelled once."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import click

from careen.errors import CareenError
from careen.text.values import dataclass

if TYPE_CHECKING:
    from careen.platforms import Platform

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How a verb speaks: ``style`` is the value of ``--format``."""

    style: str
    quiet: bool
    colour: bool | None


def path_argument(command: _Command) -> _Command:
    return click.argument("path", type=click.Path(path_type=Path), default=".", metavar="[PATH]")(command)


def output_options(*formats: str) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        command = click.option("--no-color", is_flag=True, help="Plain text, even on a terminal.")(command)
        command = click.option("-q", "--quiet", is_flag=True, help="Nothing but the result and errors.")(command)
        return click.option(
            "--format",
            "style",
            type=click.Choice(formats),
            default="terminal",
            show_default=True,
            help="How the result is written to stdout.",
        )(command)

    return decorate


def compose_option(command: _Command) -> _Command:
    return click.option(
        "-f",
        "--file",
        "compose_files",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Compose file, in PATH or named from here; may be given again. Found by itself otherwise.",
    )(command)


class NoComposeFileError(CareenError):
    """The user names a compose file that is not there."""


def named_files(root: Path, compose_files: Iterable[Path]) -> tuple[PurePosixPath, ...]:
    """Of the option above, relative to ``root``, and first looked for there. Raises NoComposeFileError."""
    return tuple(_named_file(root, file) for file in compose_files)


def _named_file(root: Path, file: Path) -> PurePosixPath:
    if not root.is_dir() or (not file.is_absolute() and (root / file).exists()):
        return PurePosixPath(file)
    if not file.exists():
        raise NoComposeFileError(
            f"--file: {file} is not there, neither in {root} nor here",
            hints=("compose.yaml, docker-compose.yml and their like are found without --file",),
        )
    return PurePosixPath(os.path.relpath(file.absolute(), root.absolute()))


def platform_option(command: _Command) -> _Command:
    return click.option("--platform", default="linux/amd64", show_default=True, help="The platform of the images.")(
        command
    )


def platforms_option(command: _Command) -> _Command:
    return click.option(
        "--platform",
        "platforms",
        multiple=True,
        default=("linux/amd64",),
        show_default=True,
        help="What the images are for, by commas or again; several platforms of an image go into one index.",
    )(command)


def platforms(values: Iterable[str]) -> "tuple[Platform, ...]":
    """Of the option above, each once; of nothing but commas, the default. Raises UnknownPlatformError."""
    from careen.platforms import Platform  # noqa: PLC0415 - listing the verbs does without

    words = [word.strip() for value in values for word in value.split(",") if word.strip()]
    return tuple(dict.fromkeys(Platform.parse(word) for word in words or ["linux/amd64"]))


def offline_option(command: _Command) -> _Command:
    return click.option("--offline", is_flag=True, help="Use only what earlier runs have fetched.")(command)


def base_option(command: _Command) -> _Command:
    return click.option(
        "--base",
        metavar="IMAGE",
        help="What services are put upon: debian:RELEASE, composed from its packages, an image in a registry, or "
        "oci:FOLDER for one in a layout. Else what the configuration says.",
    )(command)


def plain_http_option(of: str) -> Callable[[_Command], _Command]:
    """``of`` are the options that name what may be in such a registry."""
    return click.option(
        "--plain-http",
        "plain_http",
        multiple=True,
        metavar="HOST",
        help=f"A registry of {of} that has no encryption: registry.example:5000; this machine needs no such word. May "
        "be given again.",
    )


def output(*, style: str, quiet: bool, no_color: bool) -> Output:
    return Output(style=style, quiet=quiet, colour=False if no_color else None)
