"""JupyterHub's database, a file of SQLite's."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

from onehub.core.errors import HostNotReady

FILE = "jupyterhub.sqlite"
_EVERY = 5
"""Seconds between two looks at the log."""
_LOG = logging.getLogger(__name__)


def prepare(path: Path) -> None:
    """Give it a write-ahead log, which the file remembers; HostNotReady where that cannot be.

    What a hub that was killed left in the log is brought into the file: JupyterHub copies that alone before it
    changes its tables.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        hint = (
            f"look for a full disk; if it is damaged, put a copy in its place, or move {path.name}* away: homes stay"
        )
        raise HostNotReady(f"the hub's database cannot be used: {path}: {error}", hint) from error


def connect(path: Path) -> sqlite3.Connection:
    """For SQLAlchemy, as the `creator` of its connections: one that does not wait for the disk at each commit.

    JupyterHub commits in its event loop, a dozen times for each start of a server, while Docker keeps the disk busy:
    everybody would wait. Whole it stays in any case; a power failure may take the last seconds.
    """
    connection = sqlite3.connect(path, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def checkpoint_in_background(path: Path) -> None:
    """Bring the log into the file now and then, in a thread; by itself SQLite does that within somebody's commit."""
    threading.Thread(target=_checkpoint_for_ever, args=(path,), name="checkpoints", daemon=True).start()


def _checkpoint_for_ever(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        while True:
            time.sleep(_EVERY)
            try:
                checkpoint(connection)
            except sqlite3.OperationalError as error:
                _LOG.warning("%s: the log stays beside it until there is room or quiet: %s", path, error)


def checkpoint(connection: sqlite3.Connection) -> None:
    """Bring the log into the file as far as nobody reads it, without keeping anybody waiting."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
