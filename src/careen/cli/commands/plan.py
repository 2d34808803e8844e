"""``careen plan``: what each service's image should hold and weigh, before anything is built."""

import json
from dataclasses import replace
from pathlib import Path

import click

from careen.cli.console import progress, say, stdout_console
from careen.cli.options import (
    compose_option,
    named_files,
    offline_option,
    output,
    output_options,
    path_argument,
    plain_http_option,
    platform_option,
)


@click.command("plan")
@path_argument
@compose_option
@platform_option
@offline_option
@click.option("--service", "only", help="Show one service whole: every distribution with every reason.")
@click.option(
    "--fetch/--no-fetch",
    default=True,
    show_default=True,
    help="Fetch the wheels that are kept, which tells the system libraries they need.",
)
@click.option("--without", multiple=True, metavar="NAME", help="What if no service had this distribution; again.")
@click.option(
    "--base",
    metavar="BASE",
    help="What if the images stood on this base: debian:trixie, alpine, or an image as `careen build --base` takes it.",
)
@plain_http_option("--base")
@click.option(
    "--runtime",
    type=click.Choice(["debian", "alpine"]),
    default="debian",
    show_default=True,
    help="What if the images stood on Alpine, with wheels for musl: the same as --base alpine.",
)
@output_options("terminal", "json", "markdown")
def command(
    path: Path,
    compose_files: tuple[Path, ...],
    platform: str,
    offline: bool,
    only: str | None,
    fetch: bool,
    without: tuple[str, ...],
    base: str | None,
    plain_http: tuple[str, ...],
    runtime: str,
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """What each service needs, why, and what its image will weigh, without building anything."""
    from careen.app.plan_request import PlanRequest
    from careen.app.remembering import plan_of
    from careen.app.session import Session
    from careen.cli.surroundings import source_date_epoch, surroundings
    from careen.plan.difference import difference
    from careen.platforms import Platform

    if runtime == "alpine" and base not in {None, "alpine"}:
        raise click.UsageError(f"--runtime alpine is a base of its own, and --base {base} another")
    how = output(style=style, quiet=quiet, no_color=no_color)
    request = PlanRequest(
        root=path,
        compose_files=named_files(path, compose_files),
        platform=Platform.parse(platform),
        fetch_wheels=fetch and not offline,
        source_date_epoch=source_date_epoch(),
        without=without,
        base="alpine" if runtime == "alpine" else base,
    )
    as_it_is = replace(request, without=(), base=None, platform=Platform.parse("linux/amd64"))
    with progress(how) as told:
        session = Session(
            surroundings=surroundings(offline=offline, project=path), progress=told, plain_http=frozenset(plain_http)
        )
        try:
            # What is learnt of the stack as it is spares a "what if" most of its work.
            before = plan_of(session, as_it_is) if request != as_it_is else None
            plan = plan_of(session, request)
        finally:
            session.close()
    found = difference(before, plan) if before is not None else None
    changes: list[str] = []
    what_if: dict[str, object] = {}
    if found is not None:
        from careen.report.what_if import difference_document, difference_lines

        what_if |= difference_document(found)
        changes += difference_lines(found)
    names = [service.name for service in plan.services]
    if only is not None and only not in names:
        raise click.UsageError(f"no planned service is called {only}\n\nhint: services: {', '.join(names)}")
    if how.style == "json":
        from careen.report.plan_json import plan_document

        document = {**plan_document(plan), **({"what_if": what_if} if what_if else {})}
        click.echo(json.dumps(document, indent=2, sort_keys=True))
        return 0
    if how.style == "markdown":
        from careen.report.plan_markdown import plan_markdown

        if changes:
            from careen.report.what_if import what_if_markdown

            click.echo(what_if_markdown(changes), nl=False)
        click.echo(plan_markdown(plan), nl=False)
        return 0
    from careen.report.plan_terminal import show_plan, show_service

    if changes and only is None:
        click.echo("\n".join(changes))
        for note in plan.notes:
            if before is None or note not in before.notes:
                say(how, f"note: {note}")
        return 0
    if only is not None:
        show_service(stdout_console(how), plan.service(only))
    else:
        show_plan(stdout_console(how), plan)
    return 0
