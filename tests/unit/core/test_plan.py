from __future__ import annotations

from pathlib import Path

import pytest

from onehub.core.plan import BuildImage, Run, WaitHealthy, Write

BUILD = BuildImage(
    "localhost/onehub/hub:1",
    (("Dockerfile", Path("/x/Dockerfile")),),
    args=(("FLAVOUR", "minimal"),),
    labels=(("kind", "a b"),),
    why="",
    forward=("HTTPS_PROXY",),
)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Run(("echo", "a b", "$c"), ""), "echo 'a b' '$c'"),
        (Write(Path("/srv/hub/secrets/ad.env"), "hunter2", 0o600, ""), "write /srv/hub/secrets/ad.env (mode 0600)"),
        (
            WaitHealthy(("jupyterhub", "jupyterhub-proxy"), 120, ""),
            "wait for jupyterhub, jupyterhub-proxy (at most 120 s)",
        ),
        (
            BUILD,
            "docker build --network host --tag localhost/onehub/hub:1 --build-arg FLAVOUR=minimal --label 'kind=a b' "
            "--build-arg HTTPS_PROXY '…'",
        ),
    ],
)
def test_steps_say_what_they_do(step, words):
    assert str(step) == words


def test_a_build_is_a_list_of_arguments():
    assert BUILD.argv(Path("/tmp/x")) == (
        *("docker", "build", "--network", "host", "--tag", "localhost/onehub/hub:1"),
        *("--build-arg", "FLAVOUR=minimal", "--label", "kind=a b", "--build-arg", "HTTPS_PROXY", "/tmp/x"),
    )
