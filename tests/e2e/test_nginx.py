"""The snippet of the how-to page about nginx, with other names and ports, and otherwise as it stands there."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

import httpx
import pytest
import trustme

from .deployment import REPOSITORY, TestDeployment, free_port, run
from .person import Person, wait_until

_PAGE = REPOSITORY / "docs" / "how-to" / "behind-nginx.md"
_TAG = "localhost/onehub-test/nginx"


@pytest.fixture
def door(
    deployment: TestDeployment, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, ssl.SSLContext]]:
    folder, port, name = tmp_path_factory.mktemp("nginx"), free_port(), f"{deployment.project}-nginx"
    ca = trustme.CA()
    issued = ca.issue_cert("localhost")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "hub.pem")
    (snippet,) = re.findall(r"```nginx\n(.*?)```", _PAGE.read_text(), re.DOTALL)
    changes = {
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "hub.example.com;": "localhost;",
        "/etc/ssl/certs/hub.example.com.pem": "/srv/nginx/hub.pem",
        "/etc/ssl/private/hub.example.com.key": "/srv/nginx/hub.pem",
        "127.0.0.1:8000": f"127.0.0.1:{deployment.port}",
    }
    for written, ours in changes.items():
        assert written in snippet, written
        snippet = snippet.replace(written, ours)
    (folder / "nginx.conf").write_text(f"pid /tmp/nginx.pid;\nevents {{}}\nhttp {{\n{snippet}}}\n")
    folder.chmod(0o755)
    run("docker", "build", "--network", "host", "--tag", _TAG, REPOSITORY / "tests" / "nginx")
    label = f"com.onehub.deployment={deployment.project}"
    options = (
        "--detach",
        "--name",
        name,
        "--label",
        label,
        "--network",
        "host",
        "--volume",
        f"{folder}:/srv/nginx:ro",
    )
    run("docker", "run", *options, _TAG)
    base, trust = f"https://localhost:{port}", ssl.create_default_context(cafile=folder / "ca.pem")
    try:
        wait_until(lambda: answers(base, trust), "nginx answers")
        yield base, trust
    finally:
        run("docker", "rm", "--force", name)


def answers(base: str, trust: ssl.SSLContext) -> bool:
    try:
        return httpx.get(f"{base}/hub/health", verify=trust).status_code == 200
    except httpx.TransportError:
        return False


async def test_people_work_behind_nginx(deployment, door):
    base, trust = door
    alice = Person(base, "alice", trust)
    alice.client.headers["X-Forwarded-For"] = "203.0.113.9"
    assert alice.sign_in(deployment.passwords()["alice"]).status_code == 302
    assert "alice from 127.0.0.1 admitted" in run("docker", "logs", "--tail", "200", deployment.hub).stderr
    alice.start()
    try:
        alice.write("50%25%20of%20a%23b.txt", "x" * 3_000_000)
        assert len(alice.read("50%25%20of%20a%23b.txt").json()["content"]) == 3_000_000
        async with alice.kernel() as kernel:
            assert await kernel.run("6 * 7") == "42"
    finally:
        alice.stop()
        alice.client.close()
