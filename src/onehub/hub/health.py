"""The hub container's health check: does the hub answer? Exit code 0 or 1."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

PATH_FILE = Path("/run/onehub/path")
"""Written by the entry point: below which path the hub is."""


def main() -> None:
    """Ask once; Docker repeats."""
    try:
        url = f"http://127.0.0.1:8081{PATH_FILE.read_text(encoding='ascii')}hub/health"
    except FileNotFoundError:
        sys.exit("the hub is not prepared yet")
    try:
        with urllib.request.urlopen(url, timeout=4):
            sys.exit(0)
    except (urllib.error.URLError, TimeoutError) as error:
        sys.exit(f"{url}: {error}")


if __name__ == "__main__":
    main()
