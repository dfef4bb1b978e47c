"""What is asked of a directory, whatever library asks it: find a person, prove the password, read the groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from onehub.core.groups import Group
from onehub.core.logins import Login, hub_name
from onehub.core.obstacles import Obstacle
from onehub.core.people import Person


class DirectoryDown(Exception):
    """The directory cannot answer now. `kind` is a word for the metrics: `silent`, `refused`, `tls`, `lookup` …"""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Entry:
    """A person as the directory knows them: the DN to bind with, the canonical login name, the mark that stays.

    `obstacle` is what the entry itself says against using the account, as far as it shows.
    """

    dn: str
    login: str
    id: str = ""
    obstacle: Obstacle | None = None
    password_expires: datetime | None = None


@dataclass(frozen=True)
class Proof:
    """What the directory said to a password: no obstacle if it opens the account, `proven` if it is right at least.

    `detail` is the directory's own wording.
    """

    obstacle: Obstacle | None
    detail: str = ""
    proven: bool = False


class Session(Protocol):
    """One conversation. The seam behind which the library can be changed."""

    reads_first: bool
    """Whether a lookup account reads; without one, nothing can be read before the person has proven themselves."""

    def find(self, login: Login) -> Entry | None:
        """The one person with this login name, or None. Two are None as well: nobody may be mistaken."""

    def find_again(self, id: str) -> Entry | None:
        """The person with this mark, or None if there is none any more."""

    def prove(self, entry: Entry, password: str) -> Proof:
        """One bind, so one failed attempt at most."""

    def groups(self, entry: Entry) -> frozenset[Group]:
        """All groups the person is in: nested ones and the primary one included."""

    def knows_anybody(self) -> bool:
        """Whether there is anyone with a login name, as far as one may see."""

    def find_groups(self, written: str) -> tuple[Group, ...]:
        """The groups that the operator's DN, name or SID means: none, one, or several of one name."""


@dataclass(frozen=True)
class Answer:
    """What asking about a name and a password gave: a person, or an obstacle with the directory's own wording."""

    person: Person | None
    obstacle: Obstacle | None = None
    detail: str = ""
    proven: bool = False


Gate = Callable[["Entry | None"], bool]
"""Whether a password may be tried on an entry, or on a name that nobody has."""


def identify(session: Session, login: Login, password: str, may_try: Gate = lambda entry: True) -> Answer:
    """Who this is. Raises DirectoryDown, which is never the same as a wrong password."""
    # A simple bind without a password succeeds anonymously, so it must never reach the server.
    if not password:
        return Answer(None, Obstacle.WRONG_PASSWORD, "empty password")
    entry = session.find(login)
    if not may_try(entry):
        return Answer(None, Obstacle.THROTTLED)
    if entry is None:
        return Answer(None, Obstacle.UNKNOWN_NAME)
    # One connection serves it all: what the lookup account may read is read before the person's bind takes it over.
    groups = session.groups(entry) if session.reads_first else frozenset()
    proof = session.prove(entry, password)
    if proof.obstacle:
        return Answer(None, proof.obstacle, proof.detail, proof.proven)
    if not session.reads_first:
        entry = session.find(login) or entry
        groups = session.groups(entry)
    obstacle = entry.obstacle or _expired_password(entry)
    if obstacle:
        return Answer(None, obstacle, "by the entry's attributes", proven=True)
    return Answer(person_of(entry, groups), proven=True)


def _expired_password(entry: Entry) -> Obstacle | None:
    """Not every directory refuses a password that has expired by its own record."""
    expires = entry.password_expires
    return Obstacle.PASSWORD_EXPIRED if expires and expires <= datetime.now(UTC) else None


def look_up(session: Session, id: str) -> Person | Obstacle:
    """The person with this mark as they are now, or why they may not go on. Raises DirectoryDown."""
    return state_of(session, session.find_again(id))


def state_of(session: Session, entry: Entry | None) -> Person | Obstacle:
    """What the directory shows of an account now. Raises DirectoryDown where it shows nobody at all."""
    if entry is None:
        # Rights that were taken from the lookup account must not sign everybody out.
        if not session.knows_anybody():
            raise DirectoryDown("the lookup account sees nobody any more", "lookup")
        return Obstacle.GONE
    return entry.obstacle or person_of(entry, session.groups(entry))


def person_of(entry: Entry, groups: frozenset[Group]) -> Person:
    """The hub's view of an entry."""
    return Person(hub_name(entry.login), entry.dn, groups, entry.id, entry.password_expires)


def group_problems(session: Session, written: Sequence[str]) -> list[str]:
    """What is wrong with groups as the operator wrote them: those that are not there, and names of several."""
    problems = []
    for group in written:
        found = session.find_groups(group)
        if not found:
            problems.append(f"the group {group!r} does not exist")
        elif len(found) > 1:
            several = "; ".join(sorted(one.dn for one in found))
            problems.append(f"the group {group!r} could be any of {several}: give the DN")
    return problems
