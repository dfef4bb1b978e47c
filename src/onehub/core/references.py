"""Names of images: where one comes from, and what the one that it replaces is called."""

from __future__ import annotations

import re

_KEPT = "localhost/onehub"
"""No registry answers to `localhost/`, so nobody else's image ever gets such a name."""
DISCARDED = f"{_KEPT}/discarded"
"""Images that are no longer wanted, each tagged by its id: what has this name is ours to remove."""
_DIGEST = "@sha256:"


def may_be_pulled(image: str) -> bool:
    """Whether its name says which registry it comes from.

    On Docker Hub, anybody may register a bare name like `jupyterhub-user`; what they put there must never run here.
    """
    host, slash, _ = image.partition("/")
    return bool(slash) and ("." in host or ":" in host)


def complete(image: str) -> str:
    """With the tag that Docker takes where none is said."""
    if _DIGEST in image or ":" in image.rpartition("/")[2]:
        return image
    return f"{image}:latest"


def repository(image: str) -> str:
    """Without tag and digest."""
    plain = image.partition("@")[0]
    head, slash, last = plain.rpartition("/")
    return head + slash + last.partition(":")[0]


def tag(image: str) -> str:
    """The tag or the digest, `latest` where neither is said."""
    return image.partition("@")[2] or complete(image).rpartition(":")[2]


def is_fixed(image: str) -> bool:
    """Whether the name is a digest, so that nothing else can ever have it."""
    return _DIGEST in image


def previous(image: str) -> str:
    """The name of the one that it replaced, which is kept for one rollback."""
    return _kept("previous", image)


def candidate(image: str) -> str:
    """The name of the one that will replace it, if it passes its trial."""
    return _kept("candidate", image)


def discarded(id: str) -> str:
    """The name under which an image waits for its removal."""
    return f"{DISCARDED}:{id.removeprefix('sha256:')[:12]}"


def _kept(kind: str, image: str) -> str:
    # A registry's port has no place in the middle of a name.
    return f"{_KEPT}/{kind}/{re.sub(':', '_', repository(image))}:{tag(image).removeprefix('sha256:')}"
