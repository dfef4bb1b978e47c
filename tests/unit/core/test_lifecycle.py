from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core import names, sources
from onehub.core.errors import HostNotReady
from onehub.core.facts import Compose, Facts, Image, Server
from onehub.core.lifecycle import (
    plan_demo_files,
    plan_down,
    plan_engine,
    plan_exported,
    plan_init,
    plan_up,
    require_demo_or_nothing,
)
from onehub.core.plan import Run, WaitEngine, WaitHealthy, Write
from onehub.core.settings import load
from tests.unit.examples import DEMO, FILES, OWN, lay_out, make_container, make_host, make_settings

HERE = Path("/srv/hub")
DEBIAN_12 = Compose(("docker-compose",), "1.29.2")
COMPOSE = ("docker", "compose")
ROOT_ON_DEBIAN = Facts(can_install=True)


def wait(*containers: str) -> WaitHealthy:
    return WaitHealthy(containers, 120, "until people can sign in")


def start(*services: str, argv: tuple[str, ...] = (*COMPOSE, "up", "--detach")) -> Run:
    return Run(argv, f"start or renew {', '.join(services)}")


RESTART = Run(("docker", "restart", "jupyterhub"), "the settings changed; servers keep running")


# --- up


@pytest.mark.parametrize("settings", [OWN, DEMO])
def test_up_does_nothing_where_all_is_up(settings):
    assert plan_up(settings, make_host(settings)) == ()


def with_service(service: str, **changes):
    services = make_host().services
    return make_host(services=services | {service: replace(services[service], **changes)})


@pytest.mark.parametrize(
    ("facts", "plan"),
    [
        (
            make_host(services={}, hub_digest=None),
            (start("hub", "proxy"), wait("jupyterhub", "jupyterhub-proxy")),
        ),
        (
            make_host(services={"hub": make_container("hub")}),
            (start("proxy"), wait("jupyterhub-proxy", "jupyterhub")),
        ),
        (with_service("proxy", state="exited"), (start("proxy"), wait("jupyterhub-proxy", "jupyterhub"))),
        (
            replace(with_service("proxy", config_hash="old"), port_owner="the container jupyterhub-proxy"),
            (start("proxy"), wait("jupyterhub-proxy", "jupyterhub")),
        ),
        (with_service("hub", config_hash="old"), (start("hub"), wait("jupyterhub"))),
        (with_service("hub", image_id="old"), (start("hub"), wait("jupyterhub"))),
        (make_host(wanted_hashes={"hub": "new", "proxy": "h"}), (start("hub"), wait("jupyterhub"))),
        (make_host(hub_digest="old"), (RESTART, wait("jupyterhub"))),
        (make_host(hub_digest=None), (RESTART, wait("jupyterhub"))),
        (with_service("hub", health="starting"), (wait("jupyterhub"),)),
        (with_service("proxy", health="unhealthy"), (wait("jupyterhub-proxy"),)),
    ],
)
def test_up_does_only_what_is_missing(facts, plan):
    assert plan_up(OWN, facts) == plan


def test_up_makes_network_and_volume_first():
    plan = plan_up(OWN, make_host(networks=frozenset(), volumes=frozenset(), services={}))
    assert [step.argv[:3] for step in plan[:3] if isinstance(step, Run)] == [
        ("docker", "network", "create"),
        ("docker", "volume", "create"),
        ("docker", "compose", "up"),
    ]


def test_a_newer_image_renews_its_container_alone():
    facts = make_host()
    facts = replace(facts, images=facts.images | {names.PROXY_IMAGE: Image("proxy-2")})
    assert plan_up(OWN, facts) == (start("proxy"), wait("jupyterhub-proxy", "jupyterhub"))


def test_the_demo_starts_its_directory_with_the_compose_at_hand():
    plan = plan_up(DEMO, make_host(DEMO, services={}, compose=DEBIAN_12))
    assert plan == (
        start(
            *("hub", "proxy", "directory", "httpd"),
            argv=("docker-compose", "--profile", "demo", "--profile", "httpd", "up", "--detach"),
        ),
        wait("jupyterhub", "jupyterhub-proxy", "jupyterhub-directory", "jupyterhub-httpd"),
    )


def test_containers_are_called_after_the_hubs():
    settings = make_settings(names={"hub_container": "lab"})
    facts = make_host(settings, hub_digest="old")
    assert plan_up(settings, facts)[0] == Run(("docker", "restart", "lab"), RESTART.why)
    assert plan_up(settings, replace(facts, services={}))[-1] == wait("lab", "lab-proxy")


BUILT = make_host().images


@pytest.mark.parametrize(
    ("facts", "message", "hint"),
    [
        (
            make_host(engine=None),
            "Docker does not answer",
            "`systemctl start docker`, or `make demo` installs it",
        ),
        (
            make_host(compose=None),
            "Docker Compose is missing",
            "`apt-get install docker-compose`, or `make demo`",
        ),
        (
            make_host(images={tag: image for tag, image in BUILT.items() if tag != names.HUB_IMAGE}),
            f"the image {names.HUB_IMAGE} is not on this host",
            "`make build`",
        ),
        (
            make_host(images={tag: image for tag, image in BUILT.items() if tag != "jupyterhub-user"}),
            "the image jupyterhub-user is not on this host",
            "`make notebook_image`",
        ),
        (
            make_host(services={}, port_owner="the container web"),
            "port 8000 on 127.0.0.1 is in use by the container web",
            "stop it, or set HUB_PORT in .env",
        ),
    ],
)
def test_up_says_what_the_host_lacks(facts, message, hint):
    with pytest.raises(HostNotReady) as caught:
        plan_up(OWN, facts)
    assert (str(caught.value), caught.value.hint, caught.value.exit_code) == (message, hint, 4)


def test_a_service_that_is_no_longer_wanted_goes():
    facts = make_host()
    facts = replace(facts, services=facts.services | {"httpd": make_container("httpd")})
    (step, _) = plan_up(OWN, facts)
    why = "another Apache httpd is in front of the hub now"
    assert step == Run(("docker", "rm", "--force", "jupyterhub-httpd"), why)


def test_the_front_doors_ports_must_be_free():
    facts = replace(make_host(DEMO, services={}), front_port_owner="8443 is in use by another program")
    with pytest.raises(HostNotReady, match=r"^port 8443 is in use by another program, which the httpd service"):
        plan_up(DEMO, facts)


# --- down

ANN = Server("ann", "jupyter-ann", "running", "jupyterhub-user")
BOB = Server("bob", "jupyter-bob", "exited", "jupyterhub-user")


def test_down_stops_the_services_then_the_servers():
    assert plan_down(OWN, make_host(servers=(ANN, BOB))) == (
        Run((*COMPOSE, "--profile", "demo", "--profile", "httpd", "down"), "stop the services; every volume stays"),
        Run(("docker", "stop", "jupyter-ann", "jupyter-bob"), "let people's servers end in order"),
        Run(("docker", "rm", "--force", "jupyter-ann", "jupyter-bob"), "remove their containers; homes stay"),
    )


def test_down_does_nothing_where_nothing_runs():
    assert plan_down(OWN, make_host(services={})) == ()


@given(
    services=st.sets(st.sampled_from(names.EVERY_SERVICE)),
    servers=st.lists(st.sampled_from([ANN, BOB])).map(tuple),
    compose=st.sampled_from([DEBIAN_12, Compose(COMPOSE, "2.30.0")]),
)
def test_down_never_removes_a_volume(services, servers, compose):
    facts = make_host(services={name: make_container(name) for name in services}, servers=servers, compose=compose)
    for step in plan_down(OWN, facts):
        assert isinstance(step, Run)
        assert {"-v", "--volumes", "volume", "prune", "--rmi"}.isdisjoint(step.argv)


# --- engine


UPDATE = Run(("apt-get", "update", "--quiet"), "fresh package lists")
APT = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends")
FROM_DISTRIBUTION = "Docker from this system's packages"
ANSWERS = WaitEngine(60, "until it answers")
ALONE = (
    *("start-stop-daemon", "--start", "--oknodo", "--background", "--make-pidfile"),
    *("--pidfile", "/run/onehub-dockerd.pid", "--output", "/var/log/docker.log"),
    *("--exec", "/usr/sbin/dockerd"),
)
START = (Run(ALONE, "the engine, as there is no systemd to do it"), ANSWERS)


@pytest.mark.parametrize(
    ("facts", "plan"),
    [
        (make_host(), ()),
        (
            ROOT_ON_DEBIAN,
            (UPDATE, Run((*APT, "docker.io", "docker-compose"), FROM_DISTRIBUTION), *START),
        ),
        (replace(ROOT_ON_DEBIAN, has_dockerd=True, compose=DEBIAN_12), START),
        (
            replace(ROOT_ON_DEBIAN, has_dockerd=True, has_systemd=True, compose=DEBIAN_12),
            (Run(("systemctl", "start", "docker"), "the engine"), ANSWERS),
        ),
        (
            replace(ROOT_ON_DEBIAN, engine="20.10.5"),
            (UPDATE, Run((*APT, "docker-compose"), FROM_DISTRIBUTION)),
        ),
    ],
)
def test_the_demo_installs_only_what_is_missing(facts, plan):
    assert plan_engine(facts) == plan


@pytest.mark.parametrize(
    ("facts", "missing"),
    [(Facts(), "Docker does not answer"), (Facts(engine="28.0.1"), "Docker Compose is missing")],
)
def test_only_root_on_debian_can_have_docker_installed(facts, missing):
    with pytest.raises(HostNotReady) as caught:
        plan_engine(facts)
    assert str(caught.value) == f"{missing}, and only root on Debian or Ubuntu can have it installed from here"
    assert caught.value.hint == "install Docker Engine and Compose, start them, then try again"


# --- files


def test_init_leaves_existing_files_alone():
    files = {".env": "A=1\n", "compose.yaml": "services: {}\n"}
    assert plan_init(HERE, files, frozenset({".env"})) == (
        Write(HERE / "compose.yaml", "services: {}\n", 0o644, "a file of the deployment"),
    )
    assert plan_init(HERE, files, frozenset(files)) == ()


DEMO_FILES = {"secrets/demo-people": 0o600, "secrets/ad.env": 0o600, "userlist": 0o644, "ad_allowed_groups": 0o644}


@given(existing=st.frozensets(st.sampled_from(sorted(DEMO_FILES))))
def test_the_demo_never_overwrites_a_file(existing):
    plan = plan_demo_files(HERE, existing, lambda: "x")
    assert {str(step.path.relative_to(HERE)): step.mode for step in plan} == {
        name: mode for name, mode in DEMO_FILES.items() if name not in existing
    }


def test_the_demos_files_are_good_settings(tmp_path):
    for step in plan_demo_files(tmp_path, frozenset(), lambda: "x"):
        lay_out(tmp_path, {str(step.path.relative_to(tmp_path)): step.text})
    assert load(tmp_path, {}).is_demo


def test_every_password_of_the_demo_is_new_and_none_is_shown():
    numbers = count()
    plan = plan_demo_files(HERE, frozenset(), lambda: f"secret{next(numbers)}")
    texts = "".join(step.text for step in plan)
    assert all(texts.count(f"secret{number}") == 1 for number in range(6))
    assert "secret0" not in f"{plan} {[str(step) for step in plan]}"


@pytest.mark.parametrize("password", ["plain", "it's", "a\\'b", "x #y", 'quo"te', "$HOME", "\\"])
def test_an_exported_password_is_kept_in_a_private_file_that_reads_back(tmp_path, password):
    (step,) = plan_exported(tmp_path, password, "")
    assert (step.path, step.mode) == (tmp_path / "secrets/exported.env", 0o600)
    lay_out(tmp_path, FILES | {"secrets/exported.env": step.text})
    assert load(tmp_path, {}, kept_exports=True).directory.lookup_password.get_secret_value() == password
    assert load(tmp_path, {}).directory.lookup_password.get_secret_value() != password
    assert plan_exported(tmp_path, password, step.text) == ()


def test_a_password_that_is_no_longer_exported_is_forgotten(tmp_path):
    (step,) = plan_exported(tmp_path, "", "AD_LOOKUP_SEARCH_PASSWORD='x'\n")
    assert step.argv == ("rm", "--force", str(tmp_path / "secrets/exported.env"))


@pytest.mark.parametrize("plan", [plan_up, plan_down])
def test_a_project_of_another_directory_is_left_alone(plan):
    with pytest.raises(HostNotReady, match=r"^the project onehub runs from /srv/other, not from here$"):
        plan(OWN, replace(make_host(), other_directory="/srv/other"))


def test_the_demos_people_never_get_into_somebodys_deployment(tmp_path):
    require_demo_or_nothing(sources.read(tmp_path, {}))
    with pytest.raises(HostNotReady, match="asks the directory"):
        require_demo_or_nothing(sources.read(lay_out(tmp_path, FILES), {}))


def test_an_image_that_will_be_pulled_is_no_reason_not_to_start():
    settings = make_settings(servers={"image": "registry.example.com/lab:1"})
    images = {tag: image for tag, image in BUILT.items() if tag != "jupyterhub-user"}
    assert plan_up(settings, make_host(settings, images=images)) == ()
