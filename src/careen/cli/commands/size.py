"""``careen size``: bytes of any image by layer, package and cause; what grew between two."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from careen.cli.console import progress, say, stdout_console
from careen.cli.options import Output, offline_option, output, output_options, platform_option

if TYPE_CHECKING:
    from careen.size.difference import SizeDifference
    from careen.size.model import ImageSize

_DIFFERENCE = "diff"


@click.command("size")
@click.argument("images", nargs=-1, required=True, metavar="[diff] IMAGE [IMAGE]")
@click.option("--against", metavar="IMAGE", help="Show what grew and shrank since this image.")
@platform_option
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), help="Also write a page with treemaps to this file."
)
@offline_option
@output_options("terminal", "json", "markdown")
def command(
    images: tuple[str, ...],
    against: str | None,
    platform: str,
    html: Path | None,
    offline: bool,
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """What an image weighs: by layer, by package, by cause; what is wasted, and which instruction wastes it.

    IMAGE is the folder of an OCI layout, an archive (docker save, OCI; also tar.gz and tar.zst), either with :NAME when
    it holds several, or the name of an image that docker, podman or a registry has. docker://, podman:// and
    registry:// in front of a name say which. `size diff A B` tells what grew and shrank from A to B.
    """
    from careen.app.session import Session
    from careen.app.sizing import SizeRequest, measure, measure_both
    from careen.cli.surroundings import surroundings
    from careen.platforms import Platform

    how = output(style=style, quiet=quiet, no_color=no_color)
    before, after = _which(images, against)
    wanted = Platform.parse(platform)
    request = SizeRequest(image=after, platform=wanted)
    with progress(how) as told:
        session = Session(surroundings=surroundings(offline=offline), progress=told)
        try:
            found: ImageSize | SizeDifference
            if before is None:
                found = measure(session, request)
            else:
                found = measure_both(session, SizeRequest(image=before, platform=wanted), request)
        finally:
            session.close()
    if html is not None:
        _write_page(html, found)
        say(how, f"  page written to {html}")
    _show(found, how)
    return 0


def _show(found: "ImageSize | SizeDifference", how: Output) -> None:
    from careen.size.model import ImageSize

    match how.style:
        case "json":
            from careen.report.size_json import difference_document, size_document

            document = size_document(found) if isinstance(found, ImageSize) else difference_document(found)
            click.echo(json.dumps(document, indent=2, sort_keys=True))
        case "markdown":
            from careen.report import size_markdown

            if isinstance(found, ImageSize):
                click.echo(size_markdown.render_size(found), nl=False)
            else:
                click.echo(size_markdown.render_difference(found), nl=False)
        case _:
            from careen.report.size_terminal import show_difference, show_size

            console = stdout_console(how)
            if isinstance(found, ImageSize):
                show_size(console, found)
            else:
                show_difference(console, found)


def _write_page(path: Path, found: "ImageSize | SizeDifference") -> None:
    from careen.app.outputs import write_file
    from careen.report import size_html
    from careen.size.model import ImageSize

    text = size_html.render_size(found) if isinstance(found, ImageSize) else size_html.render_difference(found)
    write_file(path, text.encode(errors="replace"))


def _which(images: tuple[str, ...], against: str | None) -> tuple[str | None, str]:
    """The image before, if two are compared, and the image after."""
    if images[0] == _DIFFERENCE and len(images) > 1:
        if len(images) != 3 or against is not None:
            raise click.UsageError("`size diff` compares two images\n\nhint: careen size diff BEFORE AFTER")
        return images[1], images[2]
    if len(images) != 1:
        raise click.UsageError(
            f"one image at a time, not {len(images)}\n\nhint: to compare two: careen size diff {images[0]} {images[1]}"
        )
    return against, images[0]
