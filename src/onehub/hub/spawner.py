"""A server is a container with the person's home volume in it.

DockerSpawner, with a queue before it, readiness noticed at once, and the evidence kept when a start fails.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import Future
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
from onehub.core.catalogue import fit, obstacle, uses
from onehub.core.causes import Evidence, diagnose
from onehub.core.downloads import PullFailed
from onehub.core.names import LABEL_DEPLOYMENT, LABEL_KIND, LABEL_USER
from onehub.core.profiles import Mount, NotOffered
from onehub.core.references import may_be_pulled
from onehub.core.settings import Settings
from onehub.core.trials import Trials

from .cards import cards, read_form
from .docker_lanes import DockerLanes
from .failures import Failures, bounded
from .fitness import recorded_trials
from .identities import HomeTaken
from .launch import FOLDER_MODE, FOLDER_OWNER, Launch, plan_launch
from .ownership import Account, find_account, folder_archive, single_file
from .pulls import Pull, Pulls
from .readiness import until_ready
from .rescue import plan_rescue, read_owner, run_as, wants_rescue
from .starts import Left, NoRoom, Place, StartQueue

_LOOK_EVERY = 0.5
"""Seconds between two looks whether a container that does not answer yet still runs."""
_LOG_LINES = 200
_TELL_EVERY = 5.0
"""Seconds between two estimates on the page of somebody who waits."""
_TELL_OF_PULL = 1.0
"""Likewise, of somebody whose image is on its way."""
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
    pulls: ClassVar[Pulls | None] = None
    owned: ClassVar[dict[str, Account]] = {}
    """Whose each home is, as far as this hub has seen to it."""
    accounts: ClassVar[dict[str, Account]] = {}
    """The user that each image, by id, runs as."""

    format_volume_name = Any()
    settings = Instance(Settings, (), config=True, help="The deployment's settings, for profiles and folders.")
    capacity = Instance(Capacity, config=True, help="How many servers this host starts at once and holds.")
    patience = Integer(120, config=True, help="Seconds from the turn until the server answers.")
    trials_folder = Unicode(config=True, help="Where the record of trials is.")
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
        self.profile = ""
        """Of the server that runs."""
        self.watched_state: dict = {}
        """What culling remembers of the server that runs."""
        self._ids: dict[str, str | None] = {}
        self._obstacles: dict[str, str] = {}
        self._pull: Pull | None = None
        self._place: Place | None = None
        self._watchers = 0
        self._watched = False
        self._phase = "waiting for a place"
        self._phase_changed = asyncio.Event()
        self._image: dict = {}
        self._calls: set[Future] = set()
        self._called_off = False
        self._rescues = False
        # JupyterHub writes a new choice over it before it starts anything.
        self._choice_before = self.orm_spawner.user_options if self.orm_spawner else None
        self._usual = {"host": self.extra_host_config, "create": self.extra_create_kwargs, "cmd": self.cmd}

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
        return self._answer_of(cls.lanes.submit(method, *args, **kwargs))

    def _ask(self, question):
        """As `docker`, with a function of the client."""
        return self._answer_of(type(self).lanes.ask(question))

    def _answer_of(self, call: Future) -> asyncio.Future:
        # A call that has begun goes on when nobody waits for it any more; what it makes must not be left over.
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return asyncio.wrap_future(call)

    # -- starting

    async def start(self):
        """Wait for a turn, start, wait until it answers. What fails is recorded, and told in a sentence."""
        await self._look_at_images()
        self._take_choice()
        self._require_fit()
        queue, begun = self._queue(), monotonic()
        self._enter("waiting for a place")
        try:
            await self._have_image()
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
        except (
            *(Unready, UnfitImage, PullFailed, TimeoutError),
            *(docker.errors.DockerException, requests.RequestException),
        ) as error:
            raise await self._explained(error, monotonic() - begun) from error
        except asyncio.CancelledError:
            self._called_off = True
            self._answer_whoever_waits()
            raise
        finally:
            self._place = None

    def _answer_whoever_waits(self) -> None:
        """JupyterHub would leave the request that asked for the start without any answer."""
        if self.handler and not self.handler._finished:
            error = NotStarted("The start was called off.", reason="left", status_code=409)
            self.handler.send_error(409, exc_info=(type(error), error, None))

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
        if self._rescues:
            return await self._create_rescue()
        created = await super().create_object()
        await self._own_home(created["Id"])
        await self._own_folders(created["Id"])
        return created

    async def _create_rescue(self):
        """As whoever owns the home, which stays as it is. It takes a container, never started, to see who that is."""
        looking = await super().create_object()
        home = self.volumes[self.HOME]
        owner = run_as(await self._ask(lambda client: read_owner(client, looking["Id"], home)))
        await self.docker("remove_container", looking["Id"], v=True)
        self.extra_create_kwargs = {**self.extra_create_kwargs, "user": f"{owner.uid}:{owner.gid}"}
        return await super().create_object()

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

    def template_namespace(self) -> dict[str, str]:
        """With `suffix`: what a server with a name has after the person's."""
        found = super().template_namespace()
        return found | {"suffix": f"--{found['servername']}" if found["servername"] else ""}

    # -- profiles and folders

    @property
    def _groups(self) -> list[str]:
        """The groups of whose server it is, whoever starts it; the directory was asked just now."""
        return [group.name for group in self.user.groups]

    async def get_options_form(self) -> str:
        """The cards; empty where there is nothing to choose."""
        await self._look_at_images()
        return cards(self._offerable(), self._groups, (self.orm_spawner.user_options or {}).get("profile"))

    def _take_choice(self) -> None:
        """Apply profile and folders. Raises NotStarted for a choice that is not theirs, or no longer."""
        self._rescues = wants_rescue(self.user_options)
        if self._rescues:
            # Not what somebody wants the next time as well.
            self.orm_spawner.user_options = self._choice_before
            self.db.commit()
            launch = plan_rescue(self.settings)
        else:
            launch = self._plan()
        if isinstance(launch, NotOffered):
            # Or it would be the choice of last time, and be refused for ever where nobody is asked.
            self.orm_spawner.user_options = None
            self.db.commit()
            raise NotStarted(launch.words, reason="not-offered", status_code=403)
        self.image, self.environment = launch.image, dict(launch.environment)
        self.mem_limit, self.mem_guarantee, self.cpu_limit = launch.memory, launch.promise, launch.cpu
        self.volumes = {self.HOME: self.settings.servers.home_mount, **launch.volumes}
        self.extra_host_config = {**self._usual["host"], **launch.host_config}
        self.extra_create_kwargs = self._usual["create"]
        self.cmd = None if self._rescues else self._usual["cmd"]
        self._mounts, self.profile = launch.mounts, launch.profile

    def _plan(self) -> Launch | NotOffered:
        settings, groups = self._offerable(), self._groups
        launch = plan_launch(settings, groups, self.user_options)
        if (
            isinstance(launch, NotOffered)
            and self.user_options == self._choice_before
            and not cards(settings, groups)
        ):
            # The choice of last time, and nobody was asked, as nothing is left to choose: it is nobody's mistake.
            return plan_launch(settings, groups, {})
        return launch

    def get_state(self) -> dict:
        """With what was promised: a restarted hub must still count it. And with what culling goes by."""
        return super().get_state() | {
            "promise": self.mem_guarantee,
            "profile": self.profile,
            "watched": self.watched_state,
        }

    def load_state(self, state: dict) -> None:
        """What `get_state` kept."""
        super().load_state(state)
        self.mem_guarantee = state.get("promise", self.mem_guarantee)
        self.profile, self.watched_state = state.get("profile", ""), state.get("watched", {})

    def clear_state(self) -> None:
        """The next server has no past."""
        super().clear_state()
        self.watched_state = {}

    async def own_token(self) -> str:
        """The server's own, with which it may be asked. A restarted hub finds it where the server has it.

        Raises NotOurs, DockerException.
        """
        if not self.api_token:
            found = await self.get_object()
            words = (word.partition("=") for word in (found["Config"]["Env"] if found else ()))
            self.api_token = next((value for name, _, value in words if name == "JUPYTERHUB_API_TOKEN"), "")
        return self.api_token

    # -- images

    async def _look_at_images(self) -> None:
        """Learn which are here, and which may not be offered. Where Docker does not answer, the start will say so."""
        trials = self._trials()
        self._ids, self._obstacles = {}, {}
        try:
            for image in uses(self.settings):
                self._ids[image] = await self._id_of(image)
                self._obstacles[image] = obstacle(image, self._ids[image], trials)
        except (docker.errors.DockerException, requests.RequestException) as error:
            self.log.warning("Docker cannot say which images are here: %s", error)

    async def _id_of(self, image: str) -> str | None:
        try:
            return (await self.docker("inspect_image", image))["Id"]
        except docker.errors.ImageNotFound:
            return None

    def _trials(self) -> Trials:
        try:
            return recorded_trials(Path(self.trials_folder))
        except (OSError, ValueError) as error:
            self.log.warning("The record of trials cannot be read, so every image is offered: %s", error)
            return {}

    def _offerable(self) -> Settings:
        """The settings without the profiles whose image cannot be used."""
        profiles = fit(self.settings, self.settings.profile, self._obstacles)
        return self.settings.model_copy(update={"profile": profiles})

    def _require_fit(self) -> None:
        """Raises NotStarted for an image that failed its trial; one that is missing has a cause of its own."""
        why = self._obstacles.get(self.image)
        if why and self._ids.get(self.image):
            words = (
                "The server image did not pass its trial. Please tell the people who run this service. "
                "Until then, a rescue server gets you to your files."
            )
            raise NotStarted(words, reason="image-unfit", status_code=503, log_message=f"{why}; `onehub images list`")

    async def _have_image(self) -> None:
        """Pull it if it is missing and may be pulled; before the turn, so that others start meanwhile.

        Raises PullFailed, NotStarted.
        """
        if self.image not in self._ids or self._ids[self.image] or not may_be_pulled(self.image):
            return
        cls = type(self)
        if cls.pulls is None:
            cls.pulls = Pulls(self.settings.servers.pull_patience)
        self._enter("pulling the image")
        try:
            await cls.pulls.have(self.image, self._pulls)
        finally:
            self._pull = None
        await self._look_at_images()
        self._require_fit()
        self._enter("waiting for a place")

    def _pulls(self, pull: Pull) -> None:
        self._pull = pull

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
        if self._pull:
            download = self._pull.download
            return {
                "progress": 5 + round(10 * download.share),
                "message": f"The image is being fetched, as it is not on this host yet: {download.words} …",
            }
        if self._place and (position := self._place.position):
            wait = _rounded(self._place.seconds)
            return {"progress": 5, "message": f"You are number {position} in the queue: {wait} to go."}
        done = {"looking": 20, "preparing": 30, "making": 40, "waiting for J": 60}
        percent = next((value for start, value in done.items() if self._phase.startswith(start)), 10)
        return {"progress": percent, "message": f"{self._phase[0].upper()}{self._phase[1:]} …"}

    async def _until_news(self) -> None:
        phase = asyncio.ensure_future(self._phase_changed.wait())
        moved = asyncio.ensure_future(self._queue().changed(_TELL_OF_PULL if self._pull else _TELL_EVERY))
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
        """JupyterHub stops only what runs, but a hub killed between create and start leaves a container behind.

        So does a start that is called off, where Docker was busy with it: then there may be one that runs, too.
        """
        await asyncio.gather(*map(asyncio.wrap_future, tuple(self._calls)), return_exceptions=True)
        await self._remove_dead("created", *(("running", "exited") if self._called_off else ()))
        await maybe_future(super().run_post_stop_hook())

    async def _remove_dead(self, *states: str) -> None:
        try:
            found = await self.get_object()
            if found and found["State"]["Status"] in states:
                await self.docker("remove_container", self.object_id, v=True, force=True)
                self.object_id = ""
        except (NotOurs, docker.errors.DockerException, requests.RequestException) as error:
            self.log.warning("The container of %s cannot be removed: %s", self._log_name, error)

    async def _evidence(self, error: Exception, seconds: float) -> Evidence:
        command = " ".join([*(self.cmd or self._image.get("Config", {}).get("Cmd") or ()), *self.get_args()])
        mounts = tuple(f"{source}:{target['bind']}" for source, target in self.volume_binds.items())
        missing = isinstance(error, docker.errors.ImageNotFound | PullFailed)
        told = isinstance(error, UnfitImage | docker.errors.DockerException | requests.RequestException)
        said = str(error) if told else ""
        state, log = {}, ()
        if self.object_id and not missing:
            try:
                state = (await self.docker("inspect_container", self.object_id))["State"]
                raw = await self.docker("logs", self.object_id, tail=_LOG_LINES)
                log = bounded(raw)
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
            pull=str(error) if isinstance(error, PullFailed) else "",
        )


def _rounded(seconds: float) -> str:
    """No more exact than it is: `about 20 s`, `about 3 min`."""
    if seconds < 60:
        return f"about {max(5, round(seconds / 5) * 5)} s"
    return f"about {round(seconds / 60)} min"
