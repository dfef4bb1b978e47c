"""A person's server: computes, keeps the work, and stays theirs."""

from __future__ import annotations

import pytest

from .deployment import inspect, run


async def test_alice_computes_and_finds_her_work_again(deployment, person):
    alice = person("alice")
    alice.start()
    async with alice.kernel() as kernel:
        assert await kernel.run("6*7") == "42"
        await kernel.run("open('from-the-kernel.txt', 'w').write('made by a cell')")
    alice.write("thesis.txt", "forty-two")
    first = inspect("container", deployment.server("alice"))["Id"]
    alice.stop()
    assert run("docker", "inspect", deployment.server("alice"), check=False).returncode != 0
    alice.start()
    assert inspect("container", deployment.server("alice"))["Id"] != first
    assert alice.read("thesis.txt").json()["content"] == "forty-two"
    assert alice.read("from-the-kernel.txt").json()["content"] == "made by a cell"


def test_bob_sees_nothing_of_alices(deployment, person):
    alice, bob = person("alice"), person("bob")
    alice.start()
    alice.write("private.txt", "mine")
    bob.start()
    assert bob.read("private.txt").status_code == 404
    assert bob.server_of("alice", "GET", "/api/contents/private.txt").status_code in (403, 404)
    page = bob.client.get("/user/alice/lab")
    assert page.status_code == 403 or "/hub/" in str(page.url)
    assert inspect("container", deployment.server("bob"))["Mounts"][0]["Name"] == deployment.home("bob")


def test_a_server_is_limited_unprivileged_and_labelled(deployment, person):
    person("alice").start()
    details = inspect("container", deployment.server("alice"))
    host = details["HostConfig"]
    assert host["Memory"] == 2 * 1024**3
    assert host["NanoCpus"] or host["CpuQuota"] == 200_000
    assert host["PidsLimit"] == 1024
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert not host["Privileged"]
    assert not host["PortBindings"]
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    labels = details["Config"]["Labels"]
    assert labels["com.onehub.deployment"] == deployment.project
    assert labels["com.onehub.kind"] == "server"
    assert labels["com.onehub.user"] == "alice"
    home = inspect("volume", deployment.home("alice"))["Labels"]
    assert home == {
        "com.onehub.deployment": deployment.project,
        "com.onehub.kind": "home",
        "com.onehub.user": "alice",
    }


def test_the_home_belongs_to_the_images_user_whatever_made_it(deployment, person):
    home = deployment.home("carol")
    # As left behind by a tool that runs as root: the mount point is root's, a file is somebody's.
    run("docker", "volume", "create", "--label", f"com.onehub.deployment={deployment.project}", home)
    mount = f"{home}:/home-of-carol"
    script = "touch /home-of-carol/old && chown -R 0:0 /home-of-carol && chmod 700 /home-of-carol"
    run("docker", "run", "--rm", "--volume", mount, "debian:trixie-slim", "sh", "-c", script)
    carol = person("carol")
    carol.start()
    carol.write("new.txt", "written")
    listing = run(
        "docker", "run", "--rm", "--volume", mount, "debian:trixie-slim", "stat", "-c", "%u:%g", "/home-of-carol"
    )
    assert listing.stdout.strip() == "1000:100"
    assert carol.read("old").status_code == 200


@pytest.mark.parametrize("kind", ["container", "volume"])
def test_what_belongs_to_another_deployment_is_never_touched(deployment, visitor, kind):
    name = deployment.server("bob") if kind == "container" else deployment.home("mallory")
    who = "bob" if kind == "container" else "mallory"
    label = ("--label", "com.onehub.deployment=somebody-elses")
    if kind == "container":
        run("docker", "run", "--detach", "--name", name, *label, "debian:trixie-slim", "sleep", "600")
    else:
        run("docker", "volume", "create", *label, name)
    try:
        somebody = visitor("ada")
        somebody.sign_in(deployment.passwords()["ada"])
        somebody.hub("POST", f"/users/{who}")
        answer = somebody.hub("POST", f"/users/{who}/server", {})
        assert answer.status_code == 500
        assert f"The {kind} {name} belongs to something else" in answer.text
        if kind == "container":
            assert inspect("container", name)["State"]["Running"]
        else:
            assert inspect("volume", name)["Labels"] == {"com.onehub.deployment": "somebody-elses"}
    finally:
        if kind == "container":
            run("docker", "rm", "--force", name)
        somebody.hub("DELETE", f"/users/{who}")
        if kind == "volume":
            run("docker", "rm", "--force", deployment.server(who), check=False)
            run("docker", "volume", "rm", name)


def test_a_server_cannot_reach_the_directory(deployment, person):
    person("alice").start()
    script = "import socket; socket.create_connection(('directory', 636), timeout=3)"
    done = run("docker", "exec", deployment.server("alice"), "python3", "-c", script, check=False)
    assert done.returncode != 0


async def test_an_image_whose_entry_point_starts_the_server_works(deployment, person):
    """No command of its own, another user, no home folder: all that is asked is that a server comes up."""
    image = f"{deployment.project}-custom"
    dockerfile = (
        "FROM jupyterhub-user\n"
        "USER root\n"
        "RUN rm -r /home/jovyan && /usr/sbin/useradd --uid 4711 --no-create-home --home-dir /tmp worker\n"
        "USER worker\nENV HOME=/tmp\nWORKDIR /tmp\n"
        'ENTRYPOINT ["jupyterhub-singleuser"]\nCMD []\n'
    )
    folder = deployment.directory / "custom-image"
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    run("docker", "build", "--tag", image, folder)
    deployment.set_env("LOCAL_NOTEBOOK_IMAGE", image)
    try:
        deployment.onehub("up")
        ada = person("ada")
        ada.start()
        async with ada.kernel() as kernel:
            assert await kernel.run("import os; os.getuid()") == "4711"
        ada.write("mine.txt", "hello")
        ada.stop()
    finally:
        deployment.set_env("LOCAL_NOTEBOOK_IMAGE", "jupyterhub-user")
        deployment.onehub("up")
        run("docker", "image", "rm", "--force", image)
