"""``careen completion SHELL``: the script that a shell evaluates to complete careen's command line."""

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    """Print the completion script for SHELL.

    \b
    bash: eval "$(careen completion bash)"
    zsh:  eval "$(careen completion zsh)"
    fish: careen completion fish | source
    """
    root = context.find_root().command
    writer = get_completion_class(shell)
    if writer is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    click.echo(writer(root, {}, "careen", "_CAREEN_COMPLETE").source())
    return 0
