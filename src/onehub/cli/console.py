"""How onehub talks: stdout is data, stderr is talk, and a long step always shows that it lives."""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.text import Text

from onehub.core.errors import OneHubError
from onehub.core.plan import Plan, Step

_HEARTBEAT = 10
"""Seconds between signs of life where there is no terminal."""
_LIVE = 0.25
"""Seconds between them on a terminal."""

_ENDLESS = 1000
"""The width of a table that goes into a pipe or a file: no value is cut off."""

talk = Console(stderr=True, highlight=False, soft_wrap=True)
data = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _ENDLESS)


class Progress:
    """Shows a plan being done: each step with its command; a live line on a terminal, a heartbeat elsewhere.

    The beat is a clock's, not the program's: `pip --quiet` says nothing for a minute and lives.
    """

    def __init__(self) -> None:
        self._status: Status | None = None
        self._begun = 0.0
        self._last = ""
        self._over = threading.Event()

    def started(self, number: int, total: int, step: Step) -> None:
        """Say which step, why, and the exact command."""
        talk.print(f"[bold]\\[{number}/{total}][/] {escape(step.why)}")
        talk.print(f"      [dim]$ {escape(str(step))}[/]")
        self._begun, self._last, self._over = time.monotonic(), "", threading.Event()
        if talk.is_terminal:
            self._status = talk.status("")
            self._status.start()
        threading.Thread(target=self._beat, args=(self._over,), daemon=True).start()

    def line(self, text: str) -> None:
        """The program's latest words."""
        self._last = Text.from_ansi(text).plain.strip() or self._last

    def finished(self, step: Step, seconds: float) -> None:
        """The step is done."""
        self.close()
        if seconds >= 1:
            talk.print(f"      [green]done[/] in {seconds:.1f} s")

    def close(self) -> None:
        """Take the live line away."""
        self._over.set()
        if self._status:
            self._status.stop()
            self._status = None

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(_LIVE if talk.is_terminal else _HEARTBEAT):
            seconds = f"{time.monotonic() - self._begun:.0f} s"
            if self._status:
                self._status.update(f"{seconds}  [dim]{escape(self._last[: talk.width - 12])}[/]")
            else:
                talk.print(f"      … {seconds}  {escape(self._last[:100])}")


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
