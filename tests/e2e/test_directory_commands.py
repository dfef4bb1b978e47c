"""`onehub directory test` and `onehub access explain`, with and without a running hub."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .deployment import ONEHUB, TestDeployment, inspect, paused, run
from .person import wait_until

PROBE = ("--filter", "label=com.onehub.kind=probe")


def ask(folder: Path, *words: str, said: str = "") -> subprocess.CompletedProcess:
    """The installed command, with something on its stdin."""
    return subprocess.run([ONEHUB, *words], cwd=folder, input=said, capture_output=True, text=True, timeout=120)


def stages(done: subprocess.CompletedProcess) -> dict[str, dict]:
    return {stage["about"]: stage for stage in json.loads(done.stdout)["stages"]}


def test_the_right_password_goes_all_the_way(deployment):
    said = f"{deployment.passwords()['alice']}\n"
    done = ask(deployment.directory, "directory", "test", "alice", "--password-stdin", "--json", said=said)
    assert (done.returncode, done.stderr) == (0, "")
    told = stages(done)
    assert {stage["level"] for stage in told.values()} == {"ok"}
    assert told["settings"]["text"] == "directory at directory, LDAPS, port 636"
    assert told["tls"]["details"] == ["chain: 'directory' ← 'onehub demo directory CA'"]
    assert told["password"]["text"] == "right"
    assert json.loads(done.stdout)["decision"] == {
        "name": "alice",
        "allowed": True,
        "because": "named in userlist",
        "admin": False,
        "home": deployment.home("alice"),
    }


def test_a_wrong_password_is_refused(deployment):
    done = ask(deployment.directory, "directory", "test", "alice", "--password-stdin", said="wrong\n")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: alice may not sign in: wrong password"
    assert "FAILED" in done.stdout
    assert "wrong password: invalidCredentials" in done.stdout


def test_the_way_through_a_group_is_shown(deployment):
    done = ask(deployment.directory, "directory", "test", "bob", "--json")
    assert done.returncode == 0
    assert stages(done)["groups"]["details"] == ["data science ← students", "students"]
    group = "cn=data science,ou=groups,dc=example,dc=test"
    assert ask(deployment.directory, "access", "explain", "bob").stdout == (
        f"bob may sign in: member of {group} (an admin only if the admin page made them one)\n"
    )


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("ada", 0, "ada may sign in: named in userlist (an admin)\n"),
        (
            "mallory",
            1,
            "mallory may not sign in: neither named in userlist nor in an allowed group, "
            "unless an admin added them on the admin page\n",
        ),
        ("nobody", 1, "nobody may not sign in: no account has this login name\n"),
    ],
)
def test_access_is_explained(deployment, name, code, words):
    done = ask(deployment.directory, "access", "explain", name)
    assert (done.returncode, done.stdout, done.stderr) == (code, words, "")


def test_no_password_is_seen_from_outside(deployment):
    secrets = ("opensesame", lookup_password(deployment))
    question = [ONEHUB, "directory", "test", "alice", "--password-stdin"]
    ends = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        paused(f"{deployment.hub}-directory"),
        subprocess.Popen(question, cwd=deployment.directory, text=True, **ends) as asking,
    ):
        asking.stdin.write("opensesame\n")
        asking.stdin.flush()
        wait_until(lambda: run("docker", "ps", "--quiet", *PROBE).stdout, "the question is asked")
        seen = [inspect("container", name) for name in run("docker", "ps", "--quiet", *PROBE).stdout.split()]
        shown = json.dumps(seen) + every_process()
        out, err = asking.communicate(timeout=120)
    assert seen
    assert "onehub.hub.ask" in shown
    for secret in secrets:
        assert secret not in shown
        assert secret not in out + err
    assert asking.returncode == 4
    assert "does not answer" in err
    assert run("docker", "ps", "--all", "--quiet", *PROBE).stdout == ""


def lookup_password(deployment: TestDeployment) -> str:
    lines = (deployment.directory / "secrets" / "ad.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)["AD_LOOKUP_SEARCH_PASSWORD"]


def every_process() -> str:
    """The arguments and the environment of all processes on this host that may be read."""
    found = ""
    for path in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                found += (path / name).read_text(errors="replace").replace("\0", " ")
            except OSError:
                continue  # it ended, or is somebody else's
    return found


def test_it_works_while_the_hub_is_down(deployment):
    run("docker", "stop", deployment.hub)
    try:
        done = ask(deployment.directory, "access", "explain", "alice")
        findings = json.loads(ask(deployment.directory, "doctor", "--json").stdout)
    finally:
        deployment.onehub("up")
    assert (done.returncode, done.stdout) == (0, "alice may sign in: named in userlist (not an admin)\n")
    assert {"lookup account": "ok", "groups": "ok"}.items() <= {
        finding["about"]: finding["level"] for finding in findings
    }.items()


def test_passwords_without_encryption_are_told_every_time(deployment):
    deployment.write_toml("[directory]\ninsecure = true\n")
    try:
        findings = json.loads(deployment.onehub("doctor", "--json", check=False).stdout)
        status, shown = deployment.status(), deployment.onehub("status").stdout
    finally:
        deployment.write_toml()
    warning = "passwords travel to directory without encryption"
    assert [(one["level"], one["message"]) for one in findings if one["about"] == "directory.insecure"] == [
        ("warning", warning)
    ]
    assert status["insecure_directory"] is True
    assert f"warning: {warning} (directory.insecure in onehub.toml)\n" in shown
    assert deployment.status()["insecure_directory"] is False


@pytest.fixture
def newcomer(deployment, tmp_path) -> TestDeployment:
    """A deployment that never was up; its directory is a port where nobody listens."""
    made = TestDeployment.create(tmp_path / "new", f"{deployment.project}-new")
    secrets = made.directory / "secrets" / "ad.env"
    secrets.write_text("AD_SERVER=127.0.0.1\nAD_LOOKUP_SEARCH_USER=svc\nAD_LOOKUP_SEARCH_PASSWORD=x\n")
    secrets.chmod(0o600)
    (made.directory / "userlist").write_text("alice\n")
    return made


def test_before_the_first_up_the_stage_that_fails_is_named(newcomer):
    done = ask(newcomer.directory, "directory", "test", "alice")
    assert done.returncode == 4
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines if line[1:] and line[0] != "→"].count("FAILED") == 1
    assert any(line[:1] == ["FAILED"] and "connect" in line for line in lines)
    assert done.stderr.splitlines()[0] == "error: connect: 127.0.0.1:636 does not answer: Connection refused"


def test_up_asks_for_the_groups_before_it_changes_anything(deployment):
    """The demo's directory under another name is a directory like any other."""
    folder, demo = deployment.directory, f"{deployment.hub}-directory"
    kept = {name: (folder / name).read_text() for name in ("userlist", "ad_allowed_groups")}
    run("docker", "cp", f"{demo}:/srv/directory-ca/ca.pem", folder / "demo-ca.pem")
    (folder / "userlist").write_text("alice\n")
    (folder / "ad_allowed_groups").write_text("# ours\ncn=nix,ou=groups,dc=example,dc=test\n")
    deployment.write_toml('[directory]\nca_file = "demo-ca.pem"\n')
    before = deployment.status()["services"]
    try:
        environ = {"AD_SERVER": inspect("container", demo)["Config"]["Hostname"]}
        refused = [deployment.onehub("up", *more, check=False, **environ) for more in ((), ("--dry-run",))]
        doctor = deployment.onehub("doctor", "--json", check=False, **environ)
    finally:
        deployment.write_toml()
        for name, text in kept.items():
            (folder / name).write_text(text)
        (folder / "demo-ca.pem").unlink()
    for done in refused:
        assert (done.returncode, done.stdout, done.stderr) == (
            3,
            "",
            "error: the settings cannot be used:\n"
            "  - ad_allowed_groups, line 2: the group 'cn=nix,ou=groups,dc=example,dc=test' does not exist\n"
            "\n"
            "hint: correct the group, then `onehub up` again; nothing was changed\n",
        )
    assert deployment.status()["services"] == before
    assert {
        "about": "groups",
        "level": "problem",
        "message": "the group 'cn=nix,ou=groups,dc=example,dc=test' does not exist",
        "fix": "edit ad_allowed_groups, or [access] in onehub.toml",
    } in json.loads(doctor.stdout)
