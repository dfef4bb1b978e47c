"""Who may sign in: a person and the access rules → Admitted or Refused. The whole policy is `admit`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .groups import Group
from .settings import Access
from .sources import Named


@dataclass(frozen=True)
class Person:
    """Somebody whom the directory knows.

    `name` is the hub's name for them, `id` the directory's own mark of the account (objectGUID, entryUUID; empty
    where it shows none), `groups` every group they are in, directly, through another, or as their primary one.
    """

    name: str
    dn: str
    groups: frozenset[Group] = frozenset()
    id: str = ""
    password_expires: datetime | None = None


@dataclass(frozen=True)
class Admitted:
    """May sign in. `admin` is None where the rules say nothing, and the hub's own record stands."""

    admin: bool | None
    because: str


@dataclass(frozen=True)
class Refused:
    """May not sign in; the reason is for the operator."""

    reason: str


def admit(person: Person, rules: Access, *, invited: bool = False) -> Admitted | Refused:
    """Decide about one person. `invited`: an admin added them on the admin page, which is as good as named."""
    if unicodedata.normalize("NFKC", person.name).lower() in rules.blocked:
        return Refused(f"{person.name} is in access.blocked")
    entry = next((entry for entry in rules.people if entry.name == person.name), None)
    reasons = _reasons(person, rules, named=entry is not None, invited=invited)
    if not reasons:
        return Refused(f"{person.name} is neither named in userlist nor in an allowed group")
    by_name = entry is not None or invited
    by_group = _first_of(person.groups, (*rules.allowed_groups, *rules.admin_groups)) is not None
    if rules.require == "all" and not (by_name and by_group):
        missing = "in an allowed group" if by_name else "named in userlist"
        return Refused(f"{person.name} is not {missing}, and access.require is 'all'")
    return Admitted(_is_admin(person, entry, rules), reasons[0])


def _reasons(person: Person, rules: Access, *, named: bool, invited: bool) -> list[str]:
    allowed, admins = _first_of(person.groups, rules.allowed_groups), _first_of(person.groups, rules.admin_groups)
    return [
        reason
        for holds, reason in (
            (named, "named in userlist"),
            (allowed, f"member of {allowed}"),
            (admins, f"member of the admin group {admins}"),
            (invited, "added by an admin"),
            (rules.allow_all, "access.allow_all lets everybody in"),
        )
        if holds
    ]


def _is_admin(person: Person, entry: Named | None, rules: Access) -> bool | None:
    """Admin groups, once there are any, speak the last word: who left them is no admin any more."""
    if entry and entry.admin:
        return True
    if rules.admin_groups:
        return _first_of(person.groups, rules.admin_groups) is not None
    return entry.admin if entry else None


def _first_of(mine: Iterable[Group], written: Iterable[str]) -> str | None:
    groups = tuple(mine)
    return next((rule for rule in written if any(group.answers_to(rule) for group in groups)), None)
