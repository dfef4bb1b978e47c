"""The names of images on this host: the one people get, the one before it, and what is ours to remove."""

from __future__ import annotations

from pathlib import Path

import docker

from onehub.core.errors import OneHubError, StepFailed
from onehub.core.plan import Adopt
from onehub.core.references import DISCARDED, candidate, discarded, is_fixed, previous, repository, tag
from onehub.core.trials import Container, Trial

from .engine import image_details
from .trials import record, try_image

_AGAIN = "people keep what they had; mend the image, then repeat"


def adopt(client: docker.APIClient, directory: Path, step: Adopt) -> Trial:
    """Try the candidate, a name or an id; if it passes, it gets the image's name. Raises StepFailed if not.

    What had the name is kept for one rollback; what was kept before is removed, unless something uses it.
    """
    new = str(image_details(client, step.candidate)["Id"])
    trial = check(client, directory, step.trial, step.image, new)
    if not (trial.passed and is_fixed(step.image)):
        _discard(client, new)  # until it has the name, or for good
    if candidate(step.image) == step.candidate:
        client.remove_image(step.candidate)
    if not trial.passed:
        raise StepFailed(f"  the new {step.image} failed its trial: {trial.problem}", _AGAIN)
    give_name(client, new, step.image)
    return trial


def check(client: docker.APIClient, directory: Path, box: Container, image: str, id: str) -> Trial:
    """Try an image and write down what came of it."""
    trial = try_image(client, box, image, id)
    record(client, directory, trial)
    if trial.passed and is_fixed(image) and find(client, discarded(id)):
        client.remove_image(discarded(id))  # it failed another time
    return trial


def give_name(client: docker.APIClient, new: str, image: str) -> None:
    """Let `image` be the one of that id, and keep what it was."""
    before = find(client, image)
    if before != new and not is_fixed(image):
        if before:
            _keep(client, before, image)
        _tag(client, new, image)
    prune(client)


def roll_back(client: docker.APIClient, image: str) -> tuple[str, str]:
    """Exchange the image and the one before it; both ids, the one that people get first. Raises OneHubError."""
    before, now = find(client, previous(image)), find(client, image)
    if before is None:
        raise OneHubError(f"nothing was kept to go back to from {image}", "`onehub images list` says what was")
    if now:
        _tag(client, now, previous(image))
    else:
        client.remove_image(previous(image))
    _tag(client, before, image)
    return before, now or ""


def prune(client: docker.APIClient) -> tuple[str, ...]:
    """Remove what has our name for it and no use: no container, no other image on it. The ids that went."""
    gone = []
    for image in client.images(name=DISCARDED):
        if client.containers(all=True, filters={"ancestor": image["Id"]}):
            continue
        names = [name for name in image["RepoTags"] or () if name.startswith(DISCARDED)]
        others = [name for name in image["RepoTags"] or () if name not in names]
        try:
            if not others:
                # A pull by digest leaves a name without a tag, which would keep it for ever.
                for name in image["RepoDigests"] or ():
                    client.remove_image(name)
            for name in names:
                client.remove_image(name)
        except docker.errors.ImageNotFound:
            pass  # its last name went, and with it the image
        except docker.errors.APIError as error:
            if error.status_code != 409:
                raise
            continue
        gone.append(str(image["Id"]))
    return tuple(gone)


def find(client: docker.APIClient, image: str) -> str | None:
    """The id of the image of that name."""
    try:
        return str(image_details(client, image)["Id"])
    except docker.errors.ImageNotFound:
        return None


def _keep(client: docker.APIClient, id: str, image: str) -> None:
    older = find(client, previous(image))
    if older and older != id:
        _discard(client, older)
    _tag(client, id, previous(image))


def _discard(client: docker.APIClient, id: str) -> None:
    """To be removed at the next occasion, unless it has another name."""
    _tag(client, id, discarded(id))


def _tag(client: docker.APIClient, id: str, name: str) -> None:
    client.tag(id, repository(name), tag(name))
