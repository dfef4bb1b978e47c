"""What a server gets: groups and a choice → a profile and folders. The one judge, wherever the choice was made."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator

from .groups import Group, group_by_dn, group_reference, is_sid
from .quantities import Duration, Size
from .sections import DOCKER_NAME, Section, enough_memory

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_OURS_TO_COVER = ("/proc", "/sys", "/dev")


def _read_gpus(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    several = isinstance(value, list | tuple) and value and all(isinstance(id, str) and id for id in value)
    if not (whole or several or value == "all"):
        raise ValueError(f"{value!r} is neither a number of GPUs nor 'all' nor a list of ids like ['0', '1']")
    return tuple(value) if several else value


Gpus = Annotated[
    int | Literal["all"] | tuple[str, ...],
    BeforeValidator(_read_gpus),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"const": "all"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ],
            "examples": [1, "all", ["0", "1"]],
        }
    ),
]


def _path(value: str) -> str:
    if not value.startswith("/") or posixpath.normpath(value) != value or ":" in value or not value.isprintable():
        raise ValueError(f"{value!r} is not the path of a folder in a server (like '/srv/data')")
    if value == "/" or any(_within(value, system) for system in _NOT_OURS_TO_COVER):
        raise ValueError(f"{value!r} belongs to the system of the server")
    return value


def _group(written: str) -> str:
    reference = group_reference(written)
    if is_sid(reference):
        # The hub keeps a person's groups by DN alone, so nobody would ever be in it.
        raise ValueError(f"{reference!r} is a SID; profiles and folders take groups by DN or name")
    return reference


class Volume(Section):
    """A volume that every server of a profile has."""

    volume: str = Field(pattern=DOCKER_NAME)
    """The volume's name; made where there is none."""
    mount: str
    """Where it appears in the server."""
    read_only: bool = True
    """Whether nobody may write to it."""

    @field_validator("mount")
    @classmethod
    def _a_folder(cls, value: str) -> str:
        return _path(value)


class ProfileCulling(Section):
    """When the servers of a profile are stopped, where it is not as for all."""

    enabled: bool | None = None
    """Instead of `culling.enabled`."""
    idle: Duration | None = None
    """Instead of `culling.idle`."""
    busy: Duration | None = None
    """Instead of `culling.busy`."""


class Profile(Section):
    """A choice that people have when they start their server; with none, all servers are the same."""

    name: str = Field(pattern=r"^\S(.{0,58}\S)?$")
    """What people choose by; at most 60 characters."""
    description: str = ""
    """A sentence that helps to choose."""
    image: str = Field("", pattern=r"^([a-z0-9][A-Za-z0-9._/:@-]*)?$")
    """The image; empty: `servers.image`. Pulled if its name says a registry, else it must be on this host."""
    memory: Size | None = None
    """Instead of `limits.memory`."""
    promise: Size | None = None
    """Instead of `limits.promise`."""
    cpu: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Instead of `limits.cpu`."""
    processes: int | None = Field(None, ge=64)
    """Instead of `limits.processes`."""
    gpus: Gpus = 0
    """How many GPUs, `"all"`, or which: a list of ids. The host needs the NVIDIA container toolkit."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables of the server's environment. Not for secrets: `docker inspect` shows them."""
    volumes: tuple[Volume, ...] = ()
    """Volumes besides the home: tables with `volume`, `mount` and `read_only` (true where it is not said)."""
    allowed_groups: tuple[str, ...] = ()
    """Groups whose members are offered it, each by DN or name; none: everybody."""
    culling: ProfileCulling = Field(default_factory=ProfileCulling)
    """When an idle server of it is stopped: a table with `enabled`, `idle`, `busy`, each instead of `[culling]`'s."""
    default: bool = False
    """Chosen beforehand, and taken where nobody is asked. Otherwise that is the first that a person is offered."""

    @field_validator("memory", "promise")
    @classmethod
    def _enough(cls, value: int | None) -> int | None:
        return value if value is None else enough_memory(value)

    @field_validator("environment")
    @classmethod
    def _variables(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if not _VARIABLE.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of a variable")
        return value

    @field_validator("allowed_groups")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_group(written) for written in value)


class Folder(Section):
    """A volume that the members of groups share."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,59}$")
    """What it is called: the last part of its place in the server, and of its volume's name."""
    writers: tuple[str, ...] = ()
    """Groups whose members read and write in it, each by DN or name."""
    readers: tuple[str, ...] = ()
    """Groups whose members read in it. Who is in both may write."""
    everybody: Literal["nothing", "read", "write"] = "nothing"
    """What those may do who are in none of these groups."""
    mount: str = ""
    """Where it appears in the server; empty: in `shared` beside the home."""
    volume: str = Field("", pattern=rf"{DOCKER_NAME}|^$")
    """The volume's name; empty: the project's, `-folder-` and this one's. Made where there is none."""

    @field_validator("mount")
    @classmethod
    def _a_folder(cls, value: str) -> str:
        return value and _path(value)

    @field_validator("writers", "readers")
    @classmethod
    def _readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_group(written) for written in value)


@dataclass(frozen=True)
class Surroundings:
    """What profiles and folders must fit into: names of the deployment and the limits for all."""

    project: str
    home_mount: str
    home_prefix: str
    volumes: tuple[str, ...]
    memory: int

    def folder_mount(self, folder: Folder) -> str:
        """Where it appears."""
        return folder.mount or posixpath.join(posixpath.dirname(self.home_mount), "shared", folder.name)

    def folder_volume(self, folder: Folder) -> str:
        """The name of its volume."""
        return folder.volume or f"{self.project}-folder-{folder.name}"


@dataclass(frozen=True)
class Mount:
    """A volume at its place in a server."""

    volume: str
    path: str
    read_only: bool


@dataclass(frozen=True)
class NotOffered:
    """The choice is not theirs; `words` are for whoever made it."""

    words: str


PLAIN = Profile(name="server")
"""What everybody gets where there are no profiles."""


def offered(profiles: Iterable[Profile], groups: Iterable[str]) -> tuple[Profile, ...]:
    """The profiles that somebody in these groups (DNs, as the hub keeps them) may choose from, in the given order."""
    mine = [group_by_dn(dn) for dn in groups]
    return tuple(
        profile for profile in profiles if not profile.allowed_groups or _is_in(mine, profile.allowed_groups)
    )


def choose(profiles: Sequence[Profile], groups: Iterable[str], name: object) -> Profile | NotOffered:
    """The profile of that name if it is offered; with None the one that is chosen beforehand."""
    if not profiles and name is None:
        return PLAIN
    mine = offered(profiles, groups)
    if profiles and not mine:
        return NotOffered("You are in no group that a server is offered to. Please ask the people who run this.")
    if name is None:
        return preselected(mine)
    named = next((profile for profile in mine if profile.name == name), None)
    if named is None:
        choices = ", ".join(profile.name for profile in mine)
        instead = f"Please choose one of these: {choices}." if mine else "There is nothing to choose here."
        return NotOffered(f"The profile {str(name)[:60]!r} is not offered. {instead}")
    return named


def preselected(mine: Sequence[Profile]) -> Profile:
    """Of those that are offered, the one that is taken where nobody says which."""
    return next((profile for profile in mine if profile.default), mine[0])


def folders_of(folders: Iterable[Folder], groups: Iterable[str], around: Surroundings) -> tuple[Mount, ...]:
    """The folders that somebody in these groups has, and whether only to read."""
    mine = [group_by_dn(dn) for dn in groups]
    mounts = []
    for folder in folders:
        writes = folder.everybody == "write" or _is_in(mine, folder.writers)
        if writes or folder.everybody == "read" or _is_in(mine, folder.readers):
            mounts.append(Mount(around.folder_volume(folder), around.folder_mount(folder), read_only=not writes))
    return tuple(mounts)


def conflicts(
    profiles: Sequence[Profile], folders: Sequence[Folder], around: Surroundings
) -> Iterator[tuple[str, str]]:
    """What no single profile or folder can know: where, and what is wrong."""
    yield from _twice("profile", [profile.name for profile in profiles])
    yield from _twice("folder", [folder.name for folder in folders])
    for profile in [profile for profile in profiles if profile.default][1:]:
        yield f"profile {profile.name!r}: default", "is the second that is chosen beforehand; keep one"
    for profile in profiles:
        memory = around.memory if profile.memory is None else profile.memory
        if profile.promise is not None and profile.promise > memory:
            yield f"profile {profile.name!r}: promise", "is more than its memory, which it may not exceed"
    yield from _folder_conflicts(folders, around)
    shared = {around.folder_volume(folder): folder for folder in folders}
    places = {around.folder_mount(folder): folder for folder in folders}
    for profile in profiles:
        place = f"profile {profile.name!r}: volumes"
        for wanted in profile.volumes:
            if folder := shared.get(wanted.volume):
                # Who chooses the profile would have the folder whatever their groups are.
                yield place, f"{wanted.volume!r} is the volume of the folder {folder.name!r}"
            elif folder := places.get(wanted.mount):
                yield place, f"{wanted.mount!r} is where the folder {folder.name!r} appears"
            yield from ((place, message) for message in _volume_problems(wanted.volume, wanted.mount, around))
        for what in ("volume", "mount"):
            yield from ((place, f"{name!r} is in it twice") for name in _repeated(profile.volumes, what))


def _folder_conflicts(folders: Sequence[Folder], around: Surroundings) -> Iterator[tuple[str, str]]:
    volumes: dict[str, str] = {}
    places: dict[str, str] = {}
    for folder in folders:
        place, volume, mount = f"folder {folder.name!r}", around.folder_volume(folder), around.folder_mount(folder)
        if folder.everybody == "nothing" and not (folder.writers or folder.readers):
            yield place, "nobody would have it: name writers or readers, or say what everybody may do"
        if volumes.setdefault(volume, folder.name) != folder.name:
            yield f"{place}: volume", f"{volume!r} is the volume of the folder {volumes[volume]!r} as well"
        if places.setdefault(mount, folder.name) != folder.name:
            yield f"{place}: mount", f"{mount!r} is where the folder {places[mount]!r} appears as well"
        yield from ((place, message) for message in _volume_problems(volume, mount, around))


def _volume_problems(volume: str, mount: str, around: Surroundings) -> Iterator[str]:
    if volume in around.volumes or volume.startswith(f"{around.project}_"):
        yield f"{volume!r} is a volume of the hub or its services, which no server may see"
    elif volume.startswith(around.home_prefix):
        yield f"{volume!r} begins like a home, so it could be somebody's"
    if _within(around.home_mount, mount):
        yield f"{mount!r} would cover the home at {around.home_mount!r}"


def _twice(kind: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from (
        (f"{kind} {name!r}", "there are two of this name") for name, count in Counter(names).items() if count > 1
    )


def _repeated(volumes: Sequence[Volume], what: str) -> list[str]:
    return [name for name, count in Counter(getattr(volume, what) for volume in volumes).items() if count > 1]


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _is_in(mine: Iterable[Group], written: Sequence[str]) -> bool:
    return any(group.answers_to(rule) for group in mine for rule in written)
