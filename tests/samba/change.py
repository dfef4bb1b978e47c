"""Changes one account while Samba runs. stdin: {"name": …, "attributes": {ATTRIBUTE: [VALUE…]}}; [] removes."""

from __future__ import annotations

import json
import sys

import ages
import ldb
import seed

TIMES = {"accountExpires", "badPasswordTime", "badPwdCount", "lockoutTime", "pwdLastSet"}
"""What the directory lets nobody set, or not to every value; `now-38` is 38 days ago."""


def main() -> None:
    request = json.load(sys.stdin)
    given = request["attributes"]
    times = {name: [ages.filetime(value) for value in values] for name, values in given.items() if name in TIMES}
    others = {name: values for name, values in given.items() if name not in TIMES}
    for database, attributes in ((ages.partition(), times), (seed.directory(), others)):
        if attributes:
            change = ldb.Message(ages.find(database, request["name"]))
            for name, values in attributes.items():
                change[name] = ldb.MessageElement(values, ldb.FLAG_MOD_REPLACE, name)
            database.modify(change)


if __name__ == "__main__":
    main()
