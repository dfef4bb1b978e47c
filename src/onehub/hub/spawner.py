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
from jupyterhub.utils import maybe_future
from traitlets import Any, Instance, Integer, Unicode, default

from onehub.core.capacity import Capacity
from onehub.core.causes import Evidence, diagnose
from onehub.core.names import LABEL_DEPLOYMENT, LABEL_KIND, LABEL_USER
from onehub.core.profiles import Mount, NotOffered
from onehub.core.settings import Settings

from .cards import cards, read_form
from .docker_lanes import DockerLanes
from .failures import Failures
from .identities import HomeTaken
from .launch import FOLDER_MODE, FOLDER_OWNER, plan_launch
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


class UnfitImage(Exception):
    """The image cannot be run as it is; the text says why."""


class NotStarted(SpawnException):
    """A start that ended in words for the person, by the API, on the progress page and on the page after it."""

    def __init__(self, words: str, **kwargs) -> None:
        super().__init__(words, **kwargs)
        self.jupyterhub_message = words


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
    settings = Instance(Settings, (), config=True, help="The deployment's settings, for profiles and folders.")
    capacity = Instance(Capacity, config=True, help="How many servers this host starts at once and holds.")
    patience = Integer(120, config=True, help="Seconds from the turn until the server answers.")
    failures_folder = Unicode(config=True, help="Where failed starts are recorded.")
    keep_failures = Integer(14 * 24 * 3600, config=True, help="Seconds that the records are kept.")

    @default("format_volume_name")
    def _format_volume_name(self):
        return lambda template, spawner: template.replace(self.HOME, spawner.home)

    @default("options_from_form")
    def _options_from_form(self):
        return read_form

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self._mounts: tuple[Mount, ...] = ()
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
        self._take_choice()
        queue, begun = self._queue(), monotonic()
        self._enter("waiting for a place")
        try:
            async with queue.turn(self.mem_guarantee or 0, joined=self._joined):
                self._place = None
                async with asyncio.timeout(self.patience):
                    return await self._start_and_wait()
        except NoRoom as error:
            raise NotStarted(str(error), reason="full", status_code=503) from error
        except HomeTaken as error:
            words = "This name was somebody else's. Its owner of today must sign in before a server can start."
            raise NotStarted(words, reason="home-taken", status_code=409) from error
        except Left as error:
            words = "You left the queue. Start your server again when you want it."
            raise NotStarted(words, reason="left") from error
        except (Unready, UnfitImage, TimeoutError, docker.errors.DockerException, requests.RequestException) as error:
            raise await self._explained(error, monotonic() - begun) from error
        finally:
            self._place = None

    async def _start_and_wait(self):
        home = asyncio.ensure_future(self._prepare_volumes())
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
        await self._own_folders(created["Id"])
        return created

    async def _prepare_volumes(self) -> None:
        await self._prepare_volume(self.home, "home", {LABEL_USER: self.user.name})
        self._to_own = [mount for mount in self._mounts if await self._prepare_volume(mount.volume, "folder")]

    async def _prepare_volume(self, name: str, kind: str, more: dict[str, str] | None = None) -> bool:
        """Make it if there is none; whether it was made by us, then or now. Raises NotOurs."""
        ours = {LABEL_DEPLOYMENT: self._deployment, LABEL_KIND: kind}
        volume = await self.docker("create_volume", name, labels=ours | (more or {}))
        found = volume["Labels"] or {}
        if any(found.get(label, value) != value for label, value in ours.items()):
            raise NotOurs("volume", name)
        return LABEL_KIND in found  # not: a home of the seed, or an operator's own volume

    async def _own_home(self, container: str) -> None:
        """Give the top folder of the home to the image's user; what is in it stays as it is."""
        account = await self._account(container)
        if self.owned.get(self.home) == account:
            return
        await self.docker("put_archive", container, "/", folder_archive(self.volumes[self.HOME], account))
        self.owned[self.home] = account

    async def _own_folders(self, container: str) -> None:
        """Let the group write to the folders that we made; an operator's own volumes stay as they are."""
        for mount in self._to_own:
            if not mount.read_only and self.owned.get(mount.volume) != FOLDER_OWNER:
                folder = folder_archive(mount.path, FOLDER_OWNER, FOLDER_MODE)
                await self.docker("put_archive", container, "/", folder)
                self.owned[mount.volume] = FOLDER_OWNER

    async def _account(self, container: str) -> Account:
        image = self._image["Id"]
        if image not in self.accounts:
            chunks, _ = await self.docker("get_archive", container, "/etc/passwd")
            user = self._image["Config"]["User"] or "0"
            try:
                self.accounts[image] = find_account(user, single_file(b"".join(chunks)))
            except ValueError as error:
                raise UnfitImage(str(error)) from error
        return self.accounts[image]

    # -- profiles and folders

    @property
    def _groups(self) -> list[str]:
        """The groups of whose server it is, whoever starts it; the directory was asked just now."""
        return [group.name for group in self.user.groups]

    async def get_options_form(self) -> str:
        """The cards; empty where there is nothing to choose."""
        return cards(self.settings, self._groups, (self.orm_spawner.user_options or {}).get("profile"))

    def _take_choice(self) -> None:
        """Apply profile and folders. Raises NotStarted for a choice that is not theirs, or no longer."""
        launch = plan_launch(self.settings, self._groups, self.user_options)
        if isinstance(launch, NotOffered):
            # Or it would be the choice of last time, and be refused for ever where nobody is asked.
            self.orm_spawner.user_options = None
            self.db.commit()
            raise NotStarted(launch.words, reason="not-offered", status_code=403)
        self.image, self.environment = launch.image, dict(launch.environment)
        self.mem_limit, self.mem_guarantee, self.cpu_limit = launch.memory, launch.promise, launch.cpu
        self.volumes = {self.HOME: self.settings.servers.home_mount, **launch.volumes}
        self.extra_host_config = {**self.extra_host_config, **launch.host_config}
        self._mounts = launch.mounts

    def get_state(self) -> dict:
        """With what was promised: a restarted hub must still count it."""
        return super().get_state() | {"promise": self.mem_guarantee}

    def load_state(self, state: dict) -> None:
        """What `get_state` kept."""
        super().load_state(state)
        self.mem_guarantee = state.get("promise", self.mem_guarantee)

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

    async def _explained(self, error: Exception, seconds: float) -> NotStarted:
        """Keep the evidence, and say the cause in a sentence. What is left of a dead container goes."""
        seen = await self._evidence(error, seconds)
        cause, reference = diagnose(seen), secrets.token_hex(4)
        try:
            Failures(Path(self.failures_folder), self.keep_failures).record(
                reference, self.user.name, self.name, cause, seen
            )
        except OSError as unwritten:
            self.log.error("The start [%s] that failed could not be recorded: %s", reference, unwritten)
        else:
            await self._remove_dead("created", "exited", "dead")
        self.log.error("Start of %s failed [%s]: %s; %s", self._log_name, reference, cause.kind, cause.fix)
        words = f"{cause.words} Reference: {reference}"
        return NotStarted(words, reason=cause.kind, status_code=500, log_message=f"{cause.kind} [{reference}]")

    async def get_url(self) -> str:
        """Where a running server is: a hub that is killed while it starts has never heard."""
        try:
            found = await self.get_object()
        except (docker.errors.DockerException, requests.RequestException):
            found = None
        networks = found["NetworkSettings"]["Networks"] if found else {}
        ip = networks.get(self.network_name, {}).get("IPAddress")
        return f"http://{ip}:{self.port}{self.server.base_url}" if ip else await super().get_url()

    async def run_post_stop_hook(self):
        """JupyterHub stops only what runs, but a hub killed between create and start leaves a container behind."""
        await self._remove_dead("created")
        await maybe_future(super().run_post_stop_hook())

    async def _remove_dead(self, *states: str) -> None:
        try:
            found = await self.get_object()
            if found and found["State"]["Status"] in states:
                await self.remove_object()
                self.object_id = ""
        except (NotOurs, docker.errors.DockerException, requests.RequestException) as error:
            self.log.warning("The container of %s cannot be removed: %s", self._log_name, error)

    async def _evidence(self, error: Exception, seconds: float) -> Evidence:
        command = " ".join([*(self.cmd or self._image.get("Config", {}).get("Cmd") or ()), *self.get_args()])
        mounts = tuple(f"{source}:{target['bind']}" for source, target in self.volume_binds.items())
        missing = isinstance(error, docker.errors.ImageNotFound)
        told = isinstance(error, UnfitImage | docker.errors.DockerException | requests.RequestException)
        said = str(error) if told else ""
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
