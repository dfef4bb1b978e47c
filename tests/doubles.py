"""The only doubles: a directory in memory. `tests/contract` holds it to a real OpenLDAP and Active Directory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from onehub.core.dn import canonical_dn
from onehub.core.groups import Group
from onehub.core.logins import Login
from onehub.core.obstacles import Obstacle
from onehub.core.presets import PRESETS
from onehub.hub.directory.ldap import Shape
from onehub.hub.directory.session import DirectoryDown, Entry, Proof, Session


@dataclass(frozen=True)
class Account:
    """A person in the directory: login name as written there, password, DNs of the groups they are in directly.

    `refusal` is what the directory answers to the right password, `obstacle` what the entry shows.
    """

    login: str
    password: str
    groups: tuple[str, ...] = ()
    qualified: str = ""
    refusal: Obstacle | None = None
    obstacle: Obstacle | None = None
    password_expires: datetime | None = None
    id: str = ""

    @property
    def mark(self) -> str:
        return self.id or str(uuid.uuid5(uuid.NAMESPACE_DNS, self.login))


@dataclass
class FakeDirectory:
    """Behaves as `LdapDirectory` does; `down` makes it silent."""

    base: str
    accounts: tuple[Account, ...]
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Groups by the group that is in them."""
    down: bool = False
    asked: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    """The DNs that a password was tried on."""
    lockout_threshold: int | None = None

    @contextmanager
    def session(self) -> Iterator[Session]:
        if self.down:
            raise DirectoryDown("the directory does not answer", "silent")
        yield _FakeSession(self)

    def change(self, who: str, /, **values: object) -> None:
        """The directory's administrator edits an account, or removes it with `login=None`."""
        changed = []
        for account in self.accounts:
            if account.login != who:
                changed.append(account)
            elif "login" not in values or values["login"]:
                changed.append(replace(account, id=account.mark, **values))
        self.accounts = tuple(changed)


class _FakeSession:
    reads_first = True

    def __init__(self, directory: FakeDirectory) -> None:
        self._directory = directory
        self._hits = 0

    def find(self, login: Login) -> Entry | None:
        self._directory.asked.append(login.name)
        accounts = self._directory.accounts
        qualified = [account for account in accounts if _same(account.qualified, login.qualified)]
        named = [account for account in accounts if _same(account.login, login.name)]
        found = qualified or named
        self._hits = len(found)
        return self._entry(found[0]) if len(found) == 1 else None

    def find_again(self, id: str) -> Entry | None:
        return next((self._entry(account) for account in self._directory.accounts if account.mark == id), None)

    def prove(self, entry: Entry, password: str) -> Proof:
        self._directory.tried.append(entry.dn)
        account = self._account(entry)
        if account is None or account.password != password:
            return Proof(Obstacle.WRONG_PASSWORD)
        return Proof(account.refusal, proven=account.refusal is not Obstacle.LOCKED)

    def groups(self, entry: Entry) -> frozenset[Group]:
        account = self._account(entry)
        found: set[str] = set()
        frontier = set(account.groups if account else ())
        while frontier:
            found |= frontier
            frontier = {parent for group in frontier for parent in self._directory.parents.get(group, ())} - found
        return frozenset(_group(dn) for dn in found)

    def find_groups(self, written: str) -> tuple[Group, ...]:
        mine = {dn for account in self._directory.accounts for dn in account.groups} | set(self._directory.parents)
        everything = mine | {parent for parents in self._directory.parents.values() for parent in parents}
        return tuple(group for dn in sorted(everything) if (group := _group(dn)).answers_to(written))

    # -- what a rehearsal asks besides

    shape = Shape(PRESETS["openldap"], "dc=example,dc=test", "dc=example,dc=test")

    def begin(self) -> None:
        pass

    def last_search(self) -> tuple[str, int]:
        return f"(uid={self._directory.asked[-1]})", self._hits

    def shows_state(self) -> bool:
        return True

    def knows_anybody(self) -> bool:
        return bool(self._directory.accounts)

    def lockout_threshold(self) -> int | None:
        return self._directory.lockout_threshold

    def paths(self, entry: Entry) -> dict[Group, tuple[Group, ...]]:
        account = self._account(entry)
        found: dict[Group, tuple[Group, ...]] = {}
        frontier = [(group, ()) for group in (account.groups if account else ())]
        for dn, through in frontier:
            if _group(dn) not in found:
                found[_group(dn)] = through
                frontier += [(parent, (*through, _group(dn))) for parent in self._directory.parents.get(dn, ())]
        return found

    def _account(self, entry: Entry) -> Account | None:
        return next((account for account in self._directory.accounts if self._dn(account) == entry.dn), None)

    def _entry(self, account: Account) -> Entry:
        return Entry(self._dn(account), account.login, account.mark, account.obstacle, account.password_expires)

    def _dn(self, account: Account) -> str:
        return f"uid={account.login},ou=people,{self._directory.base}"


def _same(mine: str, typed: str) -> bool:
    return bool(typed) and mine.casefold() == typed.casefold()


def _group(dn: str) -> Group:
    return Group(dn, canonical_dn(dn).split(",")[0].partition("=")[2])
