"""The `httpd` service gets its certificate from an ACME server by itself: Pebble, which Let's Encrypt tests with."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import trustme

from onehub.core.names import HTTPD_IMAGE
from onehub.core.settings import Settings
from onehub.core.vhost import service_site
from tests.e2e.deployment import REPOSITORY, TestDeployment, free_port, run
from tests.e2e.person import wait_until

_HOST = "hub.test"
_TAG = "localhost/onehub-test/pebble"


@dataclass(frozen=True)
class Door:
    """The service and what it gets its certificate from."""

    container: str
    https_port: int
    http_port: int
    management: str
    acme_trust: ssl.SSLContext

    def chain_trust(self) -> ssl.SSLContext:
        """What a browser would trust that knows this ACME server's root."""
        root = httpx.get(f"{self.management}/roots/0", verify=self.acme_trust).text
        return ssl.create_default_context(cadata=root)


@pytest.fixture(scope="module")
def door(deployment: TestDeployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    folder, name = tmp_path_factory.mktemp("acme"), f"{deployment.project}-acme"
    ports = {"acme": free_port(), "management": free_port(), "https": free_port(), "http": free_port()}
    ca = trustme.CA()
    issued = ca.issue_cert("localhost", "127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    ca.cert_pem.write_to_path(folder / "acme-ca.pem")
    pebble = {
        "listenAddress": f"127.0.0.1:{ports['acme']}",
        "managementListenAddress": f"127.0.0.1:{ports['management']}",
        "certificate": "/srv/pebble/server.pem",
        "privateKey": "/srv/pebble/server.pem",
        "httpPort": ports["http"],
        "tlsPort": ports["https"],
        "ocspResponderURL": "",
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": pebble}))
    front = {
        "address": f"https://{_HOST}:{ports['https']}/",
        "certificate": "letsencrypt",
        "email": "operator@example.com",
        "acme_server": f"https://localhost:{ports['acme']}/dir",
        "acme_ca_file": "httpd/acme-ca.pem",
    }
    names = {"port": deployment.port, "https_port": ports["https"], "http_port": ports["http"]}
    (folder / "site.conf").write_text(service_site(Settings.model_validate({"front": front, "names": names})))
    folder.chmod(0o755)
    run("docker", "build", "--network", "host", "--tag", _TAG, REPOSITORY / "tests" / "pebble")
    label = ("--detach", "--network", "host", "--label", f"com.onehub.deployment={deployment.project}")
    here = ("--add-host", f"{_HOST}:127.0.0.1", "--env", "PEBBLE_VA_NOSLEEP=1", "--env", "PEBBLE_WFE_NONCEREJECT=0")
    run("docker", "run", *label, *here, "--name", f"{name}-server", "--volume", f"{folder}:/srv/pebble:ro", _TAG)
    volumes = ("--tmpfs", "/run/httpd:mode=0755", "--volume", f"{folder}:/srv/httpd:ro")
    run("docker", "run", *label, "--name", name, *volumes, HTTPD_IMAGE)
    management = f"https://127.0.0.1:{ports['management']}"
    trust = ssl.create_default_context(cafile=folder / "acme-ca.pem")
    try:
        yield Door(name, ports["https"], ports["http"], management, trust)
    finally:
        run("docker", "rm", "--force", "--volumes", name, f"{name}-server")


def shown(door: Door, trust: ssl.SSLContext) -> bytes | None:
    """The certificate that a browser gets and trusts; None where it does not."""
    try:
        with (
            socket.create_connection(("127.0.0.1", door.https_port), timeout=10) as plain,
            trust.wrap_socket(plain, server_hostname=_HOST) as connection,
        ):
            return connection.getpeercert(binary_form=True)
    except OSError:
        return None


def answers(door: Door) -> bool:
    try:
        return httpx.get(f"{door.management}/roots/0", verify=door.acme_trust).status_code == 200
    except httpx.TransportError:
        return False


def test_it_gets_a_certificate_and_shows_it_without_being_told(door):
    wait_until(lambda: answers(door), "the ACME server is there")
    trust = door.chain_trust()
    try:
        wait_until(lambda: shown(door, trust), "the site shows a certificate of the ACME server", seconds=300)
    except AssertionError as error:
        raise AssertionError(run("docker", "logs", door.container, check=False).stderr) from error
    # Everything else on port 80 goes to https.
    plain = httpx.get(f"http://127.0.0.1:{door.http_port}/x", headers={"Host": _HOST})
    assert plain.headers["location"] == f"https://{_HOST}:{door.https_port}/x"


def test_a_renewed_certificate_is_taken_up_without_a_new_process(door):
    trust = door.chain_trust()
    before = shown(door, trust)
    # As if it had ended: what is kept goes, and the next look finds none.
    run("docker", "exec", door.container, "sh", "-c", f"rm -r /var/lib/httpd/md/domains/{_HOST} && reload")
    wait_until(lambda: shown(door, trust) not in (None, before), "the site shows another certificate", seconds=300)
    assert run("docker", "inspect", "--format", "{{.RestartCount}}", door.container).stdout.strip() == "0"
