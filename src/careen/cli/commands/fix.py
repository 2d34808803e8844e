"""``careen fix``: the repaired set-up as a patch."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from careen.cli.console import progress, say, wants_colour
from careen.cli.options import (
    Output,
    compose_option,
    named_files,
    offline_option,
    output,
    output_options,
    path_argument,
    platform_option,
)
from careen.errors import ExitCode

if TYPE_CHECKING:
    from careen.app.rewrite import Proposal, Written
    from careen.findings import Finding
    from careen.rewrite.patchset import PatchSet


@click.command("fix")
@path_argument
@compose_option
@platform_option
@offline_option
@click.option("--diff", "way", flag_value="diff", default=True, help="Print the patch (the default).")
@click.option("--write", "way", flag_value="write", help="Make the changes, all or none.")
@click.option("--check", "way", flag_value="check", help="Change nothing; exit 1 when something would change.")
@click.option("--pick", is_flag=True, help="Show each change and ask for it.")
@click.option("--unsafe", is_flag=True, help="Write changes that a person should review, too.")
@click.option("--mend", is_flag=True, help="Repair the files as they are, line by line, instead of recasting them.")
@click.option("--accept", is_flag=True, help="Go on although something of today's set-up is not carried over.")
@click.option("--into", type=click.Path(path_type=Path), help="Write a changed copy here; the project stays as it is.")
@click.option(
    "--runtime",
    type=click.Choice(["slim", "distroless", "alpine"]),
    help="The image that services run on; alpine takes wheels for musl.  [default: distroless where it can be]",
)
@click.option("--debug-targets", is_flag=True, help="A target with a shell for each service, besides the others.")
@click.option("--bake", is_flag=True, help="A docker-bake.json with every target, too.")
@click.option("--workflow", is_flag=True, help="A GitHub workflow that judges, builds and proves, too.")
@output_options("terminal", "json")
def command(
    path: Path,
    compose_files: tuple[Path, ...],
    platform: str,
    offline: bool,
    way: str,
    pick: bool,
    unsafe: bool,
    mend: bool,
    accept: bool,
    into: Path | None,
    runtime: str | None,
    debug_targets: bool,
    bake: bool,
    workflow: bool,
    style: str,
    quiet: bool,
    no_color: bool,
) -> int:
    """Rewrite a stack's Docker set-up: one Dockerfile with a target per service, compose, ignore file, groups.

    With --mend, repair single lines and leave the files what they are.
    """
    from careen.app.plan_request import PlanRequest
    from careen.app.rewrite import propose_or_mend, read_for_mending
    from careen.app.session import Session
    from careen.cli.surroundings import source_date_epoch, surroundings
    from careen.platforms import Platform
    from careen.rewrite.options import RewriteOptions, Runtime

    how = output(style=style, quiet=quiet, no_color=no_color)
    files = named_files(path, compose_files)
    if mend:
        proposal = read_for_mending(path, files)
    else:
        request = PlanRequest(
            root=path,
            compose_files=files,
            platform=Platform.parse(platform),
            fetch_wheels=not offline,
            source_date_epoch=source_date_epoch(),
            base="alpine" if runtime == "alpine" else None,
        )
        options = RewriteOptions(
            runtime=Runtime(runtime) if runtime is not None else None,
            accept=accept,
            debug_targets=debug_targets,
            bake=bake,
            workflow=workflow,
        )
        with progress(how) as told:
            session = Session(surroundings=surroundings(offline=offline, project=path), progress=told)
            try:
                proposal = propose_or_mend(session, request, options)
            finally:
                session.close()
    writes = way == "write" or into is not None
    return _done(how, proposal, _Wish(way=way, pick=pick and writes, unsafe=unsafe, into=into, files=files))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What is to become of a patch. ``way`` is ``diff``, ``write`` or ``check``."""

    way: str
    pick: bool
    unsafe: bool
    into: Path | None
    files: tuple[PurePosixPath, ...]

    @property
    def writes(self) -> bool:
        return self.way != "check" and (self.way == "write" or self.into is not None)


def _done(how: Output, proposal: "Proposal", wish: _Wish) -> int:
    for item in proposal.facts.workspace.unreadable:
        say(how, f"left: {item.path}:{item.line}: {item.message}")
    if proposal.mending is not None:
        return _repaired(how, proposal, wish)
    patch = proposal.patch
    _tell(how, patch)
    if patch.stopped and not patch.changes:
        _show(how, proposal, wish)
        return ExitCode.FINDINGS
    if wish.way == "check":
        return _checked(how, proposal, wish)
    if not wish.writes:
        _show(how, proposal, wish)
        return ExitCode.CLEAN
    if wish.pick and not _picked(how, patch):
        say(how, "nothing was changed")
        return ExitCode.CLEAN
    if wish.into is None and not (wish.unsafe or wish.pick) and patch.needs_review:
        say(how, "these changes need a reviewer: read the patch, then write it with --write --unsafe")
        _show(how, proposal, wish)
        return ExitCode.FINDINGS
    from careen.app.rewrite import write

    _report(how, proposal, write(proposal, into=wish.into, compose_files=wish.files))
    return ExitCode.CLEAN


def _repaired(how: Output, proposal: "Proposal", wish: _Wish) -> int:
    """Local repairs: asked for, or what there is where the set-up cannot be recast. The latter is never a success."""
    from careen.app.rewrite import mend_on, write

    if proposal.problem is not None:
        hints = "".join(f"\n  hint: {hint}" for hint in proposal.problem.hints)
        say(how, f"not recast: {proposal.problem.message}{hints}")
    _tell(how, proposal.patch)
    chosen = _chosen(how, proposal, wish)
    if proposal.problem is not None:
        say(how, "what can be repaired line by line is in this patch" if chosen.patch.changes else "nothing is changed")
    _tell(how, chosen.patch)
    success = ExitCode.CLEAN if proposal.problem is None else ExitCode.FINDINGS
    if wish.way == "check":
        return max(success, _checked(how, chosen, wish))
    if not wish.writes:
        _show(how, chosen, wish)
        return success
    written = write(chosen, into=wish.into, compose_files=wish.files)
    if not wish.pick:
        written = mend_on(written, wish.files, safe_only=not wish.unsafe and wish.into is None)
    _report(how, chosen, written)
    return success


def _chosen(how: Output, proposal: "Proposal", wish: _Wish) -> "Proposal":
    """All repairs, those that are safe, or those that the user picks."""
    from careen.findings import FixKind
    from careen.rewrite.mending import patch_of

    mending = proposal.mending
    assert mending is not None  # noqa: S101 - see _done
    wanted = list(mending.mends)
    if wish.pick:
        wanted = [
            mend
            for mend in wanted
            if click.confirm(f"{mend.path}:{mend.line}: {mend.why} ({mend.disposition})", default=True, err=True)
        ]
    elif wish.way == "write" and wish.into is None and not wish.unsafe:
        for mend in wanted:
            if mend.disposition is FixKind.REVIEW:
                say(how, f"left for review: {mend.path}:{mend.line}: {mend.why} (--unsafe writes it too)")
        wanted = [mend for mend in wanted if mend.disposition is FixKind.SAFE]
    chosen = {id(mend) for mend in wanted}
    return replace(proposal, patch=patch_of(proposal.facts, mending, lambda mend: id(mend) in chosen))


def _tell(how: Output, patch: "PatchSet") -> None:
    for refusal in patch.refusals:
        word = "refused" if refusal.stops else "left"
        say(how, f"{word}: {refusal}\n  hint: {refusal.hint}")
    for note in patch.notes:
        say(how, f"note: {note}")


def _show(how: Output, proposal: "Proposal", wish: _Wish) -> None:
    from careen.app.rewrite import unkept_by
    from careen.rewrite.unified import patch_text

    foreseen = unkept_by(proposal, wish.files)
    if how.style == "json":
        from careen.report.fix_json import fix_document

        click.echo(json.dumps(fix_document(proposal, foreseen=foreseen), indent=2, sort_keys=True))
        return
    _tell_unkept(how, foreseen)
    import sys

    text = patch_text(proposal.patch.changes)
    coloured = wants_colour(how, stream_is_terminal=sys.stdout.isatty())
    click.echo(_painted(text) if coloured else text, nl=False, color=coloured)


def _tell_unkept(how: Output, unkept: "Iterable[Finding]") -> None:
    for finding in unkept:
        say(how, f"still found: {finding.place.path}:{finding.place.line}: {finding.rule}: {finding.message}")


def _painted(text: str) -> str:
    colours = {"+": "green", "-": "red", "@": "cyan"}
    return "".join(
        click.style(line, fg=colours[line[0]]) if line[:1] in colours else line
        for line in text.splitlines(keepends=True)
    )


def _checked(how: Output, proposal: "Proposal", wish: _Wish) -> int:
    if how.style == "json":
        _show(how, proposal, wish)
    for change in proposal.patch.changes:
        say(how, f"would change: {change.path}")
    return ExitCode.FINDINGS if proposal.patch.changes else ExitCode.CLEAN


def _picked(how: Output, patch: "PatchSet") -> bool:
    """The changes of a recast stand or fall together: they are shown one by one and asked for as one."""
    from careen.rewrite.unified import file_patch

    for change in patch.changes:
        click.echo(_painted("".join(file_patch(change))), nl=False)
        for reason in change.why:
            say(how, f"  {change.path}: {reason}")
        click.pause(info="-- any key for the next file --")
    return bool(patch.changes) and click.confirm("make these changes?", default=False, err=True)


def _report(how: Output, proposal: "Proposal", written: "Written") -> None:
    if how.style == "json":
        from careen.report.fix_json import fix_document

        click.echo(json.dumps(fix_document(proposal, written), indent=2, sort_keys=True))
        return
    for path in written.paths:
        say(how, f"changed: {path}")
    if not written.paths:
        say(how, "nothing to change")
    _tell_unkept(how, written.unkept)
    for finding in written.brought:
        say(how, f"new: {finding.place.path}:{finding.place.line}: {finding.rule}: {finding.message}")
    say(how, f"findings: {len(written.ended)} gone, {len(written.left)} left")
