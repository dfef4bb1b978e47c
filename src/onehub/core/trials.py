"""Trials of images: what is tried, and the record of what came of it.

The record is a file in the deployment directory, by image id: the command line writes it, the hub, which sees that
directory, reads it at each start. A trial counts for the image that was tried and the hub's release of that time.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter

from . import names
from .quantities import parse_size
from .settings import Settings

FILE = ".onehub.trials.json"
"""In the deployment directory."""
SECONDS = 120
"""Until an image that has not done its tasks has failed."""
_OWN_MEMORY = parse_size("256M")
"""What the trial itself may take, besides what a server may."""
_PORT = 8888
_TOKEN = "trial"  # noqa: S105 - of a hub that exists in the trial alone
_PREFIX = "/user/trial/"


@dataclass(frozen=True)
class Trial:
    """One trial. `when` is ISO 8601 in UTC, `jupyterhub` the image's release, `problem` empty if it passed."""

    image: str
    id: str
    when: str
    hub: str
    jupyterhub: str = ""
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether the image may be offered."""
        return not self.problem


Trials = Mapping[str, Trial]
"""By image id."""

_TRIALS = TypeAdapter(dict[str, Trial])


def read_trials(text: str) -> Trials:
    """What `write_trials` wrote, without what was tried with another release of the hub. Raises ValueError."""
    kept: dict[str, Trial] = _TRIALS.validate_json(text)
    return {id: trial for id, trial in kept.items() if trial.hub == names.JUPYTERHUB_VERSION}


def write_trials(trials: Trials) -> str:
    """For the file."""
    return json.dumps({id: dataclasses.asdict(trial) for id, trial in sorted(trials.items())}, indent=1) + "\n"


@dataclass(frozen=True)
class Container:
    """What an image is tried in: a server's container, but for home, network and hub."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    memory: int
    processes: int
    home: str
    labels: Mapping[str, str]


def container(settings: Settings, memory: int) -> Container:
    """For an image whose servers may have `memory`."""
    return Container(
        command=tuple(settings.servers.command.split()),
        environment=_environment(settings),
        memory=memory + _OWN_MEMORY,
        processes=settings.limits.processes,
        home=settings.servers.home_mount,
        labels={names.LABEL_DEPLOYMENT: settings.names.project, names.LABEL_KIND: "trial"},
    )


def tasks() -> str:
    """What the program in the container is told, as JSON."""
    return json.dumps(
        {"address": f"http://127.0.0.1:{_PORT}{_PREFIX}api", "hub": names.JUPYTERHUB_VERSION, "seconds": SECONDS}
    )


def verdict(found: Mapping[str, str]) -> str:
    """The problem with what the program found; empty if there is none."""
    if problem := found.get("problem", ""):
        return problem
    theirs, ours = found.get("jupyterhub", ""), names.JUPYTERHUB_VERSION
    if theirs.split(".")[0] != ours.split(".")[0]:
        return f"it has JupyterHub {theirs or 'of an unknown version'}, and the hub has {ours}"
    return ""


def _environment(settings: Settings) -> dict[str, str]:
    """As JupyterHub sets it; the hub is the trial's own, in the same container."""
    hub = "http://127.0.0.1:8081/hub/api"
    scopes = '["access:servers!user=trial"]'
    return {
        "JUPYTERHUB_USER": "trial",
        "JUPYTERHUB_SERVER_NAME": "",
        "JUPYTERHUB_API_TOKEN": _TOKEN,
        "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-trial",
        "JUPYTERHUB_BASE_URL": "/",
        "JUPYTERHUB_HOST": "",
        "JUPYTERHUB_SERVICE_PREFIX": _PREFIX,
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{_PORT}{_PREFIX}",
        "JUPYTERHUB_OAUTH_CALLBACK_URL": f"{_PREFIX}oauth_callback",
        "JUPYTERHUB_OAUTH_SCOPES": scopes,
        "JUPYTERHUB_OAUTH_ACCESS_SCOPES": scopes,
        "JUPYTERHUB_ROOT_DIR": settings.servers.home_mount,
        "JUPYTERHUB_API_URL": hub,
        "JUPYTERHUB_ACTIVITY_URL": f"{hub}/users/trial/activity",
    }
