from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from onehub.core import names
from onehub.core.errors import SettingsError
from onehub.core.groups import Group
from onehub.core.people import Person
from onehub.core.rehearsal import (
    Decision,
    Rehearsal,
    Request,
    Stage,
    container_argv,
    deadline,
    decide,
    lock_out_stage,
    require_groups,
    settings_stages,
)
from onehub.core.settings import Access, Directory, Settings
from onehub.core.sources import Named
from tests.unit.examples import OWN, lay_out, make_container, make_host, make_settings

SCIENCE = "cn=Data Science,ou=groups,dc=example,dc=test"
HERE = Path("/srv/hub")


def person(name: str = "bob", *groups: str) -> Person:
    return Person(name, f"uid={name},dc=example,dc=test", frozenset(Group(dn, "Data Science") for dn in groups))


def rules(**access: object) -> Settings:
    return make_settings(access=access)


# --- the decision


@pytest.mark.parametrize(
    ("settings", "who", "words"),
    [
        (rules(people=(Named("bob"),)), person(), "bob may sign in: named in userlist (not an admin)"),
        (rules(people=(Named("bob", admin=True),)), person(), "bob may sign in: named in userlist (an admin)"),
        (
            rules(allowed_groups=(SCIENCE,)),
            person("bob", SCIENCE),
            f"bob may sign in: member of {SCIENCE} (an admin only if the admin page made them one)",
        ),
        (
            rules(allowed_groups=(SCIENCE,), admin_groups=("Boss",)),
            person("bob", SCIENCE),
            f"bob may sign in: member of {SCIENCE} (not an admin)",
        ),
        (
            rules(people=(Named("alice"),)),
            person("mallory"),
            "mallory may not sign in: neither named in userlist nor in an allowed group, "
            "unless an admin added them on the admin page",
        ),
        (
            rules(people=(Named("bob"),), allowed_groups=(SCIENCE,), require="all"),
            person(),
            "bob may not sign in: not in an allowed group, and access.require is 'all'",
        ),
        (
            rules(people=(Named("bob"),), blocked=("bob",)),
            person(),
            "bob may not sign in: in access.blocked",
        ),
    ],
)
def test_the_decision_is_a_sentence(settings, who, words):
    assert str(decide(who, settings)) == words


def test_who_may_sign_in_has_a_home():
    assert decide(person("o'brien"), rules(allow_all=True)).home == "jupyterhub-user-oX27brien"
    assert decide(person("mallory"), OWN).home == ""


# --- what the settings tell


def settings_lines(**directory: object) -> list[tuple[str, str, str]]:
    values = {"server": "dc1.example.com", "lookup_user": "svc", "lookup_password": "x"} | directory
    return [(stage.level, stage.subject, stage.text) for stage in settings_stages(Directory.model_validate(values))]


@pytest.mark.parametrize(
    ("directory", "words"),
    [
        ({}, "directory at dc1.example.com, LDAPS, port 636"),
        (
            {"preset": "active-directory", "tls": "starttls", "server": "dc1 dc2"},
            "active-directory at dc1 dc2, StartTLS, port 389",
        ),
        ({"server": "_ldap._tcp.example.com"}, "directory at _ldap._tcp.example.com, LDAPS, port 636"),
        (
            {"server": "_ldap._tcp.example.com", "tls": "starttls"},
            "directory at _ldap._tcp.example.com, StartTLS, port as DNS says",
        ),
    ],
)
def test_the_settings_in_a_word(directory, words):
    assert settings_lines(**directory) == [("ok", "", words)]


def test_a_directory_without_tls_is_a_warning():
    assert settings_lines(insecure=True) == [
        ("ok", "", "directory at dc1.example.com, no TLS, port 389"),
        ("warning", "directory.insecure", "passwords travel to dc1.example.com without encryption"),
    ]


def test_bind_templates_beside_a_lookup_account_are_a_warning():
    assert settings_lines(bind_templates=("uid={username},dc=example",))[1:] == [
        (
            "warning",
            "ad_bind_dn_template",
            "there is a lookup account: the DN that it finds wins, and ad_bind_dn_template is not used",
        )
    ]
    assert len(settings_lines(bind_templates=("uid={username},dc=example",), lookup_user="")) == 1


@pytest.mark.parametrize(
    ("threshold", "own", "stage"),
    [
        (0, 4, Stage("lock-out", "ok", "the domain locks no accounts")),
        (5, 4, Stage("lock-out", "ok", "after 5 wrong passwords; the hub asks 4 times at most")),
        (
            4,
            4,
            Stage(
                "lock-out",
                "warning",
                "the domain locks an account after 4 wrong passwords (lockoutThreshold), and the hub passes 4 on: "
                "a stranger could lock people out",
                fix="directory.wrong_passwords = 3 in onehub.toml",
            ),
        ),
        (
            1,
            1,
            Stage(
                "lock-out",
                "warning",
                "the domain locks an account after 1 wrong passwords (lockoutThreshold), and the hub passes 1 on: "
                "a stranger could lock people out",
                fix="a higher lockoutThreshold",
            ),
        ),
    ],
)
def test_the_hub_must_stop_before_the_domain_locks(threshold, own, stage):
    assert lock_out_stage(threshold, own) == stage


# --- the rules' groups


def test_missing_groups_are_told_with_their_place(tmp_path):
    lay_out(tmp_path, {"ad_allowed_groups": f"# ours\n\n{SCIENCE}\n"})
    access = Access(allowed_groups=(SCIENCE, "nix"), admin_groups=("bosses",))
    rehearsal = Rehearsal(
        (
            Stage("access rule", "warning", f"the group {SCIENCE!r} does not exist", SCIENCE),
            Stage("access rule", "ok", "exists", "fine"),
            Stage("access rule", "warning", "the group 'nix' does not exist", "nix"),
            Stage("access rule", "warning", "the group 'bosses' could be any of a; b: give the DN", "bosses"),
        )
    )
    with pytest.raises(SettingsError) as error:
        require_groups(rehearsal, access, tmp_path)
    assert str(error.value) == (
        "the settings cannot be used:\n"
        f"  - ad_allowed_groups, line 3: the group {SCIENCE!r} does not exist\n"
        "  - onehub.toml: access.allowed_groups: the group 'nix' does not exist\n"
        "  - onehub.toml: access.admin_groups: the group 'bosses' could be any of a; b: give the DN"
    )
    assert error.value.hint == "correct the group, then `onehub up` again; nothing was changed"


def test_a_directory_that_does_not_answer_is_no_missing_group(tmp_path):
    silent = Rehearsal((Stage("connect", "failed", "silent"), Stage("access rule", "not reached")))
    require_groups(silent, Access(allowed_groups=("nix",)), tmp_path)


# --- the container


def test_the_container_shares_the_running_hubs_network_and_shows_no_secret():
    argv = container_argv(OWN, make_host(), HERE)
    assert argv == (
        *("docker", "run", "--rm", "--interactive", "--network", "container:jupyterhub"),
        *("--user", "65532:65532", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--tmpfs", "/tmp", "--volume", "/srv/hub:/srv/jupyterhub:ro", "--label", "com.onehub.kind=probe"),
        *("--entrypoint", "python", names.HUB_IMAGE, "-m", "onehub.hub.ask"),
    )


@pytest.mark.parametrize(
    ("changes", "network"),
    [
        (
            {"services": {"hub": make_container("hub", state="exited")}, "networks": {"onehub_default"}},
            "onehub_default",
        ),
        ({"services": {}, "networks": {"onehub_default"}}, "onehub_default"),
        ({"services": {}, "networks": {"jupyterhub-network"}}, "bridge"),
    ],
)
def test_without_a_running_hub_its_network_or_docker_s_own_will_do(changes, network):
    argv = container_argv(OWN, make_host(**changes), HERE)
    assert argv[argv.index("--network") + 1] == network


def test_the_demos_ca_is_seen_where_there_is_one():
    argv = container_argv(OWN, make_host(volumes=frozenset({"onehub_directory-ca"})), HERE)
    assert "onehub_directory-ca:/srv/directory-ca:ro" in argv


def test_every_silent_server_has_its_time():
    one, two = (Directory(server=server) for server in ("dc1", "dc1 dc2"))
    assert (deadline(one), deadline(two)) == (66, 87)


# --- in the pipe


def test_a_request_and_an_answer_survive_the_pipe():
    request = Request(OWN, "alice", SecretStr("pässword"))
    assert Request.from_json(request.to_json()) == request
    rehearsal = Rehearsal(
        (Stage("tls", "warning", "soon", "dc1:636", 12, ("chain: a ← b",), "renew"),),
        Decision("a", True, "b", None, "c"),
    )
    assert Rehearsal.from_json(rehearsal.to_json()) == rehearsal


def test_an_empty_password_stays_a_password():
    """Else it would be proven by nobody asking for it."""
    sent = Request.from_json(Request(OWN, "alice", SecretStr("")).to_json())
    assert sent.password == SecretStr("")
    assert Request.from_json(Request(OWN, "alice").to_json()).password is None


def test_a_request_shows_no_password():
    shown = repr(Request(OWN, "alice", SecretStr("opensesame")))
    assert "opensesame" not in shown
    assert "hunter2" not in shown
