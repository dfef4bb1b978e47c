"""What is wrong with a value, in the operator's words and with its place."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from . import sources
from .errors import Problem


def problem_of(details: Any, tables: Mapping[str, type[BaseModel]], found: sources.Found) -> Problem:
    """One of pydantic's errors; its `loc` begins with a table."""
    path = [str(part) for part in details["loc"]]
    place = found.place_of_entry(*details["loc"]) if path[0] in sources.ARRAYS else found.place(".".join(path))
    if details["type"] == "extra_forbidden":
        return Problem(place, f"unknown setting{_did_you_mean(path, tables)}")
    if details["type"] == "tuple_type":
        return Problem(place, f"must be a list like ['…'] (it is {details['input']!r})")
    if details["type"] == "missing":
        return Problem(place, "is missing")
    message = details["msg"].removeprefix("Value error, ")
    if details["type"].startswith("value_error"):
        return Problem(place, message)
    return Problem(place, f"{message[0].lower()}{message[1:]} (it is {details['input']!r})")


def table_of(annotation: Any) -> type[BaseModel] | None:
    """The table that a key holds: itself, or each of several."""
    entry = get_args(annotation)[0] if get_origin(annotation) is tuple else annotation
    return entry if isinstance(entry, type) and issubclass(entry, BaseModel) else None


def _did_you_mean(path: list[str], tables: Mapping[str, type[BaseModel]]) -> str:
    keys: Mapping[str, type[BaseModel] | None] = tables
    for part in path[:-1]:
        if part.isdigit():
            continue
        table = keys.get(part)
        if table is None:
            return ""
        keys = {name: table_of(field.annotation) for name, field in table.model_fields.items()}
    # The closest to `groups` would be `admin_groups`, and a bad one to follow.
    wanted = {"groups": "allowed_groups"}.get(path[-1], path[-1])
    close = difflib.get_close_matches(wanted, keys, n=1)
    return f", did you mean `{close[0]}`?" if close else ""
