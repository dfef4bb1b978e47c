"""Steps as values. A plan is a tuple of steps; `host.runner` does them in order and stops at the first failure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from .trials import Container


@dataclass(frozen=True)
class Run:
    """Start a program and wait for it."""

    argv: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass(frozen=True)
class Write:
    """Write a file atomically. The text may be secret: it is never shown."""

    path: Path
    text: str = field(repr=False)
    mode: int
    why: str

    def __str__(self) -> str:
        return f"write {self.path} (mode {self.mode:04o})"


@dataclass(frozen=True)
class BuildImage:
    """Build a Docker image from files laid out in a folder of their own."""

    tag: str
    files: tuple[tuple[str, Path], ...] = field(repr=False)
    args: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...]
    why: str
    forward: tuple[str, ...] = ()
    """Exported variables whose values the build gets: the host's proxy settings."""

    def argv(self, context: Path) -> tuple[str, ...]:
        """The command; the host's network and proxy variables reach the build, secrets do not."""
        options = [("--build-arg", pair) for pair in self.args] + [("--label", pair) for pair in self.labels]
        flags = [word for flag, (name, value) in options for word in (flag, f"{name}={value}")]
        flags += [word for name in self.forward for word in ("--build-arg", name)]
        return ("docker", "build", "--network", "host", "--tag", self.tag, *flags, str(context))

    def __str__(self) -> str:
        return shlex.join(self.argv(Path("…")))


@dataclass(frozen=True)
class WaitHealthy:
    """Wait until the services answer their health checks."""

    containers: tuple[str, ...]
    seconds: int
    why: str

    def __str__(self) -> str:
        return f"wait for {', '.join(self.containers)} (at most {self.seconds} s)"


@dataclass(frozen=True)
class WaitEngine:
    """Wait until Docker answers."""

    seconds: int
    why: str

    def __str__(self) -> str:
        return f"wait for Docker (at most {self.seconds} s)"


@dataclass(frozen=True)
class Adopt:
    """Try an image and, if it passes, give it the name that people's servers are started by."""

    candidate: str
    image: str
    trial: Container = field(repr=False)
    why: str

    def __str__(self) -> str:
        return f"try {self.candidate}, then name it {self.image}"


Step = Run | Write | BuildImage | Adopt | WaitHealthy | WaitEngine
Plan = tuple[Step, ...]
