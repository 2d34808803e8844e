"""``careen dump``: the instruction tree of a Dockerfile, to lay beside BuildKit's own."""

import sys
from pathlib import Path, PurePosixPath

import click


@click.command("dump")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE")
def command(file: Path) -> None:
    """Print the instruction tree of a Dockerfile in the parenthesised form of BuildKit's parser dumps.

    FILE may be `-` for standard input. What a build would refuse is told on stderr, with its line, and makes the
    exit status 2; the tree is printed all the same unless the text has none.
    """
    from careen.dockerfile.dump import dump
    from careen.dockerfile.instructions import RefusedInstructionsError, refusals_of
    from careen.dockerfile.parser import parse
    from careen.text.source import Source
    from careen.workspace.files import MAXIMUM_TEXT_BYTES, ProjectFiles

    path = PurePosixPath(file)
    if str(file) == "-":
        data = sys.stdin.buffer.read(MAXIMUM_TEXT_BYTES)
    else:
        data = ProjectFiles(file.resolve().parent).read_bytes(PurePosixPath(file.name), limit=MAXIMUM_TEXT_BYTES)
    dockerfile = parse(Source.decode(path, data))
    click.echo(dump(dockerfile))
    if problems := refusals_of(dockerfile):
        raise RefusedInstructionsError(problems)
