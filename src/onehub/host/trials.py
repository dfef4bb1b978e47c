"""Tries images: starts a server of one as a person's would be, without anybody's home, and lets a kernel compute."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker

from onehub.core import names
from onehub.core.causes import Evidence, diagnose
from onehub.core.errors import HostNotReady, StepFailed
from onehub.core.trials import FILE, SECONDS, Container, Trial, Trials, read_trials, tasks, verdict, write_trials

from .engine import image_details
from .files import write_atomically

_PROGRAM = Path(__file__).with_name("trial_program.py")
"""Runs in the container, by whatever Python is there; this process only reads it."""
_MARK = "onehub-trial: "
_GRACE = 20
"""Seconds after which a trial that does not end by itself is ended."""
_LOG_LINES = 50
_NOTICED_WITHIN = 5
"""Seconds."""


def kept_trials(directory: Path) -> Trials:
    """What the record says; nothing where there is none. Raises HostNotReady."""
    try:
        return read_trials((directory / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise HostNotReady(
            f"{directory / FILE} cannot be read: {error}", "remove it, then `onehub images check`"
        ) from error


def try_image(client: docker.APIClient, box: Container, image: str, id: str) -> Trial:
    """Try the image of that id, which has the name `image` or will have it."""
    details = image_details(client, id)
    with _container(client, details, box) as made:
        found = _ask(client, made)
        if found is None:
            problem = _why_it_ended(client, image, made)
            found = {"problem": problem}
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Trial(image, details["Id"], when, names.JUPYTERHUB_VERSION, found.get("jupyterhub", ""), verdict(found))


@contextlib.contextmanager
def _container(client: docker.APIClient, image: dict[str, Any], box: Container) -> Iterator[str]:
    made = client.create_container(
        image["Id"],
        command=list(box.command) or None,
        environment=dict(box.environment),
        working_dir=box.home,
        labels=dict(box.labels),
        host_config=client.create_host_config(
            network_mode="none",
            mem_limit=box.memory,
            memswap_limit=box.memory,
            pids_limit=box.processes,
            security_opt=["no-new-privileges"],
            cap_drop=["NET_RAW", "MKNOD", "AUDIT_WRITE"],
            # Nobody's home, and gone with the container; whoever the image runs as may write there.
            tmpfs={box.home: "mode=1777"},
        ),
    )
    try:
        yield str(made["Id"])
    finally:
        with contextlib.suppress(docker.errors.NotFound):
            client.remove_container(made["Id"], force=True, v=True)


def _ask(client: docker.APIClient, made: str) -> dict[str, str] | None:
    """What the program in the container found, or None where the container does not live to tell."""
    program = _PROGRAM.read_text(encoding="utf-8")
    end = threading.Timer(SECONDS + _GRACE, _end, (made,))
    end.start()
    try:
        client.start(made)
        job = client.exec_create(made, ["python3", "-c", program, tasks()])
        said = client.exec_start(job["Id"]).decode("utf-8", "replace")
    except docker.errors.APIError as error:
        # A program that is not there, or a container that has ended already: its own log says more.
        return None if error.status_code == 409 or _has_ended(client, made) else {"problem": _words(error)}
    finally:
        end.cancel()
    line = next((line for line in said.splitlines() if line.startswith(_MARK)), "")
    if line:
        found: dict[str, str] = json.loads(line.removeprefix(_MARK))
        return found
    return (
        None if _has_ended(client, made) else {"problem": f"its Python cannot run the trial: {said.strip()[-300:]}"}
    )


def _end(made: str) -> None:
    """With a client of its own: the other one waits for an answer."""
    with contextlib.closing(docker.from_env()) as client, contextlib.suppress(docker.errors.APIError):
        client.api.kill(made)


def _has_ended(client: docker.APIClient, made: str) -> bool:
    """Its end takes our program along, a moment before the engine has noticed."""
    deadline = time.monotonic() + _NOTICED_WITHIN
    while client.inspect_container(made)["State"]["Running"]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _why_it_ended(client: docker.APIClient, image: str, made: str) -> str:
    details = client.inspect_container(made)
    state, log = details["State"], client.logs(made, tail=_LOG_LINES).decode("utf-8", "replace").splitlines()
    seen = Evidence(
        image=image,
        command=" ".join(details["Config"]["Cmd"] or ()),
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        error=state["Error"],
        log=tuple(log),
    )
    last = next((line.strip() for line in reversed(log) if line.strip()), state["Error"])
    return f"{diagnose(seen).kind}: its server ended with exit code {state['ExitCode']}; last words: {last[:300]}"


def _words(error: docker.errors.APIError) -> str:
    return str(error.explanation or error)


def _without_the_gone(client: docker.APIClient, trials: Trials) -> Trials:
    """Without what was found about images that are no longer here."""
    here = {image["Id"] for image in client.images()}
    return {id: trial for id, trial in trials.items() if id in here}


def record(client: docker.APIClient, directory: Path, trial: Trial) -> None:
    """Write it down where the hub reads it. Raises StepFailed where the folder is not ours to write to."""
    trials = {**kept_trials(directory), trial.id: trial}
    try:
        write_atomically(directory / FILE, write_trials(_without_the_gone(client, trials)), 0o644)
    except OSError as error:
        raise StepFailed(
            f"{directory / FILE} cannot be written: {error.strerror}", "run onehub as its owner"
        ) from error
