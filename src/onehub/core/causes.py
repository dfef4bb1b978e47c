"""Why a server did not start: what was seen → the cause, in the person's words and with the operator's fix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .names import RESCUE_IMAGE

_KILLED = (137, 143)
"""By SIGKILL and SIGTERM."""
_NOT_FOUND = (126, 127)
_LONGEST_LINE = 200
"""Characters of the log that the person reads."""


@dataclass(frozen=True)
class Evidence:
    """What was seen of a start that failed. `exit_code` is None while the container runs or where there is none.

    `error` is Docker's own message, `log` the container's last lines, `missing` an image that is not here, and
    `pull` what was said of the attempt to have it.
    """

    image: str = ""
    missing: bool = False
    command: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    log: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    seconds: float = 0.0
    pull: str = ""


@dataclass(frozen=True)
class Cause:
    """One cause. `kind` names it in the docs' table; `words` are the person's, `fix` the operator's."""

    kind: str
    words: str
    fix: str


@dataclass(frozen=True)
class _Sign:
    pattern: re.Pattern[str]
    cause: Cause = field(repr=False)


_RESCUE = "Until then, a rescue server gets you to your files."

HOME_FULL = Cause(
    "home-full",
    "Your home is full, so the server cannot write. A rescue server lets you delete what you do not need.",
    "the person makes room in a rescue server; or give the home's volume more room (the record names it)",
)
OUT_OF_MEMORY = Cause(
    "out-of-memory",
    "The server needed more memory than it may have and was ended. Please tell the people who run this service.",
    "raise limits.memory in onehub.toml, or take what starts with the server out of the image",
)
NO_SINGLEUSER = Cause(
    "no-jupyterhub-singleuser",
    f"The image has no JupyterHub server in it. Please tell the people who run this service. {_RESCUE}",
    "`make notebook_image` puts one into any image; or correct DOCKER_SPAWN_CMD in .env",
)
IMAGE_MISSING = Cause(
    "image-missing",
    f"The server image is not installed. Please tell the people who run this service. {_RESCUE}",
    "`make notebook_image` builds the one for all; `onehub images list` says what is missing",
)
HUB_OUT_OF_REACH = Cause(
    "hub-out-of-reach",
    "The server could not reach the hub. Please tell the people who run this service.",
    "`onehub doctor`; a firewall between containers, or a network that was removed and made anew: `onehub up`",
)
VERSION_MISMATCH = Cause(
    "version-mismatch",
    "The JupyterHub in the image is of a version that does not fit. Please tell the people who run this service. "
    f"{_RESCUE}",
    "`make notebook_image` installs the hub's version",
)
KILLED = Cause(
    "killed", "The server was ended from outside while it started. Please start it again.", "start it again"
)
NO_GPU = Cause(
    "no-gpu",
    "Your choice needs a GPU, and this machine offers none. Please choose something else, or tell the people who run "
    "this service.",
    "`nvidia-smi` on the host; NVIDIA's container toolkit, then a restart of Docker; or no `gpus` in the profile",
)
DOCKER = Cause(
    "docker",
    "The machine could not make your container. Please tell the people who run this service.",
    "the record has Docker's own words; `onehub doctor`",
)
SILENT = Cause(
    "silent",
    "The server runs but does not answer. Please try again; if it stays so, tell the people who run this service.",
    "the record has its last lines; servers.start_timeout in onehub.toml if it is only slow",
)
EXITED = Cause(
    "exited",
    f"The server ended while it started. Please tell the people who run this service. {_RESCUE}",
    "the record has its last lines",
)

CAUSES = (
    *(IMAGE_MISSING, NO_SINGLEUSER, VERSION_MISMATCH, OUT_OF_MEMORY, HOME_FULL, HUB_OUT_OF_REACH),
    *(NO_GPU, KILLED, SILENT, EXITED, DOCKER),
)
"""Every one."""

# What the programs say word by word: tests/e2e/test_failed_starts.py makes them say it.
_FULL = _Sign(
    re.compile(r"no space left on device|disk quota exceeded|database or disk is full", re.IGNORECASE), HOME_FULL
)
_SIGNS = (
    _FULL,
    _Sign(re.compile(r"No module named '?jupyterhub\b"), NO_SINGLEUSER),
    _Sign(re.compile(r"Failed to connect to my Hub"), HUB_OUT_OF_REACH),
    _Sign(re.compile(r"MemoryError|Cannot allocate memory"), OUT_OF_MEMORY),
    # A traceback through JupyterHub that ends so: it is too old, or too new, for what else is in the image.
    _Sign(
        re.compile(
            r"/site-packages/jupyterhub/[^\n]*\n(?:[ \t][^\n]*\n)*(?:ModuleNotFoundError|ImportError|AttributeError):"
        ),
        VERSION_MISMATCH,
    ),
    _Sign(re.compile(r"jupyterhub version \S+ != jupyterhub-singleuser version"), VERSION_MISMATCH),
)
# What Docker, or runc for it, says itself.
_ERRORS = (
    _FULL,
    # Without NVIDIA's toolkit, to the newest engines as well; with it, where it finds no GPU.
    _Sign(re.compile(r"could not select device driver|GPU vendor from CDI|nvidia-container-cli: "), NO_GPU),
    # A program that is not there, or may not be run.
    _Sign(re.compile(r'exec: "[^"]*": '), NO_SINGLEUSER),
)


def diagnose(seen: Evidence) -> Cause:
    """The likeliest cause; certain signs first."""
    if seen.missing:
        return _not_pulled(seen) if seen.pull else _missing(seen.image)
    if seen.oom_killed:
        return OUT_OF_MEMORY
    text = "\n".join(seen.log)
    if seen.error:
        return _first(_ERRORS, seen.error) or DOCKER
    if seen.exit_code in _NOT_FOUND and _names_the_server(text, seen.command):
        return NO_SINGLEUSER
    if cause := _first(_SIGNS, text):
        return cause
    if seen.exit_code is None:
        return SILENT
    return KILLED if seen.exit_code in _KILLED else _exited(seen)


def _first(signs: Iterable[_Sign], text: str) -> Cause | None:
    return next((sign.cause for sign in signs if sign.pattern.search(text)), None)


def _missing(image: str) -> Cause:
    if image != RESCUE_IMAGE:
        return IMAGE_MISSING
    words = "The image of the rescue server is not installed. Please tell the people who run this service."
    return replace(IMAGE_MISSING, words=words, fix="`make build` builds it")


def _not_pulled(seen: Evidence) -> Cause:
    """With the registry's own words."""
    failed = f"The server image {seen.image} could not be had: {_printable(seen.pull)}"
    words = f"{failed} – Please tell the people who run this service. {_RESCUE}"
    fix = f"`onehub images pull {seen.image}`, with this host's docker login"
    return replace(IMAGE_MISSING, words=words, fix=fix)


def _names_the_server(text: str, command: str) -> bool:
    """Whether it is the server that was not found, and not something else that a start script wants."""
    return "jupyterhub-singleuser" in text or f"exec {command.partition(' ')[0]} failed" in text


def _exited(seen: Evidence) -> Cause:
    """With what the image says itself, which nobody else can put better."""
    last = next((line.strip() for line in reversed(seen.log) if line.strip()), "")
    shown = _printable(last)
    ended = f"The server ended while it started, with exit code {seen.exit_code}"
    said = f" and these last words: {shown}" if shown else " and without a word"
    return replace(EXITED, words=f"{ended}{said} – Please tell the people who run this service. {_RESCUE}")


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line)[:_LONGEST_LINE]
