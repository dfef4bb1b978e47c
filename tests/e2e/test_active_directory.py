"""A company: the real hub with a real Active Directory. People come, change and go while the hub runs."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.contract.samba import LOOKUP, PEOPLE, RunningDomain

from .deployment import TestDeployment, inspect, run
from .person import Person, wait_until

REFRESH, NOTICE = 3, 3
"""Seconds."""
PASSWORDS = {sam: person.password for sam, person in PEOPLE.items()}


@pytest.fixture(scope="module")
def company(
    deployment: TestDeployment, samba: RunningDomain, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestDeployment]:
    """A deployment of its own whose people come from the domain."""
    made = TestDeployment.create(tmp_path_factory.mktemp("company"), f"{deployment.project}-ad")
    (made.directory / "secrets" / "ad.env").write_text(
        "AD_SERVER=dc1.example.test\n"
        f"AD_LOOKUP_SEARCH_USER={LOOKUP.upn}\n"
        f"AD_LOOKUP_SEARCH_PASSWORD='{LOOKUP.password}'\n"
        "AD_SEARCH_BASE=DC=example,DC=test\n"
    )
    (made.directory / "secrets" / "ad.env").chmod(0o600)
    (made.directory / "domain-ca.pem").write_bytes(samba.ca_file.read_bytes())
    (made.directory / "domain-ca.pem").chmod(0o644)
    (made.directory / "ad_allowed_groups").write_text("Domain Users\n")
    made.write_toml(
        '[access]\nadmin_groups = ["CN=Hub Admins, OU=Groups, DC=example, DC=test"]\n'
        '[directory]\nca_file = "domain-ca.pem"\npassword_help = "https://password.example.test/"\n'
        f'refresh = "{REFRESH}s"\nnotice = "{NOTICE}s"\n'
    )
    network = f"{made.project}_default"
    try:
        # Before the hub, so that its first question finds the domain.
        run("docker", "network", "create", "--label", f"com.docker.compose.project={made.project}",
            "--label", "com.docker.compose.network=default", network)  # fmt: skip
        run("docker", "network", "connect", "--alias", "dc1.example.test", network, samba.container)
        made.onehub("up")
        yield made
    finally:
        run("docker", "network", "disconnect", "--force", network, samba.container, check=False)
        made.remove()


@pytest.fixture
def visitor(company: TestDeployment) -> Iterator[object]:
    people: list[Person] = []

    def visit(name: str) -> Person:
        people.append(Person(company.base, name))
        return people[-1]

    yield visit
    for somebody in people:
        somebody.client.close()


@pytest.fixture
def person(visitor) -> Iterator[object]:
    people: list[Person] = []

    def sign_in(sam: str) -> Person:
        somebody = visitor(sam.lower())
        people.append(somebody)
        answer = somebody.sign_in(PASSWORDS[sam], typed=sam)
        assert answer.status_code == 302, answer.text
        return somebody

    yield sign_in
    for somebody in people:
        if somebody.token:
            somebody.stop()


def told(answer: httpx.Response) -> str:
    return html.unescape(answer.text)


@pytest.mark.parametrize("typed", ["alice", "ALICE", "EXAMPLE\\alice", "alice@example.test"])
def test_the_usual_spellings_of_a_name_are_one_person(visitor, typed):
    somebody = visitor("alice")
    assert somebody.sign_in(PASSWORDS["alice"], typed=typed).status_code == 302
    user = somebody.hub("GET", "/user").json()
    assert user["name"] == "alice"
    assert "CN=Domain Users,CN=Users,DC=example,DC=test" in user["groups"]
    assert "CN=Data Science,OU=Groups,DC=example,DC=test" in user["groups"]
    assert not user["admin"]


def test_an_admin_by_group_sees_the_admin_page(person):
    assert person("ada").client.get("/hub/admin").status_code == 200


@pytest.mark.parametrize(
    ("sam", "words"),
    [
        ("disabled", "Your account is disabled."),
        ("expired", "Your account has expired."),
        ("pwexpired", "Your password has expired."),
        ("mustchange", "You must change your password"),
        ("locked", "Wrong user name or password."),
    ],
)
def test_people_read_why_and_the_operator_finds_it_by_the_reference(company, visitor, sam, words):
    answer = visitor(sam).sign_in(PASSWORDS[sam])
    assert answer.status_code == 403
    assert words in told(answer)
    assert ("https://password.example.test/" in answer.text) == (sam in ("pwexpired", "mustchange"))
    reference = answer.text.partition("Reference: ")[2][:8]
    line = next(line for line in run("docker", "logs", company.hub).stderr.splitlines() if f"[{reference}]" in line)
    assert f"Sign-in of '{sam}'" in line
    wrong = visitor(sam).sign_in("wrong")
    assert "Wrong user name or password." in told(wrong)


def test_the_home_page_warns_of_a_password_that_expires_soon(person):
    assert "Your password expires in" in person("soon").client.get("/hub/home").text
    assert "Your password expires in" not in person("alice").client.get("/hub/home").text


async def test_who_is_disabled_while_their_kernel_runs_is_out(company, samba, person):
    bob = person("Bob.Smith")
    bob.start()
    container = company.server("bob-2esmith")
    async with bob.kernel() as kernel:
        assert await kernel.run("6*7") == "42"
        samba.modify("Bob.Smith", userAccountControl="514")
        try:
            wait_until(lambda: not bob.is_signed_in(), "bob is signed out", seconds=REFRESH + 20)
            api = httpx.get(f"{company.base}/hub/api/user", headers={"Authorization": f"token {bob.token}"})
            assert api.status_code == 403, "tokens are revoked"
            gone = ("docker", "container", "inspect", container)
            wait_until(lambda: run(*gone, check=False).returncode != 0, "the server is stopped", seconds=NOTICE + 30)
            assert "Your account is disabled." in told(bob.sign_in(PASSWORDS["Bob.Smith"], typed="Bob.Smith"))
        finally:
            samba.modify("Bob.Smith", userAccountControl="512")
            bob.token = ""
    assert inspect("volume", company.home("bob.smith")), "the home stays"
    assert "bob.smith is signed out, the server stops in 3 s: the account is disabled" in company.logs()


def test_who_is_renamed_keeps_home_and_invitation_and_the_next_of_that_name_gets_neither(samba, person, visitor):
    carol = person("carol")
    carol.start()
    carol.write("mine.txt", "carol's work")
    samba.modify("carol", sAMAccountName="caroline")
    try:
        caroline = visitor("caroline")
        assert caroline.sign_in(PASSWORDS["carol"]).status_code == 302
        carol.token = ""
        caroline.start()
        assert caroline.read("mine.txt").json()["content"] == "carol's work"
        assert not carol.is_signed_in()
        samba.modify("team", sAMAccountName="carol")
        try:
            heir = visitor("carol")
            assert heir.sign_in(PASSWORDS["team"]).status_code == 302
            heir.start()
            assert heir.read("mine.txt").status_code == 404
            heir.stop()
        finally:
            samba.modify("carol", sAMAccountName="team")
        caroline.stop()
    finally:
        samba.modify("caroline", sAMAccountName="carol")


def test_an_admin_who_starts_a_server_for_the_next_of_a_name_opens_nobodys_home(company, samba, person, visitor):
    """carol leaves the name, an admin adds the new one and starts the server before they have ever signed in."""
    first = person("carol")
    first.start()
    first.write("mine.txt", "her work")
    first.stop()
    first.token = ""
    ada = person("ada")
    samba.modify("carol", sAMAccountName="john")
    samba.modify("star", sAMAccountName="carol")
    try:
        assert visitor("john").sign_in(PASSWORDS["carol"]).status_code == 302
        assert ada.hub("POST", "/users/carol").status_code == 201
        assert ada.hub("POST", "/users/carol/server", {}).status_code in (201, 202)
        homes = [mount["Name"] for mount in inspect("container", company.server("carol"))["Mounts"]]
        assert len(homes) == 1
        assert homes[0].startswith(f"{company.home('carol')}X-")
        assert visitor("carol").sign_in(PASSWORDS["star"]).status_code == 302
        wait_until(lambda: ada.hub("GET", "/users/carol").json()["servers"][""]["ready"], "the server is ready")
        ada.hub("DELETE", "/users/carol/server")
    finally:
        samba.modify("carol", sAMAccountName="star")
        samba.modify("john", sAMAccountName="carol")


def test_who_is_blocked_is_out_even_while_the_directory_is_silent(company, samba, person, visitor):
    anna = person("anna maria")
    toml = company.directory / "onehub.toml"
    before = toml.read_text()
    samba.pause()
    try:
        toml.write_text(before.replace("[access]\n", '[access]\nblocked = ["anna maria"]\n'))
        wait_until(lambda: not anna.is_signed_in(), "anna is signed out", seconds=REFRESH + 30)
    finally:
        samba.unpause()
        toml.write_text(before)
    ada = visitor("ada")
    wait_until(lambda: ada.sign_in(PASSWORDS["ada"]).status_code == 302, "the directory is asked again", seconds=20)


async def test_a_silent_directory_stops_nobody_who_is_in_and_freezes_nothing(company, samba, person, visitor):
    alice = person("alice")
    alice.start()
    slowest, over = [0.0], threading.Event()

    def ask_health() -> None:
        while not over.wait(0.05):
            begun = time.monotonic()
            assert httpx.get(f"{company.base}/hub/health", timeout=30).status_code == 200
            slowest[0] = max(slowest[0], time.monotonic() - begun)

    watcher = threading.Thread(target=ask_health)
    async with alice.kernel() as kernel:
        samba.pause()
        watcher.start()
        try:
            with ThreadPoolExecutor(20) as crowd:
                people = [visitor("ada") for _ in range(20)]
                answers = list(crowd.map(lambda somebody: somebody.sign_in(PASSWORDS["ada"]), people))
                assert await kernel.run("6*7") == "42"
            assert {answer.status_code for answer in answers} == {503}
            assert "directory does not answer" in told(answers[0])
            assert alice.is_signed_in()
        finally:
            samba.unpause()
            over.set()
            watcher.join()
    # Far below a second on an idle machine; the limit leaves room for a busy one.
    assert slowest[0] < 2
    ada = visitor("ada")
    wait_until(lambda: ada.sign_in(PASSWORDS["ada"]).status_code == 302, "the directory is asked again", seconds=20)


def test_the_metrics_tell_of_sign_ins_and_of_the_directory(company, person):
    person("ada")
    token = run("docker", "exec", company.hub, "cat", "/data/metrics_token").stdout
    text = httpx.get(f"{company.base}/hub/metrics", headers={"Authorization": f"token {token}"}).text
    for line in (
        'onehub_sign_ins_total{result="admitted"}',
        'onehub_sign_ins_total{result="disabled"}',
        'onehub_directory_seconds_count{question="sign_in"}',
        'onehub_directory_seconds_count{question="refresh"}',
        'onehub_directory_failures_total{kind="silent"}',
        'onehub_directory_server_up{server="dc1.example.test:636"} 1.0',
        "onehub_expelled_total",
    ):
        assert line in text
    assert httpx.get(f"{company.base}/hub/api/users", headers={"Authorization": f"token {token}"}).status_code == 403
