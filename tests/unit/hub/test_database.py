"""The file that JupyterHub keeps its state in."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from onehub.core.errors import HostNotReady
from onehub.hub import database


def test_what_a_killed_hub_left_in_the_log_is_brought_into_the_file(tmp_path: Path):
    path = tmp_path / database.FILE
    database.prepare(path)
    writer = os.fork()
    if not writer:
        connection = database.connect(path)
        with connection:
            connection.execute("CREATE TABLE people AS SELECT 'ada' AS name")
        os._exit(0)  # without a close
    os.waitpid(writer, 0)
    assert (tmp_path / f"{database.FILE}-wal").stat().st_size
    database.prepare(path)
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT name FROM people").fetchall() == [("ada",)]


def test_a_commit_does_not_wait_for_the_disk_and_the_log_keeps_it_whole(tmp_path: Path):
    path = tmp_path / database.FILE
    database.prepare(path)
    with closing(database.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL


def test_the_log_is_brought_into_the_file_by_a_connection_of_its_own(tmp_path: Path):
    path = tmp_path / database.FILE
    database.prepare(path)
    with closing(database.connect(path)) as hub, closing(sqlite3.connect(path)) as other:
        assert hub.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
        with hub:
            hub.execute("CREATE TABLE people AS SELECT 'ada' AS name")
        assert b"ada" not in path.read_bytes()
        database.checkpoint(other)
        assert b"ada" in path.read_bytes()


def test_a_file_that_is_no_database_stays_and_is_named(tmp_path: Path):
    path = tmp_path / database.FILE
    path.write_text("x" * 4096)
    with pytest.raises(HostNotReady, match=f"{path}: file is not a database"):
        database.prepare(path)
    assert path.read_text() == "x" * 4096
