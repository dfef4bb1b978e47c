"""`onehub config`: check the settings, show what holds and why, print their schema."""

from __future__ import annotations

import os
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from onehub.core import sources
from onehub.core.settings import Settings

from .console import data, show_json, talk
from .deployment import Deployment, json_option, pass_deployment


@click.group()
def config() -> None:
    """Check, show and describe the settings."""


@config.command()
@pass_deployment
def check(deployment: Deployment) -> None:
    """Read every file and list every problem, each with its place. Exit code 3 if there is one."""
    deployment.settings()
    talk.print("the settings are in order")


@config.command()
@json_option
@pass_deployment
def show(deployment: Deployment, as_json: bool) -> None:
    """Show every setting that holds and where it comes from. The lookup password is never shown."""
    values = deployment.settings().model_dump(mode="json")
    if as_json:
        show_json(values)
        return
    places = sources.read(deployment.directory, os.environ).places
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for section, fields in values.items():
        if section in sources.ARRAYS:
            for entry in fields:
                _add_entry(table, section, entry)
            continue
        for name, value in fields.items():
            key = f"{section}.{name}"
            table.add_row(key, escape(_spell(value)), places.get(key, "default"))
    data.print(table)


@config.command()
def schema() -> None:
    """Print the JSON Schema of onehub.toml, for editors."""
    show_json(Settings.toml_schema())


def _add_entry(table: Table, array: str, entry: dict[str, Any]) -> None:
    """A row for each key of a profile or folder that is set."""
    for name, value in entry.items():
        said = {key: one for key, one in value.items() if one is not None} if isinstance(value, dict) else value
        if name != "name" and said:
            key = f"{array} {entry['name']!r}: {name}"
            table.add_row(escape(key), escape(_spell(said)), sources.TOML)


def _spell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_spell(entry) for entry in value)
    if isinstance(value, dict):
        if "admin" in value:
            return f"{value['name']} admin" if value["admin"] else str(value["name"])
        return " ".join(f"{name}={_spell(part)}" for name, part in value.items())
    return str(value)
