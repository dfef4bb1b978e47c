from __future__ import annotations

from pathlib import Path

import pytest

from onehub.core import names
from onehub.core.errors import HostNotReady
from onehub.core.facts import Context, Facts, Image
from onehub.core.images import plan_demo_notebook, plan_notebook, plan_services, plan_storage, upstream_of
from onehub.core.plan import Adopt, BuildImage, Run
from onehub.core.trials import container
from tests.unit.examples import DEMO, OWN, make_settings

FOLDERS = ("hub", "proxy", "directory", "notebook", "singleuser", "rescue", "httpd")
CONTEXTS = {folder: Context((("Dockerfile", Path(folder)),), f"digest of {folder}") for folder in FOLDERS}
CANDIDATE = "localhost/onehub/candidate/jupyterhub-user:latest"
UPSTREAM = "quay.io/jupyter/tensorflow-notebook:2025-03-14"
MINIMAL = "quay.io/jupyter/minimal-notebook:2025-03-14"
TARBALL = "/var/cache/onehub-base.tar"
EMPTY = Facts(engine="28.0.1")

PULL_BASE = Run(("docker", "pull", "debian:trixie-slim"), "the base of our images")
INSTALL_MMDEBSTRAP = Run(
    ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "mmdebstrap"),
    "makes the base image, as no registry offers it",
)
MAKE_BASE = (
    Run(
        (
            *("mmdebstrap", "--quiet", "--variant=minbase"),
            "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--dpkgopt=path-include=/usr/share/locale/locale.alias",
            "--dpkgopt=path-exclude=/usr/share/doc/*",
            "--dpkgopt=path-include=/usr/share/doc/*/copyright",
            *("trixie", TARBALL),
        ),
        "debian:trixie-slim from Debian's packages, as no registry offers it",
    ),
    Run(("docker", "import", "--change", 'CMD ["bash"]', TARBALL, "debian:trixie-slim"), "the base of our images"),
    Run(("rm", "-f", TARBALL), "no longer needed"),
)
NETWORK = Run(
    ("docker", "network", "create", "--label", "com.onehub.deployment=onehub", "jupyterhub-network"),
    "servers and hub find each other here",
)
VOLUME = Run(
    (
        *("docker", "volume", "create", "--label", "com.onehub.deployment=onehub"),
        *("--label", "com.onehub.kind=data", "jupyterhub-data"),
    ),
    "the hub's database and cookie secret live here",
)


def built(plan) -> dict[str, Image]:
    """The images on the host after the plan."""
    builds = [step for step in plan if isinstance(step, BuildImage)]
    images = {step.tag: Image(f"id of {step.tag}", dict(step.labels)) for step in builds}
    return images | {step.image: images.pop(step.candidate) for step in plan if isinstance(step, Adopt)}


def runs(plan) -> tuple[Run, ...]:
    return tuple(step for step in plan if isinstance(step, Run))


def tags(plan) -> list[str]:
    return [step.tag for step in plan if isinstance(step, BuildImage)]


@pytest.mark.parametrize(
    ("facts", "base"),
    [
        (Facts(images={names.BASE_IMAGE: Image("base")}), ()),
        (Facts(pullable={names.BASE_IMAGE: "sha256:base"}), (PULL_BASE,)),
        (Facts(has_mmdebstrap=True), MAKE_BASE),
        (Facts(), (INSTALL_MMDEBSTRAP, *MAKE_BASE)),
    ],
)
def test_the_base_is_pulled_where_a_registry_has_it_and_made_where_not(facts, base):
    plan = plan_services(OWN, facts, CONTEXTS)
    assert plan[: len(base)] == base
    assert runs(plan) == (*base, NETWORK, VOLUME)
    assert tags(plan) == [names.HUB_IMAGE, names.PROXY_IMAGE, names.RESCUE_IMAGE]


def test_only_the_demo_builds_a_directory():
    assert names.DIRECTORY_IMAGE in tags(plan_services(DEMO, EMPTY, CONTEXTS))
    assert names.DIRECTORY_IMAGE not in tags(plan_services(OWN, EMPTY, CONTEXTS))


def test_what_is_built_is_not_built_again():
    images = built(plan_services(DEMO, EMPTY, CONTEXTS))
    facts = Facts(images=images, networks=frozenset({"jupyterhub-network"}), volumes=frozenset({"jupyterhub-data"}))
    assert plan_services(DEMO, facts, CONTEXTS) == ()


def test_only_what_changed_is_built_again():
    images = built(plan_services(DEMO, EMPTY, CONTEXTS)) | {names.BASE_IMAGE: Image("base")}
    changed = CONTEXTS | {"proxy": Context(CONTEXTS["proxy"].files, "another digest")}
    assert tags(plan_services(DEMO, Facts(images=images), changed)) == [names.PROXY_IMAGE]


@pytest.mark.parametrize(
    ("networks", "volumes", "plan"),
    [
        ((), (), (NETWORK, VOLUME)),
        (("jupyterhub-network",), (), (VOLUME,)),
        ((), ("jupyterhub-data",), (NETWORK,)),
        (("bridge", "jupyterhub-network"), ("jupyterhub-data", "jupyterhub-user-ann"), ()),
    ],
)
def test_the_seeds_network_and_volume_are_adopted(networks, volumes, plan):
    assert plan_storage(OWN, Facts(networks=frozenset(networks), volumes=frozenset(volumes))) == plan


def test_a_pulled_notebook_gets_our_layer():
    pull, layer, adopt = plan_notebook(OWN, Facts(pullable={UPSTREAM: "sha256:new"}), CONTEXTS, "tensorflow")
    assert pull == Run(("docker", "pull", UPSTREAM), "the notebook image of the Jupyter project")
    assert layer == BuildImage(
        CANDIDATE,
        CONTEXTS["singleuser"].files,
        args=(("DOCKER_NOTEBOOK_IMAGE", UPSTREAM), ("JUPYTERHUB_VERSION", "6.1.1")),
        labels=layer.labels,
        why="people's servers run this",
    )
    labels = dict(layer.labels)
    assert (labels["com.onehub.kind"], labels["com.onehub.flavour"]) == ("singleuser", "tensorflow")
    trial = container(OWN, OWN.limits.memory)
    assert adopt == Adopt(CANDIDATE, "jupyterhub-user", trial, "people get it if it passes its trial")
    assert str(adopt) == f"try {CANDIDATE}, then name it jupyterhub-user"


def test_without_a_registry_the_notebook_is_made_from_packages():
    plan = plan_notebook(OWN, EMPTY, CONTEXTS, "tensorflow")
    assert runs(plan) == (INSTALL_MMDEBSTRAP, *MAKE_BASE)
    notebook, layer, _ = plan[-3:]
    assert (notebook.tag, notebook.args) == (names.notebook_image("tensorflow"), (("FLAVOUR", "tensorflow"),))
    assert notebook.why == "no registry offers one, so it is made from packages"
    assert dict(layer.args)["DOCKER_NOTEBOOK_IMAGE"] == names.notebook_image("tensorflow")


def test_a_notebook_that_is_there_is_neither_pulled_nor_built_again():
    here = {UPSTREAM: Image("1")}
    images = here | built(plan_notebook(OWN, Facts(images=here), CONTEXTS, "tensorflow"))
    assert plan_notebook(OWN, Facts(images=images), CONTEXTS, "tensorflow") == ()
    pulled = {UPSTREAM: Image("1", digest="sha256:new")}
    images = pulled | built(plan_notebook(OWN, Facts(pullable={UPSTREAM: "sha256:new"}), CONTEXTS, "tensorflow"))
    assert plan_notebook(OWN, Facts(images=images), CONTEXTS, "tensorflow") == ()
    images = built(plan_notebook(OWN, EMPTY, CONTEXTS, "minimal"))
    assert plan_notebook(OWN, Facts(images=images), CONTEXTS, "minimal") == ()


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        (OWN, Image("2")),  # the same tag, loaded anew
        (OWN, Image("2", digest="sha256:new")),  # or pulled
        (make_settings(servers={"jupyterhub_version": "6.1.0"}), Image("1")),
    ],
)
def test_a_new_upstream_or_version_renews_the_layer(settings, image):
    images = built(plan_notebook(OWN, Facts(images={UPSTREAM: Image("1")}), CONTEXTS, "tensorflow"))
    facts = Facts(images=images | {UPSTREAM: image})
    assert tags(plan_notebook(settings, facts, CONTEXTS, "tensorflow")) == [CANDIDATE]


def test_somebody_elses_image_that_cannot_be_had_is_told():
    settings = make_settings(servers={"upstream_image": "registry.example.com/lab:1"})
    with pytest.raises(HostNotReady) as caught:
        plan_notebook(settings, EMPTY, CONTEXTS, "tensorflow")
    assert str(caught.value) == "the image registry.example.com/lab:1 is not on this host and no registry offers it"
    assert caught.value.hint == "`docker load` it, or set DOCKER_NOTEBOOK_IMAGE in .env to one that can be had"


def test_proxy_variables_reach_builds_by_name_only():
    plan = plan_services(OWN, Facts(proxy_variables=("HTTPS_PROXY", "no_proxy")), CONTEXTS)
    builds = [step for step in plan if isinstance(step, BuildImage)]
    assert all(
        step.argv(Path("x"))[-5:-1] == ("--build-arg", "HTTPS_PROXY", "--build-arg", "no_proxy") for step in builds
    )


@pytest.mark.parametrize(
    ("image", "flavour", "upstream"),
    [
        (UPSTREAM, "tensorflow", UPSTREAM),
        (UPSTREAM, "minimal", MINIMAL),
        ("registry.example.com:5000/lab", "tensorflow", "registry.example.com:5000/lab"),
        ("registry.example.com:5000/lab", "minimal", "quay.io/jupyter/minimal-notebook:latest"),
        ("lab:2", "minimal", "quay.io/jupyter/minimal-notebook:latest"),
    ],
)
def test_what_a_flavour_is_built_on(image, flavour, upstream):
    assert upstream_of(make_settings(servers={"upstream_image": image}), flavour) == upstream


@pytest.mark.parametrize(
    ("labels", "notebook"), [(None, "minimal"), ({}, "minimal"), ({names.LABEL_FLAVOUR: "tensorflow"}, "tensorflow")]
)
def test_the_demo_keeps_the_flavour_that_is_there(labels, notebook):
    facts = Facts(images={} if labels is None else {"jupyterhub-user": Image("1", labels)})
    assert tags(plan_demo_notebook(DEMO, facts, CONTEXTS)) == [names.notebook_image(notebook), CANDIDATE]
