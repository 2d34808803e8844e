"""``careen overhaul``: scan, plan, fix, build, prove and report, in one go."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from careen.cli.console import progress, stdout_console
from careen.cli.options import compose_option, named_files, offline_option, output, output_options, path_argument
from careen.cli.variables import given_variables, variable_options

if TYPE_CHECKING:
    from careen.app.overhaul import Overhaul


@click.command("overhaul")
@path_argument
@compose_option
@offline_option
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path("careen-out"),
    show_default=True,
    help="The folder to make; PATH itself stays as it is.",
)
@click.option("--replace", is_flag=True, help="Replace the folder of an earlier overhaul.")
@click.option("--accept", is_flag=True, help="Rewrite even what the new set-up cannot carry over.")
@click.option("--runner", type=click.Choice(["runc", "bwrap"]), help="What runs the containers.")
@variable_options
@click.option(
    "--trim",
    type=click.Choice(["safe", "lean", "traced", "none"]),
    help="As for build; lean otherwise, since the proof follows at once. traced keeps what "
    "a first proof touched, proves that again, and falls back to lean where that does not pass.",
)
@output_options("terminal", "json")
def command(
    path: Path,
    compose_files: tuple[Path, ...],
    offline: bool,
    into: Path,
    replace: bool,
    accept: bool,
    runner: str | None,
    variables: tuple[str, ...],
    env_files: tuple[Path, ...],
    trim: str | None,
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """Take a stack from fat to proven: findings, plan, patch, images, proof and report."""
    from careen.app.overhaul import OverhaulRequest, overhaul
    from careen.app.plan_request import PlanRequest
    from careen.app.proving import ProveChoices
    from careen.app.session import Session
    from careen.build.engine import BuildOptions
    from careen.cli.surroundings import source_date_epoch, surroundings
    from careen.platforms import Architecture, Platform
    from careen.prove.settings import RunnerName
    from careen.python.trimming import TrimmingPolicy
    from careen.rewrite.options import RewriteOptions

    how = output(style=style, quiet=quiet, no_color=no_color)
    architecture = Architecture.AMD64
    trimming = trim or "lean"
    request = OverhaulRequest(
        plan=PlanRequest(
            root=path,
            compose_files=named_files(path, compose_files),
            platform=Platform(architecture),
            fetch_wheels=not offline,
            source_date_epoch=source_date_epoch(),
        ),
        into=into,
        build=BuildOptions(trimming=TrimmingPolicy(trimming)),
        rewrite=RewriteOptions(accept=accept),
        prove=ProveChoices(
            runner=RunnerName(runner) if runner is not None else None,
            environment=given_variables(variables, env_files),
        ),
        replace=replace,
    )
    with progress(how) as told:
        session = Session(surroundings=surroundings(offline=offline, project=path), progress=told)
        try:
            done = overhaul(session, request, _write_reports)
        finally:
            session.close()
    if how.style == "json":
        from careen.report.overhaul_json import overhaul_document

        click.echo(json.dumps(overhaul_document(done), indent=2, sort_keys=True))
    else:
        from careen.report.overhaul_terminal import show_overhaul

        show_overhaul(stdout_console(how), done)
    return 0 if done.succeeded else 1


def _write_reports(done: "Overhaul", folder: Path) -> None:
    from careen.report.overhaul_html import overhaul_html
    from careen.report.overhaul_json import overhaul_document
    from careen.report.overhaul_markdown import overhaul_markdown
    from careen.rewrite.unified import patch_text

    (folder / "report.md").write_text(overhaul_markdown(done), encoding="utf-8")
    (folder / "report.html").write_text(overhaul_html(done), encoding="utf-8")
    if done.traced is not None:
        from careen.plan.traces import render_traces

        (folder / "trace.json").write_bytes(render_traces(done.traced.watched.traces))
    (folder / "setup.patch").write_bytes(patch_text(done.patch.changes).encode())
    (folder / "overhaul.json").write_text(
        json.dumps(overhaul_document(done), indent=2, sort_keys=True), encoding="utf-8"
    )
