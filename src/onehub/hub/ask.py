"""A process of its own that asks the directory: the request on stdin, the rehearsal on stdout, nothing in between."""

from __future__ import annotations

import os
import sys
import threading

from onehub.core.rehearsal import CONNECT, Rehearsal, Request, seconds_at_most

from .directory.ldap import LdapDirectory
from .entry import DEPLOYMENT
from .notes import Notes
from .rehearsal import rehearse


def main() -> None:
    """Ask, and answer in time whatever happens: a look into DNS cannot be cut short, and Docker would wait for us."""
    request = Request.from_json(sys.stdin.read())
    notes = Notes()
    seconds = seconds_at_most(request.settings.directory)
    watchdog = threading.Timer(seconds, _give_up, (notes, seconds))
    watchdog.daemon = True
    watchdog.start()
    rehearsal = rehearse(LdapDirectory(request.settings, DEPLOYMENT), request, notes)
    watchdog.cancel()
    sys.stdout.write(rehearsal.to_json())


def _give_up(notes: Notes, seconds: int) -> None:
    notes.fail(CONNECT, f"took longer than {seconds} s")
    sys.stdout.write(Rehearsal(tuple(notes.stages)).to_json())
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
