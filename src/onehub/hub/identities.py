"""Remembers who is who: the directory's mark of each person, their name in the hub, their home.

A table of its own beside the hub's database: it must outlive a person's record there.
"""

from __future__ import annotations

import sqlite3
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


class Identities:
    """The people whom the directory has shown to this hub. Used on the event loop alone."""

    def __init__(self, path: Path, prefix: str) -> None:
        self._prefix = prefix
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(_TABLE)

    def by_id(self, id: str) -> Identity | None:
        """Whoever has this mark."""
        return self._one("id = ?", id)

    def by_name(self, name: str) -> Identity | None:
        """Whoever has this name now."""
        return self._one("name = ?", name)

    def homes(self) -> frozenset[str]:
        """The homes that are somebody's."""
        return frozenset(row[0] for row in self._database.execute("SELECT home FROM people"))

    def home_of(self, name: str) -> str:
        """The volume of whoever has this name; for one whom no directory has marked, the name decides."""
        known = self.by_name(name)
        return known.home if known else home_volume(self._prefix, name)

    def remember(self, identity: Identity, password_expires: datetime | None) -> None:
        """The directory has just confirmed this person."""
        now = datetime.now(UTC).timestamp()
        expires = password_expires.timestamp() if password_expires else None
        # Whose home it is must survive a power cut; that the person is still there need not wait for the disk.
        certain = "NORMAL" if self.by_id(identity.id) == identity else "FULL"
        self._database.execute(f"PRAGMA synchronous = {certain}")
        self._database.execute(
            "INSERT INTO people VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " name = excluded.name, confirmed = excluded.confirmed, password_expires = excluded.password_expires",
            (identity.id, identity.name or None, identity.home, now, expires),
        )

    def release(self, name: str) -> None:
        """Nobody has this name any more; whoever had it keeps their home."""
        self._database.execute("UPDATE people SET name = NULL WHERE name = ?", (name,))

    def confirmed(self, name: str) -> datetime | None:
        """When the directory last confirmed this person."""
        return self._time("confirmed", name)

    def password_expires(self, name: str) -> datetime | None:
        """When this person's password expires, as far as the directory said."""
        return self._time("password_expires", name)

    def close(self) -> None:
        """End."""
        self._database.close()

    def _one(self, condition: str, value: str) -> Identity | None:
        row = self._database.execute(f"SELECT id, name, home FROM people WHERE {condition}", (value,)).fetchone()  # noqa: S608
        return Identity(row[0], row[1] or "", row[2]) if row else None

    def _time(self, column: str, name: str) -> datetime | None:
        row = self._database.execute(f"SELECT {column} FROM people WHERE name = ?", (name,)).fetchone()  # noqa: S608
        return datetime.fromtimestamp(row[0], UTC) if row and row[0] is not None else None
