"""`onehub`: the command group, and how errors become words and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from onehub import __version__
from onehub.core.errors import OneHubError

from . import access, directory
from .build import build
from .completion import completion
from .config import config
from .console import show_error, talk
from .cull import cull
from .demo import demo
from .deployment import Deployment
from .doctor import doctor
from .httpd import httpd
from .images import images
from .init import init
from .logs import logs
from .status import status
from .up import down, up
from .why import why

_EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="onehub")
@click.option(
    "-C",
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=".",
    envvar="ONEHUB_DIRECTORY",
    help="The deployment directory; default: here.",
)
@click.pass_context
def cli(context: click.Context, directory: Path) -> None:
    """JupyterHub for one host: directory sign-in, a container per person, work that is safe."""
    context.obj = Deployment(directory.resolve())


for command in (
    *(init, doctor, build, images, up, down, demo, status, logs, why, cull, httpd),
    *(directory.group, access.group, config, completion),
):
    cli.add_command(command)


def main(argv: Sequence[str] | None = None) -> None:
    """Run; a OneHubError never shows a traceback, anything else does, because it is a bug."""
    try:
        sys.exit(cli.main(argv, prog_name="onehub", standalone_mode=False))
    except OneHubError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        talk.print("interrupted; finished steps stay done")
        sys.exit(_EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
