"""`onehub httpd` for an Apache httpd that is not ours: Debian's, in a container that stands for the host."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from onehub.core.names import HTTPD_IMAGE

from .deployment import TestDeployment, free_port, run
from .person import Person, wait_until

_SITE = "/etc/apache2/sites-available/hub.conf"


@dataclass(frozen=True)
class HostApache:
    """It, and what the operator has."""

    deployment: TestDeployment
    container: str
    folder: Path
    port: int

    @property
    def site(self) -> Path:
        return self.folder / "hub.conf"

    def control(self, *words: str) -> None:
        run("docker", "exec", self.container, *words)

    def use(self, text: str) -> None:
        """Another site, taken up without a restart."""
        self.site.write_text(text)
        self.control("sh", "-c", f"cat /srv/host/hub.conf > {_SITE}; apachectl graceful")

    def check(self, *words: str) -> tuple[int, dict[str, dict[str, str]]]:
        """The exit code of `onehub httpd --check`, and its findings by what they are about."""
        argv = ("httpd", "--check", "--json", "--apachectl", str(self.folder / "apachectl"), *words)
        trusted = str(self.folder / "ca.pem")
        done = self.deployment.onehub(*argv, check=False, SSL_CERT_FILE=trusted)
        return done.returncode, {finding["about"]: finding for finding in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def apache(deployment: TestDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostApache]:
    folder, port, name = tmp_path_factory.mktemp("host"), free_port(), f"{deployment.project}-host-apache"
    ca = trustme.CA()
    issued = ca.issue_cert("localhost")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(folder / "hub.pem", append=True)
    issued.private_key_pem.write_to_path(folder / "hub.key")
    (folder / "apachectl").write_text(f'#!/bin/sh\nexec docker exec {name} apachectl "$@"\n')
    (folder / "apachectl").chmod(0o755)
    folder.chmod(0o755)
    deployment.write_toml(
        f'[front]\naddress = "https://localhost:{port}/"\n'
        f'certificate_file = "{folder}/hub.pem"\nkey_file = "{folder}/hub.key"\n'
    )
    made = HostApache(deployment, name, folder, port)
    deployment.onehub("httpd", "--output", str(made.site))
    begin = (
        f"a2enmod -q alias headers proxy_http rewrite ssl && a2dissite -q 000-default && "
        f"cp /srv/host/hub.conf {_SITE} && "
        f"a2ensite -q hub && echo Listen 127.0.0.1:{port} > /etc/apache2/ports.conf && exec apachectl -D FOREGROUND"
    )
    label = f"com.onehub.deployment={deployment.project}"
    volumes = ("--volume", f"{folder}:{folder}:ro", "--volume", f"{folder}:/srv/host:ro")
    options = ("--detach", "--name", name, "--label", label, "--network", "host", *volumes)
    try:
        run("docker", "run", *options, "--entrypoint", "sh", HTTPD_IMAGE, "-c", begin)
        wait_until(lambda: answers(made), "the host's Apache httpd answers")
        yield made
    finally:
        run("docker", "rm", "--force", name)
        deployment.write_toml()


def answers(apache: HostApache) -> bool:
    try:
        ssl.get_server_certificate(("localhost", apache.port))
    except OSError:
        return False
    return True


@pytest.fixture
def site(apache: HostApache) -> Iterator[str]:
    """The text of the site, which is there again afterwards."""
    text = apache.site.read_text()
    yield text
    apache.use(text)


async def test_people_work_through_it(apache, deployment):
    trust = ssl.create_default_context(cafile=apache.folder / "ca.pem")
    alice = Person(f"https://localhost:{apache.port}", "alice", trust)
    assert alice.sign_in(deployment.passwords()["alice"]).status_code == 302
    alice.start()
    try:
        async with alice.kernel() as kernel:
            assert await kernel.run("6 * 7") == "42"
    finally:
        alice.stop()
        alice.client.close()


def test_all_is_well(apache):
    code, found = apache.check()
    assert code == 0
    assert {about: finding["level"] for about, finding in found.items()} == dict.fromkeys(
        ("modules", "configuration", "certificate", "port", "page", "websocket"), "ok"
    )


def test_the_form_for_older_ones_works_too(apache, deployment, site):
    text = deployment.onehub("httpd", "--rewrite").stdout
    assert "upgrade=" not in text
    apache.control("a2enmod", "-q", "proxy_wstunnel")
    apache.use(text)
    wait_until(lambda: apache.check("--rewrite")[1]["websocket"]["level"] == "ok", "a websocket gets through")
    split = "/user/x/a%20HTTP/1.1%0d%0aX-Real-Ip:%20203.0.113.9"
    head = f"GET {split} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    trust = ssl.create_default_context(cafile=apache.folder / "ca.pem")
    line = socket.create_connection(("localhost", apache.port), 20)
    with line, trust.wrap_socket(line, server_hostname="localhost") as secured:
        secured.sendall(head.encode())
        assert secured.recv(99).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize(
    ("spoil", "about", "says", "fix"),
    [
        (
            lambda text: text.replace("upgrade=websocket", ""),
            "websocket",
            "does not get through",
            "upgrade=websocket",
        ),
        (lambda text: text.replace("ProxyPass ", "#"), "page", "answers 404", "onehub httpd"),
        (
            lambda text: re.sub(r"http://127.0.0.1:[0-9]+", "http://127.0.0.1:9", text),
            "page",
            "answers 503",
            "onehub up",
        ),
    ],
    ids=["without upgrade", "without ProxyPass", "another port"],
)
def test_what_is_wrong_with_the_site_is_named(
    apache: HostApache, site: str, spoil: Callable[[str], str], about: str, says: str, fix: str
):
    apache.use(spoil(site))
    wait_until(lambda: apache.check()[1].get(about, {}).get("level") == "problem", f"{about} is a problem")
    code, found = apache.check()
    assert code == 4
    assert says in found[about]["message"]
    assert fix in found[about]["fix"]


def test_a_configuration_that_apache_refuses(apache, site):
    apache.site.write_text(site + "Nonsense On\n")
    apache.control("sh", "-c", f"cat /srv/host/hub.conf > {_SITE}")
    code, found = apache.check()
    assert code == 4
    assert "Invalid command 'Nonsense'" in found["configuration"]["message"]


def test_a_module_that_is_missing(apache):
    apache.control("a2dismod", "-q", "headers")
    try:
        code, found = apache.check()
        assert code == 4
        assert found["modules"]["fix"] == "a2enmod headers && apachectl restart"
    finally:
        apache.control("a2enmod", "-q", "headers")


def test_a_ca_that_this_host_does_not_trust(apache, deployment):
    argv = ("httpd", "--check", "--json", "--apachectl", str(apache.folder / "apachectl"))
    done = deployment.onehub(*argv)
    found = {finding["about"]: finding for finding in json.loads(done.stdout)}
    assert found["site"]["level"] == found["certificate"]["level"] == "warning"
    assert found["page"]["level"] == "ok"
