"""Through Apache httpd with TLS, as people come: a page, a kernel, an upload; in each shape; through restarts."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Callable, Iterator

import httpx
import pytest
import trustme
import websockets

from onehub.core.front import SELF_SIGNED_CA

from .deployment import TestDeployment, inspect, run
from .person import Person, wait_until

_TICKS = 60
_TICKING = f"""
import time
for number in range({_TICKS}):
    print(number, flush=True)
    time.sleep(0.1)
"""
Door = Callable[..., Person]


@pytest.fixture(scope="module")
def trust(deployment: TestDeployment, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """What a browser trusts whose owner took the CA of the self-signed certificate."""
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    run("docker", "cp", f"{deployment.hub}-httpd:{SELF_SIGNED_CA}", file)
    return ssl.create_default_context(cafile=file)


@pytest.fixture
def come(deployment: TestDeployment, trust: ssl.SSLContext) -> Iterator[Door]:
    """Somebody who signed in at an address; their server is stopped afterwards."""
    people: list[Person] = []

    def sign_in(
        name: str, base: str = f"https://localhost:{deployment.https_port}", own_host: bool = False
    ) -> Person:
        somebody = Person(base, name, trust, own_host)
        people.append(somebody)
        answer = somebody.sign_in(deployment.passwords()[name])
        assert answer.status_code == 302, answer.text
        login = [
            cookie for cookie in answer.headers.get_list("set-cookie") if cookie.startswith("jupyterhub-hub-login")
        ]
        assert "Secure" in login[0]
        return somebody

    yield sign_in
    for somebody in people:
        if somebody.token:
            somebody.stop()
        somebody.client.close()


@pytest.fixture(scope="module")
def shape(deployment: TestDeployment) -> Iterator[Callable[[str], None]]:
    """Gives the deployment another front door; after the last of these tests it has its own again."""

    def take(toml: str) -> None:
        deployment.write_toml(f"[front]\n{toml}\n")
        deployment.onehub("up")

    yield take
    deployment.write_toml()
    deployment.onehub("up")


async def use(somebody: Person) -> None:
    """Everything that people do: a server, a file of a difficult name, a kernel, a page."""
    somebody.start()
    try:
        somebody.write("50%25%20of%20a%23b.txt", "mine")
        assert somebody.read("50%25%20of%20a%23b.txt").json()["content"] == "mine"
        async with somebody.kernel() as kernel:
            assert await kernel.run("6 * 7") == "42"
        page = somebody.client.get(f"/user/{somebody.name}/lab")
        assert str(page.url).startswith(f"{somebody.base_of(somebody.name)}/user/{somebody.name}/lab")
        assert page.status_code == 200
        assert "JupyterLab" in page.text
    finally:
        somebody.stop()
        somebody.token = ""


async def test_at_the_root_of_a_host_name(deployment, come):
    alice = come("alice")
    await use(alice)
    plain = httpx.get(f"http://localhost:{deployment.http_port}/hub/login?next=x")
    assert (plain.status_code, plain.headers["location"]) == (301, f"{alice.base}/hub/login?next=x")


def test_an_upload_arrives_whole(come):
    alice = come("alice")
    alice.start()
    text = hashlib.sha256(b"a").hexdigest() * 500_000  # 32 MB: more than any buffer on the way
    alice.write("large.txt", text)
    headers = {"Authorization": f"token {alice.token}"}
    answer = alice.client.get("/user/alice/files/large.txt", headers=headers)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(text.encode()).digest()


def test_who_asks_is_apaches_word(deployment, come, trust):
    stranger = Person(f"https://localhost:{deployment.https_port}", "mallory", trust)
    for header in ("X-Forwarded-For", "X-Real-Ip", "X-Forwarded-Host", "Forwarded"):
        stranger.client.headers[header] = "for=203.0.113.9" if header == "Forwarded" else "203.0.113.9"
    reference = stranger.sign_in("wrong").text.partition("Reference: ")[2][:8]
    lines = run("docker", "logs", deployment.hub).stderr.splitlines()
    line = next(line for line in lines if f"[{reference}]" in line)
    assert "from 127.0.0.1 refused" in line
    stranger.client.close()


def reload(deployment: TestDeployment) -> None:
    run("docker", "exec", f"{deployment.hub}-httpd", "reload")


def restart_hub(deployment: TestDeployment) -> None:
    run("docker", "restart", deployment.hub)


def renew(deployment: TestDeployment) -> None:
    """The self-signed certificate nears its end, so another one is made, which httpd is to take up by itself."""
    before = serial(deployment)
    run("docker", "exec", f"{deployment.hub}-httpd", "rm", "/var/lib/httpd/self-signed/server.pem")
    wait_until(lambda: serial(deployment) != before, "httpd shows another certificate")


def serial(deployment: TestDeployment) -> str:
    return ssl.get_server_certificate(("localhost", deployment.https_port))


@pytest.mark.parametrize("disturb", [reload, restart_hub, renew])
async def test_a_kernel_loses_no_message(deployment, come, disturb):
    alice = come("alice")
    alice.start()
    httpd = inspect("container", f"{deployment.hub}-httpd")["State"]["StartedAt"]
    async with alice.kernel() as kernel:
        request = await kernel.submit(_TICKING)
        disturbance = asyncio.create_task(asyncio.to_thread(disturb, deployment))
        printed = await kernel.output(request)
        await disturbance
        assert printed.split() == [str(number) for number in range(_TICKS)]
        assert await kernel.run("number + 1") == str(_TICKS)
    assert inspect("container", f"{deployment.hub}-httpd")["State"]["StartedAt"] == httpd
    wait_until(lambda: answers(alice), "the hub answers")
    assert alice.is_signed_in()


async def test_a_restart_of_apache_ends_the_websocket_and_not_the_kernel(deployment, come):
    alice = come("alice")
    alice.start()
    with pytest.raises(websockets.ConnectionClosed):
        async with alice.kernel() as kernel:
            await kernel.run("kept = 42")
            request = await kernel.submit(_TICKING)
            await asyncio.to_thread(run, "docker", "restart", f"{deployment.hub}-httpd")
            await kernel.output(request)
    wait_until(lambda: answers(alice), "Apache httpd answers again")
    async with alice.kernel(kernel.number) as again:
        assert await again.run("kept") == "42"
    assert alice.is_signed_in()


def answers(somebody: Person) -> bool:
    try:
        return somebody.client.get("/hub/health").status_code == 200
    except httpx.TransportError:
        return False


def test_while_the_proxy_is_away_a_page_says_so(deployment, come):
    alice = come("alice")
    run("docker", "stop", f"{deployment.hub}-proxy")
    try:
        page = alice.client.get("/hub/home")
        assert page.status_code == 503
        assert "One moment, please" in page.text
        assert "http-equiv='refresh'" in page.text
    finally:
        run("docker", "start", f"{deployment.hub}-proxy")
    wait_until(lambda: answers(alice), "the hub answers")
    assert alice.is_signed_in()


def test_a_certificate_of_ones_own_stays_while_its_successor_is_of_no_use(deployment, shape):
    folder, authority = deployment.directory / "httpd", trustme.CA()
    first, second = (authority.issue_cert("localhost") for _ in range(2))

    def put(certificate: trustme.LeafCert, key: trustme.LeafCert) -> None:
        certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
        key.private_key_pem.write_to_path(folder / "key.pem")
        (folder / "key.pem").chmod(0o600)

    def shown() -> bytes:
        return ssl.PEM_cert_to_DER_cert(serial(deployment))

    def der(certificate: trustme.LeafCert) -> bytes:
        return ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())

    put(first, first)
    shape(f'address = "https://localhost:{deployment.https_port}/"\ncertificate = "files"')
    wait_until(lambda: shown() == der(first), "httpd shows the certificate")
    put(second, first)
    told = run("docker", "exec", f"{deployment.hub}-httpd", "reload", check=False)
    assert told.returncode
    assert "certificate and key do not belong together" in told.stderr
    assert shown() == der(first)
    put(second, second)
    wait_until(lambda: shown() == der(second), "httpd takes up the successor by itself")


async def test_below_a_path(deployment, shape, come):
    base = f"https://localhost:{deployment.https_port}/jupyter"
    shape(f'address = "{base}/"\ncertificate = "self-signed"')
    alice = come("alice", base)
    await use(alice)
    assert alice.client.get(base, follow_redirects=False).headers["location"] == f"{base}/"
    huge = alice.client.post("/hub/login", data={"username": "alice", "password": "x" * 2_000_000})
    assert huge.status_code == 413
    assert alice.client.get(f"https://localhost:{deployment.https_port}/hub/login").status_code == 404
    status = deployment.status()
    assert status["address"] == base
    assert {service["health"] for service in status["services"].values()} == {"healthy"}


async def test_a_host_name_for_each_person(deployment, shape, come):
    base = f"https://hub.test:{deployment.https_port}"
    shape(f'address = "{base}/"\nsubdomains = true\ncertificate = "self-signed"')
    # The certificate for the other names comes from the same CA.
    alice = come("alice", base, own_host=True)
    await use(alice)
    plain = httpx.get(f"http://127.0.0.1:{deployment.http_port}/a?b=1", headers={"Host": "alice.hub.test"})
    assert plain.headers["location"] == f"{alice.base_of('alice')}/a?b=1"
