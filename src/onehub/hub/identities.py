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
    confirmed REAL NOT NULL,
    password_expires REAL
) STRICT
"""


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
        columns = "id, name, home, confirmed, password_expires"
        rows = self._database.execute(f"SELECT {columns} FROM people")  # noqa: S608
        self._people = {row[0]: _read(*row) for row in rows}
        self._ids = {row.identity.name: id for id, row in self._people.items() if row.identity.name}

    def by_id(self, id: str) -> Identity | None:
        """Whoever has this mark."""
        row = self._people.get(id)
        return row.identity if row else None

    def by_name(self, name: str) -> Identity | None:
        """Whoever has this name now."""
        return self.by_id(self._ids[name]) if name in self._ids else None

    def homes(self) -> frozenset[str]:
        """The homes that are somebody's."""
        return frozenset(row.identity.home for row in self._people.values())

    def home_of(self, name: str) -> str:
        """The volume of whoever has this name; for one whom no directory has marked, the name decides."""
        known = self.by_name(name)
        return known.home if known else home_volume(self._prefix, name)

    def remember(self, identity: Identity, password_expires: datetime | None) -> None:
        """The directory has just confirmed this person."""
        now, before = self._clock(), self.by_id(identity.id)
        # Whose home it is must survive a power cut; that the person is still there need not wait for the disk.
        self._database.execute(f"PRAGMA synchronous = {'NORMAL' if before == identity else 'FULL'}")
        self._database.execute(
            "INSERT INTO people VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " name = excluded.name, confirmed = excluded.confirmed, password_expires = excluded.password_expires",
            (identity.id, identity.name or None, identity.home, now.timestamp(), _stamp(password_expires)),
        )
        if before:
            self._ids.pop(before.name, None)
        kept = Identity(identity.id, identity.name, before.home if before else identity.home)
        self._people[identity.id] = _Row(kept, now, password_expires)
        if identity.name:
            self._ids[identity.name] = identity.id

    def release(self, name: str) -> None:
        """Nobody has this name any more; whoever had it keeps their home."""
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.execute("UPDATE people SET name = NULL WHERE name = ?", (name,))
        if id := self._ids.pop(name, None):
            row = self._people[id]
            self._people[id] = replace(row, identity=replace(row.identity, name=""))

    def confirmed(self, name: str) -> datetime | None:
        """When the directory last confirmed this person."""
        return self._people[self._ids[name]].confirmed if name in self._ids else None

    def password_expires(self, name: str) -> datetime | None:
        """When this person's password expires, as far as the directory said."""
        return self._people[self._ids[name]].password_expires if name in self._ids else None

    def close(self) -> None:
        """End."""
        self._database.close()


def _read(id: str, name: str | None, home: str, confirmed: float, expires: float | None) -> _Row:
    ends = datetime.fromtimestamp(expires, UTC) if expires is not None else None
    return _Row(Identity(id, name or "", home), datetime.fromtimestamp(confirmed, UTC), ends)


def _stamp(time: datetime | None) -> float | None:
    return time.timestamp() if time else None
