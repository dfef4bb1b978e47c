"""The page that people see while hub or proxy are restarted: Apache httpd's own, as it lives when they do not."""

from __future__ import annotations

_RELOAD = 5
"""Seconds."""

_PAGE = """
<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>One moment</title>
<meta name='viewport' content='width=device-width, initial-scale=1'>
<meta name='color-scheme' content='light dark'><meta http-equiv='refresh' content='RELOAD'>
<style>
:root { color-scheme: light dark; }
body { margin: 0; background: #f5f6f8; color: #1b2430; font: 1rem/1.55 system-ui, sans-serif; }
main { max-width: 28rem; margin: 14vh auto 0; padding: 0 1rem; }
h1 { margin: 0 0 1rem; font-size: 1.6rem; line-height: 1.25; }
@media (prefers-color-scheme: dark) { body { background: #13171c; color: #e6eaef; } }
</style></head>
<body><main><h1>One moment, please</h1>
<p role='status'>The hub is not reachable at this moment; perhaps it is being restarted.
This page tries again by itself every RELOAD seconds.</p>
<p>Servers that run go on running, and files are kept. If this takes longer than a few minutes, please tell the people
who run this service.</p></main></body></html>
"""


def away_page() -> str:
    """One line of HTML without `"` and backslash, so that it can stand in a directive of Apache httpd."""
    return " ".join(_PAGE.split()).replace("RELOAD", str(_RELOAD))


def error_directives(path: str) -> tuple[str, ...]:
    """For the virtual host of a hub that lives at `path` (`/`, or like `/jupyter/`).

    503 is Apache's when the proxy is down; 502 and 504 are the proxy's when the hub is. The hub's own 503 are words
    for people (the queue is full, the directory is down) and stay. So do the answers of servers and of the API.
    """
    page = away_page()
    pages = f"^{path}(hub/(?!api/).*)?$"
    return (
        f'ErrorDocument 503 "{page}"',
        f'<LocationMatch "{pages}">',
        "    ProxyErrorOverride On 502 504",
        f'    ErrorDocument 502 "{page}"',
        f'    ErrorDocument 504 "{page}"',
        "</LocationMatch>",
    )
