"""``careen build``: the images, without a daemon."""

import json
from pathlib import Path

import click

from careen.cli import options
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
    platforms_option,
)


class _Build(click.Command):
    """``--load`` stands alone, or has its value behind ``=``: the word after it is never taken for one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(
            ctx, ["--load=auto" if word == "--load" else word for word in args[:end]] + args[end:]
        )


@click.command("build", cls=_Build)
@path_argument
@compose_option
@platforms_option
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
@base_option
@click.option(
    "--archive", type=click.Path(path_type=Path, dir_okay=False), help="Write the images into one file, too, to load."
)
@click.option(
    "--archive-format",
    type=click.Choice(["docker", "oci"]),
    help="Of --archive; docker's otherwise, which every docker and podman loads, or OCI's for several platforms.",
)
@click.option(
    "--load",
    type=click.Choice(["auto", "docker", "podman"]),
    metavar="[=docker|podman]",
    help="Load the images into a running docker, or else podman, or into the one that is named.",
)
@click.option("--push", metavar="PREFIX", help="Push to a registry, under names that begin so: registry.example/team.")
@plain_http_option("--push and --base")
@click.option("--tag", "tags", multiple=True, help="Of what is archived, loaded and pushed; may be given again.")
@click.option(
    "--sbom", type=click.Path(path_type=Path, file_okay=False), help="A folder for the bills of materials, too."
)
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file for what the images are made from; what differs from an earlier one is told.",
)
@click.option("--revision", default="", help="Of the sources, such as a commit; becomes a label of the images.")
@click.option(
    "--compression", type=click.Choice(["gzip", "zstd"]), default="gzip", show_default=True, help="Of the layers."
)
@click.option(
    "--trim",
    type=click.Choice(["safe", "lean", "traced", "none"]),
    default="safe",
    show_default=True,
    help="What of each distribution may go; lean strips symbols from native code too, traced leaves only what --trace "
    "has seen in use and what can be imported.",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What `careen prove --trace` wrote, for --trim traced.",
)
@click.option("--bytecode/--no-bytecode", default=True, show_default=True, help="Compile what some service imports.")
@click.option("--reproducible", is_flag=True, help="Leave timings out of the JSON.")
@click.option(
    "--engine",
    type=click.Choice(["native", "docker", "buildah"]),
    default="native",
    show_default=True,
    help="Who builds: careen itself, or a builder that is given the Dockerfile that `careen fix` writes.",
)
@click.option("--builder", metavar="NAME", help="Of docker's, as `docker buildx ls` lists them; it may be elsewhere.")
@click.option(
    "--builder-option",
    "builder_options",
    multiple=True,
    metavar="WORD",
    help="For `docker build` or `buildah build` itself: --builder-option=--network=host. May be given again.",
)
@output_options("terminal", "json")
def command(
    path: Path,
    compose_files: tuple[Path, ...],
    platforms: tuple[str, ...],
    offline: bool,
    into: Path,
    base: str | None,
    archive: Path | None,
    archive_format: str | None,
    load: str | None,
    push: str | None,
    plain_http: tuple[str, ...],
    tags: tuple[str, ...],
    sbom: Path | None,
    record: Path | None,
    revision: str,
    compression: str,
    trim: str,
    trace: Path | None,
    bytecode: bool,
    reproducible: bool,
    engine: str,
    builder: str | None,
    builder_options: tuple[str, ...],
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """Build every service's image from its plan, by careen's own engine, into an OCI layout.

    With every image come its bill of materials (CycloneDX) and the record of what it was made from, attached to it in
    the layout and in the registry. Docker and buildah build what `careen fix` writes; the project stays as it is.
    """
    from careen.app.building import BuildRequest, build, read_traces
    from careen.app.delivery import ArchiveFormat, DeliveryRequest, Engine
    from careen.app.plan_request import PlanRequest
    from careen.app.session import Session
    from careen.build.engine import BuildOptions
    from careen.cli.surroundings import source_date_epoch, surroundings
    from careen.oci.media_types import Compression
    from careen.python.trimming import TrimmingPolicy

    if (trim == "traced") != (trace is not None):
        raise click.UsageError("--trim traced and --trace FILE go together")
    choice = None
    if engine != "native":
        from careen.app.builder_choice import BuilderChoice, BuilderKind

        if trim != "safe" or not bytecode:
            raise click.UsageError(f"--trim and --no-bytecode are for careen's own engine, not for {engine}")
        choice = BuilderChoice(kind=BuilderKind(engine), name=builder, options=builder_options)
    if builder is not None and engine != "docker":
        raise click.UsageError("--builder names one of docker's: add --engine docker")
    if builder_options and choice is None:
        raise click.UsageError("--builder-option is for --engine docker and --engine buildah")
    how = output(style=style, quiet=quiet, no_color=no_color)
    first, *others = options.platforms(platforms)
    if others and choice is not None:
        raise click.UsageError(f"--engine {engine} builds for one platform at a time; careen's own engine for several")
    request = BuildRequest(
        plan=PlanRequest(
            root=path,
            compose_files=named_files(path, compose_files),
            platform=first,
            fetch_wheels=not offline,
            source_date_epoch=source_date_epoch(),
            base=base,
        ),
        output=into,
        options=BuildOptions(
            compression=Compression(compression),
            trimming=TrimmingPolicy(trim),
            bytecode=bytecode,
            traces=read_traces(trace) if trace is not None else (),
        ),
        revision=revision,
        platforms=tuple(others),
        deliver=DeliveryRequest(
            archive=archive,
            archive_format=ArchiveFormat(archive_format) if archive_format is not None else None,
            load=Engine(load) if load is not None else None,
            push=push,
            tags=tags,
            sbom=sbom,
        ),
        record=record,
        builder=choice,
    )
    with progress(how) as told:
        session = Session(
            surroundings=surroundings(offline=offline, project=path), progress=told, plain_http=frozenset(plain_http)
        )
        try:
            built = build(session, request)
        finally:
            session.close()
    if how.style == "json":
        from careen.report.build_json import built_document

        click.echo(json.dumps(built_document(built, reproducible=reproducible), indent=2, sort_keys=True))
    else:
        from careen.report.build_terminal import show_built

        show_built(stdout_console(how), built)
    over = [
        image.service
        for plan, result in built.all
        for image in result.images
        if image.bytes > plan.service(image.service).budget_bytes
    ]
    return 1 if over else 0
