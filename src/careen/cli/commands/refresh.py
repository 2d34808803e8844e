"""``careen refresh``: newer base packages and digests, what changes, and what it weighs."""

import json
from pathlib import Path

import click

from careen.cli import options
from careen.cli.console import progress
from careen.cli.options import (
    compose_option,
    named_files,
    offline_option,
    output,
    output_options,
    path_argument,
    platforms_option,
)
from careen.errors import ExitCode


@click.command("refresh")
@path_argument
@compose_option
@platforms_option
@offline_option
@click.option("--write", is_flag=True, help="Take what is newer: careen.lock, and the digests in the files.")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when something is newer or not pinned yet.")
@click.option("--pin", is_flag=True, help="Give a digest to images that the files name without one, too.")
@output_options("terminal", "json", "markdown")
def command(
    path: Path,
    compose_files: tuple[Path, ...],
    platforms: tuple[str, ...],
    offline: bool,
    write: bool,
    check: bool,
    pin: bool,
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """Tell which Debian packages and image digests are newer than the pinned ones, what that weighs, and take them.

    careen.lock, beside the project, pins the packages that bases are composed from; without it every build takes the
    newest. The digests are those that Dockerfiles and compose files name.
    """
    from careen.app.plan_request import PlanRequest
    from careen.app.refreshing import RefreshRequest, refresh, take
    from careen.app.session import Session
    from careen.cli.surroundings import source_date_epoch, surroundings
    from careen.report.refresh_json import refresh_document
    from careen.report.refresh_terminal import refresh_lines, refresh_markdown

    if write and check:
        raise click.UsageError("--check changes nothing and --write does: name one of them")
    how = output(style=style, quiet=quiet, no_color=no_color)
    wanted = options.platforms(platforms)
    request = RefreshRequest(
        plan=PlanRequest(
            root=path,
            compose_files=named_files(path, compose_files),
            platform=wanted[0],
            fetch_wheels=not offline,  # what they need of the system counts as base
            source_date_epoch=source_date_epoch(),
        ),
        platforms=wanted,
        pin=pin,
    )
    with progress(how) as told:
        session = Session(
            surroundings=surroundings(offline=offline, project=path), progress=told, ask_again=not offline
        )
        try:
            found = refresh(session, request)
        finally:
            session.close()
    if write:
        take(found)
    match how.style:
        case "json":
            click.echo(json.dumps(refresh_document(found), indent=2, sort_keys=True))
        case "markdown":
            click.echo(refresh_markdown(found, written=write), nl=False)
        case _:
            click.echo("\n".join(refresh_lines(found, written=write)))
    return ExitCode.FINDINGS if check and not found.is_current else ExitCode.CLEAN
