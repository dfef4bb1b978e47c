"""A class of sixty: everybody signs in, starts, runs a cell, idles and stops; afterwards nothing is left over."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .deployment import TestDeployment, inspect, run
from .person import Person, wait_until

_CLASS = tuple(f"pupil{number:02}" for number in range(60))
_LATER = _CLASS[:15]
_PATIENCE = 600
"""Seconds for the last in the queue, on a machine that is busy with other things as well."""
_IDLES = 3
_SPARE = 8
"""Threads and descriptors that may come and go: kept connections, the pools' own threads."""


@pytest.fixture
def password(deployment: TestDeployment) -> Iterator[str]:
    """Of everybody in the class, who are in the directory and in an allowed group."""
    word = secrets.token_urlsafe(12)
    _to_directory(deployment, *(_entry(name, word) for name in _CLASS), _members("add"))
    # The promise for 60 at once is more than this machine may have.
    deployment.write_toml('[limits]\npromise = "128M"\n')
    deployment.onehub("up")
    yield word
    deployment.write_toml()
    deployment.onehub("up")
    _to_directory(deployment, _members("delete"))


@pytest.mark.timeout(2 * _PATIENCE)
def test_sixty_people_come_and_go_and_nothing_is_left(deployment, password):
    before = _everything(deployment)
    _hold_class(deployment, _CLASS, password)
    assert _everything(deployment) - before == {("volume", deployment.home(name)) for name in _CLASS}
    threads, files = _held_by_hub(deployment)

    _hold_class(deployment, _LATER, password)
    # Connections that are kept for the next request go by themselves.
    wait_until(lambda: _held_by_hub(deployment)[1] <= files + _SPARE, "the hub has closed what it opened")
    assert _held_by_hub(deployment)[0] <= threads + _SPARE
    log = run("docker", "logs", deployment.hub).stderr
    assert "event loop was unresponsive" not in log


def _hold_class(deployment: TestDeployment, names: Iterable[str], password: str) -> None:
    """Everybody at once; whatever goes wrong with one of them is raised."""

    def attend(name: str) -> None:
        somebody = Person(deployment.base, name)
        with somebody.client:
            assert somebody.sign_in(password).status_code == 302
            somebody.start(_PATIENCE)
            assert asyncio.run(_cell(somebody)) == "42"
            time.sleep(_IDLES)
            somebody.stop()

    people = list(names)
    with ThreadPoolExecutor(len(people)) as threads:
        for done in [threads.submit(attend, name) for name in people]:
            done.result()


async def _cell(somebody: Person) -> str:
    async with somebody.kernel() as kernel:
        return await kernel.run("6 * 7")


def _everything(deployment: TestDeployment) -> set[tuple[str, str]]:
    """What the deployment has in Docker: containers, networks and volumes, by name."""
    everything = {
        ("container", "ps", "--all", "--format", "{{.Names}}"),
        ("network", "network", "ls", "--format", "{{.Name}}"),
        ("volume", "volume", "ls", "--format", "{{.Name}}"),
    }
    ours = f"name={deployment.project}"
    return {
        (kind, name)
        for kind, *listing in everything
        for name in run("docker", *listing, "--filter", ours).stdout.split()
    }


def _held_by_hub(deployment: TestDeployment) -> tuple[int, int]:
    """Threads and open descriptors of the hub's processes, once servers that stop are gone."""
    label = f"label=com.onehub.deployment={deployment.project}"
    servers = ("docker", "ps", "--quiet", "--filter", label, "--filter", "label=com.onehub.kind=server")
    wait_until(lambda: not run(*servers).stdout.split(), "no server runs")
    processes = [Path(f"/proc/{pid}") for pid in _family(inspect("container", deployment.hub)["State"]["Pid"])]
    return (
        sum(len(list((process / "task").iterdir())) for process in processes),
        sum(len(list((process / "fd").iterdir())) for process in processes),
    )


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _to_directory(deployment: TestDeployment, *changes: str) -> None:
    """As its administrator, who is root in its container."""
    tell = ("docker", "exec", "--interactive", f"{deployment.hub}-directory", "ldapmodify", "-Q", "-Y", "EXTERNAL")
    subprocess.run([*tell, "-H", "ldapi:///"], input="\n".join(changes), text=True, check=True, capture_output=True)


def _entry(name: str, password: str) -> str:
    return (
        f"dn: uid={name},ou=people,dc=example,dc=test\nchangetype: add\nobjectClass: inetOrgPerson\n"
        f"uid: {name}\ncn: {name}\nsn: {name}\nuserPassword: {password}\n"
    )


def _members(verb: str) -> str:
    members = "".join(f"member: uid={name},ou=people,dc=example,dc=test\n" for name in _CLASS)
    return f"dn: cn=data science,ou=groups,dc=example,dc=test\nchangetype: modify\n{verb}: member\n{members}"
