"""The front door: at which address people reach the hub, and who speaks TLS there."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from .sections import Section

FOLDER = "httpd"
"""What the `httpd` service sees of the deployment directory, and nothing else of it."""
SITE_FILE = f"{FOLDER}/site.conf"
"""Written by `onehub up`."""
SELF_SIGNED_CA = "/var/lib/httpd/self-signed/ca.pem"
"""In the `httpd` container."""
LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"

Certificate = Literal["", "files", "letsencrypt", "self-signed"]

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_IPV4 = re.compile(r"[0-9.]+")
_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")
_FILE = re.compile(r"[A-Za-z0-9._/~-]*")
"""A path that means the same to Apache httpd, quoted or not."""
_MAIL = re.compile(r"(?:[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+)?")
_ACME = re.compile(r"(?:https://[A-Za-z0-9.-]+(?::[0-9]+)?/[A-Za-z0-9._/~-]*)?")


class Front(Section):
    """The address that people type, and the certificate behind it."""

    address: str = ""
    """Where people reach the hub, like `https://hub.example.com/`; with a path, like
    `https://www.example.com/jupyter/`, the hub lives below it. Empty: any host name, at its root."""
    subdomains: bool = False
    """Each person's server at a host name of its own below the address, so that no server can act as another person.
    Needs a wildcard in DNS and in the certificate."""
    certificate: Certificate = ""
    """Empty: Apache httpd of this host speaks TLS, see `onehub httpd`. Otherwise our own `httpd` service does, with a
    certificate from `files`, from `letsencrypt`, or `self-signed` at its first start."""
    certificate_file: str = ""
    """The certificate with its chain (PEM). Empty: `httpd/certificate.pem` for the service; for this host's Apache
    httpd the host name in `/etc/ssl/certs/`."""
    key_file: str = ""
    """Its private key (PEM). Empty: `httpd/key.pem` for the service; for this host's Apache httpd the host name in
    `/etc/ssl/private/`."""
    email: str = ""
    """Whom Let's Encrypt writes to about the certificate."""
    acme_server: str = ""
    """Another ACME server than Let's Encrypt: the address of its directory."""
    acme_ca_file: str = ""
    """The CA (PEM) of that server's own certificate, a file in the folder `httpd`; empty: the system's."""

    @field_validator("address")
    @classmethod
    def _public(cls, value: str) -> str:
        return _address(value)

    @field_validator("certificate_file", "key_file", "acme_ca_file")
    @classmethod
    def _plain_path(cls, value: str) -> str:
        if not _FILE.fullmatch(value) or ".." in value.split("/"):
            raise ValueError(f"{value!r} is not a path of letters, digits and `. _ - ~ /`")
        return value

    @field_validator("email")
    @classmethod
    def _mail(cls, value: str) -> str:
        if not _MAIL.fullmatch(value):
            raise ValueError(f"{value!r} is not a mail address")
        return value

    @field_validator("acme_server")
    @classmethod
    def _acme(cls, value: str) -> str:
        if not _ACME.fullmatch(value):
            raise ValueError(f"{value!r} is not the address of an ACME directory (https://…)")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Front:
        for problem in self._conflicts():
            raise ValueError(problem)
        return self

    def _conflicts(self) -> list[str]:
        found = []
        if (self.subdomains or self.certificate in ("files", "letsencrypt")) and not self.address:
            found.append(
                "front.address is missing: write where people reach the hub, like 'https://hub.example.com/'"
            )
        if self.subdomains and self.path != "/":
            found.append("subdomains and a path in the address do not go together: people's servers have hosts")
        if self.subdomains and _IPV4.fullmatch(self.host):
            found.append(f"subdomains need a host name in the address; {self.host} is a number")
        if self.certificate == "letsencrypt":
            if self.subdomains:
                message = "Let's Encrypt gives wildcard certificates only by DNS: get one that way, with 'files'"
                found.append(message)
            if not self.email:
                found.append("front.email is missing: Let's Encrypt wants to know whom to write to")
            elif not self.acme_server and (_IPV4.fullmatch(self.host) or "." not in self.host):
                found.append(f"Let's Encrypt gives no certificate for {self.host}: it needs a public host name")
        return found

    @property
    def host(self) -> str:
        """The host name, or empty."""
        return urlsplit(self.address).hostname or ""

    @property
    def port(self) -> int:
        """The port in the address."""
        return urlsplit(self.address).port or 443

    @property
    def origin(self) -> str:
        """The address without its path and without a slash at its end; empty without an address."""
        return self.address.removesuffix(self.path) if self.address else ""

    @property
    def path(self) -> str:
        """The path in the address, with a slash at both ends."""
        return urlsplit(self.address).path or "/"


def _address(value: str) -> str:
    """In one spelling, with a slash at its end. Raises ValueError."""
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{value!r} is not an address ({error})") from error
    if parts.scheme != "https":
        raise ValueError(f"{value!r} must begin with https://, or be empty for http on this host alone")
    if not _NAME.fullmatch(parts.hostname or "") or "@" in parts.netloc:
        raise ValueError(f"{value!r} has no host name that people could type")
    if parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        raise ValueError(f"{value!r} may have a path of letters, digits and `. _ - ~`, and nothing after it")
    if port == 0:
        raise ValueError(f"{value!r} has no port that could be")
    netloc = (parts.hostname or "") + (f":{port}" if port not in (None, 443) else "")
    return f"https://{netloc}{parts.path.rstrip('/')}/"
