"""``careen build``: the images, without a daemon."""

import json
from pathlib import Path, PurePosixPath

import click

from careen.cli.console import progress, stdout_console
from careen.cli.options import compose_option, offline_option, output, output_options, path_argument, platform_option


@click.command("build")
@path_argument
@compose_option
@platform_option
@offline_option
@click.option(
    "-o",
    "--output",
    "into",
    type=click.Path(path_type=Path),
    default=Path("images"),
    show_default=True,
    help="The OCI layout to write: a new folder, or that of an earlier build.",
)
@click.option(
    "--compression", type=click.Choice(["gzip", "zstd"]), default="gzip", show_default=True, help="Of the layers."
)
@click.option(
    "--trim",
    type=click.Choice(["safe", "lean", "none"]),
    default="safe",
    show_default=True,
    help="What of each distribution may go; lean strips symbols from native code too.",
)
@click.option("--bytecode/--no-bytecode", default=True, show_default=True, help="Compile what some service imports.")
@click.option("--reproducible", is_flag=True, help="Leave timings out of the JSON.")
@output_options("terminal", "json")
def command(
    path: Path,
    compose_files: tuple[Path, ...],
    platform: str,
    offline: bool,
    into: Path,
    compression: str,
    trim: str,
    bytecode: bool,
    reproducible: bool,
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """Build every service's image from its plan, by careen's own engine, into an OCI layout."""
    from careen.app.building import BuildRequest, build
    from careen.app.plan_request import PlanRequest
    from careen.app.session import Session
    from careen.build.engine import BuildOptions
    from careen.cli.surroundings import source_date_epoch, surroundings
    from careen.oci.media_types import Compression
    from careen.platforms import Platform
    from careen.python.trimming import TrimmingPolicy

    how = output(style=style, quiet=quiet, no_color=no_color)
    request = BuildRequest(
        plan=PlanRequest(
            root=path,
            compose_files=tuple(PurePosixPath(file) for file in compose_files),
            platform=Platform.parse(platform),
            fetch_wheels=not offline,
            source_date_epoch=source_date_epoch(),
        ),
        output=into,
        options=BuildOptions(compression=Compression(compression), trimming=TrimmingPolicy(trim), bytecode=bytecode),
    )
    with progress(how) as told:
        session = Session(surroundings=surroundings(offline=offline), progress=told)
        try:
            built = build(session, request)
        finally:
            session.close()
    if how.style == "json":
        from careen.report.build_json import build_document

        click.echo(json.dumps(build_document(built.result, reproducible=reproducible), indent=2, sort_keys=True))
    else:
        from careen.report.build_terminal import show_build

        show_build(stdout_console(how), built.result, built.planned.plan)
    over = [
        image.service
        for image in built.result.images
        if image.bytes > built.planned.plan.service(image.service).budget_bytes
    ]
    return 1 if over else 0
