"""Asks the directory as a sign-in would, from inside the hub; prints what is wrong, or nothing."""

from __future__ import annotations

import sys

from onehub.core.settings import Settings

from .directory import DirectoryDown, LdapDirectory
from .entry import DEPLOYMENT, SETTINGS_FILE


def main() -> None:
    """Look whether there is anybody: needs the connection, the certificate, the lookup account and the base."""
    settings = Settings.from_json(SETTINGS_FILE.read_text(encoding="utf-8"))
    try:
        directory = LdapDirectory(settings, DEPLOYMENT)
        with directory.session() as session:
            if settings.directory.lookup_user and not session.knows_anybody():
                base, attribute = settings.directory.search_base, directory.login_attribute
                sys.stdout.write(f"nobody below {base!r} has the attribute {attribute} (directory.login_attribute)\n")
    except DirectoryDown as error:
        sys.stdout.write(f"{error}\n")


if __name__ == "__main__":
    main()
