"""Who gets in, who does not, and what they are told."""

from __future__ import annotations

import html
import json

import pytest

from .deployment import inspect, paused, run
from .person import wait_until


def told(answer) -> str:
    return html.unescape(answer.text)


def test_alice_named_in_userlist_signs_in(person):
    assert person("alice").is_signed_in()


@pytest.mark.parametrize("typed", ["Alice", "EXAMPLE\\alice", "alice@example.test"])
def test_the_usual_spellings_of_a_name_are_one_person(deployment, typed, visitor):
    somebody = visitor("alice")
    assert somebody.sign_in(deployment.passwords()["alice"], typed=typed).status_code == 302
    assert somebody.hub("GET", "/user").json()["name"] == "alice"


def test_bob_signs_in_through_a_nested_group(person):
    user = person("bob").hub("GET", "/user").json()
    assert "cn=data science,ou=groups,dc=example,dc=test" in user["groups"]


def test_mallory_is_in_the_directory_but_refused(deployment, visitor):
    answer = visitor("mallory").sign_in(deployment.passwords()["mallory"])
    assert answer.status_code == 403
    assert "your account may not use this service" in told(answer)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("nobody", "wrong"),
        ("*", "wrong"),
        ("alice)(uid=*", "wrong"),
        ("lookup", "x"),
    ],
)
def test_a_wrong_name_or_password_is_refused_in_the_same_words(deployment, name, password, visitor):
    answer = visitor(name).sign_in(password)
    assert answer.status_code == 403
    assert "Wrong user name or password." in told(answer)


def test_one_persons_password_opens_nobody_elses_account(deployment, visitor):
    assert visitor("ada").sign_in(deployment.passwords()["alice"]).status_code == 403


def test_ada_adds_a_person_on_the_admin_page_who_can_then_sign_in(deployment, person, visitor):
    ada = person("ada")
    assert ada.client.get("/hub/admin").status_code == 200
    assert ada.hub("POST", "/users/mallory").status_code == 201
    try:
        mallory = person("mallory")
        assert mallory.is_signed_in()
        assert mallory.client.get("/hub/admin").status_code == 403
        # … and still can at the next time, and after a restart of the hub.
        assert person("mallory").is_signed_in()
    finally:
        assert ada.hub("DELETE", "/users/mallory").status_code == 204
    answer = visitor("mallory").sign_in(deployment.passwords()["mallory"])
    assert answer.status_code == 403


def test_an_edit_of_userlist_takes_effect_at_the_next_sign_in(deployment, person, visitor):
    userlist = deployment.directory / "userlist"
    before, started = userlist.read_text(), inspect("container", deployment.hub)["State"]["StartedAt"]
    try:
        userlist.write_text(before + "mallory admin\r\n")
        assert person("mallory").client.get("/hub/admin").status_code == 200
        userlist.write_text(before + "a broken line here\n")
        assert person("mallory").is_signed_in(), "the last good list holds"
        userlist.write_text(before)
        answer = visitor("mallory").sign_in(deployment.passwords()["mallory"])
        assert answer.status_code == 403
    finally:
        userlist.write_text(before)
        person("ada").hub("DELETE", "/users/mallory")
    assert inspect("container", deployment.hub)["State"]["StartedAt"] == started


def test_a_dead_directory_is_not_a_wrong_password_and_stops_nobody_else(deployment, person, visitor):
    alice = person("alice")
    with paused(f"{deployment.hub}-directory"):
        answer = visitor("bob").sign_in(deployment.passwords()["bob"])
        assert answer.status_code == 503
        assert "directory does not answer" in told(answer)
        assert alice.is_signed_in()
    bob, password = visitor("bob"), deployment.passwords()["bob"]
    wait_until(lambda: bob.sign_in(password).status_code == 302, "the directory is asked again", seconds=15)


def test_the_clients_address_is_apaches_word_and_nobody_elses(deployment, visitor):
    somebody = visitor("mallory")
    # Apache appends the client to what the client itself may have sent; the proxy adds Apache's own address.
    somebody.client.headers["X-Forwarded-For"] = "203.0.113.9, 198.51.100.7"
    somebody.client.headers["X-Real-Ip"] = "203.0.113.8"
    reference = somebody.sign_in("wrong").text.partition("Reference: ")[2][:8]
    line = next(
        line for line in run("docker", "logs", deployment.hub).stderr.splitlines() if f"[{reference}]" in line
    )
    assert "from 198.51.100.7 refused" in line


def test_three_wrong_passwords_of_a_stranger_lock_nobody_out(deployment, visitor):
    stranger, carol = visitor("carol"), visitor("carol")
    stranger.client.headers["X-Forwarded-For"] = "198.51.100.66"
    carol.client.headers["X-Forwarded-For"] = "198.51.100.200"
    statuses = [stranger.sign_in("wrong").status_code for _ in range(5)]
    assert statuses == [403, 403, 403, 429, 429]
    assert "Too many wrong passwords for this name." in told(stranger.sign_in("wrong"))
    assert carol.sign_in(deployment.passwords()["carol"]).status_code == 302


def test_a_huge_form_is_refused_before_the_hub_holds_it(deployment, visitor):
    somebody = visitor("alice")
    answer = somebody.client.post("/hub/login", data={"username": "alice", "password": "x" * 2_000_000})
    assert answer.status_code == 413


def test_a_password_buys_no_token_behind_the_login_page(deployment, visitor):
    body = {"auth": {"username": "ada", "password": deployment.passwords()["ada"]}}
    answer = visitor("ada").client.post("/hub/api/users/alice/tokens", json=body)
    assert answer.status_code == 403


def test_the_lookup_password_is_nowhere_but_in_its_file(deployment):
    line = next(
        line
        for line in (deployment.directory / "secrets" / "ad.env").read_text().splitlines()
        if line.startswith("AD_LOOKUP_SEARCH_PASSWORD=")
    )
    secret = line.partition("=")[2]
    assert secret
    assert secret not in json.dumps(inspect("container", deployment.hub))
    assert secret not in deployment.logs()
    assert secret not in deployment.onehub("config", "show").stdout
    assert secret not in run("docker", "exec", deployment.hub, "sh", "-c", "cat /proc/[0-9]*/cmdline").stdout
    # The hub's user cannot read the deployment's secrets; what it needs, it holds in memory.
    reading = ("docker", "exec", "--user", "65532", deployment.hub, "cat", "/srv/jupyterhub/secrets/ad.env")
    assert run(*reading, check=False).returncode != 0


def test_the_hub_runs_as_its_own_user_without_capabilities(deployment):
    find = "grep -l '^Name:.jupyterhub' /proc/[0-9]*/status"
    processes = run("docker", "exec", deployment.hub, "sh", "-c", find).stdout
    assert processes
    for path in processes.split():
        status = run("docker", "exec", deployment.hub, "cat", path).stdout
        fields = dict(line.split(":\t", 1) for line in status.splitlines())
        assert fields["Uid"].split() == ["65532"] * 4
        assert int(fields["CapEff"], 16) == 0
