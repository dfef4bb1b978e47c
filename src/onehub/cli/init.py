"""`onehub init`: a new deployment directory."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from onehub.core.lifecycle import plan_init
from onehub.host import assets

from .console import talk
from .deployment import Deployment, dry_run_option


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@dry_run_option
def init(directory: Path, dry_run: bool) -> None:
    """Make DIRECTORY a deployment: write the files to edit. Files that exist are left alone."""
    directory = directory.resolve()
    files = assets.deployment_files()
    existing = frozenset(name for name in files if (directory / name).exists())
    Deployment(directory).apply(plan_init(directory, files, existing), dry_run=dry_run)
    if not dry_run:
        talk.print(f"\nNext: in {escape(str(directory))}")
        talk.print("  cp secrets/ad.env.example secrets/ad.env && chmod 600 secrets/ad.env   # and fill it in")
        talk.print("  cp userlist.example userlist                                          # and name people")
        talk.print("  make build notebook_image && onehub up")
