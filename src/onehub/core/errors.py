"""Everything that can go wrong in a way the operator can mend.

    OneHubError            exit 1
    ├── SettingsError      exit 3   a file of the deployment cannot be used
    ├── HostNotReady       exit 4   Docker, a port, memory … is missing
    ├── StepFailed         exit 5   a step of a plan failed
    └── Busy               exit 6   another operation holds the deployment

Usage errors (exit 2) are click's. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class OneHubError(Exception):
    """What happened, in the operator's words; `hint` is what to type next."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one file: where, and what."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class SettingsError(OneHubError):
    """The deployment's files cannot be used; holds every problem, not the first."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem], hint: str = "`onehub config check` after editing") -> None:
        self.problems = tuple(problems)
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        super().__init__(f"the settings cannot be used:{lines}", hint)


class HostNotReady(OneHubError):
    """This machine lacks something that the operation needs."""

    exit_code = 4


class StepFailed(OneHubError):
    """A step of a plan ended with an error; the steps before it stay done."""

    exit_code = 5


class Busy(OneHubError):
    """Another operation is at work on the same deployment."""

    exit_code = 6
