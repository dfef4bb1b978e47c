"""Asks the directory as a sign-in would, from inside the hub; prints what is wrong, or nothing."""

from __future__ import annotations

import sys

from onehub.core.settings import Settings

from .directory import DirectoryDown, LdapDirectory
from .entry import DEPLOYMENT, SETTINGS_FILE


def main() -> None:
    """Look up a name that nobody has: needs the connection, the certificate and the lookup account."""
    settings = Settings.from_json(SETTINGS_FILE.read_text(encoding="utf-8"))
    try:
        with LdapDirectory(settings, DEPLOYMENT).session() as session:
            session.find("onehub-probe")
    except DirectoryDown as error:
        sys.stdout.write(f"{error}\n")


if __name__ == "__main__":
    main()
