"""Plans for the images: pull what can be pulled, make the rest from packages, rebuild only what changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from . import names, trials
from .catalogue import memory_of
from .errors import HostNotReady
from .facts import Context, Facts
from .plan import Adopt, BuildImage, Plan, Run, Step
from .references import candidate
from .settings import Settings

_BASE_TARBALL = "/var/cache/onehub-base.tar"
"""Where only root can write, so nobody can slip another one in between making and importing it."""
_BASE_SUITE = "trixie"
_BASE_COMMAND = ("--change", 'CMD ["bash"]')
_SLIM = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)
"""What the upstream image of this name leaves out as well: a third of the size, in every image built on it."""

Contexts = Mapping[str, Context]
"""Build contexts by image folder: hub, proxy, directory, notebook, singleuser."""


def plan_services(settings: Settings, facts: Facts, contexts: Contexts) -> Plan:
    """The images of the services, the network and the data volume: the seed's `make build`."""
    tags = {service: names.SERVICE_IMAGES[service] for service in settings.services} | {"rescue": names.RESCUE_IMAGE}
    builds: list[Step] = []
    for folder, tag in tags.items():
        builds += _build(tag, contexts[folder], {}, facts, why=f"the {folder}'s image", kind=folder)
    return (*_base_if_needed(builds, facts), *builds, *plan_storage(settings, facts))


def plan_storage(settings: Settings, facts: Facts) -> Plan:
    """The network and the data volume; Compose takes both as given and so can never remove them."""
    steps: list[Step] = []
    label = ("--label", f"{names.LABEL_DEPLOYMENT}={settings.names.project}")
    if settings.names.network not in facts.networks:
        network = ("docker", "network", "create", *label, settings.names.network)
        steps.append(Run(network, "servers and hub find each other here"))
    if settings.names.data_volume not in facts.volumes:
        kind = ("--label", f"{names.LABEL_KIND}=data")
        volume = ("docker", "volume", "create", *label, *kind, settings.names.data_volume)
        steps.append(Run(volume, "the hub's database and cookie secret live here"))
    return tuple(steps)


def plan_notebook(settings: Settings, facts: Facts, contexts: Contexts, flavour: str) -> Plan:
    """The image that servers run: the seed's `make notebook_image`. Raises HostNotReady."""
    upstream = upstream_of(settings, flavour)
    steps: list[Step] = []
    if upstream in facts.images:
        base, digest = upstream, facts.images[upstream].digest or facts.images[upstream].id
    elif upstream in facts.pullable:
        base, digest = upstream, facts.pullable[upstream]
        steps.append(Run(("docker", "pull", upstream), "the notebook image of the Jupyter project"))
    else:
        if upstream.rsplit(":", 1)[0] not in names.UPSTREAM_FLAVOURS.values():
            raise HostNotReady(
                f"the image {upstream} is not on this host and no registry offers it",
                "`docker load` it, or set DOCKER_NOTEBOOK_IMAGE in .env to one that can be had",
            )
        base, digest = names.notebook_image(flavour), contexts["notebook"].digest
        why = "no registry offers one, so it is made from packages"
        builds = _build(base, contexts["notebook"], {"FLAVOUR": flavour}, facts, why=why, kind="notebook")
        steps += [*_base_if_needed(builds, facts), *builds]
    args = {"DOCKER_NOTEBOOK_IMAGE": base, "JUPYTERHUB_VERSION": settings.servers.jupyterhub_version}
    layer = Context(contexts["singleuser"].files, _digest(contexts["singleuser"].digest, digest))
    image, why = settings.servers.image, "people's servers run this"
    new = _build(image, layer, args, facts, why=why, kind="singleuser", flavour=flavour, as_name=candidate(image))
    if new:
        trial = trials.container(settings, memory_of(settings, image))
        steps += [*new, Adopt(candidate(image), image, trial, "people get it if it passes its trial")]
    return tuple(steps)


def plan_demo_notebook(settings: Settings, facts: Facts, contexts: Contexts) -> Plan:
    """The small flavour, unless an image that servers can run is there already."""
    current = facts.images.get(settings.servers.image)
    flavour = current.labels.get(names.LABEL_FLAVOUR, "minimal") if current else "minimal"
    return plan_notebook(settings, facts, contexts, flavour)


def upstream_of(settings: Settings, flavour: str) -> str:
    """What `flavour` is built on where it can be pulled; `tensorflow` is whatever DOCKER_NOTEBOOK_IMAGE says."""
    upstream = settings.servers.upstream_image
    if flavour == "tensorflow":
        return upstream
    repository, _, tag = upstream.rpartition(":")
    # The tag of somebody else's image says nothing about the Jupyter project's.
    return f"{names.UPSTREAM_FLAVOURS[flavour]}:{tag if repository in names.UPSTREAM_FLAVOURS.values() else 'latest'}"


def _build(
    tag: str,
    context: Context,
    args: Mapping[str, str],
    facts: Facts,
    *,
    why: str,
    kind: str,
    flavour: str = "",
    as_name: str = "",
) -> list[Step]:
    """Unless `tag` was built from the same; `as_name` is what the new one is called until somebody says otherwise."""
    inputs = _digest(context.digest, *(f"{name}={value}" for name, value in sorted(args.items())))
    current = facts.images.get(tag)
    if current and current.labels.get(names.LABEL_INPUTS) == inputs:
        return []
    labels = {names.LABEL_KIND: kind, names.LABEL_INPUTS: inputs}
    if flavour:
        labels[names.LABEL_FLAVOUR] = flavour
    pairs, tags = tuple(args.items()), tuple(labels.items())
    return [BuildImage(as_name or tag, context.files, pairs, tags, why, forward=facts.proxy_variables)]


def _base_if_needed(builds: list[Step], facts: Facts) -> Plan:
    if not builds or names.BASE_IMAGE in facts.images:
        return ()
    if names.BASE_IMAGE in facts.pullable:
        return (Run(("docker", "pull", names.BASE_IMAGE), "the base of our images"),)
    steps: list[Step] = []
    if not facts.has_mmdebstrap:
        steps.append(Run((*APT_INSTALL, "mmdebstrap"), "makes the base image, as no registry offers it"))
    slim = tuple(f"--dpkgopt={rule}" for rule in _SLIM)
    make = ("mmdebstrap", "--quiet", "--variant=minbase", *slim, _BASE_SUITE, _BASE_TARBALL)
    steps.append(Run(make, f"{names.BASE_IMAGE} from Debian's packages, as no registry offers it"))
    steps.append(Run(("docker", "import", *_BASE_COMMAND, _BASE_TARBALL, names.BASE_IMAGE), "the base of our images"))
    steps.append(Run(("rm", "-f", _BASE_TARBALL), "no longer needed"))
    return tuple(steps)


APT_INSTALL = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends")


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
