"""``careen gate``: budgets and findings against their limits, for CI."""

import json
from pathlib import Path

import click

from careen.cli.console import progress, say
from careen.cli.options import (
    compose_option,
    named_files,
    offline_option,
    output,
    output_options,
    path_argument,
    platform_option,
)
from careen.errors import ExitCode
from careen.findings import Severity

_MOST_NOTES = 8


@click.command("gate")
@path_argument
@compose_option
@platform_option
@offline_option
@click.option(
    "--built",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="LAYOUT",
    help="Weigh the images of this OCI layout instead of predicting.",
)
@click.option("--against", metavar="REV", help="Name what changed in the lock since this revision of git.")
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in reversed(Severity)]),
    help="The lowest severity of a finding that closes the gate.  [default: fail-on of the configuration, else none]",
)
@output_options("terminal", "json", "markdown", "github")
def command(
    path: Path,
    compose_files: tuple[Path, ...],
    platform: str,
    offline: bool,
    built: Path | None,
    against: str | None,
    fail_on: str | None,
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """Exit with 1 when an image is over its budget or a finding is too severe, and name the guilty package or line."""
    from careen.app.gating import GateRequest, gate
    from careen.app.plan_request import PlanRequest
    from careen.app.session import Session
    from careen.cli.surroundings import source_date_epoch, surroundings
    from careen.platforms import Platform
    from careen.report.gate_json import gate_document
    from careen.report.gate_text import gate_github, gate_markdown, gate_text

    how = output(style=style, quiet=quiet, no_color=no_color)
    request = GateRequest(
        plan=PlanRequest(
            root=path,
            compose_files=named_files(path, compose_files),
            platform=Platform.parse(platform),
            fetch_wheels=not offline and built is None,  # bytecode counts against a budget too
            source_date_epoch=source_date_epoch(),
        ),
        built=built,
        against=against,
        fail_on=Severity(fail_on) if fail_on is not None else None,
    )
    with progress(how) as told:
        session = Session(surroundings=surroundings(offline=offline, project=path), progress=told)
        try:
            result = gate(session, request)
        finally:
            session.close()
    match how.style:
        case "json":
            click.echo(json.dumps(gate_document(result), indent=2, sort_keys=True))
        case "markdown":
            click.echo(gate_markdown(result), nl=False)
        case "github":
            click.echo(gate_github(result), nl=False)
        case _:
            click.echo(gate_text(result), nl=False)
            for note in result.notes[:_MOST_NOTES]:
                say(how, f"note: {note}")
    return ExitCode.CLEAN if result.passes else ExitCode.FINDINGS
