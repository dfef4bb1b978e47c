from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from onehub import __version__
from onehub.cli.main import cli, main
from onehub.host.assets import DEPLOYMENT_FILES
from onehub.host.lock import operation
from tests.unit.examples import AD_ENV, FILES, lay_out

ONEHUB = Path(sys.executable).with_name("onehub")
NO_DOCKER = """\
error: Docker does not answer

hint: `systemctl start docker`, or `make demo` installs it
"""


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str


@pytest.fixture
def onehub(tmp_path, capsys):
    def run(*argv: str, directory: Path = tmp_path) -> Answer:
        with pytest.raises(SystemExit) as caught:
            main(["--directory", str(directory), *argv])
        return Answer(caught.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def folder(tmp_path):
    lay_out(tmp_path, FILES)
    (tmp_path / "secrets/ad.env").chmod(0o600)
    return tmp_path


def snapshot(directory: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(directory)): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


# --- the installed command


def test_the_installed_command_speaks_on_stderr_and_ends_with_the_errors_code(folder):
    environ = os.environ | {"DOCKER_HOST": "unix:///nonexistent"}
    done = subprocess.run([ONEHUB, "up"], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (4, "", NO_DOCKER)


def test_the_shell_completes_our_commands(capsys, monkeypatch):
    asked = {"_ONEHUB_COMPLETE": "bash_complete", "COMP_WORDS": "onehub con", "COMP_CWORD": "1"}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main([])
    assert capsys.readouterr().out == "plain,config\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_data(onehub, shell):
    answer = onehub("completion", shell)
    assert answer.code == 0
    assert f"_ONEHUB_COMPLETE={shell}_complete" in answer.out


# --- exit codes


def test_version_and_help_are_data(onehub):
    assert onehub("--version") == Answer(0, f"onehub, version {__version__}\n", "")
    assert onehub("-h").out.startswith("Usage: ")


@pytest.mark.parametrize(
    ("argv", "usage", "message"),
    [
        (["foo"], "[OPTIONS] COMMAND [ARGS]...", "No such command 'foo'."),
        (["up", "--force"], "up [OPTIONS]", "No such option '--force'."),
        (
            ["build", "all"],
            "build [OPTIONS] [services|notebook]",
            "Invalid value for '[services|notebook]': 'all' is not one of 'services', 'notebook'.",
        ),
        (
            ["-C", "nowhere", "up"],
            "[OPTIONS] COMMAND [ARGS]...",
            "Invalid value for '-C' / '--directory': Directory 'nowhere' does not exist.",
        ),
    ],
)
def test_usage_errors_end_with_2(onehub, argv, usage, message):
    helper = f"onehub {usage.partition('[')[0]}--help"
    assert onehub(*argv) == Answer(2, "", f"Usage: onehub {usage}\nTry '{helper}' for help.\n\nError: {message}\n")


def test_bad_settings_end_with_3(onehub, folder):
    lay_out(folder, {"onehub.toml": "[access]\nadmn = 1\n[limits]\nmemory = '8Q'\n"})
    for command in (["config", "check"], ["config", "show"], ["up"], ["build"]):
        assert onehub(*command) == Answer(
            3,
            "",
            "error: the settings cannot be used:\n"
            "  - onehub.toml: limits.memory: '8Q' is not a size (try '8G')\n"
            "  - onehub.toml: access.admn: unknown setting\n"
            "\n"
            "hint: `onehub config check` after editing\n",
        )


@pytest.mark.parametrize("command", ["down", "status", "logs"])
def test_looking_and_stopping_need_no_good_settings(onehub, folder, command):
    lay_out(folder, {"onehub.toml": "[limits]\nmemory = '8Q'\n"})
    answer = onehub(command)
    assert answer.code == 4, "there is no Docker here, and that is what ends the command"
    assert answer.err.startswith(
        "error: the settings cannot be used:\n  - onehub.toml: limits.memory: '8Q' is not a size (try '8G')\n"
    )
    assert "error: Docker does not answer" in answer.err


def test_a_folder_that_is_no_deployment_is_told_as_such(onehub, tmp_path):
    assert onehub("-C", str(tmp_path), "status") == Answer(
        3,
        "",
        f"error: the settings cannot be used:\n"
        f"  - {tmp_path}: is not a deployment directory: there is no compose.yaml\n"
        f"\n"
        f"hint: `cd` to one, name it: `onehub -C DIR …`, or make one: `onehub init DIR`\n",
    )


@pytest.mark.parametrize(
    "argv", [["up"], ["up", "--dry-run"], ["down"], ["build"], ["build", "notebook"], ["status"], ["logs"]]
)
def test_no_docker_ends_with_4_and_changes_nothing(onehub, folder, argv):
    before = snapshot(folder)
    assert onehub(*argv) == Answer(4, "", NO_DOCKER)
    assert snapshot(folder) == before


def test_the_demo_says_where_it_cannot_install_docker(onehub, tmp_path):
    assert onehub("demo", "--dry-run") == Answer(
        4,
        "",
        "error: Docker does not answer, and only root on Debian or Ubuntu can have it installed from here\n"
        "\n"
        "hint: install Docker Engine and Compose, start them, then try again\n",
    )
    assert snapshot(tmp_path) == {}


def test_doctor_lists_every_finding_and_ends_with_4(onehub, folder):
    lay_out(folder, {"secrets/ad.env": AD_ENV.replace("dc1.example.com", "127.0.0.1")})
    answer = onehub("doctor", "--json")
    assert (answer.code, answer.err) == (
        4,
        "error: doctor found problems\n\nhint: mend them from the top; each names its fix\n",
    )
    findings = json.loads(answer.out)
    assert findings[0] == {
        "about": "docker",
        "level": "problem",
        "message": "no engine answers",
        "fix": "systemctl start docker",
    }
    shown = onehub("doctor").out
    for finding in findings:
        assert finding["message"] in shown
        assert finding["fix"] in shown


def test_a_failed_step_ends_with_5(onehub, tmp_path):
    (tmp_path / "secrets").touch()
    answer = onehub("init", str(tmp_path))
    assert answer.code == 5
    assert answer.err.endswith(
        f"error: step 10 of 10 failed: write {tmp_path}/secrets/ad.env.example (mode 0644)\n"
        f"  File exists: {tmp_path}/secrets\n"
        "\n"
        "hint: mend the cause and repeat; done steps stay done\n"
    )


def test_a_second_operation_ends_with_6(onehub, tmp_path):
    with operation(tmp_path):
        answer = onehub("demo")
    assert answer == Answer(
        6,
        "",
        f"error: another onehub command is at work in {tmp_path}\n\nhint: wait until it has ended, then repeat\n",
    )


@pytest.fixture
def extra_command():
    """A command that ends as the body says."""

    def add(body) -> None:
        cli.add_command(click.Command("extra", callback=body))

    yield add
    cli.commands.pop("extra")


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        (click.exceptions.Exit(7), Answer(7, "", "")),
        (KeyboardInterrupt(), Answer(130, "", "\ninterrupted; finished steps stay done\n")),
    ],
)
def test_other_endings_have_their_code(onehub, extra_command, ending, expected):
    def body() -> None:
        raise ending

    extra_command(body)
    assert onehub("extra") == expected


# --- init


def test_init_writes_the_files_once(onehub, tmp_path):
    target = tmp_path / "our [hub]"
    first = onehub("init", str(target))
    assert (first.code, first.out) == (0, "")
    assert set(snapshot(target)) == set(DEPLOYMENT_FILES)
    (target / ".env").write_text("HUB_PORT=8001\n")
    before = snapshot(target)
    second = onehub("init", str(target))
    assert (second.code, second.err) == (
        0,
        f"\nNext: in {target}\n"
        "  cp secrets/ad.env.example secrets/ad.env && chmod 600 secrets/ad.env   # and fill it in\n"
        "  cp userlist.example userlist                                          # and name people\n"
        "  make build notebook_image && onehub up\n",
    )
    assert snapshot(target) == before


def test_init_can_be_tried_first(onehub, tmp_path):
    target = tmp_path / "hub"
    answer = onehub("init", "--dry-run", str(target))
    assert answer.out.splitlines()[0] == f"write {target}/compose.yaml (mode 0644)  # a file of the deployment"
    assert not target.exists()


# --- config


def test_check_says_that_all_is_well(onehub, folder):
    assert onehub("config", "check") == Answer(0, "", "the settings are in order\n")


def test_a_new_deployment_says_what_to_fill_in(onehub, tmp_path):
    onehub("init", str(tmp_path))
    answer = onehub("config", "check")
    assert answer == Answer(
        3,
        "",
        "error: the settings cannot be used:\n"
        "  - secrets/ad.env: AD_SERVER is missing: copy secrets/ad.env.example to secrets/ad.env and fill it in "
        "(or try `make demo`)\n"
        "  - secrets/ad.env: AD_LOOKUP_SEARCH_USER is missing (or a line in ad_bind_dn_template)\n"
        "  - userlist: nobody may sign in: name people here or groups in ad_allowed_groups (see userlist.example)\n"
        "\n"
        "hint: `onehub config check` after editing\n",
    )


def test_the_example_files_make_a_deployment(onehub, tmp_path):
    onehub("init", str(tmp_path))
    for name in ("onehub.toml", "userlist", "ad_allowed_groups", "secrets/ad.env"):
        (tmp_path / f"{name}.example").rename(tmp_path / name)
    with (tmp_path / "secrets/ad.env").open("a") as file:
        file.write("AD_LOOKUP_SEARCH_PASSWORD='x'\n")
    assert onehub("config", "check").code == 0


def test_show_tells_every_value_whole_and_where_it_comes_from(onehub, folder, monkeypatch):
    group = f"CN=[red] {'long ' * 40}name,DC=example"
    lay_out(folder, {"ad_allowed_groups": group, "onehub.toml": "[limits]\nmemory = '8G'\n"})
    monkeypatch.setenv("HUB_PORT", "8001")
    answer = onehub("config", "show")
    assert (answer.code, answer.err) == (0, "")
    rows = [tuple(re.split(r"\s{2,}", line.strip())) for line in answer.out.splitlines()]
    assert rows[0] == ("setting", "value", "from")
    assert {
        ("names.port", "8001", "exported HUB_PORT"),
        ("limits.memory", "8G", "onehub.toml: limits.memory"),
        ("limits.cpu", "2.0", "default"),
        ("directory.server", "dc1.example.com", "secrets/ad.env, line 1: AD_SERVER"),
        ("directory.lookup_password", "**********", "secrets/ad.env, line 3: AD_LOOKUP_SEARCH_PASSWORD"),
        ("access.people", "jenny admin, guido", "userlist"),
        ("access.allowed_groups", group, "ad_allowed_groups"),
    } <= set(rows)


def test_show_lists_what_profiles_and_folders_say(onehub, folder):
    toml = (
        "[[profile]]\nname = 'GPU'\nmemory = '16G'\ngpus = ['0']\nenvironment = { A = 'b' }\n"
        "volumes = [{ volume = 'data', mount = '/srv/data' }]\n[[folder]]\nname = 'team'\nwriters = ['A', 'B']\n"
    )
    lay_out(folder, {"onehub.toml": toml})
    rows = [tuple(re.split(r"\s{2,}", line.strip())) for line in onehub("config", "show").out.splitlines()]
    assert [row for row in rows if row[0].startswith(("profile", "folder"))] == [
        ("profile 'GPU': memory", "16G", "onehub.toml"),
        ("profile 'GPU': gpus", "0", "onehub.toml"),
        ("profile 'GPU': environment", "A=b", "onehub.toml"),
        ("profile 'GPU': volumes", "volume=data mount=/srv/data read_only=True", "onehub.toml"),
        ("folder 'team': writers", "A, B", "onehub.toml"),
        ("folder 'team': everybody", "nothing", "onehub.toml"),
    ]


def test_show_never_tells_the_password(onehub, folder):
    assert "hunter2" not in onehub("config", "show").out
    values = json.loads(onehub("config", "show", "--json").out)
    assert values["directory"]["lookup_password"] == "**********"
    assert values["limits"] == {
        "memory": "2G",
        "cpu": 2.0,
        "processes": 1024,
        "promise": "512M",
        "reserve": "2G",
        "servers": 0,
        "servers_per_person": 1,
    }


def test_the_schema_offers_what_the_toml_may_set(onehub):
    schema = json.loads(onehub("config", "schema").out)
    sections = {
        name: schema["$defs"][reference.get("items", reference)["$ref"].removeprefix("#/$defs/")]
        for name, reference in schema["properties"].items()
    }
    assert schema["additionalProperties"] is False
    assert not any(section["additionalProperties"] for section in sections.values())
    assert sections["names"]["properties"] == {}
    assert "require" in sections["access"]["properties"]
    assert "people" not in sections["access"]["properties"]
    memory = sections["limits"]["properties"]["memory"]
    assert (memory["type"], memory["default"]) == ("string", "2G")
    assert schema["properties"]["profile"]["type"] == "array"
    assert sections["profile"]["required"] == ["name"]
    assert re.search(memory["pattern"], "8G")
    assert not re.search(memory["pattern"], "8Q")
