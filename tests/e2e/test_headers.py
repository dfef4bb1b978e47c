"""What browsers are told, and what is refused: redirects to elsewhere, forged headers, smuggled and huge requests,
and what one person's page tries with another's cookies. All through the proxy's port, where Apache httpd arrives."""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Callable
from http.cookies import Morsel, SimpleCookie
from urllib.parse import quote

import httpx
import pytest

from .deployment import TestDeployment, inspect, run

EVIL = "evil.example"


def cookies_of(answer: httpx.Response) -> dict[str, Morsel]:
    """What an answer sets, with its attributes."""
    return {
        name: morsel for line in answer.headers.get_list("set-cookie") for name, morsel in SimpleCookie(line).items()
    }


def policy_of(answer: httpx.Response) -> dict[str, str]:
    rules = answer.headers["content-security-policy"].split(";")
    return dict(rule.strip().partition(" ")[::2] for rule in rules)


def send(deployment: TestDeployment, request: bytes) -> bytes:
    """Bytes as they are, and everything that comes back until the other side hangs up or is silent."""
    told = b""
    with socket.create_connection(("127.0.0.1", deployment.port), timeout=20) as line:
        try:
            line.sendall(request)
            line.settimeout(3)
            while more := line.recv(65536):
                told += more
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            pass
    return told


def status_of(told: bytes) -> int:
    return int(told.split(maxsplit=2)[1])


# -- what browsers are told


@pytest.mark.parametrize("path", ["/hub/login", "/hub/home", "/hub/nothing", "/hub/api/user"])
def test_every_answer_of_the_hub_forbids_frames_guessing_and_keeping(deployment, person, path):
    answer = person("alice").client.get(path, follow_redirects=False)
    policy = policy_of(answer)
    assert policy["frame-ancestors"] == "'none'"
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == "'none'"
    assert EVIL not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "access-control-allow-origin" not in answer.headers


def test_the_sign_in_page_is_not_kept_and_not_framed_for_strangers_either(deployment, visitor):
    answer = visitor("alice").client.get("/hub/login")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert policy_of(answer)["frame-ancestors"] == "'none'"


def test_our_style_sheet_is_kept_for_as_long_as_its_version_is_asked_for(deployment, visitor):
    stranger = visitor("alice")
    link = re.search(r"/hub/onehub/static/onehub\.css\?v=[0-9a-f]+", stranger.client.get("/hub/login").text)[0]
    answer = stranger.client.get(link)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/css")
    assert "max-age=315360000" in answer.headers["cache-control"]
    assert stranger.client.get("/hub/onehub/static/onehub.css").headers["cache-control"] == "no-cache"
    assert stranger.client.get("/hub/onehub/static/../page.py").status_code == 404
    assert stranger.client.get("/hub/onehub/static/..%2fpage.py").status_code in (403, 404)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cookies_are_lax_out_of_reach_of_scripts_and_secure_behind_tls(deployment, visitor, scheme):
    alice = visitor("alice")
    if scheme == "https":
        alice.client.headers["X-Forwarded-Proto"] = "https"
    set_by_page = cookies_of(alice.client.get("/hub/login"))
    assert (set_by_page["_xsrf"]["path"], set_by_page["_xsrf"]["httponly"]) == ("/hub/", True)
    made = cookies_of(alice.sign_in(deployment.passwords()["alice"]))
    assert {"jupyterhub-hub-login", "jupyterhub-session-id"} <= set(made)
    for cookie in (*set_by_page.values(), *made.values()):
        assert cookie["samesite"] == "Lax", cookie
        assert not cookie["domain"], cookie
    for name in ("jupyterhub-hub-login", "jupyterhub-session-id"):
        assert made[name]["httponly"], name
        assert bool(made[name]["secure"]) == (scheme == "https"), name
    assert made["jupyterhub-hub-login"]["path"] == "/hub/"


# -- redirects

ATTACKS = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "////evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "\\/evil.example/",
    "/\t/evil.example/",
    "\t//evil.example/",
    "/\r\n/evil.example/",
    " //evil.example/",
    "https:evil.example",
    "https:///evil.example/",
    "http://HOST@evil.example/",
    "http://HOST.evil.example/",
    "http://evil.example\\@HOST/",
    "//HOST//evil.example/",
    "http://HOST//evil.example/",
    "%2F%2Fevil.example/",
    "javascript:alert(1)",
    "data:text/html,evil.example",
    "/hub/home\r\nLocation: https://evil.example/",
]


def goes_elsewhere(location: str) -> bool:
    """As a browser reads it: tabs and line ends fall away, backslashes are slashes."""
    seen = re.sub(r"[\t\r\n]", "", location).strip().replace("\\", "/")
    return not seen.startswith("/") or seen.startswith("//")


def test_next_leads_nowhere_else_once_signed_in(deployment, person):
    alice = person("alice")
    for attack in ATTACKS:
        wanted = attack.replace("HOST", f"127.0.0.1:{deployment.port}")
        answer = alice.client.get(f"/hub/login?next={quote(wanted, safe='')}", follow_redirects=False)
        assert answer.status_code in (302, 400, 500), attack
        assert not goes_elsewhere(answer.headers.get("location", "/")), (attack, answer.headers["location"])
        assert len(answer.headers.get_list("location")) == (answer.status_code == 302), attack


@pytest.mark.parametrize(
    "attack", ["https://evil.example/", "//evil.example/", "/\\evil.example/", "/\t/evil.example/"]
)
def test_next_leads_nowhere_else_while_signing_in(deployment, visitor, attack):
    alice = visitor("alice")
    alice.client.get("/hub/login")
    form = {"username": "alice", "password": deployment.passwords()["alice"], "_xsrf": alice._xsrf("/hub/")}
    answer = alice.client.post(f"/hub/login?next={quote(attack, safe='')}", data=form, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    assert not goes_elsewhere(answer.headers["location"])


# -- forged headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": EVIL},
        {"X-Forwarded-Host": EVIL},
        {"X-Forwarded-Server": EVIL},
        {"X-Original-Host": EVIL},
        {"Forwarded": f"host={EVIL};proto=https"},
        {"X-Forwarded-Prefix": f"//{EVIL}"},
        {"X-Original-URL": f"//{EVIL}/", "X-Rewrite-Url": f"//{EVIL}/"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_a_forged_host_gets_into_no_page_and_no_redirect(deployment, visitor, headers):
    stranger = visitor("alice")
    for path in ("/", "/hub/", "/hub/login", "/hub/home", "/user/alice", "/user/alice/lab", "/hub/api/"):
        answer = stranger.client.get(path, headers=headers, follow_redirects=False)
        assert EVIL not in answer.text, path
        assert EVIL not in str(answer.headers), path
        assert not goes_elsewhere(answer.headers.get("location", "/")), path


def test_a_page_of_another_name_cannot_sign_in_or_act(deployment, person):
    """DNS that is rebound: the browser has the evil name and so none of our cookies, but may forge the form."""
    alice = person("alice")
    token = {"X-XSRFToken": "forged", "Host": EVIL, "Origin": f"https://{EVIL}"}
    assert alice.client.post("/hub/api/users/alice/server", json={}, headers=token).status_code == 403


# -- smuggled and huge requests

HOST = b"Host: hub\r\n"
MALFORMED = {
    "two lengths": b"POST /hub/health HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a signed length": b"POST /hub/health HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nhello",
    "two encodings": b"POST /hub/health HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "an unknown encoding": b"POST /hub/health HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "an encoding with a space": b"POST /hub/health HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "an encoding with a tab stop": b"POST /hub/health HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a chunk that ends wrongly": b"POST /hub/health HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n5;\nxx\r\n0\r\n\r\n",
    "two hosts": b"GET /hub/health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /hub/health HTTP/1.1\r\n\r\n",
    "a null": b"GET /hub/health HTTP/1.1\r\n" + HOST + b"X-A: a\0b\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_request_that_can_be_read_in_two_ways_is_refused(deployment, name):
    told = send(deployment, MALFORMED[name])
    assert status_of(told) in (400, 500, 501), told[:200]
    assert told.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("encoding", [b"Transfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked"])
def test_length_and_encoding_together_leave_nothing_behind_for_others(deployment, visitor, encoding):
    """The proxy takes the encoding, as the standard says, and tells the hub so: what follows is never another's."""
    mark = f"smuggled-{uuid.uuid4().hex}"
    second = f"GET /hub/{mark} HTTP/1.1\r\nHost: hub\r\nX-Poison: ".encode()
    length = f"Content-Length: {5 + len(second)}\r\n".encode()
    body = b"0\r\n\r\n" + second
    for _ in range(5):
        send_only = b"POST /hub/health HTTP/1.1\r\n" + HOST + length + encoding + b"\r\n\r\n" + body
        with socket.create_connection(("127.0.0.1", deployment.port), timeout=20) as line:
            line.sendall(send_only)
            assert status_of(line.recv(65536)) in (400, 403, 405)
    for _ in range(20):
        assert visitor("alice").client.get("/hub/health").status_code == 200
    assert mark not in run("docker", "logs", deployment.hub).stderr


def test_a_folded_header_is_no_header_of_its_own(deployment):
    mark = f"folded-{uuid.uuid4().hex}"
    head = f"GET /hub/{mark} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n"
    send(deployment, f"{head}X-A: a\r\n X-Forwarded-For: 203.0.113.66\r\n\r\n".encode())
    seen = [line for line in run("docker", "logs", deployment.hub).stderr.splitlines() if mark in line]
    assert not any("203.0.113.66" in line for line in seen), seen


@pytest.mark.parametrize(
    ("path", "header"),
    [("/hub/health", "x" * 70_000), ("/hub/health", "x" * 2_000_000), ("/hub/?" + "x" * 70_000, "")],
)
def test_too_large_a_head_is_a_431(deployment, path, header):
    request = f"GET {path} HTTP/1.1\r\nHost: hub\r\nX-A: {header}\r\nConnection: close\r\n\r\n"
    assert status_of(send(deployment, request.encode())) == 431


@pytest.mark.parametrize(
    "line",
    ["POST /hub/login", "POST /nothing", "PUT /user/nobody/api/contents/x", "GET /hub/login", "DELETE /hub/api"],
)
def test_the_hub_refuses_too_large_a_body_before_it_has_come(deployment, line):
    """From anybody, wherever it goes, servers included: it would be kept in memory before it is asked whose it is."""
    head = f"{line} HTTP/1.1\\r\\nHost: hub\\r\\nContent-Length: 90000000\\r\\n\\r\\n"
    hub = "socket.create_connection(('127.0.0.1', 8081), 20)"
    ask = f"import socket; hub = {hub}; hub.sendall(b'{head}'); print(hub.recv(99))"
    assert "400 Bad Request" in run("docker", "exec", deployment.hub, "python", "-c", ask).stdout


# -- what one person's page does with another's cookies


def test_without_the_token_of_the_page_cookies_change_nothing(deployment, person):
    bob, alice = person("bob"), person("alice")
    foreign = {"Origin": f"https://{EVIL}", "Referer": f"https://{EVIL}/", "Sec-Fetch-Site": "cross-site"}
    api, form = "/hub/api/users/bob/server", {"username": "bob"}
    requests: list[Callable[[], httpx.Response]] = [
        lambda: bob.client.post(api, json={}),
        lambda: bob.client.post(api, json={}, headers=foreign),
        lambda: bob.client.post(api, content="{}", headers=foreign | {"Content-Type": "text/plain"}),
        # Alice's own token, got on her own page, beside Bob's cookies: her server's page in Bob's browser.
        lambda: bob.client.post(api, json={}, headers={"X-XSRFToken": alice._xsrf("/hub/")}),
        lambda: bob.client.post("/hub/spawn", data=form),
        lambda: bob.client.post("/hub/api/users/bob/tokens", json={}, headers=foreign),
        lambda: bob.client.delete(api, headers=foreign),
    ]
    for number, request in enumerate(requests):
        assert request().status_code == 403, number
    assert bob.server_state() == {}
    assert bob.is_signed_in()


@pytest.mark.parametrize("path", ["/hub", "/hub/home", "/hub/token", "/hub/spawn", "/hub/api/user"])
def test_a_script_reads_no_page_of_the_hub_with_somebodys_cookies(deployment, person, path):
    """The page of a server has the hub's own origin, so the browser sends the cookies and shows the answer."""
    bob = person("bob")
    for mode in ("cors", "no-cors", "same-origin"):
        script = {"Sec-Fetch-Mode": mode, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}
        answer = bob.client.get(path, headers=script, follow_redirects=False)
        if (path, mode) != ("/hub/api/user", "no-cors"):  # of which a script sees nothing
            assert answer.status_code == 403, mode
    assert bob.client.get("/hub/home", headers={"Sec-Fetch-Mode": "navigate"}).status_code == 200


def test_what_scripts_need_of_the_hub_they_get_and_error_pages_hold_no_token(deployment, person):
    bob = person("bob")
    script = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "X-XSRFToken": bob._xsrf("/hub/")}
    assert bob.client.get("/hub/api/user", headers=script).json()["name"] == "bob"
    assert bob.client.get("/hub/static/js/darkmode.js", headers=script).status_code == 200
    # JupyterLab asks its server, which is gone: the hub's answer in its place.
    gone = bob.client.get("/user/bob/api/status", headers=script)
    assert (gone.status_code, gone.headers["content-type"]) == (424, "application/json")
    for path in ("/hub/api/nothing", "/hub/user/nobody/api/x", "/hub/nothing"):
        for headers in (script, {}):
            answer = bob.client.get(path, headers=headers)
            assert answer.status_code in (403, 404), path
            assert not re.search(r'xsrf_token: "[^"]', answer.text), path


def test_servers_are_apart_and_framed_by_nobody_else(deployment, person):
    carol, bob = person("carol"), person("bob")
    carol.start()
    page = carol.client.get("/user/carol/lab")
    assert page.status_code == 200
    assert policy_of(page)["frame-ancestors"] in ("'none'", "'self'")
    assert page.headers["x-content-type-options"] == "nosniff"
    set_on_the_way = {name: cookie for step in (*page.history, page) for name, cookie in cookies_of(step).items()}
    own = set_on_the_way["jupyterhub-user-carol"]
    assert (own["path"], own["httponly"], own["samesite"], own["domain"]) == ("/user/carol/", True, "Lax", "")
    # Bob's browser at Carol's server: his session is the hub's, and the hub gives him no pass for hers.
    assert bob.client.get("/user/carol/lab").status_code == 403
    assert bob.client.get("/user/carol/api/contents").status_code == 403
    made = bob.hub("POST", "/users/bob/tokens", {"expires_in": 600}).json()["token"]
    as_bob = {"Authorization": f"token {made}"}
    assert httpx.get(f"{deployment.base}/user/carol/api/contents", headers=as_bob, timeout=30).status_code == 403
    # Carol's cookie for her server, in the hands of another page: it opens nothing without the server's own token.
    assert carol.client.put("/user/carol/api/contents/x", json={"type": "file"}).status_code == 403
    # What her server holds of her does not make it her at the hub.
    environment = inspect("container", deployment.server("carol"))["Config"]["Env"]
    inside = next(line.partition("=")[2] for line in environment if line.startswith("JUPYTERHUB_API_TOKEN="))
    for method, path in (("GET", "/users"), ("POST", "/users/bob/server"), ("POST", "/users/carol/tokens")):
        body = {} if method == "POST" else None
        token = {"Authorization": f"token {inside}"}
        answer = httpx.request(method, f"{deployment.base}/hub/api{path}", json=body, headers=token, timeout=30)
        assert answer.status_code in (403, 404), (method, path, answer.text)
