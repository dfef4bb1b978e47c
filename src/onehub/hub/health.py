"""The hub container's health check: does the hub answer? Exit code 0 or 1."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

_URL = "http://127.0.0.1:8081/hub/health"


def main() -> None:
    """Ask once; Docker repeats."""
    try:
        with urllib.request.urlopen(_URL, timeout=4):
            sys.exit(0)
    except (urllib.error.URLError, TimeoutError) as error:
        sys.exit(f"{_URL}: {error}")


if __name__ == "__main__":
    main()
