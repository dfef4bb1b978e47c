"""A server is a container with the person's home volume in it.

DockerSpawner, with a queue before it, readiness noticed at once, and the evidence kept when a start fails.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import ClassVar

import docker.errors
import requests
from dockerspawner import DockerSpawner
from jupyterhub.spawner import SpawnException
from traitlets import Any, Instance, Integer, Unicode, default

from onehub.core.capacity import Capacity
from onehub.core.causes import Evidence, diagnose
from onehub.core.names import LABEL_DEPLOYMENT, LABEL_KIND, LABEL_USER

from .docker_lanes import DockerLanes
from .failures import Failures
from .identities import HomeTaken
from .ownership import Account, find_account, folder_archive, single_file
from .readiness import until_ready
from .starts import Left, NoRoom, Place, StartQueue

_LOOK_EVERY = 0.5
"""Seconds between two looks whether a container that does not answer yet still runs."""
_LOG_LINES = 200
_TELL_EVERY = 5.0
"""Seconds between two estimates on the page of somebody who waits."""
_LEAVES_AFTER = 20.0
"""Seconds that the page of somebody who waits may be away (a reload, a change of networks)."""


class NotOurs(Exception):
    """A container or volume of the name that we need belongs to something else. Nothing of it is touched."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"the {what} {name} is not this deployment's: rename it, or change the prefix in onehub.toml"
        )
        self.jupyterhub_message = f"The {what} {name} belongs to something else. Please tell the people who run this."


class Unready(Exception):
    """The container ended, or never answered."""


class ServerSpawner(DockerSpawner):
    """DockerSpawner for one host with people in it."""

    HOME: ClassVar[str] = "{home}"
    """Stands for the home volume in `volumes`."""

    lanes: ClassVar[DockerLanes | None] = None
    queue: ClassVar[StartQueue | None] = None
    owned: ClassVar[dict[str, Account]] = {}
    """Whose each home is, as far as this hub has seen to it."""
    accounts: ClassVar[dict[str, Account]] = {}
    """The user that each image, by id, runs as."""

    format_volume_name = Any()
    capacity = Instance(Capacity, config=True, help="How many servers this host starts at once and holds.")
    patience = Integer(120, config=True, help="Seconds from the turn until the server answers.")
    failures_folder = Unicode(config=True, help="Where failed starts are recorded.")
    keep_failures = Integer(14 * 24 * 3600, config=True, help="Seconds that the records are kept.")

    @default("format_volume_name")
    def _format_volume_name(self):
        return lambda template, spawner: template.replace(self.HOME, spawner.home)

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self._place: Place | None = None
        self._watchers = 0
        self._watched = False
        self._phase = "waiting for a place"
        self._phase_changed = asyncio.Event()
        self._image: dict = {}

    @property
    def home(self) -> str:
        """The name of the person's home volume: theirs for good, whatever they are called by now."""
        return self.authenticator.identities.home_of(self.user)

    @property
    def _deployment(self) -> str:
        return self.extra_create_kwargs["labels"][LABEL_DEPLOYMENT]

    # -- Docker, in threads

    def docker(self, method, *args, **kwargs):
        """Call a method of Docker's client off the event loop; slow calls keep nobody else waiting."""
        cls = type(self)
        if cls.lanes is None:
            cls.lanes = DockerLanes()
        return asyncio.wrap_future(cls.lanes.submit(method, *args, **kwargs))

    # -- starting

    async def start(self):
        """Wait for a turn, start, wait until it answers. What fails is recorded, and told in a sentence."""
        queue, begun = self._queue(), monotonic()
        self._enter("waiting for a place")
        try:
            async with queue.turn(self.mem_guarantee or 0, joined=self._joined):
                self._place = None
                async with asyncio.timeout(self.patience):
                    return await self._start_and_wait()
        except NoRoom as error:
            raise SpawnException(str(error), reason="full", status_code=503) from error
        except HomeTaken as error:
            words = "This name was somebody else's. Its owner of today must sign in before a server can start."
            raise SpawnException(words, reason="home-taken", status_code=409) from error
        except Left as error:
            words = "You left the queue. Start your server again when you want it."
            raise SpawnException(words, reason="left") from error
        except (Unready, TimeoutError, docker.errors.DockerException, requests.RequestException) as error:
            raise await self._explained(error, monotonic() - begun) from error
        finally:
            self._place = None

    async def _start_and_wait(self):
        home = asyncio.ensure_future(self._prepare_home())
        try:
            self._enter("looking for the image")
            self._home = home
            ip, port = await super().start()
            self._enter("waiting for Jupyter")
            await self._until_ready(ip, port)
        finally:
            home.cancel()
        return ip, port

    async def _until_ready(self, ip: str, port: int) -> None:
        """Raises Unready for a container that ends first."""
        ready = asyncio.ensure_future(until_ready(ip, port, f"{self.server.base_url}api"))
        try:
            while not ready.done():
                await asyncio.wait([ready], timeout=_LOOK_EVERY)
                if not ready.done() and await self.poll() is not None:
                    raise Unready("the container ended")
        finally:
            ready.cancel()

    async def get_object(self):
        """The container, if it is ours. Raises NotOurs: JupyterHub would stop and remove what it finds."""
        found = await super().get_object()
        if found and found["Config"]["Labels"].get(LABEL_DEPLOYMENT) != self._deployment:
            self.object_id = ""
            raise NotOurs("container", self.object_name)
        return found

    async def pull_image(self, image: str) -> None:
        """Look at the image, which must be here. Raises docker.errors.ImageNotFound."""
        self._image = await self.docker("inspect_image", image)

    async def get_command(self) -> list[str]:
        """The configured command, else the image's; an image may have only an entry point."""
        return (self.cmd or self._image["Config"]["Cmd"] or []) + self.get_args()

    async def create_object(self):
        """Create home and container; the home belongs to the image's user before anything runs in it."""
        self._enter("preparing your home")
        await self._home
        self._enter("making the container")
        created = await super().create_object()
        await self._own_home(created["Id"])
        return created

    async def _prepare_home(self) -> None:
        ours = {LABEL_DEPLOYMENT: self._deployment, LABEL_KIND: "home"}
        volume = await self.docker("create_volume", self.home, labels=ours | {LABEL_USER: self.user.name})
        found = volume["Labels"] or {}
        if any(found.get(label, value) != value for label, value in ours.items()):  # none: a home of the seed
            raise NotOurs("volume", self.home)

    async def _own_home(self, container: str) -> None:
        """Give the top folder of the home to the image's user; what is in it stays as it is."""
        account = await self._account(container)
        if self.owned.get(self.home) == account:
            return
        for mount in self.volume_mount_points:
            await self.docker("put_archive", container, "/", folder_archive(mount, account))
        self.owned[self.home] = account

    async def _account(self, container: str) -> Account:
        image = self._image["Id"]
        if image not in self.accounts:
            chunks, _ = await self.docker("get_archive", container, "/etc/passwd")
            user = self._image["Config"]["User"] or "0"
            self.accounts[image] = find_account(user, single_file(b"".join(chunks)))
        return self.accounts[image]

    # -- the queue, and who watches it

    def _queue(self) -> StartQueue:
        cls = type(self)
        if cls.queue is None:
            cls.queue = StartQueue(self.capacity, list)
        cls.queue.promised = self._promised
        return cls.queue

    def _promised(self) -> list[int]:
        """The memory of every server that runs or is on its way, but for this one."""
        others = (spawner for user in self.user.settings["users"].values() for spawner in user.spawners.values())
        return [other.mem_guarantee or 0 for other in others if other.active and other is not self]

    def _joined(self, place: Place) -> None:
        self._place = place

    async def progress(self) -> AsyncIterator[dict]:
        """What the page shows: the place in the queue with an honest estimate, then each phase."""
        self._watchers += 1
        self._watched = True
        try:
            shown = None
            while True:
                told = self._told()
                # Without news a bare number, which the page takes in silence: the only way to notice that it is gone.
                yield told if told != shown else {"progress": told["progress"]}
                shown = told
                await self._until_news()
        finally:
            self._watchers -= 1
            self._leaving = asyncio.ensure_future(self._leave_if_nobody_watches())

    def _told(self) -> dict:
        if self._place and (position := self._place.position):
            wait = _rounded(self._place.seconds)
            return {"progress": 5, "message": f"You are number {position} in the queue: {wait} to go."}
        done = {"looking": 20, "preparing": 30, "making": 40, "waiting for J": 60}
        percent = next((value for start, value in done.items() if self._phase.startswith(start)), 10)
        return {"progress": percent, "message": f"{self._phase[0].upper()}{self._phase[1:]} …"}

    async def _until_news(self) -> None:
        phase = asyncio.ensure_future(self._phase_changed.wait())
        moved = asyncio.ensure_future(self._queue().changed(_TELL_EVERY))
        try:
            await asyncio.wait([phase, moved], return_when=asyncio.FIRST_COMPLETED)
        finally:
            phase.cancel()
            moved.cancel()
            self._phase_changed.clear()

    def _enter(self, phase: str) -> None:
        self._phase = phase
        self._phase_changed.set()

    async def _leave_if_nobody_watches(self) -> None:
        await asyncio.sleep(_LEAVES_AFTER)
        if self._place and not self._watchers:
            self._place.leave()

    # -- why not

    async def _explained(self, error: Exception, seconds: float) -> SpawnException:
        """Keep the evidence, and say the cause in a sentence."""
        seen = await self._evidence(error, seconds)
        cause, reference = diagnose(seen), secrets.token_hex(4)
        Failures(Path(self.failures_folder), self.keep_failures).record(
            reference, self.user.name, self.name, cause, seen
        )
        self.log.error("Start of %s failed [%s]: %s; %s", self._log_name, reference, cause.kind, cause.fix)
        words = f"{cause.words} Reference: {reference}"
        return SpawnException(words, reason=cause.kind, status_code=500, log_message=f"{cause.kind} [{reference}]")

    async def _evidence(self, error: Exception, seconds: float) -> Evidence:
        command = " ".join([*self.cmd, *self.get_args()]) if self.cmd else "the image's own"
        mounts = tuple(f"{source}:{target['bind']}" for source, target in self.volume_binds.items())
        missing = isinstance(error, docker.errors.ImageNotFound)
        said = str(error) if isinstance(error, docker.errors.DockerException | requests.RequestException) else ""
        state, log = {}, ()
        if self.object_id and not missing:
            try:
                state = (await self.docker("inspect_container", self.object_id))["State"]
                raw = await self.docker("logs", self.object_id, tail=_LOG_LINES)
                log = tuple(raw.decode("utf-8", "replace").splitlines())
            except (docker.errors.DockerException, requests.RequestException) as second:
                said = said or str(second)
        return Evidence(
            image=self.image,
            missing=missing,
            command=command,
            exit_code=None if not state or state["Running"] else state["ExitCode"],
            oom_killed=bool(state.get("OOMKilled")),
            error=said or state.get("Error", ""),
            log=log,
            mounts=mounts,
            seconds=round(seconds, 1),
        )


def _rounded(seconds: float) -> str:
    """No more exact than it is: `about 20 s`, `about 3 min`."""
    if seconds < 60:
        return f"about {max(5, round(seconds / 5) * 5)} s"
    return f"about {round(seconds / 60)} min"
