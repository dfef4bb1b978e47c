"""The hub container refuses to start on settings that cannot be used, in the same words as the command line."""

from __future__ import annotations

from onehub.core.names import HUB_IMAGE

from .deployment import ONEHUB, run


def test_it_refuses_where_nothing_restricts_sign_ins(deployment, tmp_path):
    run(ONEHUB, "init", tmp_path)
    text = "AD_SERVER=dc1.example.com\nAD_LOOKUP_SEARCH_USER=svc\nAD_LOOKUP_SEARCH_PASSWORD=x\nAD_SEARCH_BASE=DC=x\n"
    (tmp_path / "secrets" / "ad.env").write_text(text)
    label = f"com.onehub.deployment={deployment.project}"
    words = ("docker", "run", "--rm", "--label", label, "--volume", f"{tmp_path}:/srv/jupyterhub:ro", HUB_IMAGE)
    done = run(*words, check=False)
    assert done.returncode == 3
    assert done.stderr == (
        "error: the settings cannot be used:\n"
        "  - userlist: nobody may sign in: name people here or groups in ad_allowed_groups (see userlist.example)\n"
        "\n"
        "hint: `onehub config check` after editing\n"
    )


def test_up_refuses_a_port_that_is_in_use(tmp_path, deployment):
    run(ONEHUB, "init", tmp_path)
    for name in ("secrets/ad.env", "userlist", "ad_allowed_groups"):
        (tmp_path / name).write_text((deployment.directory / name).read_text())
    project = f"{deployment.project}-second"
    names = {"COMPOSE_PROJECT_NAME": project, "HUB_CONTAINER_NAME": project, "HUB_PORT": str(deployment.port)}
    done = run(ONEHUB, "up", cwd=tmp_path, check=False, **names)
    assert done.returncode == 4
    assert done.stderr == (
        f"error: port {deployment.port} on 127.0.0.1 is in use by the container {deployment.hub}-proxy\n"
        "\n"
        "hint: stop it, or set HUB_PORT in .env\n"
    )
    assert run("docker", "ps", "--all", "--quiet", "--filter", f"name={project}").stdout == ""
