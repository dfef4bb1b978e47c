"""Why a server did not start: what was seen → the cause, in the person's words and with the operator's fix."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_KILLED = 137
_NOT_FOUND = (126, 127)


@dataclass(frozen=True)
class Evidence:
    """What was seen of a start that failed. `exit_code` is None while the container runs or where there is none.

    `error` is Docker's own message, `log` the container's last lines, `missing` an image that is not here.
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


HOME_FULL = Cause(
    "home-full",
    "Your home is full, so the server cannot write. Delete something with the rescue server, then start again.",
    "`docker system df -v`; a larger disk, or let the person delete files (rescue server)",
)
OUT_OF_MEMORY = Cause(
    "out-of-memory",
    "The server needed more memory than it may have and was ended. Please tell the people who run this service.",
    "raise limits.memory in onehub.toml, or take what starts with the server out of the image",
)
NO_SINGLEUSER = Cause(
    "no-jupyterhub-singleuser",
    "The image has no JupyterHub server in it. Please tell the people who run this service.",
    "`make notebook_image` puts one into any image; or correct DOCKER_SPAWN_CMD in .env",
)
IMAGE_MISSING = Cause(
    "image-missing",
    "The server image is not installed. Please tell the people who run this service.",
    "`make notebook_image` builds or pulls it",
)
HUB_OUT_OF_REACH = Cause(
    "hub-out-of-reach",
    "The server could not reach the hub. Please tell the people who run this service.",
    "`onehub doctor`; a firewall between containers, or a network that was removed and made anew: `onehub up`",
)
VERSION_MISMATCH = Cause(
    "version-mismatch",
    "The JupyterHub in the image does not fit this hub. Please tell the people who run this service.",
    "`make notebook_image` installs the hub's version",
)
KILLED = Cause(
    "killed", "The server was ended from outside while it started. Please start it again.", "start it again"
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
    "The server ended while it started. Please tell the people who run this service.",
    "the record has its last lines",
)

_SIGNS = (
    _Sign(re.compile(r"No space left on device|Disk quota exceeded|database or disk is full"), HOME_FULL),
    _Sign(
        re.compile(r"jupyterhub-singleuser['\"]?: (?:executable file )?not found|No module named '?jupyterhub"),
        NO_SINGLEUSER,
    ),
    _Sign(re.compile(r"version.{0,40}!=.{0,40}(?:version|hub)|requires jupyterhub", re.IGNORECASE), VERSION_MISMATCH),
    _Sign(
        re.compile(
            r"(?:connect|connection|reach).{0,60}\bHub\b|hub.{0,80}(?:timed out|Name or service not known)", re.I
        ),
        HUB_OUT_OF_REACH,
    ),
    _Sign(re.compile(r"MemoryError|Cannot allocate memory"), OUT_OF_MEMORY),
)
_NO_COMMAND = re.compile(r"executable file not found|no such file or directory|permission denied", re.IGNORECASE)


def diagnose(seen: Evidence) -> Cause:
    """The likeliest cause; certain signs first."""
    if seen.missing:
        return IMAGE_MISSING
    if seen.oom_killed:
        return OUT_OF_MEMORY
    text = "\n".join(seen.log)
    if seen.error:
        full = _SIGNS[0].pattern.search(seen.error)
        return HOME_FULL if full else NO_SINGLEUSER if _NO_COMMAND.search(seen.error) else DOCKER
    if seen.exit_code in _NOT_FOUND:
        return NO_SINGLEUSER
    for sign in _SIGNS:
        if sign.pattern.search(text):
            return sign.cause
    if seen.exit_code is None:
        return SILENT
    return KILLED if seen.exit_code == _KILLED else EXITED
