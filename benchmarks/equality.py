"""Whether the Dockerfile that careen writes and careen's own engine render one plan, project by project.

    python benchmarks/equality.py PROJECT... [--engine docker|buildah] [--builder NAME] [--builder-option WORD]...
                                             [--trim safe|lean]

Every project is built twice, into folders that are gone afterwards, and its images are compared file by file and
setting by setting. What differs is told by its reason; one without a reason is a fault of careen, and makes the exit
status 1. The projects stay as they are. The native engine trims as the Dockerfile does, unless it is told otherwise:
`safe`, its default, leaves symbols in native code.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from careen.app.builder_choice import BuilderChoice, BuilderKind
from careen.app.building import BuildRequest, build
from careen.app.plan_request import PlanRequest
from careen.app.session import Session, Surroundings
from careen.build.engine import BuildOptions
from careen.errors import CareenError
from careen.oci.layout import Layout
from careen.platforms import Platform
from careen.prove.likeness import Likeness, compare_renderings
from careen.python.trimming import TrimmingPolicy
from careen.text.units import format_bytes

_MOST_FAULTS = 20


def likenesses(
    project: Path, cache: Path, choice: BuilderChoice, trimming: TrimmingPolicy
) -> Iterator[tuple[Likeness, int, int]]:
    """With the bytes of both images."""
    surroundings = Surroundings(
        cache=cache, now=lambda: datetime.now(UTC), environment=dict(os.environ), project=project
    )
    session = Session(surroundings=surroundings)
    plan = PlanRequest(root=project, platform=Platform.parse("linux/amd64"))
    with tempfile.TemporaryDirectory(prefix="careen-equality-") as scratch:
        folders = Path(scratch, "native"), Path(scratch, "recast")
        try:
            native = build(session, BuildRequest(plan=plan, output=folders[0], options=BuildOptions(trimming=trimming)))
            recast = build(session, BuildRequest(plan=plan, output=folders[1], options=BuildOptions(), builder=choice))
        finally:
            session.close()
        layouts = [Layout.open(folder) for folder in folders]
        for service in native.plan.services:
            ours, theirs = native.result.image(service.name), recast.result.image(service.name)
            pair = [
                (layout, layout.images()[image.reference])
                for layout, image in zip(layouts, (ours, theirs), strict=True)
            ]
            yield compare_renderings(native.plan, service, pair[0], pair[1]), ours.bytes, theirs.bytes


def show(likeness: Likeness, native: int, recast: int) -> None:
    faults = likeness.faults
    print(
        f"  {likeness.service}: {format_bytes(native)} and {format_bytes(recast)}, {likeness.alike} files alike, "
        f"{len(faults)} differences without a reason"
    )
    for reason, (count, size) in sorted(likeness.reasons().items(), key=lambda item: -item[1][1]):
        if reason:
            print(f"    {count:6} {format_bytes(size):>9}  {reason}")
    for fault in faults[:_MOST_FAULTS]:
        print(f"    ! {fault.what}: {fault.first or 'nothing'} | {fault.second or 'nothing'}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--engine", choices=[kind.value for kind in BuilderKind], default="docker")
    parser.add_argument("--trim", choices=["safe", "lean"], default="lean")
    parser.add_argument("--builder")
    parser.add_argument("--builder-option", action="append", default=[])
    parser.add_argument("--cache", type=Path, help="a folder to keep what is fetched")
    given = parser.parse_args()
    choice = BuilderChoice(kind=BuilderKind(given.engine), name=given.builder, options=tuple(given.builder_option))
    bad = 0
    for project in given.projects:
        print(project.name, flush=True)
        with tempfile.TemporaryDirectory(prefix="careen-cache-") as scratch:
            try:
                cache, trimming = given.cache or Path(scratch), TrimmingPolicy(given.trim)
                for likeness, native, recast in likenesses(project, cache, choice, trimming):
                    show(likeness, native, recast)
                    bad += bool(likeness.faults)
            except CareenError as error:
                print(f"  not compared: {error.message}")
                bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
