"""Who may sign in: a person and the access rules → Admitted or Refused. The whole policy is `admit`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from .sources import Named

_UNESCAPED_END = re.compile(r"(?<!\\)\s+$")


@dataclass(frozen=True)
class Person:
    """Somebody who proved who they are.

    `name` is the hub's name for them, `groups` the DNs of every group they are in, directly or through another.
    """

    name: str
    dn: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rules:
    """The access rules at this moment."""

    people: tuple[Named, ...]
    groups: tuple[str, ...]
    require: Literal["any", "all"] = "any"


@dataclass(frozen=True)
class Admitted:
    """May sign in. `admin` is None where the rules say nothing, and the hub's own record stands."""

    admin: bool | None
    because: str


@dataclass(frozen=True)
class Refused:
    """May not sign in; the reason is for the operator's log."""

    reason: str


def admit(person: Person, rules: Rules, *, invited: bool = False) -> Admitted | Refused:
    """Decide about one person. `invited`: an admin added them on the admin page, which is as good as named."""
    entry = next((entry for entry in rules.people if entry.name == person.name), None)
    group = _shared_group(person.groups, rules.groups)
    named = entry is not None or invited
    admin = entry.admin if entry else None
    if rules.require == "all" and not (named and group):
        missing = "in an allowed group" if named else "named in userlist"
        return Refused(f"{person.name} is not {missing}, and access.require is 'all'")
    if entry:
        return Admitted(admin, "named in userlist")
    if group:
        return Admitted(admin, f"member of {group}")
    if invited:
        return Admitted(admin, "added by an admin")
    return Refused(f"{person.name} is neither named in userlist nor in an allowed group")


def canonical_dn(dn: str) -> str:
    """A spelling in which equal DNs are equal: no space around `,` and `=`, lower case.

    Escaped characters stay as they are written; good for group DNs, not a full RFC 4514 parser.
    """
    parts = []
    for part in _split(dn):
        attribute, _, value = part.partition("=")
        parts.append(f"{attribute.strip()}={_UNESCAPED_END.sub('', value.lstrip())}")
    return ",".join(parts).lower()


def _split(dn: str) -> list[str]:
    parts, current, escaped = [], "", False
    for character in dn:
        if character == "," and not escaped:
            parts.append(current)
            current = ""
        else:
            current += character
        escaped = character == "\\" and not escaped
    return [*parts, current]


def _shared_group(mine: Iterable[str], allowed: Iterable[str]) -> str | None:
    canonical = {canonical_dn(dn) for dn in mine}
    return next((dn for dn in allowed if canonical_dn(dn) in canonical), None)
