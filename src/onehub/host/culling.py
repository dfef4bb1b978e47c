"""Asks the running hub who is idle, in its container: only the hub sees kernels and terminals."""

from __future__ import annotations

from pathlib import Path

from onehub.core.culling import SECONDS, Report, ask_argv
from onehub.core.errors import HostNotReady, StepFailed
from onehub.core.settings import Settings

from .runner import converse

_MARGIN = 10.0
"""Seconds for Docker and Python."""


def ask_hub(settings: Settings, directory: Path, *, stop: bool) -> Report:
    """What becomes of each server; with `stop`, those whose time has come are stopped. Raises HostNotReady."""
    hub = settings.names.hub_container
    try:
        return Report.from_json(converse(ask_argv(hub, stop=stop), directory, "", SECONDS + _MARGIN))
    except StepFailed as failure:
        why = str(failure)
    except ValueError:
        why = "its answer cannot be read"
    raise HostNotReady(f"the hub could not be asked: {why}", "`onehub up`; `onehub doctor` if it runs already")
