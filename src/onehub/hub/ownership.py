"""Homes belong to the user that an image runs as, shared folders to a group."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """The user that an image runs as."""

    uid: int
    gid: int


def find_account(user: str, passwd: str) -> Account:
    """`USER` of an image (`name`, `uid` or `uid:gid`) → numbers, as Docker itself reads it.

    Raises ValueError for a name that is not in /etc/passwd.
    """
    wanted, _, group = user.partition(":")
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) >= 4 and wanted in (fields[0], fields[2]):
            return Account(int(fields[2]), int(group) if group.isdigit() else int(fields[3]))
    if wanted.isdigit():
        return Account(int(wanted), int(group) if group.isdigit() else 0)
    raise ValueError(f"the image wants to run as {user!r}, but its /etc/passwd does not know that user")


def folder_archive(path: str, account: Account, mode: int = 0o755) -> bytes:
    """An archive with just that folder: unpacking it changes owner and mode, and runs nothing in the image."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        entry.uid, entry.gid = account.uid, account.gid
        archive.addfile(entry)
    return buffer.getvalue()


def single_file(archive: bytes) -> str:
    """The text of the one file in an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.extractfile(tar.getmembers()[0])
        return member.read().decode("utf-8", "replace") if member else ""
