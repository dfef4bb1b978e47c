"""How onehub talks: stdout is data, stderr is talk, and a long step always shows that it lives."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from onehub.core.errors import OneHubError
from onehub.core.plan import Plan, Step

_HEARTBEAT = 10
"""Seconds between signs of life where there is no terminal."""

_ENDLESS = 1000
"""The width of a table that goes into a pipe or a file: no value is cut off."""

talk = Console(stderr=True, highlight=False, soft_wrap=True)
data = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _ENDLESS)


class Progress:
    """Shows a plan being done: each step with its command; a live line on a terminal, a heartbeat elsewhere."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._begun = self._beat = 0.0

    def started(self, number: int, total: int, step: Step) -> None:
        """Say which step, why, and the exact command."""
        talk.print(f"[bold]\\[{number}/{total}][/] {escape(step.why)}")
        talk.print(f"      [dim]$ {escape(str(step))}[/]")
        self._begun = self._beat = time.monotonic()
        if talk.is_terminal:
            self._status = talk.status("")
            self._status.start()

    def line(self, text: str) -> None:
        """The program's latest words."""
        now = time.monotonic()
        if self._status:
            self._status.update(f"{now - self._begun:.0f} s  [dim]{escape(text[: talk.width - 12])}[/]")
        elif now - self._beat >= _HEARTBEAT:
            self._beat = now
            talk.print(f"      … {now - self._begun:.0f} s  {escape(text[:100])}")

    def finished(self, step: Step, seconds: float) -> None:
        """The step is done."""
        self.close()
        if seconds >= 1:
            talk.print(f"      [green]done[/] in {seconds:.1f} s")

    def close(self) -> None:
        """Take the live line away."""
        if self._status:
            self._status.stop()
            self._status = None


def show_plan(plan: Plan) -> None:
    """What would be done, one command a line, on stdout."""
    if not plan:
        talk.print("nothing to do")
    for step in plan:
        data.print(escape(str(step)), f"  [dim]# {escape(step.why)}[/]", sep="")


def show_error(error: OneHubError) -> None:
    """What happened, and what to type next."""
    talk.print(f"[bold red]error:[/] {escape(str(error))}")
    if error.hint:
        talk.print(f"\n[bold]hint:[/] {escape(error.hint)}")


def show_json(value: Any) -> None:
    """For scripts."""
    data.out(json.dumps(value, indent=2, default=str))
