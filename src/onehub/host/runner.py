"""The only module that starts a process: it does a plan, step by step."""

from __future__ import annotations

import collections
import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import docker
import requests

from onehub.core.errors import StepFailed
from onehub.core.lifecycle import LOOKUP_PASSWORD
from onehub.core.plan import Adopt, BuildImage, Plan, Run, Step, WaitEngine, WaitHealthy, Write

from .engine import connect
from .files import write_atomically
from .shelf import adopt

_LAST_LINES = 30
"""How much of a failed program's output the error repeats."""
_AGAIN = "mend the cause and repeat; done steps stay done"


class Reporter(Protocol):
    """Is told what goes on, to show it."""

    def started(self, number: int, total: int, step: Step) -> None:
        """A step begins."""

    def line(self, text: str) -> None:
        """A program said something."""

    def finished(self, step: Step, seconds: float) -> None:
        """The step is done."""


class Runner:
    """Does plans in a deployment directory; programs run there and see the operator's environment."""

    def __init__(self, directory: Path, reporter: Reporter) -> None:
        self._directory = directory
        self._reporter = reporter

    def apply(self, plan: Plan) -> None:
        """Do every step in order. Raises StepFailed at the first that fails; what was done stays done."""
        for number, step in enumerate(plan, start=1):
            self._reporter.started(number, len(plan), step)
            begun = time.monotonic()
            try:
                self._do(step)
            except StepFailed as failure:
                message = f"step {number} of {len(plan)} failed: {step}\n{failure}"
                raise StepFailed(message, failure.hint) from failure
            self._reporter.finished(step, time.monotonic() - begun)

    def _do(self, step: Step) -> None:
        match step:
            case Run(argv):
                self._run(argv)
            case Write(path, text, mode):
                with _telling_the_file():
                    write_atomically(path, text, mode)
            case BuildImage():
                self._build(step)
            case Adopt():
                with _telling_docker(), contextlib.closing(docker.from_env()) as client:
                    adopt(client.api, self._directory, step)
            case WaitHealthy():
                with _telling_docker():
                    _wait_healthy(step)
            case WaitEngine():
                _wait_engine(step)

    def _run(self, argv: Sequence[str]) -> None:
        last: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
        try:
            process = subprocess.Popen(
                argv,
                cwd=self._directory,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except FileNotFoundError as error:
            raise StepFailed(f"  the program {argv[0]} is not installed", _AGAIN) from error
        with process:
            for line in process.stdout or ():
                last.append(line.rstrip())
                self._reporter.line(line.rstrip())
        if process.returncode:
            told = "".join(f"    {line}\n" for line in last)
            raise StepFailed(f"{told}  {_ending(process.returncode)}", _AGAIN)

    def _build(self, step: BuildImage) -> None:
        with tempfile.TemporaryDirectory(prefix="onehub-build-") as folder:
            with _telling_the_file():
                for name, source in step.files:
                    target = Path(folder, name)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, target)
            self._run(step.argv(Path(folder)))


def capture(argv: Sequence[str], directory: Path, timeout: float = 20) -> str | None:
    """What a program that changes nothing prints, or None if it is missing, fails or takes too long."""
    try:
        done = subprocess.run(
            argv,
            cwd=directory,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return done.stdout


def converse(argv: Sequence[str], directory: Path, said: str, timeout: float) -> str:
    """What a program answers to `said` on its stdin: the way for secrets. Raises StepFailed with its last words."""
    try:
        done = subprocess.run(
            argv, cwd=directory, env=_environment(), capture_output=True, text=True, timeout=timeout, input=said
        )
    except FileNotFoundError as error:
        raise StepFailed(f"the program {argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise StepFailed(f"no answer within {timeout:.0f} s") from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise StepFailed(": ".join((_ending(done.returncode), *last)))
    return done.stdout


def told(argv: Sequence[str], directory: Path, timeout: float = 30) -> tuple[int, str]:
    """The exit code of a program that changes nothing, and all it said. Raises StepFailed where there is none."""
    try:
        done = subprocess.run(
            argv, cwd=directory, env=_environment(), capture_output=True, text=True, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise StepFailed(f"the program {argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise StepFailed(f"no answer within {timeout:.0f} s") from error
    return done.returncode, f"{done.stdout}{done.stderr}".strip()


def follow(argv: Sequence[str], directory: Path) -> int:
    """Let a program talk to the operator's terminal directly; its exit code."""
    return subprocess.run(argv, cwd=directory, check=False).returncode


def _environment() -> dict[str, str]:
    """What programs see: without the lookup password, which none needs and Compose would hand to `docker inspect`."""
    environ = {name: value for name, value in os.environ.items() if name != LOOKUP_PASSWORD}
    # Debian's service and apt helpers live in sbin; questions would wait for ever.
    path = os.pathsep.join((environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    return environ | {"DEBIAN_FRONTEND": "noninteractive", "PATH": path}


@contextlib.contextmanager
def _telling_the_file() -> Iterator[None]:
    """A full disk or a folder of somebody else is the operator's to mend, not a bug of ours."""
    try:
        yield
    except OSError as error:
        raise StepFailed(f"  {error.strerror}: {error.filename}", _AGAIN) from error


def _wait_engine(step: WaitEngine) -> None:
    deadline = time.monotonic() + step.seconds
    while connect(timeout=10) is None:
        if time.monotonic() > deadline:
            raise StepFailed(
                f"  Docker does not answer after {step.seconds} s", "`tail /var/log/docker.log` says why"
            )
        time.sleep(0.25)


@contextlib.contextmanager
def _telling_docker() -> Iterator[None]:
    try:
        yield
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise StepFailed(f"  Docker stopped answering: {error}", "`onehub doctor`") from error


def _wait_healthy(step: WaitHealthy) -> None:
    deadline = time.monotonic() + step.seconds
    with contextlib.closing(docker.from_env()) as client:
        for name in step.containers:
            while (state := _health(client, name)) != "healthy":
                if time.monotonic() > deadline:
                    raise StepFailed(f"  {name} is {state} after {step.seconds} s", f"`docker logs {name}` says why")
                time.sleep(0.25)


def _health(client: docker.DockerClient, name: str) -> str:
    try:
        state = client.api.inspect_container(name)["State"]
    except docker.errors.NotFound:
        return "gone"
    if state["Status"] != "running":
        return f"{state['Status']} (exit code {state['ExitCode']})"
    return str(state.get("Health", {}).get("Status", "without a health check"))


def _ending(returncode: int) -> str:
    if returncode < 0:
        return f"ended by signal {-returncode}"
    return f"exit code {returncode}"
