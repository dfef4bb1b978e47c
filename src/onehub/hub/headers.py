"""What the hub tells browsers about its pages and its API. Servers tell their own."""

from __future__ import annotations

import re

_POLICY = {
    "default-src": "'self'",
    # JupyterHub's pages have scripts and styles in them, without a nonce.
    "script-src": "'self' 'unsafe-inline'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    # Nobody may draw the sign-in page, or a button that stops a server, inside a page of their own.
    "frame-ancestors": "'none'",
}

HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    # Addresses hold names of people and files; the XSRF check wants to see them from the hub's own pages.
    "Referrer-Policy": "same-origin",
    # Every page is somebody's: none is kept for whoever sits here next, or by a proxy on the way.
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def pages_by_script(path: str) -> str:
    """The proxy's rule for a script that asks for a page of the hub; `path`: where the deployment lives, with `/`.

    Pages hold the token that the XSRF check asks for. A server's page may have the hub's own origin, so a script in
    it (the output of somebody else's notebook) could read them in the person's name. People come by navigation; the
    API checks for itself, files hold nothing, and JupyterLab must learn that its server is gone.
    """
    hub = re.escape(f"{path}hub/")
    for_scripts = f"^{hub}(api|static|onehub|logo|security|user/[^/]+/(.*/)?api)(/|$)"
    return (
        f"PathPrefix(`{path}hub`) && !PathRegexp(`{for_scripts}`)"
        " && HeaderRegexp(`Sec-Fetch-Mode`, `^(cors|no-cors|same-origin|websocket)$`)"
    )
