"""Apache httpd's configuration, as text: the virtual host, and the whole of it for our own `httpd` service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .away import error_directives
from .front import FOLDER, LETS_ENCRYPT
from .settings import Settings

# Mozilla's recommendation "intermediate", version 5.7; it covers every browser since about 2014.
_PROTOCOLS = "-all +TLSv1.2 +TLSv1.3"
_CURVES = "X25519:prime256v1:secp384r1"
_CIPHERS = ":".join(
    [
        *("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        *("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        *("ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
        *("DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305"),
    ]
)
_HSTS = 63072000
"""Seconds; two years."""
_IDLE = 4 * 3600
"""Seconds that a websocket may be silent; Jupyter's own say something every 30."""
_STALLED = 300
"""Seconds; each worker that a stranger holds is one less for others."""
_FORGEABLE = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Server", "X-Real-IP", "X-Scheme")
"""What a browser has no business to send; the hub, or what people run behind it, might believe it."""
_RUN = "/run/httpd"
_STATE = "/var/lib/httpd"
_MODULES = (
    *("mpm_event", "authz_core", "alias", "rewrite", "headers", "reqtimeout"),
    *("socache_shmcb", "ssl", "proxy", "proxy_http"),
)
HOST_MODULES = ("alias", "headers", "proxy", "proxy_http", "rewrite", "ssl")
"""What the virtual host needs on the host's Apache httpd."""
WSTUNNEL = "proxy_wstunnel"
"""… and before 2.4.47."""
EXAMPLE_HOST = "jupyterhub.DOMAIN.TLD"
EXAMPLE_FILE = f"{EXAMPLE_HOST}.conf"
EXAMPLE_MADE_BY = "Put your host name for jupyterhub.DOMAIN.TLD, or have `onehub httpd` write it."


@dataclass(frozen=True)
class Vhost:
    """A virtual host: everything that differs from one to the other. Without `certificate_file`, mod_md has one."""

    host: str
    upstream: str
    certificate_file: str
    key_file: str
    path: str = "/"
    subdomains: bool = False
    public_port: int = 443
    listen: str = "*"
    https_port: int = 443
    http_port: int = 80
    stapling: bool = False
    rewrite: bool = False
    """The form for Apache httpd before 2.4.47."""

    @property
    def origin(self) -> str:
        """What browsers are sent to."""
        return f"https://{self.host}" + ("" if self.public_port == 443 else f":{self.public_port}")


def vhost_of(settings: Settings, *, stapling: bool = False, rewrite: bool = False) -> Vhost:
    """For the host's own Apache httpd."""
    front = settings.front
    certificate = front.certificate_file or f"/etc/ssl/certs/{front.host}.pem"
    return Vhost(
        host=front.host,
        upstream=f"127.0.0.1:{settings.names.port}",
        certificate_file=certificate,
        key_file=front.key_file or f"/etc/ssl/private/{front.host}.key",
        path=front.path,
        subdomains=front.subdomains,
        public_port=front.port,
        https_port=front.port,
        stapling=stapling,
        rewrite=rewrite,
    )


EXAMPLE = Vhost(
    host=EXAMPLE_HOST,
    upstream="127.0.0.1:8000",
    certificate_file=f"/etc/ssl/certs/{EXAMPLE_HOST}.pem",
    key_file=f"/etc/ssl/private/{EXAMPLE_HOST}.key",
)


def render(vhost: Vhost, made_by: str) -> str:
    """The text of a file for `sites-available`; `made_by` says in a comment where it comes from."""
    modules = " ".join((*HOST_MODULES, *([WSTUNNEL] if vhost.rewrite else [])))
    version = "older than 2.4.47" if vhost.rewrite else "2.4.47 or newer"
    lines = [
        f"# JupyterHub behind Apache httpd {version}. {made_by}",
        f"#   a2enmod {modules}",
        "#   apachectl configtest && apachectl graceful",
        "# Each open notebook holds a worker: with mpm_event, set MaxRequestWorkers to about five for each person.",
        "",
        *_blocks(vhost),
    ]
    return "\n".join(lines) + "\n"


def _blocks(vhost: Vhost) -> Iterator[str]:
    if vhost.stapling:
        yield 'SSLStaplingCache "shmcb:onehub-ocsp(128000)"'
        yield ""
    yield f"<VirtualHost {vhost.listen}:{vhost.http_port}>"
    yield from _indented([*_names(vhost), *_to_https(vhost)])
    yield "</VirtualHost>"
    yield ""
    yield f"<VirtualHost {vhost.listen}:{vhost.https_port}>"
    yield from _indented([*_names(vhost), *_tls(vhost), *_limits(), *_forwarding(vhost)])
    yield "</VirtualHost>"


def _names(vhost: Vhost) -> Iterator[str]:
    yield f"ServerName {vhost.host}"
    if vhost.subdomains:
        yield f"ServerAlias *.{vhost.host}"


def _to_https(vhost: Vhost) -> Iterator[str]:
    if vhost.subdomains:
        name = vhost.host.replace(".", r"\.")
        port = "" if vhost.public_port == 443 else f":{vhost.public_port}"
        yield "RewriteEngine On"
        yield rf'RewriteCond "%{{HTTP_HOST}}" "^([a-z0-9_-]+\.{name})(:[0-9]+)?$" [NC]'
        yield f'RewriteRule "^" "https://%1{port}%{{REQUEST_URI}}" [R=permanent,NE,L]'
    yield f'Redirect permanent "/" "{vhost.origin}/"'


def _tls(vhost: Vhost) -> Iterator[str]:
    yield ""
    yield "SSLEngine On"
    if vhost.certificate_file:
        yield f'SSLCertificateFile "{vhost.certificate_file}"'
        yield f'SSLCertificateKeyFile "{vhost.key_file}"'
    yield "# Mozilla's intermediate recommendation."
    yield f"SSLProtocol {_PROTOCOLS}"
    yield f"SSLOpenSSLConfCmd Curves {_CURVES}"
    yield f"SSLCipherSuite {_CIPHERS}"
    yield "SSLHonorCipherOrder Off"
    yield "SSLSessionTickets Off"
    yield "SSLCompression Off"
    if vhost.stapling:
        yield "# The certificate names an OCSP responder, so browsers need not ask it themselves."
        yield "SSLUseStapling On"
    yield f'Header always set Strict-Transport-Security "max-age={_HSTS}"'


def _limits() -> Iterator[str]:
    yield ""
    yield "# Uploads of any size and duration go through unbuffered; the hub's own forms are limited by the proxy."
    yield "LimitRequestBody 0"
    yield "LimitRequestFieldSize 16384"
    yield "LimitRequestLine 16384"
    yield "# Who neither takes nor sends anything for so long is gone. A kernel may say nothing for longer:"
    yield "# for websockets, the longer one holds of this and the timeout of ProxyPass."
    yield f"Timeout {_STALLED}"
    yield "# … and nobody may take that long for the beginning of a request."
    yield "<IfModule reqtimeout_module>"
    yield "    RequestReadTimeout handshake=20 header=20-60,MinRate=500 body=60,MinRate=500"
    yield "</IfModule>"


def _forwarding(vhost: Vhost) -> Iterator[str]:
    yield ""
    yield "# The hub must know by which name, protocol and address it was asked; only Apache httpd says so."
    yield "ProxyPreserveHost On"
    yield "ProxyAddHeaders On"
    yield "ProxyRequests Off"
    yield "# Large files in larger pieces than the 8 KiB of old."
    yield "ProxyIOBufferSize 65536"
    for header in _FORGEABLE:
        yield f"RequestHeader unset {header}"
    yield "RequestHeader set X-Forwarded-Proto https"
    yield f"RequestHeader set X-Forwarded-Port {vhost.public_port}"
    yield ""
    yield "# A notebook may be called `50% of a#b.ipynb`."
    yield "AllowEncodedSlashes NoDecode"
    root = vhost.path.rstrip("/")
    if root:
        yield f'RedirectMatch permanent "^{root}$" "{vhost.origin}{vhost.path}"'
    if vhost.rewrite:
        yield "# Kernels and terminals talk over websockets."
        yield "RewriteEngine On"
        yield "# What is written as %0d or %20 would be a request of its own behind old releases (CVE-2023-25690)."
        yield "RewriteCond %{HTTP:Upgrade} =websocket [NC]"
        yield 'RewriteCond %{REQUEST_URI} "[[:cntrl:] ]"'
        yield 'RewriteRule "^" "-" [F]'
        yield "RewriteCond %{HTTP:Upgrade} =websocket [NC]"
        yield f'RewriteRule "^{vhost.path}" "ws://{vhost.upstream}%{{REQUEST_URI}}" [P,NE,L]'
    upgrade = "" if vhost.rewrite else " upgrade=websocket"
    options = f"nocanon{upgrade} retry=0 connectiontimeout=5 timeout={_IDLE}"
    if not vhost.rewrite:
        yield "# upgrade: kernels and terminals talk over websockets. retry: a hub that was away is asked at once."
    yield f'ProxyPass "{vhost.path}" "http://{vhost.upstream}{vhost.path}" {options}'
    yield ""
    yield "# What people see meanwhile, if hub or proxy are restarted."
    away = error_directives(vhost.path)
    # Apache httpd before 2.4.47 can replace all errors of the hub or none.
    yield from away[:1] if vhost.rewrite else away


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" if line else "" for line in lines)


def service_site(settings: Settings) -> str:
    """All of the configuration of the `httpd` service."""
    site, names = settings.site, settings.names
    own = site.certificate in ("files", "self-signed")
    # What `localhost` means to Apache is the first virtual host, so any name will do where none is set.
    vhost = Vhost(
        host=site.host or "localhost",
        upstream=f"127.0.0.1:{names.port}",
        certificate_file=f"{_RUN}/current/certificate.pem" if own else "",
        key_file=f"{_RUN}/current/key.pem" if own else "",
        path=site.path,
        subdomains=site.subdomains,
        public_port=site.port,
        https_port=names.https_port,
        http_port=names.http_port,
    )
    lines = [
        "# Written by `onehub up` for the httpd service; edits are lost.",
        *_for_the_entry(settings),
        *(f"LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so" for module in _modules(settings)),
        *_server(settings),
        *(_acme(settings) if site.certificate == "letsencrypt" else ()),
        "",
        *_blocks(vhost),
    ]
    return "\n".join(lines) + "\n"


def _for_the_entry(settings: Settings) -> Iterator[str]:
    """What images/httpd/prepare reads."""
    site, names = settings.site, settings.names
    probe = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(names.listen, names.listen)  # noqa: S104
    yield f'Define probe "{probe}:{names.https_port}"'
    yield f'Define certificate "{site.certificate}"'
    if site.certificate == "files":
        yield f'Define certificate_file "{(site.certificate_file or "certificate.pem").removeprefix(f"{FOLDER}/")}"'
        yield f'Define key_file "{(site.key_file or "key.pem").removeprefix(f"{FOLDER}/")}"'
    if site.certificate == "self-signed":
        kind = "IP" if site.host and site.host.replace(".", "").isdigit() else "DNS"
        wildcard = (f"DNS:*.{site.host}",) if site.subdomains else ()
        told = dict.fromkeys((f"{kind}:{site.host or 'localhost'}", *wildcard, "DNS:localhost", "IP:127.0.0.1"))
        yield f'Define names "{",".join(told)}"'


def _modules(settings: Settings) -> tuple[str, ...]:
    return (*_MODULES, *(("md",) if settings.site.certificate == "letsencrypt" else ()))


def _server(settings: Settings) -> Iterator[str]:
    names = settings.names
    yield f"ServerName {settings.site.host or 'localhost'}"
    yield f"DefaultRuntimeDir {_RUN}"
    yield f"PidFile {_RUN}/httpd.pid"
    yield f"Listen {names.listen}:{names.http_port} http"
    yield f"Listen {names.listen}:{names.https_port} https"
    yield "ServerTokens Prod"
    yield "ServerSignature Off"
    yield "TraceEnable Off"
    yield "HostnameLookups Off"
    yield "# Without the query, which may hold a token."
    yield 'LogFormat "%a %{%Y-%m-%dT%H:%M:%S%z}t %m %U %H %>s %O %{ms}T" onehub'
    yield "CustomLog /dev/stdout onehub"
    yield "ErrorLog /dev/stderr"
    yield "LogLevel warn"
    yield "SSLSessionCache shmcb:onehub-sessions(512000)"
    yield "SSLRandomSeed startup builtin"
    yield "KeepAliveTimeout 15"
    yield "# Each websocket holds a worker; processes of before a reload live on until the last of theirs ends."
    yield "StartServers 1"
    yield "ThreadsPerChild 64"
    yield "ThreadLimit 64"
    yield "ServerLimit 64"
    yield "MinSpareThreads 32"
    yield "MaxSpareThreads 192"
    yield "MaxRequestWorkers 2048"


def _acme(settings: Settings) -> Iterator[str]:
    site, names = settings.site, settings.names
    yield f"MDStoreDir {_STATE}/md"
    yield "MDCertificateAgreement accepted"
    yield f"MDContactEmail {site.email}"
    yield f"MDCertificateAuthority {site.acme_server or LETS_ENCRYPT}"
    if site.acme_ca_file:
        yield f"MDCACertificateFile /srv/httpd/{site.acme_ca_file.removeprefix(f'{FOLDER}/')}"
    yield "MDPrivateKeys secp256r1"
    yield f"MDPortMap http:{names.http_port} https:{names.https_port}"
    yield "MDMessageCmd /usr/local/bin/renewed"
    yield f"MDomain {site.host}"
