"""``careen context``: what each service's build context sends, by cause and weight."""

import json
from pathlib import Path, PurePosixPath

import click

from careen.cli.console import stdout_console
from careen.cli.options import compose_option, output, output_options, path_argument


@click.command("context")
@path_argument
@compose_option
@click.option("--list", "every_path", is_flag=True, help="Print every path that is sent, with its bytes.")
@output_options("terminal", "json")
def command(
    path: Path, compose_files: tuple[Path, ...], every_path: bool, style: str, quiet: bool, no_color: bool
) -> int:
    """What each build is sent: files and bytes by cause, heaviest first, and what a few patterns would save."""
    from careen.app.contexts import contexts

    how = output(style=style, quiet=quiet, no_color=no_color)
    reports = contexts(path, tuple(PurePosixPath(file) for file in compose_files))
    if how.style == "json":
        from careen.report.context_json import context_document

        click.echo(json.dumps(context_document(reports, paths=every_path), indent=2, sort_keys=True))
        return 0
    from careen.report.context_terminal import list_paths, show_contexts

    if every_path:
        list_paths(stdout_console(how), reports)
    else:
        show_contexts(stdout_console(how), reports)
    return 0
