"""Reads the deployment's files into plain values that remember where they came from.

Judges only form (lines, quotes, names); what the values mean is for `settings`.
"""

from __future__ import annotations

import difflib
import io
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream

from .errors import Problem
from .groups import group_reference
from .logins import hub_name

TOML = "onehub.toml"
DOTENV = ".env"
AD_ENV = "secrets/ad.env"
EXPORTED = "secrets/exported.env"
"""What `onehub up` found exported and keeps for the hub, over `ad.env`; written and removed by `up` alone."""
USERLIST = "userlist"
ALLOWED_GROUPS = "ad_allowed_groups"
BIND_TEMPLATES = "ad_bind_dn_template"

DOTENV_VARIABLES = {
    "COMPOSE_PROJECT_NAME": "names.project",
    "HUB_CONTAINER_NAME": "names.hub_container",
    "HUB_PORT": "names.port",
    "HTTPD_LISTEN": "names.listen",
    "HTTPS_PORT": "names.https_port",
    "HTTP_PORT": "names.http_port",
    "DOCKER_NETWORK_NAME": "names.network",
    "DATA_VOLUME_HOST": "names.data_volume",
    "DATA_VOLUME_CONTAINER": "names.data_mount",
    "DB_VOLUME_HOST": "names.database_volume",
    "POSTGRES_DB": "names.database",
    "DOCKER_NOTEBOOK_IMAGE": "servers.upstream_image",
    "LOCAL_NOTEBOOK_IMAGE": "servers.image",
    "DOCKER_NOTEBOOK_DIR": "servers.home_mount",
    "DOCKER_SPAWN_CMD": "servers.command",
    "JUPYTERHUB_VERSION": "servers.jupyterhub_version",
}
AD_VARIABLES = {
    "AD_SERVER": "directory.server",
    "AD_LOOKUP_SEARCH_USER": "directory.lookup_user",
    "AD_LOOKUP_SEARCH_PASSWORD": "directory.lookup_password",
    "AD_SEARCH_BASE": "directory.search_base",
}
VARIABLES = DOTENV_VARIABLES | AD_VARIABLES

ELSEWHERE = {key: f"{name} in {DOTENV}" for name, key in DOTENV_VARIABLES.items()} | {
    "directory.lookup_password": f"AD_LOOKUP_SEARCH_PASSWORD in {AD_ENV}",
    "directory.bind_templates": BIND_TEMPLATES,
    "access.people": USERLIST,
}
"""Keys that `onehub.toml` must not set: Compose could not see them, or they are secret, or lists of their own."""

ARRAYS = ("profile", "folder")
"""What may stand in `onehub.toml` any number of times, as `[[profile]]`."""

_A_SLIP = 0.85
"""So alike must an unknown variable be to one of ours to count as misspelt."""

_USERLIST_LINE = re.compile(r'(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"#][^\s#]*))(?P<rest>[^#]*)(?:#.*)?')
_NAME = re.compile(r"[^\s\x00-\x1f:/\\@,;\"]+")


@dataclass(frozen=True)
class Named:
    """A line of `userlist`."""

    name: str
    admin: bool = False


DEMO_PEOPLE = (Named("ada", admin=True), Named("alice"))
"""Whom the demo's userlist names; must not be left over where people come from another directory."""


@dataclass
class Found:
    """Values by section and key (`arrays`: of what may be there several times), their places, and problems."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrays: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def put(self, key: str, value: Any, place: str) -> None:
        """Set `section.name`, over an earlier layer."""
        section, name = key.split(".", 1)
        self.values.setdefault(section, {})[name] = value
        self.places[key] = place

    @property
    def everything(self) -> dict[str, Any]:
        """Tables and arrays of tables."""
        return {**self.values, **self.arrays}

    def place_of_entry(self, array: str | int, index: str | int, *keys: str | int) -> str:
        """Where the operator finds an entry of an array, or a key of it: by its name, as they see no number."""
        name = self.arrays[str(array)][int(index)].get("name")
        entry = f"{array} {name!r}" if isinstance(name, str) else f"{array} {int(index) + 1}"
        return ": ".join([TOML, entry, *([".".join(map(str, keys))] if keys else [])])

    def place(self, key: str) -> str:
        """Where the operator finds the key, for a message."""
        return self.places.get(key, f"{TOML}: {key}")


def read(directory: Path, environ: Mapping[str, str], *, kept_exports: bool = False) -> Found:
    """Every layer, later ones over earlier ones.

    `kept_exports`: read what `onehub up` kept of its exported variables. The hub does; a command sees the
    variables themselves, and that one is no longer exported must count.
    """
    found = Found()
    _read_toml(directory, found)
    _read_env(directory, DOTENV, DOTENV_VARIABLES, found)
    _read_env(directory, AD_ENV, AD_VARIABLES, found)
    if kept_exports:
        _read_env(directory, EXPORTED, AD_VARIABLES, found)
    _read_lists(directory, found)
    found.put("directory.bind_templates", _bind_templates(directory, found.problems), BIND_TEMPLATES)
    for name, key in VARIABLES.items():
        if environ.get(name):
            found.put(key, environ[name], f"exported {name}")
    return found


def read_access(directory: Path) -> Found:
    """The access rules alone: `[access]` in `onehub.toml`, and the lists. Raises PermissionError."""
    found = Found()
    _read_toml(directory, found)
    found.values = {"access": found.values.get("access", {})}
    found.problems = [
        problem for problem in found.problems if problem.place == TOML or problem.place.startswith(f"{TOML}: access")
    ]
    _read_lists(directory, found)
    return found


def read_table(directory: Path, table: str) -> Found:
    """One table of `onehub.toml` alone. Raises PermissionError."""
    found = Found()
    _read_toml(directory, found)
    found.values = {table: found.values.get(table, {})}
    ours = f"{TOML}: {table}"
    found.problems = [problem for problem in found.problems if problem.place in (TOML, ours)]
    return found


def place_of_group(directory: Path, group: str, admin_groups: Collection[str]) -> str:
    """Where a group of the access rules is written, for a message."""
    for number, line in _lines(_text(directory, ALLOWED_GROUPS, [])):
        if line == group:
            return f"{ALLOWED_GROUPS}, line {number}"
    return f"{TOML}: access.{'admin_groups' if group in admin_groups else 'allowed_groups'}"


def exported_line(variable: str, value: str) -> str:
    """A line that the `.env` grammar reads back as exactly this value."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{variable}='{escaped}'\n"


def _read_toml(directory: Path, found: Found) -> None:
    text = _text(directory, TOML, found.problems)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found.problems.append(Problem(TOML, str(error)))
        return
    for section, table in tables.items():
        if section in ARRAYS:
            if isinstance(table, list) and all(isinstance(entry, dict) for entry in table):
                found.arrays[section] = table
            else:
                message = f"may be there several times: a line like `[[{section}]]`, and keys below it"
                found.problems.append(Problem(f"{TOML}: {section}", message))
            continue
        if not isinstance(table, dict):
            message = "only tables may stand here: a line like `[limits]`, and keys below it"
            found.problems.append(Problem(f"{TOML}: {section}", message))
            continue
        found.values[section] = {}
        for name, value in table.items():
            key = f"{section}.{name}"
            if owner := ELSEWHERE.get(key):
                found.problems.append(Problem(f"{TOML}: {key}", f"is not set here but as {owner}"))
            else:
                found.put(key, value, f"{TOML}: {key}")


def _read_env(directory: Path, file: str, variables: Mapping[str, str], found: Found) -> None:
    for binding in parse_stream(io.StringIO(_text(directory, file, found.problems))):
        text = binding.original.string
        blank_lines = text[: -len(text.lstrip()) or None].count("\n")
        place = f"{file}, line {binding.original.line + blank_lines}"
        if binding.error or (binding.key and binding.value is None):
            found.problems.append(Problem(place, "is not `NAME=value`"))
        elif binding.key is not None and binding.key in variables:
            if binding.value:
                found.put(variables[binding.key], binding.value, f"{place}: {binding.key}")
        elif binding.key in VARIABLES:
            home = DOTENV if binding.key in DOTENV_VARIABLES else AD_ENV
            found.problems.append(Problem(place, f"{binding.key} belongs into {home}"))
        elif close := difflib.get_close_matches(binding.key or "", VARIABLES, n=1, cutoff=_A_SLIP):
            # Other variables are Compose's own, or an old deployment's, and none of our business.
            message = f"unknown variable {binding.key}, did you mean `{close[0]}`?"
            found.problems.append(Problem(place, message))


def _read_lists(directory: Path, found: Found) -> None:
    """`userlist` and `ad_allowed_groups`; a missing file is an empty list."""
    people = tuple(_parsed(directory, USERLIST, _named, found.problems))
    twice = [name for name, count in Counter(entry.name for entry in people).items() if count > 1]
    found.problems += [Problem(USERLIST, f"{name!r} is named twice") for name in twice]
    found.put("access.people", people, USERLIST)
    groups = tuple(_parsed(directory, ALLOWED_GROUPS, group_reference, found.problems))
    others = found.values["access"].get("allowed_groups", [])
    if groups and isinstance(others, list):
        found.put("access.allowed_groups", (*others, *groups), ALLOWED_GROUPS)


def _bind_templates(directory: Path, problems: list[Problem]) -> tuple[str, ...]:
    return tuple(_parsed(directory, BIND_TEMPLATES, _template, problems))


def _parsed(directory: Path, file: str, parse: Callable[[str], Any], problems: list[Problem]) -> Iterator[Any]:
    for number, line in _lines(_text(directory, file, problems)):
        try:
            yield parse(line)
        except ValueError as error:
            problems.append(Problem(f"{file}, line {number}", str(error)))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something: not blank, not a comment."""
    for number, line in enumerate(text.split("\n"), start=1):
        if (stripped := line.strip()) and not stripped.startswith("#"):
            yield number, stripped


def _text(directory: Path, file: str, problems: list[Problem]) -> str:
    """The file's text, empty if there is none; a Windows editor's byte order mark is skipped."""
    try:
        inside = (directory / file).resolve().is_relative_to(directory.resolve())
    except (RuntimeError, OSError) as error:  # a link that leads to itself; which of the two depends on Python
        problems.append(Problem(file, f"is a link that cannot be followed ({error})"))
        return ""
    if not inside:
        # The hub would read defaults where the command line reads the file.
        problems.append(
            Problem(file, "is a link that leaves this folder, which is all that the hub's container sees")
        )
        return ""
    try:
        return (directory / file).read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError as error:
        problems.append(Problem(file, f"is not UTF-8 text (byte {error.start})"))
        return ""
    except IsADirectoryError:
        problems.append(Problem(file, "is a folder, not a file"))
        return ""


def _named(line: str) -> Named:
    match = _USERLIST_LINE.fullmatch(line)
    if not match:
        raise ValueError(f"{line!r} does not begin with a user name")
    quoted, plain, rest = match["quoted"], match["plain"], match["rest"].strip()
    name = plain if quoted is None else quoted.strip()
    # Only in quotes may a name hold spaces.
    if not _NAME.fullmatch(name if quoted is None else name.replace(" ", "_")):
        raise ValueError(f"{name!r} is not a user name")
    if rest not in ("", "admin"):
        hint = "" if quoted else '; a name with a space stands in "…"'
        raise ValueError(f"after the name only `admin` may stand, not {rest!r}{hint}")
    return Named(hub_name(name), admin=rest == "admin")


def _template(line: str) -> str:
    if line.count("{username}") != 1:
        raise ValueError(f"{line!r} must hold {{username}} once")
    return line
