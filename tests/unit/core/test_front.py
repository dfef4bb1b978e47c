"""The front door's settings: every shape, and what is refused with words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from onehub.core.errors import SettingsError
from onehub.core.front import Front
from onehub.core.settings import load
from tests.unit.examples import DEMO, FILES, OWN, lay_out, make_settings


@pytest.mark.parametrize(
    ("written", "address", "origin", "path", "port"),
    [
        ("", "", "", "/", 443),
        ("https://hub.example.com", "https://hub.example.com/", "https://hub.example.com", "/", 443),
        ("https://Hub.Example.com:443/", "https://hub.example.com/", "https://hub.example.com", "/", 443),
        ("https://a.b:8443/jupyter", "https://a.b:8443/jupyter/", "https://a.b:8443", "/jupyter/", 8443),
        ("https://10.0.0.1/x/y/", "https://10.0.0.1/x/y/", "https://10.0.0.1", "/x/y/", 443),
    ],
)
def test_an_address_has_one_spelling(written, address, origin, path, port):
    front = Front(address=written)
    assert (front.address, front.origin, front.path, front.port) == (address, origin, path, port)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"address": "http://hub.example.com"}, "must begin with https://"),
        ({"address": "hub.example.com"}, "must begin with https://"),
        ({"address": "https://"}, "has no host name"),
        ({"address": "https://me@hub.example.com"}, "has no host name"),
        ({"address": "https://hub_1.example.com"}, "has no host name"),
        ({"address": "https://a.b/x?y"}, "may have a path"),
        ({"address": "https://a.b/x#y"}, "may have a path"),
        ({"address": "https://a.b/../x"}, "may have a path"),
        ({"address": 'https://a.b/"'}, "may have a path"),
        ({"address": "https://a.b:99999/"}, "is not an address"),
        ({"address": "https://a.b:0/"}, "has no port"),
        ({"subdomains": True}, "front.address is missing"),
        ({"certificate": "files"}, "front.address is missing"),
        ({"address": "https://a.b/x", "subdomains": True}, "do not go together"),
        ({"address": "https://10.0.0.1", "subdomains": True}, "need a host name"),
        ({"address": "https://a.b", "certificate": "letsencrypt"}, "front.email is missing"),
        (
            {"address": "https://a.b", "certificate": "letsencrypt", "email": "a@b.c", "subdomains": True},
            "only by DNS",
        ),
        ({"address": "https://hub", "certificate": "letsencrypt", "email": "a@b.c"}, "needs a public host name"),
        ({"certificate_file": "a b"}, "is not a path"),
        ({"key_file": "httpd/../secrets/ad.env"}, "is not a path"),
        ({"email": "nobody"}, "is not a mail address"),
        ({"acme_server": "http://a.b/dir"}, "is not the address of an ACME directory"),
    ],
)
def test_what_cannot_be_is_refused_with_words(values, words):
    with pytest.raises(ValidationError, match=words):
        Front(**values)


@pytest.mark.parametrize(
    ("toml", "env", "words"),
    [
        (
            'address = "https://a.b"\ncertificate = "files"\nkey_file = "/etc/x.key"',
            "",
            "must be in the folder 'httpd'",
        ),
        ('acme_ca_file = "httpd/ca.pem"', "", "there is no certificate"),
        ('certificate = "self-signed"', "HTTPS_PORT=8000\n", "must differ"),
    ],
)
def test_files_and_ports_are_looked_at(tmp_path, toml, env, words):
    lay_out(tmp_path, FILES | {"onehub.toml": f"[front]\n{toml}\n", ".env": env})
    with pytest.raises(SettingsError, match=words):
        load(tmp_path, {})


def test_a_demo_that_says_nothing_has_a_door_of_its_own():
    assert DEMO.services == ("hub", "proxy", "directory", "httpd")
    assert (DEMO.address, DEMO.site.certificate) == ("https://localhost:8443/", "self-signed")
    assert make_settings(names={"https_port": 9443}, directory=DEMO.directory).address == "https://localhost:9443/"


def test_everybody_else_says_so():
    assert OWN.services == ("hub", "proxy")
    assert OWN.address == "http://127.0.0.1:8000/"
    mine = make_settings(front={"address": "https://hub.example.com"})
    assert (mine.services, mine.address) == (("hub", "proxy"), "https://hub.example.com/")
    own = make_settings(front={"address": "https://hub.example.com", "certificate": "files"})
    assert own.services == ("hub", "proxy", "httpd")


def test_another_certificate_does_not_restart_the_hub():
    here = {"address": "https://hub.example.com"}
    before = make_settings(front=here)
    assert make_settings(front=here | {"certificate": "self-signed"}).digest() == before.digest()
    assert make_settings(front=here | {"subdomains": True}).digest() != before.digest()
