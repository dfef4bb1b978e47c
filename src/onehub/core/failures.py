"""Starts that failed: the record of one, which ones are asked for, and where the records are read.

The hub keeps them in its data volume. A container of the hub's image reads them, whether the hub runs or not; it and
the command line speak over stdin and stdout, as JSON.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import TypeAdapter

from . import names
from .causes import Cause, Evidence
from .settings import Settings

FOLDER = "failures"
"""In the data volume."""
MOUNT = "/data"
"""Where the container that reads has the data volume."""
SECONDS = 60
"""Until the answer, for Docker and Python to start on a busy host."""

_HUB_USER = "65532:65532"


@dataclass(frozen=True)
class Failure:
    """One start that failed. `when` is ISO 8601 in UTC; `server` is empty but for named servers."""

    reference: str
    when: str
    person: str
    server: str
    cause: Cause
    evidence: Evidence

    @property
    def sentence(self) -> str:
        """What the person reads."""
        return f"{self.cause.words} Reference: {self.reference}"

    def without_log(self) -> Failure:
        """For a list."""
        return dataclasses.replace(self, evidence=dataclasses.replace(self.evidence, log=()))

    def to_json(self) -> str:
        """For a file. `from_json` reads it."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Failure:
        """What `to_json` wrote. Raises ValueError."""
        return _FAILURE.validate_json(text)


@dataclass(frozen=True)
class Question:
    """Whose failed starts: a person's or the one of a reference, everybody's if empty; the latest, or `every`."""

    whose: str = ""
    every: bool = False

    def to_json(self) -> str:
        """For stdin. `from_json` reads it."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Question:
        """What `to_json` wrote."""
        return _QUESTION.validate_json(text)

    def matches(self, failure: Failure) -> bool:
        """People type names as they please, and read references out."""
        return not self.whose or self.whose.strip().lower() in (failure.person.lower(), failure.reference)


@dataclass(frozen=True)
class Answer:
    """Newest first. `unreadable` are files that hold no record, or half of one."""

    failures: tuple[Failure, ...] = ()
    unreadable: tuple[str, ...] = ()

    def to_json(self) -> str:
        """For stdout. `from_json` reads it."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Answer:
        """What `to_json` wrote. Raises ValueError."""
        return _ANSWER.validate_json(text)


_FAILURE = TypeAdapter(Failure)
_QUESTION = TypeAdapter(Question)
_ANSWER = TypeAdapter(Answer)


def choose(question: Question, kept: Iterable[Failure]) -> tuple[Failure, ...]:
    """What answers the question, out of all records, newest first. A list of everybody's is without the logs."""
    found = [failure for failure in kept if question.matches(failure)]
    if not question.whose and not question.every:
        return tuple(failure.without_log() for failure in found)
    return tuple(found if question.every else found[:1])


def container_argv(settings: Settings) -> tuple[str, ...]:
    """A container that reads the records and can do nothing else. The volume must be there: Docker would make it."""
    volume = f"type=volume,source={settings.names.data_volume},target={MOUNT},readonly,volume-nocopy"
    return (
        *("docker", "run", "--rm", "--interactive", "--network", "none"),
        *("--user", _HUB_USER, "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--mount", volume),
        *("--label", f"{names.LABEL_KIND}=probe", "--entrypoint", "python", names.HUB_IMAGE),
        *("-m", "onehub.hub.records"),
    )
