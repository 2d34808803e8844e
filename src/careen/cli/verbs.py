"""The command line of careen: finds the verb's module, and imports no other."""

import importlib

import click

from careen import __version__

VERBS = {
    "scan": "what is wrong, with file, line and bytes",
    "plan": "what each service's image should hold and weigh, before anything is built",
    "fix": "the repaired set-up, as a patch",
    "build": "the images, without a daemon",
    "prove": "the images run: healthy, obedient, inside their budgets",
    "overhaul": "scan, plan, fix, build, prove and report, in one go",
    "context": "what each service's build context sends, by cause and weight",
    "size": "bytes of any image by layer, package and cause; what two differ by",
    "gate": "budgets and findings against their limits, for CI",
    "refresh": "newer base packages and digests, what changes, what it weighs",
    "store": "what careen keeps of earlier builds, and forgetting it",
    "dump": "the instruction tree of a Dockerfile",
    "completion": "a script that completes careen's command line in your shell",
}
"""One line each for ``--help``, so that listing the verbs imports none of them."""


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"careen.cli.commands.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"careen.cli.commands.{cmd_name}.command is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not ctx.resilient_parsing:  # which completion is
            import difflib  # noqa: PLC0415 - only a mistyped verb pays for it

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"verbs: {', '.join(VERBS)}"
            raise click.UsageError(f"no such verb: {args[0]}\n\nhint: {hint}", ctx=ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit status: 0 clean; 1 findings at or above --fail-on, failed proof or broken budget; 2 bad usage or "
        "unreadable input; 3 something this machine lacks; 70 a bug in careen; 130 interrupted."
    ),
)
@click.version_option(__version__, prog_name="careen", message="%(prog)s %(version)s")
def careen() -> None:
    """Haul a Python service stack ashore and scrape off what grew on its containers."""
