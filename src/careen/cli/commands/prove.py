"""``careen prove``: the images run: healthy, obedient, inside their budgets."""

import json
from pathlib import Path

import click

from careen.cli.console import progress, stdout_console
from careen.cli.options import (
    base_option,
    compose_option,
    named_files,
    offline_option,
    output,
    output_options,
    path_argument,
    plain_http_option,
)
from careen.cli.variables import given_variables, variable_options


@click.command("prove")
@path_argument
@compose_option
@offline_option
@click.option(
    "-o",
    "--images",
    "into",
    type=click.Path(path_type=Path),
    default=Path("images"),
    show_default=True,
    help="The OCI layout with the images; what is not built yet is built into it.",
)
@click.option(
    "--no-build",
    is_flag=True,
    help="Prove the images that are in the layout, whoever built them: `careen build --engine docker`, for one.",
)
@click.option(
    "--pull",
    metavar="PREFIX",
    help="Prove images that were pushed, under names that begin so: registry.example/team. They replace the layout's.",
)
@click.option("--tag", help="Of the images that are pulled; else the one that their names have, or latest.")
@plain_http_option("--pull and --base")
@base_option
@click.option(
    "--trim",
    type=click.Choice(["safe", "lean", "traced", "none"]),
    default="safe",
    show_default=True,
    help="As for build, of what is built. traced keeps what a first proof touched, proves that again, and falls back "
    "to lean where that does not pass.",
)
@click.option(
    "--runner",
    type=click.Choice(["runc", "docker", "podman", "bwrap"]),
    help="What runs the containers; the first that works here otherwise.",
)
@variable_options
@click.option("--allow-network", is_flag=True, help="Let services reach what is outside of their stack.")
@click.option("--chaos", is_flag=True, help="Kill workers at work and restart their broker: nothing may be lost.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A layout with the images as they were, under the same names: the same checks on both.",
)
@click.option(
    "--trace", type=click.Path(path_type=Path), help="Write the files that each service touches to this file."
)
@click.option("--keep", is_flag=True, help="Leave what the run wrote, to look at.")
@click.option("--reproducible", is_flag=True, help="Leave times and measures out of the JSON.")
@output_options("terminal", "json", "junit", "markdown")
def command(
    path: Path,
    compose_files: tuple[Path, ...],
    offline: bool,
    into: Path,
    no_build: bool,
    pull: str | None,
    tag: str | None,
    plain_http: tuple[str, ...],
    base: str | None,
    trim: str,
    runner: str | None,
    variables: tuple[str, ...],
    env_files: tuple[Path, ...],
    allow_network: bool,
    chaos: bool,
    compare: Path | None,
    trace: Path | None,
    keep: bool,
    reproducible: bool,
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """Run every service from its image, with its broker, and check it: start, health, user, signals, limits."""
    from careen.app.building import BuildRequest
    from careen.app.plan_request import PlanRequest
    from careen.app.proving import ProveChoices, prove
    from careen.app.pulled_images import Pushed
    from careen.app.session import Session
    from careen.build.engine import BuildOptions
    from careen.cli.surroundings import source_date_epoch, surroundings
    from careen.platforms import Architecture, Platform
    from careen.prove.settings import RunnerName
    from careen.python.trimming import TrimmingPolicy

    how = output(style=style, quiet=quiet, no_color=no_color)
    if no_build and pull is not None:
        raise click.UsageError("--no-build proves what is in the layout, --pull fetches it: one of them")
    if trim != "safe" and (no_build or pull is not None):
        raise click.UsageError("--trim is for images that careen builds: leave --no-build and --pull out")
    if tag is not None and pull is None:
        raise click.UsageError("--tag is for images that are pulled: add --pull PREFIX")
    request = BuildRequest(
        plan=PlanRequest(
            root=path,
            compose_files=named_files(path, compose_files),
            platform=Platform(Architecture.AMD64),
            fetch_wheels=not offline,
            source_date_epoch=source_date_epoch(),
            base=base,
        ),
        output=into,
        options=BuildOptions(trimming=TrimmingPolicy(trim)),
    )
    choices = ProveChoices(
        runner=RunnerName(runner) if runner is not None else None,
        keep=keep,
        allow_network=allow_network,
        trace=trace,
        chaos=chaos,
        compare=compare,
        environment=given_variables(variables, env_files),
        pushed=Pushed(prefix=pull, tag=tag) if pull is not None else None,
        stand=no_build,
    )
    with progress(how) as told:
        session = Session(
            surroundings=surroundings(offline=offline, project=path), progress=told, plain_http=frozenset(plain_http)
        )
        try:
            proven = prove(session, request, choices)
        finally:
            session.close()
    proof = proven.proof
    if how.style == "json":
        from careen.report.prove_json import prove_document

        document = prove_document(proof, proven.comparison, reproducible=reproducible)
        if proven.traced is not None:
            from careen.report.traced import traced_document

            document["traced"] = traced_document(proven.traced)
        click.echo(json.dumps(document, indent=2, sort_keys=True))
    elif how.style == "junit":
        from careen.report.prove_junit import prove_junit

        click.echo(prove_junit(proof, reproducible=reproducible), nl=False)
    elif how.style == "markdown":
        from careen.report.prove_markdown import prove_markdown

        click.echo(prove_markdown(proof), nl=False)
    else:
        from careen.report.prove_terminal import show_proof

        show_proof(stdout_console(how), proof, proven.comparison)
        if proven.traced is not None:
            from careen.report.traced import show_traced

            show_traced(stdout_console(how), proven.traced)
    return 0 if proven.passed else 1
