"""Runs before Samba starts: sets what counts from today, such as the ages of passwords. The image may be old."""

from __future__ import annotations

import json
import time
from pathlib import Path

import ldb

import samba

DAY = 86400
USUAL = {"pwdLastSet": "now-1"}
STATES = {
    "expired": {"pwdLastSet": "now-1", "accountExpires": "now-1"},
    "password_expired": {"pwdLastSet": "now-60"},
    "must_change": {"pwdLastSet": "0"},
    "locked": {"pwdLastSet": "now-1", "badPwdCount": "5", "badPasswordTime": "now-0", "lockoutTime": "now-0"},
    "soon": {"pwdLastSet": "now-38"},
}
"""By the states of people.json. In this domain passwords live 42 days and lockouts 30 minutes."""


def main() -> None:
    database = partition()
    people = json.loads(Path(__file__).with_name("people.json").read_text(encoding="utf-8"))
    database.transaction_start()
    for person in (people["lookup"], *people["people"]):
        change = ldb.Message(find(database, person["sam"]))
        for attribute, value in STATES.get(person.get("state", ""), USUAL).items():
            change[attribute] = ldb.MessageElement(filetime(value), ldb.FLAG_MOD_REPLACE, attribute)
        database.modify(change)
    database.transaction_commit()


def partition() -> samba.Ldb:
    """The file beneath sam.ldb, free of the directory's rules: those forbid even root to set these attributes."""
    # Not ldb.Ldb: it folds only ASCII, and so would not find `jürgen` in the index.
    return samba.Ldb("/var/lib/samba/private/sam.ldb.d/DC=EXAMPLE,DC=TEST.ldb")


def find(database: samba.Ldb, name: str) -> ldb.Dn:
    # Not the result itself: that may hold referrals as well.
    (account,) = database.search(expression=f"(sAMAccountName={ldb.binary_encode(name)})", attrs=["cn"]).msgs
    return account.dn


def filetime(value: str) -> str:
    """`now-38`, 38 days ago, in Active Directory's tenths of a microsecond since 1601; everything else as it is."""
    if not value.startswith("now-"):
        return value
    return str(int((time.time() + 11644473600 - float(value.removeprefix("now-")) * DAY) * 10_000_000))


if __name__ == "__main__":
    main()
