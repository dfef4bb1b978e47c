"""Judges what was seen at the front door: Apache httpd, its certificate, and what the site answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .diagnosis import Finding
from .front import Front
from .settings import Settings

_SOON = 21
"""Days; Let's Encrypt renews 30 days before the end, so less than that means that nobody does."""
_RELOAD = "apachectl configtest && apachectl graceful"


@dataclass(frozen=True)
class Certificate:
    """What is in a certificate file. `problem` says why it could not be read; then the rest means nothing."""

    file: str
    problem: str = ""
    names: tuple[str, ...] = ()
    days_left: int = 0
    fits_key: bool = True
    chain_whole: bool = True
    ocsp: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back: a status, or why nothing did. `certificate` is a word of TLS about who answered."""

    status: int | None = None
    problem: str = ""
    untrusted: bool = False


@dataclass(frozen=True)
class Doorstep:
    """Everything that was looked at; None where it was not."""

    config_test: str | None = None
    """What `apachectl -t` said against the configuration; empty: nothing; None: it was not asked."""
    missing_modules: tuple[str, ...] = ()
    certificate: Certificate | None = None
    """The file that Apache httpd is to show; with our own service, what it shows."""
    reachable_at: str = ""
    """An address of this host, besides loopback, at which the hub's own port answers."""
    page: Answer | None = None
    websocket: Answer | None = None


def judge(settings: Settings, seen: Doorstep) -> tuple[Finding, ...]:
    """Every finding, in the order in which an operator would mend them."""
    return (
        *_apache(seen),
        *certificate_findings(settings.site, seen.certificate),
        *_port(settings, seen),
        *_site(settings, seen),
    )


_MODULE_OF = {
    "Header": "headers",
    "ProxyPass": "proxy",
    "ProxyPreserveHost": "proxy",
    "Redirect": "alias",
    "RedirectMatch": "alias",
    "RequestHeader": "headers",
    "RewriteEngine": "rewrite",
    "SSLEngine": "ssl",
    "SSLStaplingCache": "ssl",
}


def missing_modules(config_test: str, loaded: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """Of the wanted ones those that are not loaded. Where the configuration is refused, Apache httpd lists none, but
    the directive that it does not know tells."""
    if config_test:
        unknown = re.search(r"Invalid command '(\w+)'", config_test)
        return (_MODULE_OF[unknown[1]],) if unknown and unknown[1] in _MODULE_OF else ()
    return tuple(module for module in wanted if f"{module}_module" not in loaded)


def _apache(seen: Doorstep) -> Iterator[Finding]:
    if seen.missing_modules:
        modules = " ".join(seen.missing_modules)
        message = f"Apache httpd has not loaded: {modules}"
        yield Finding("modules", "problem", message, f"a2enmod {modules} && apachectl restart")
    elif seen.config_test == "":
        yield Finding("modules", "ok", "Apache httpd has loaded what the site needs")
    if seen.config_test:
        older = "Unknown" in seen.config_test and "upgrade" in seen.config_test
        fix = (
            "onehub httpd --rewrite, for Apache httpd before 2.4.47"
            if older
            else "mend it, then apachectl configtest"
        )
        yield Finding("configuration", "problem", seen.config_test, fix)
    elif seen.config_test is not None:
        yield Finding("configuration", "ok", "apachectl takes it")


def certificate_findings(front: Front, seen: Certificate | None) -> Iterator[Finding]:
    """About a certificate in a file."""
    if seen is None:
        return
    found = list(_about_certificate(front, seen))
    yield from found
    if not found:
        message = f"{seen.file} is for {', '.join(seen.names)} and ends in {seen.days_left} days"
        yield Finding("certificate", "ok", message)


def _about_certificate(front: Front, seen: Certificate) -> Iterator[Finding]:
    about = "certificate"
    if seen.problem:
        fix = "set front.certificate_file and front.key_file in onehub.toml, then onehub httpd"
        yield Finding(about, "problem", f"{seen.file}: {seen.problem}", fix)
        return
    if not seen.fits_key:
        fix = "front.key_file in onehub.toml, then onehub httpd"
        yield Finding(about, "problem", f"{seen.file} and the key do not belong together", fix)
    for name in wanted_names(front):
        if not _covers(seen.names, name):
            told = ", ".join(seen.names) or "no host name"
            yield Finding(about, "problem", f"{seen.file} is for {told}, not for {name}", f"get one for {name}")
    if seen.days_left < 0:
        message = f"{seen.file} ended {-seen.days_left} days ago"
        yield Finding(about, "problem", message, f"renew it, then {_RELOAD}")
    elif seen.days_left < _SOON:
        message = f"{seen.file} ends in {seen.days_left} days"
        yield Finding(about, "warning", message, f"renew it, then {_RELOAD}")
    if not seen.chain_whole:
        message = f"neither {seen.file} nor this host has the CA that signed it, so browsers may not trust it"
        yield Finding(about, "warning", message, "append the intermediate certificates to it")


def wanted_names(front: Front) -> tuple[str, ...]:
    """The names that the certificate must be for."""
    if not front.host:
        return ()
    return (front.host, *((f"*.{front.host}",) if front.subdomains else ()))


def _covers(names: Iterable[str], wanted: str) -> bool:
    parent = wanted.partition(".")[2]
    return any(name.lower() in (wanted.lower(), f"*.{parent}".lower()) for name in names)


def _port(settings: Settings, seen: Doorstep) -> Iterator[Finding]:
    port = settings.names.port
    if seen.reachable_at:
        message = (
            f"{port} answers at {seen.reachable_at}: people get past Apache httpd, and read passwords on the way"
        )
        yield Finding("port", "problem", message, "onehub up (compose.yaml publishes it on 127.0.0.1 alone)")
    else:
        yield Finding("port", "ok", f"{port} answers on this host alone")


def _site(settings: Settings, seen: Doorstep) -> Iterator[Finding]:
    address = settings.address
    page, socket = seen.page, seen.websocket
    if page is None:
        return
    if page.untrusted:
        fix = "a browser will say the same, unless its owner trusts that CA"
        yield Finding("site", "warning", f"{address}: {page.problem}", fix)
    elif page.problem:
        yield Finding("site", "problem", f"{address}: {page.problem}", f"DNS, firewall, then {_RELOAD}")
        return
    if page.status == 200:
        yield Finding("page", "ok", f"{address} shows the hub's page")
    elif page.status in (502, 503, 504):
        yield Finding("page", "problem", f"{address} answers {page.status}: Apache httpd reaches no hub", "onehub up")
    else:
        message = f"{address} answers {page.status} where the hub's page should be"
        yield Finding("page", "problem", message, f"onehub httpd --output SITE, then {_RELOAD}")
    if page.status != 200 or socket is None:
        return
    if socket.status == 101:
        yield Finding("websocket", "ok", "kernels and terminals can talk")
    else:
        told = socket.problem or f"it answers {socket.status}"
        message = f"a websocket does not get through: {told}"
        fix = "upgrade=websocket in ProxyPass (onehub httpd), or before Apache httpd 2.4.47: onehub httpd --rewrite"
        yield Finding("websocket", "problem", message, fix)
