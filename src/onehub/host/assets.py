"""The files that travel with onehub: from the repository, or from inside the wheel."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import onehub
from onehub.core.errors import HostNotReady, Problem, SettingsError
from onehub.core.facts import Context
from onehub.core.settings import Settings
from onehub.core.vhost import EXAMPLE_FILE

_PACKAGE = Path(onehub.__file__).parent
_REPOSITORY = _PACKAGE.parents[1]
IMAGES = ("hub", "proxy", "directory", "notebook", "singleuser", "rescue", "httpd")
DEPLOYMENT_FILES = {
    "compose.yaml": "compose.yaml",
    ".env": ".env",
    ".gitignore": ".gitignore",
    "Makefile": "Makefile.deployment",
    "onehub.toml.example": "onehub.toml.example",
    "userlist.example": "userlist.example",
    "ad_allowed_groups.example": "ad_allowed_groups.example",
    "ad_bind_dn_template": "ad_bind_dn_template",
    EXAMPLE_FILE: EXAMPLE_FILE,
    "secrets/ad.env.example": "secrets/ad.env.example",
}
"""What `onehub init` writes: name in the deployment → name among our files."""

_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


def root() -> Path:
    """The folder that holds compose.yaml, images/ and the rest."""
    installed = _PACKAGE / "assets"
    return installed if installed.is_dir() else _REPOSITORY


def deployment_files() -> Mapping[str, str]:
    """The texts of a new deployment directory."""
    return {name: (root() / ours).read_text(encoding="utf-8") for name, ours in DEPLOYMENT_FILES.items()}


def contexts(settings: Settings, directory: Path) -> Mapping[str, Context]:
    """The build contexts of all images. The host's CA bundle goes in for the build, but not into the digest."""
    extra = tuple(_extra_certificates(settings, directory))
    return {image: _context(image, extra) for image in IMAGES}


def _context(image: str, extra: tuple[tuple[str, Path], ...]) -> Context:
    files = [*_tree(root() / "images" / image, ""), *extra]
    if image == "hub":
        files += _tree(_PACKAGE, "onehub", skip={"assets", "__pycache__"})
        files.append(("requirements.txt", root() / "requirements" / "hub.txt"))
    files.sort()
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(f"{name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return Context((*files, ("ca-certificates.crt", _host_bundle())), digest.hexdigest())


def _tree(
    folder: Path, prefix: str, skip: frozenset[str] | set[str] = frozenset({"__pycache__"})
) -> list[tuple[str, Path]]:
    return [
        (str(Path(prefix, path.relative_to(folder))), path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not skip.intersection(path.relative_to(folder).parts)
    ]


def _extra_certificates(settings: Settings, directory: Path) -> Iterator[tuple[str, Path]]:
    # Docker cannot copy an empty folder, so there is always one file in it.
    yield "extra-ca/.keep", root() / "images" / ".keep"
    for number, name in enumerate(settings.build.ca_certificates):
        path = directory / name
        if not path.is_file():
            raise SettingsError([Problem("onehub.toml: build.ca_certificates", f"there is no file {name!r}")])
        yield f"extra-ca/{number}-{path.stem}.crt", path


def _host_bundle() -> Path:
    for candidate in (os.environ.get("SSL_CERT_FILE", ""), *_BUNDLES):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    raise HostNotReady("there is no bundle of CA certificates on this host", "`apt-get install ca-certificates`")
