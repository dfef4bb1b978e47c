"""`onehub completion`: teach the shell our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script: `source <(onehub completion bash)`."""
    completer = get_completion_class(shell)
    assert completer is not None  # noqa: S101 (the choices are click's own)
    root = context.find_root().command
    click.echo(completer(root, {}, "onehub", "_ONEHUB_COMPLETE").source())
