"""Reads the records of failed starts from the hub's data volume, in a container that lives as long as it takes."""

from __future__ import annotations

from pathlib import Path

from onehub.core import names
from onehub.core.errors import HostNotReady, StepFailed
from onehub.core.facts import Facts
from onehub.core.failures import SECONDS, Answer, Question, container_argv
from onehub.core.settings import Settings

from .runner import converse


def read_failures(settings: Settings, facts: Facts, directory: Path, question: Question) -> Answer:
    """What the hub has kept; it need not run. Changes nothing. Raises HostNotReady."""
    if settings.names.data_volume not in facts.volumes:
        return Answer()
    if names.HUB_IMAGE not in facts.images:
        raise HostNotReady(f"the image {names.HUB_IMAGE} is not on this host", "`make build`")
    try:
        return Answer.from_json(converse(container_argv(settings), directory, question.to_json(), SECONDS))
    except StepFailed as failure:
        why = str(failure)
    except ValueError:
        why = "its answer cannot be read"
    raise HostNotReady(
        f"the hub's image could not read the records: {why}", "`make build`, if onehub is newer than the image"
    )
