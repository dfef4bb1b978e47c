"""Remembers who is who: the directory's mark of each person, their name in the hub, their home.

A table of its own beside the hub's database: it must outlive a person's record there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from onehub.core.homes import home_volume
from onehub.core.identities import Identity

_TABLE = """
CREATE TABLE IF NOT EXISTS people (
    id TEXT PRIMARY KEY,
    name TEXT UNIQUE,
    home TEXT UNIQUE NOT NULL,
    record TEXT UNIQUE,
    confirmed REAL NOT NULL,
    password_expires REAL
) STRICT
"""


class HomeTaken(Exception):
    """The home that the name gives is somebody else's."""


@dataclass(frozen=True)
class _Row:
    identity: Identity
    confirmed: datetime
    password_expires: datetime | None


class Identities:
    """The people whom the directory has shown to this hub. Used on the event loop alone.

    Read once and kept in memory: each look into a file costs the loop its turn.
    """

    def __init__(self, path: Path, prefix: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._prefix = prefix
        self._clock = clock
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(_TABLE)
        columns = "id, name, home, record, confirmed, password_expires"
        rows = self._database.execute(f"SELECT {columns} FROM people")  # noqa: S608
        self._people = {row[0]: _read(*row) for row in rows}

    def by_id(self, id: str) -> Identity | None:
        """Whoever has this mark."""
        row = self._people.get(id)
        return row.identity if row else None

    def by_name(self, name: str) -> Identity | None:
        """Whoever has this name now."""
        return self._find(lambda identity: identity.name == name) if name else None

    def by_record(self, user) -> Identity | None:
        """Whose record this is."""
        mark = record_mark(user)
        return self._find(lambda identity: identity.record == mark)

    def of(self, user) -> Identity | None:
        """Who the hub's `user` is. A name alone proves it only where no record is marked for that person."""
        named = self.by_name(user.name)
        return self.by_record(user) or (named if named and not named.record else None)

    def homes(self) -> frozenset[str]:
        """The homes that are somebody's."""
        return frozenset(row.identity.home for row in self._people.values())

    def home_of(self, user) -> str:
        """The volume of the hub's `user`; for one without a mark, the name decides. Raises HomeTaken."""
        if known := self.of(user):
            return known.home
        home = home_volume(self._prefix, user.name)
        if home in self.homes():
            raise HomeTaken(home)
        return home

    def remember(self, identity: Identity, password_expires: datetime | None) -> None:
        """The directory has just confirmed this person under this name."""
        row = _Row(identity, self._clock(), password_expires)
        known = self._people.get(identity.id)
        self._write(row, certain=known is None or known.identity != identity)

    def confirm(self, id: str, password_expires: datetime | None) -> None:
        """The directory has just confirmed this person, whatever they are called by now."""
        row = replace(self._people[id], confirmed=self._clock(), password_expires=password_expires)
        self._write(row, certain=False)

    def move(self, id: str, name: str, record: str) -> None:
        """Somebody else has the name now; `name` is this person's new one, or empty."""
        row = self._people[id]
        self._write(replace(row, identity=replace(row.identity, name=name, record=record)), certain=True)

    def attach(self, user) -> None:
        """The hub has made a record for whoever has this name."""
        if identity := self.by_name(user.name):
            self.move(identity.id, user.name, record_mark(user))

    def confirmed(self, user) -> datetime | None:
        """When the directory last confirmed this person."""
        identity = self.of(user)
        return self._people[identity.id].confirmed if identity else None

    def password_expires(self, user) -> datetime | None:
        """When this person's password expires, as far as the directory said."""
        identity = self.of(user)
        return self._people[identity.id].password_expires if identity else None

    def _find(self, condition: Callable[[Identity], bool]) -> Identity | None:
        return next((row.identity for row in self._people.values() if condition(row.identity)), None)

    def _write(self, row: _Row, *, certain: bool) -> None:
        """To the file, then to memory. Whose home it is must survive a power cut; the rest need not wait for that."""
        known = self._people.get(row.identity.id)
        identity = replace(row.identity, home=known.identity.home if known else row.identity.home)
        self._database.execute(f"PRAGMA synchronous = {'FULL' if certain else 'NORMAL'}")
        self._database.execute(
            "INSERT INTO people VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
            " record = excluded.record, confirmed = excluded.confirmed,"
            " password_expires = excluded.password_expires",
            (
                identity.id,
                identity.name or None,
                identity.home,
                identity.record or None,
                row.confirmed.timestamp(),
                _stamp(row.password_expires),
            ),
        )
        self._people[identity.id] = replace(row, identity=identity)

    def close(self) -> None:
        """End."""
        self._database.close()


def record_mark(user) -> str:
    """Tells one record of the hub from every other, also from a later one with the same number."""
    return f"{user.id}-{user.created.isoformat()}"


def _read(id: str, name: str | None, home: str, record: str | None, confirmed: float, expires: float | None) -> _Row:
    ends = datetime.fromtimestamp(expires, UTC) if expires is not None else None
    return _Row(Identity(id, name or "", home, record or ""), datetime.fromtimestamp(confirmed, UTC), ends)


def _stamp(time: datetime | None) -> float | None:
    return time.timestamp() if time else None
