"""A server is a container with the person's home volume in it, owned by the image's user."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from typing import ClassVar

import docker.errors
from dockerspawner import DockerSpawner
from traitlets import Any, Unicode, default

from onehub.core.names import LABEL_DEPLOYMENT, LABEL_KIND, LABEL_USER


@dataclass(frozen=True)
class Account:
    """The user that an image runs as."""

    uid: int
    gid: int


class ImageMissing(Exception):
    """The configured image is not on this host. JupyterHub shows `jupyterhub_message` to the person."""

    def __init__(self, image: str) -> None:
        super().__init__(f"the image {image} is not on this host; `make notebook_image` builds it")
        self.jupyterhub_message = "The server image is not installed. Please tell the people who run this service."


class NotOurs(Exception):
    """A container or volume of the name that we need belongs to something else. Nothing of it is touched."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"the {what} {name} is not this deployment's: rename it, or change the prefix in onehub.toml"
        )
        self.jupyterhub_message = f"The {what} {name} belongs to something else. Please tell the people who run this."


class ServerSpawner(DockerSpawner):
    """DockerSpawner that prepares the home before the first start."""

    HOME: ClassVar[str] = "{home}"
    """Stands for the home volume in `volumes`."""

    home_prefix = Unicode("jupyterhub-user-", config=True, help="Home volumes are this and the person's name.")
    format_volume_name = Any()

    @default("format_volume_name")
    def _format_volume_name(self):
        return lambda template, spawner: template.replace(self.HOME, spawner.home)

    @property
    def home(self) -> str:
        """The name of the person's home volume: theirs for good, whatever they are called by now."""
        return self.authenticator.identities.home_of(self.user.name)

    @property
    def _deployment(self) -> str:
        return self.extra_create_kwargs["labels"][LABEL_DEPLOYMENT]

    async def get_object(self):
        """The container, if it is ours. Raises NotOurs: JupyterHub would stop and remove what it finds."""
        found = await super().get_object()
        if found and found["Config"]["Labels"].get(LABEL_DEPLOYMENT) != self._deployment:
            self.object_id = ""
            raise NotOurs("container", self.object_name)
        return found

    async def pull_image(self, image: str) -> None:
        """Check that the image is here. Raises ImageMissing."""
        try:
            await super().pull_image(image)
        except docker.errors.NotFound as error:
            raise ImageMissing(image) from error

    async def get_command(self) -> list[str]:
        """The configured command, else the image's; an image may have only an entry point."""
        if self.cmd:
            return self.cmd + self.get_args()
        image = await self.docker("inspect_image", self.image)
        return (image["Config"]["Cmd"] or []) + self.get_args()

    async def create_object(self):
        """Create home and container; the home belongs to the image's user before anything runs in it."""
        ours = {LABEL_DEPLOYMENT: self._deployment, LABEL_KIND: "home"}
        volume = await self.docker("create_volume", self.home, labels=ours | {LABEL_USER: self.user.name})
        found = volume["Labels"] or {}
        if any(found.get(label, value) != value for label, value in ours.items()):  # none: a home of the seed
            raise NotOurs("volume", self.home)
        created = await super().create_object()
        await self._own_home(created["Id"])
        return created

    async def _own_home(self, container: str) -> None:
        """Give the top folder of the home to the image's user; what is in it stays as it is.

        Unpacking an archive with just that folder does it without running anything in the image.
        """
        account = await self._account(container)
        for mount in self.volume_mount_points:
            await self.docker("put_archive", container, "/", _folder_archive(mount, account))

    async def _account(self, container: str) -> Account:
        details = await self.docker("inspect_container", container)
        user = details["Config"]["User"] or "0"
        chunks, _ = await self.docker("get_archive", container, "/etc/passwd")
        return find_account(user, _single_file(b"".join(chunks)))


def find_account(user: str, passwd: str) -> Account:
    """`USER` of an image (`name`, `uid` or `uid:gid`) → numbers, as Docker itself reads it.

    Raises ValueError for a name that is not in /etc/passwd.
    """
    wanted, _, group = user.partition(":")
    for line in passwd.splitlines():
        fields = line.split(":")
        if len(fields) >= 4 and wanted in (fields[0], fields[2]):
            return Account(int(fields[2]), int(group) if group.isdigit() else int(fields[3]))
    if wanted.isdigit():
        return Account(int(wanted), int(group) if group.isdigit() else 0)
    raise ValueError(f"the image wants to run as {user!r}, but its /etc/passwd does not know that user")


def _folder_archive(path: str, account: Account) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        entry.uid, entry.gid = account.uid, account.gid
        archive.addfile(entry)
    return buffer.getvalue()


def _single_file(archive: bytes) -> str:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        member = tar.extractfile(tar.getmembers()[0])
        return member.read().decode("utf-8", "replace") if member else ""
