"""The images of a deployment: who uses which, and which may be offered.

An image may be offered unless there is an obstacle: it is not here and its name says no registry, or it failed its
trial. One that was never tried is offered: an operator may build by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .facts import Image
from .profiles import Profile
from .references import complete, may_be_pulled, previous
from .settings import Settings
from .trials import Trial, Trials

DEFAULT = "default"
"""What uses the image of all who choose no other."""


@dataclass(frozen=True)
class Entry:
    """One image. `here` is None where it is not on this host, `previous` empty where there is no way back."""

    image: str
    used_by: tuple[str, ...]
    here: Image | None
    trial: Trial | None
    previous: str

    @property
    def obstacle(self) -> str:
        """Why it is not offered."""
        return obstacle(
            self.image, self.here.id if self.here else None, {self.trial.id: self.trial} if self.trial else {}
        )


def uses(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Each image with those who use it: `default`, and names of profiles."""
    plain = () if settings.profile and all(profile.image for profile in settings.profile) else (DEFAULT,)
    found: dict[str, tuple[str, ...]] = {settings.servers.image: plain} if plain else {}
    for profile in settings.profile:
        image = image_of(settings, profile)
        found[image] = (*found.get(image, ()), profile.name)
    return found


def image_of(settings: Settings, profile: Profile) -> str:
    """What its servers run."""
    return profile.image or settings.servers.image


def memory_of(settings: Settings, image: str) -> int:
    """The most that a server of the image may have."""
    profiles = [profile for profile in settings.profile if image_of(settings, profile) == image]
    return max([profile.memory or settings.limits.memory for profile in profiles] or [settings.limits.memory])


def catalogue(settings: Settings, images: Mapping[str, Image], trials: Trials) -> tuple[Entry, ...]:
    """Every image of the deployment; `images` are those on the host, by name."""
    entries = []
    for image, users in uses(settings).items():
        here = images.get(image) or images.get(complete(image))
        kept = images.get(previous(image))
        trial = trials.get(here.id) if here else next((t for t in trials.values() if t.image == image), None)
        entries.append(Entry(image, users, here, trial, kept.id if kept else ""))
    return tuple(entries)


def obstacle(image: str, id: str | None, trials: Trials) -> str:
    """Why an image is not offered, empty if it is; `id` is that of the image on this host, if there is one."""
    if id is None:
        return "" if may_be_pulled(image) else f"the image {image} is not on this host"
    trial = trials.get(id)
    return f"the image {image} failed its trial: {trial.problem}" if trial and not trial.passed else ""


def fit(settings: Settings, profiles: Sequence[Profile], obstacles: Mapping[str, str]) -> tuple[Profile, ...]:
    """The profiles without an obstacle. Where all have one, all: the start says what is wrong."""
    free = tuple(profile for profile in profiles if not obstacles.get(image_of(settings, profile)))
    return free or tuple(profiles)


def missing(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Those that are not on this host."""
    return tuple(entry for entry in entries if entry.here is None)
