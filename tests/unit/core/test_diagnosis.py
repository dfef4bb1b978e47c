from __future__ import annotations

from dataclasses import replace

import pytest

from onehub.core import names
from onehub.core.diagnosis import Checkup, Finding, examine, worst
from onehub.core.facts import Compose, Server
from onehub.core.rehearsal import Rehearsal, Stage, settings_stages
from onehub.core.trials import Trial
from tests.unit.examples import DEMO, OWN, make_container, make_host, make_settings

WELL = Checkup(
    free_disk=100 * 1024**3,
    memory=16 * 1024**3,
    secret_modes={"secrets/ad.env": 0o600},
    exported_password=False,
    unreadable_lists=(),
    rehearsal=Rehearsal(
        (
            Stage("settings", "ok", "directory at dc1.example.com, LDAPS, port 636"),
            Stage("dns", "ok", "10.0.0.1", "dc1.example.com", 1),
            Stage("connect", "ok", "from 10.0.0.9 to 10.0.0.1", "dc1.example.com:636", 1),
            Stage("lookup account", "ok", "svc is accepted", "", 1),
        )
    ),
    image_version="6.1.1",
    trials={"user-1": Trial("jupyterhub-user", "user-1", "2026-01-01T00:00:00+00:00", "6.1.1", "6.1.1")},
)
NINE = tuple(Server(f"p{number}", f"jupyter-p{number}", "running", "jupyterhub-user") for number in range(9))
BUILT = make_host().images


def findings_besides_ok(facts, checkup=WELL, settings=OWN) -> list[Finding]:
    return [finding for finding in examine(settings, facts, checkup) if finding.level != "ok"]


def test_a_healthy_host_has_nothing_to_mend():
    assert examine(OWN, make_host(), WELL) == (
        Finding("docker", "ok", "28.0.1"),
        Finding("compose", "ok", "docker compose 2.30.0"),
        Finding("images", "ok", "hub and proxy are on this host"),
        Finding("server image", "ok", "jupyterhub-user with JupyterHub 6.1.1, the hub's version"),
        Finding("hub", "ok", "is up and healthy"),
        Finding("proxy", "ok", "is up and healthy"),
        Finding("disk", "ok", "100.0 GiB free"),
        Finding("memory", "ok", "16.0 GiB in all"),
        Finding("dns", "ok", "dc1.example.com is 10.0.0.1"),
        Finding("lookup account", "ok", "dc1.example.com answers over verified TLS and takes the lookup account"),
        Finding("file modes", "ok", "the secrets are readable for their owner alone"),
    )


def test_the_demo_has_a_directory_of_its_own_and_asks_no_dns():
    about = [finding.about for finding in examine(DEMO, make_host(DEMO), WELL)]
    assert about.count("directory") == 1
    assert "dns" not in about


@pytest.mark.parametrize(
    ("facts", "finding"),
    [
        (make_host(engine=None), Finding("docker", "problem", "no engine answers", "systemctl start docker")),
        (
            make_host(engine="19.03.15+dfsg1"),
            Finding("docker", "problem", "19.03.15+dfsg1 is older than 20.10", "upgrade Docker Engine"),
        ),
        (
            make_host(compose=None),
            Finding("compose", "problem", "is not installed", "apt-get install docker-compose"),
        ),
        (
            make_host(compose=Compose(("docker-compose",), "1.25.0")),
            Finding("compose", "problem", "1.25.0 is older than 1.29", "upgrade Compose"),
        ),
        (
            make_host(images={"jupyterhub-user": BUILT["jupyterhub-user"]}),
            Finding("images", "problem", f"not on this host: {names.HUB_IMAGE}, {names.PROXY_IMAGE}", "make build"),
        ),
        (
            make_host(images={tag: image for tag, image in BUILT.items() if tag != "jupyterhub-user"}),
            Finding("server image", "problem", "jupyterhub-user is not on this host", "make notebook_image"),
        ),
        (
            make_host(services={"hub": make_container("hub")}),
            Finding("proxy", "warning", "is not up", "onehub up"),
        ),
        (
            make_host(services=make_host().services | {"hub": make_container("hub", health="unhealthy")}),
            Finding("hub", "problem", "is unhealthy", "docker logs --tail 30 jupyterhub"),
        ),
        (
            make_host(services=make_host().services | {"proxy": make_container("proxy", state="exited", health="")}),
            Finding(
                "proxy", "problem", "is exited", "onehub up; if it ends again, docker logs --tail 30 jupyterhub-proxy"
            ),
        ),
        (
            make_host(hub_digest="old"),
            Finding("settings", "warning", "the hub runs with older ones", "onehub up"),
        ),
        (
            make_host(port_owner="another program"),
            Finding(
                "port",
                "problem",
                "8000 on 127.0.0.1 is in use by another program",
                "stop it, or set HUB_PORT in .env",
            ),
        ),
        (
            make_host(front_port_owner="8443 is in use by another program"),
            Finding(
                "front door",
                "problem",
                "port 8443 is in use by another program",
                "stop it, or set HTTPS_PORT and HTTP_PORT in .env",
            ),
        ),
        (
            make_host(servers=NINE),
            Finding(
                "memory",
                "warning",
                "2G for each server (9 now) is more than the 16.0 GiB there are",
                "lower limits.memory in onehub.toml, or stop servers",
            ),
        ),
    ],
)
def test_what_the_facts_tell(facts, finding):
    assert findings_besides_ok(facts) == [finding]


def checkup(**changes) -> Checkup:
    return replace(WELL, **changes)


@pytest.mark.parametrize(
    ("checkup", "finding"),
    [
        (
            checkup(free_disk=9 * 1024**3),
            Finding("disk", "warning", "9.0 GiB free where Docker keeps images and homes", "docker system df"),
        ),
        (
            checkup(memory=1024**3),
            Finding("memory", "warning", "1.0 GiB in all; the hub alone wants 1 GiB", "a larger machine"),
        ),
        (
            checkup(image_version=None),
            Finding(
                "server image",
                "problem",
                "jupyterhub-user has no working jupyterhub-singleuser",
                "make notebook_image",
            ),
        ),
        (
            checkup(image_version="5.3.0"),
            Finding(
                "server image",
                "problem",
                "jupyterhub-user has JupyterHub 5.3.0, the hub 6.1.1",
                "make notebook_image",
            ),
        ),
        (
            checkup(image_version="6.0.0"),
            Finding(
                "server image",
                "warning",
                "jupyterhub-user has JupyterHub 6.0.0, the hub 6.1.1; they get along",
                "make notebook_image",
            ),
        ),
        (
            checkup(secret_modes={"secrets/ad.env": 0o640, "secrets/demo-people": 0o600}),
            Finding(
                "file modes",
                "problem",
                "secrets/ad.env is readable for others (mode 0640)",
                "chmod 600 secrets/ad.env",
            ),
        ),
        (
            checkup(exported_password=True),
            Finding(
                "exports",
                "warning",
                "AD_LOOKUP_SEARCH_PASSWORD is exported: plain `docker compose` shows it in `docker inspect`",
                "put it into secrets/ad.env (mode 0600) and unset it",
            ),
        ),
        (
            checkup(unreadable_lists=("userlist",)),
            Finding(
                "file modes",
                "warning",
                "userlist is not readable for the hub, so edits wait for a restart",
                "chmod a+rX userlist",
            ),
        ),
    ],
)
def test_what_a_closer_look_tells(checkup, finding):
    assert findings_besides_ok(make_host(), checkup) == [finding]


def stage(*values: str, fix: str = "") -> Checkup:
    """All is well but for one stage."""
    return replace(WELL, rehearsal=Rehearsal((*WELL.rehearsal.stages, Stage(*values, fix=fix))))


@pytest.mark.parametrize(
    ("checkup", "finding"),
    [
        (
            stage("dns", "failed", "the name 'dc1' has no address", "dc1", fix="AD_SERVER"),
            Finding("dns", "problem", "the name 'dc1' has no address", "AD_SERVER"),
        ),
        (
            stage("connect", "warning", "dc2:636 does not answer; another server answers", "dc2:636", fix="mend it"),
            Finding("directory server", "warning", "dc2:636 does not answer; another server answers", "mend it"),
        ),
        (
            stage("tls", "warning", "12 days left", "dc1:636", fix="renew"),
            Finding("certificate", "warning", "12 days left", "renew"),
        ),
        (
            stage("lookup account", "failed", "the lookup account is refused"),
            Finding(
                "lookup account",
                "problem",
                "the lookup account is refused",
                "mend secrets/ad.env, or [directory] in onehub.toml; then onehub up",
            ),
        ),
        (
            stage("lookup account", "warning", "not asked, as the hub's image is not on this host", fix="make build"),
            Finding("lookup account", "warning", "not asked, as the hub's image is not on this host", "make build"),
        ),
        (
            stage("lock-out", "warning", "locks after 3", fix="wrong_passwords = 2"),
            Finding("lock-out", "warning", "locks after 3", "wrong_passwords = 2"),
        ),
        (
            stage("access rule", "warning", "the group 'nix' does not exist", "nix", fix="edit ad_allowed_groups"),
            Finding("groups", "problem", "the group 'nix' does not exist", "edit ad_allowed_groups"),
        ),
    ],
)
def test_what_a_rehearsal_tells(checkup, finding):
    assert findings_besides_ok(make_host(), checkup) == [finding]


def test_what_was_not_reached_is_not_told():
    assert findings_besides_ok(make_host(), stage("search base", "not reached")) == []


def test_groups_that_exist_are_a_finding_too():
    assert Finding("groups", "ok", "all groups of the access rules exist") in examine(
        OWN, make_host(), stage("access rule", "ok", "exists", "students")
    )


def test_doubtful_settings_are_told_every_time():
    templates = ("uid={username},dc=example",)
    doubtful = make_settings(directory=OWN.directory.model_dump() | {"insecure": True, "bind_templates": templates})
    rehearsal = Rehearsal((*settings_stages(doubtful.directory), *WELL.rehearsal.stages[1:]))
    findings = examine(doubtful, make_host(doubtful), replace(WELL, rehearsal=rehearsal))
    told = [(finding.about, finding.level) for finding in findings if finding.level != "ok"]
    assert told == [("directory.insecure", "warning"), ("ad_bind_dn_template", "warning")]
    answers = "dc1.example.com answers without TLS and takes the lookup account"
    assert Finding("lookup account", "ok", answers) in findings


def test_a_hub_that_does_not_tell_its_settings_is_not_called_outdated():
    assert findings_besides_ok(make_host(hub_digest=None)) == []


@pytest.mark.parametrize(
    ("levels", "gravest"),
    [((), "ok"), (("ok",), "ok"), (("ok", "warning"), "warning"), (("warning", "problem", "ok"), "problem")],
)
def test_the_gravest_finding_counts(levels, gravest):
    assert worst(Finding("x", level, "") for level in levels) == gravest


def test_images_of_profiles_and_their_trials():
    lab = "registry.example.com/lab:1"
    profiles = ({"name": "Lab", "image": lab}, {"name": "GPU", "image": "gpu"}, {"name": "Plain"})
    settings = make_settings(profile=profiles)
    failed = Trial("jupyterhub-user", "user-1", "2026-01-01T00:00:00+00:00", "6.1.1", "6.1.1", "it has no kernel")
    found = examine(settings, make_host(settings), replace(WELL, trials={"user-1": failed}))
    told = [finding for finding in found if finding.about in ("trial", "profile image")]
    again = "onehub images check jupyterhub-user, once it is mended"
    message = f"{lab} is not on this host; it is pulled when somebody needs it"
    absent = "gpu is not on this host, so it is not offered (GPU)"
    assert told == [
        Finding("trial", "problem", "jupyterhub-user is not offered: it has no kernel", again),
        Finding("profile image", "warning", message, f"onehub images pull {lab}"),
        Finding("profile image", "problem", absent, "onehub images list"),
    ]
    untried = examine(OWN, make_host(), replace(WELL, trials={}))
    assert Finding("trial", "ok", "not tried yet: jupyterhub-user", "onehub images check") in untried
