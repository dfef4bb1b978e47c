"""Rehearses a sign-in where the hub runs, in a container that lives as long as the question."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from onehub.core import names
from onehub.core.errors import HostNotReady, StepFailed
from onehub.core.facts import Facts
from onehub.core.rehearsal import Rehearsal, Request, container_argv, deadline
from onehub.core.settings import Settings

from .runner import converse


def rehearse(
    settings: Settings, facts: Facts, directory: Path, name: str | None = None, password: SecretStr | None = None
) -> Rehearsal:
    """Ask the directory, and about a person if there is a name. Changes nothing. Raises HostNotReady."""
    if names.HUB_IMAGE not in facts.images:
        raise HostNotReady(f"the image {names.HUB_IMAGE} is not on this host", "`make build`")
    request = Request(settings, name, password)
    argv = container_argv(settings, facts, directory)
    try:
        return Rehearsal.from_json(converse(argv, directory, request.to_json(), deadline(settings.directory)))
    except StepFailed as failure:
        why = str(failure)
    except ValueError:
        why = "its answer cannot be read"
    raise HostNotReady(
        f"the hub's image could not ask the directory: {why}", "`make build`, if onehub is newer than the image"
    )
