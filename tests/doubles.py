"""The only doubles: a directory in memory. `tests/contract` holds it to a real OpenLDAP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from onehub.hub.directory import DirectoryDown, Entry, Session


@dataclass(frozen=True)
class Account:
    """A person in the directory: login name as written there, password, DNs of the groups they are in directly."""

    login: str
    password: str
    groups: tuple[str, ...] = ()


@dataclass
class FakeDirectory:
    """Behaves as `LdapDirectory` does; `down` makes it silent."""

    base: str
    accounts: tuple[Account, ...]
    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Groups by the group that is in them."""
    down: bool = False
    asked: list[str] = field(default_factory=list)

    @contextmanager
    def session(self) -> Iterator[Session]:
        if self.down:
            raise DirectoryDown("the directory does not answer")
        yield _FakeSession(self)


class _FakeSession:
    def __init__(self, directory: FakeDirectory) -> None:
        self._directory = directory

    def find(self, login: str) -> Entry | None:
        self._directory.asked.append(login)
        account = self._account(login)
        return Entry(self._dn(account), account.login) if account else None

    def prove(self, entry: Entry, password: str) -> bool:
        account = self._account(entry.login)
        return bool(password) and account is not None and account.password == password

    def groups(self, entry: Entry) -> frozenset[str]:
        account = self._account(entry.login)
        found: set[str] = set()
        frontier = set(account.groups if account else ())
        while frontier:
            found |= frontier
            frontier = {parent for group in frontier for parent in self._directory.parents.get(group, ())} - found
        return frozenset(found)

    def _account(self, login: str) -> Account | None:
        matching = [account for account in self._directory.accounts if account.login.lower() == login.lower()]
        return matching[0] if len(matching) == 1 else None

    def _dn(self, account: Account) -> str:
        return f"uid={account.login},ou=people,{self._directory.base}"
