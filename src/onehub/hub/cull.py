"""Asks the running hub who is idle, in a process of its own; with `--stop`, those who are due are stopped."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

from onehub.core.culling import PATH, SECONDS
from onehub.core.settings import Settings

from .entry import CULLING_TOKEN, SETTINGS_FILE


def ask(settings: Settings, *, stop: bool) -> str:
    """The hub's answer. Raises OSError."""
    token = Path(settings.names.data_mount, CULLING_TOKEN).read_text(encoding="utf-8")
    url = f"http://127.0.0.1:8081{settings.front.path}hub/api{PATH}"
    headers = {"Authorization": f"token {token}"}
    question = urllib.request.Request(url, headers=headers, method="POST" if stop else "GET")
    with urllib.request.urlopen(question, timeout=SECONDS) as answer:  # noqa: S310
        return answer.read().decode()


def main() -> None:
    """Ask and answer."""
    try:
        settings = Settings.from_json(SETTINGS_FILE.read_text(encoding="utf-8"))
        sys.stdout.write(ask(settings, stop="--stop" in sys.argv[1:]))
    except urllib.error.HTTPError as error:
        sys.exit(f"the hub says {error.code}: {error.read(300).decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"the hub does not answer: {error}")


if __name__ == "__main__":
    main()
