"""``careen context``: what each service's build context sends, by cause and weight."""

import json
import sys
from pathlib import Path

import click

from careen.cli.console import say, stdout_console
from careen.cli.options import compose_option, named_files, output, output_options, path_argument
from careen.errors import ExitCode


@click.command("context")
@path_argument
@compose_option
@click.option("--list", "every_path", is_flag=True, help="Print every path that is sent, one a line.")
@output_options("terminal", "json")
def command(
    path: Path, compose_files: tuple[Path, ...], every_path: bool, style: str, quiet: bool, no_color: bool
) -> int:
    """What each build is sent: files and bytes by cause, heaviest first, and what a few patterns would save."""
    from careen.app.contexts import contexts

    how = output(style=style, quiet=quiet, no_color=no_color)
    found = contexts(path, named_files(path, compose_files))
    for item in found.unreadable:
        say(how, f"not read: {item.path}:{item.line}: {item.message}")
    if how.style == "json":
        from careen.report.context_json import context_document

        click.echo(json.dumps(context_document(found, paths=every_path), indent=2, sort_keys=True))
    elif every_path:
        from careen.report.context_terminal import listed_paths

        sys.stdout.buffer.write(listed_paths(found.reports))
    else:
        from careen.report.context_terminal import show_contexts

        show_contexts(stdout_console(how), found.reports)
    return ExitCode.USAGE if found.unreadable else ExitCode.CLEAN
