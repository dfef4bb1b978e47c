"""Apache httpd's configuration, as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from onehub.core.lifecycle import plan_site
from onehub.core.plan import Run, Write
from onehub.core.vhost import EXAMPLE, EXAMPLE_FILE, EXAMPLE_MADE_BY, render, service_site, vhost_of
from tests.unit.examples import DEMO, OWN, make_host, make_settings

ROOT = Path(__file__).parents[3]
HUB = make_settings(front={"address": "https://hub.example.com/"})


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def test_the_example_is_what_onehub_writes():
    """After a change of core/vhost.py: write `render(EXAMPLE, EXAMPLE_MADE_BY)` into it."""
    assert (ROOT / EXAMPLE_FILE).read_text() == render(EXAMPLE, EXAMPLE_MADE_BY)


def test_the_example_is_the_real_thing_but_for_the_names():
    mine = render(vhost_of(HUB), EXAMPLE_MADE_BY)
    assert mine.replace("hub.example.com", "jupyterhub.DOMAIN.TLD") == (ROOT / EXAMPLE_FILE).read_text()


def test_names_files_and_ports_are_those_of_the_settings():
    settings = make_settings(
        names={"port": 8001},
        front={"address": "https://a.b:8443/", "certificate_file": "/x/c.pem", "key_file": "/x/k.pem"},
    )
    text = lines(render(vhost_of(settings), ""))
    assert "<VirtualHost *:8443>" in text
    assert 'Redirect permanent "/" "https://a.b:8443/"' in text
    assert 'SSLCertificateFile "/x/c.pem"' in text
    assert 'SSLCertificateKeyFile "/x/k.pem"' in text
    assert any(line.startswith('ProxyPass "/" "http://127.0.0.1:8001/" nocanon upgrade=websocket') for line in text)


def test_below_a_path_the_rest_of_the_site_is_left_alone():
    text = render(vhost_of(make_settings(front={"address": "https://a.b/jupyter/"})), "")
    assert 'ProxyPass "/jupyter/" "http://127.0.0.1:8000/jupyter/"' in text
    assert 'RedirectMatch permanent "^/jupyter$" "https://a.b/jupyter/"' in text
    assert 'ProxyPass "/" ' not in text


def test_with_subdomains_all_names_are_served_and_sent_on():
    text = lines(render(vhost_of(make_settings(front={"address": "https://a.b", "subdomains": True})), ""))
    assert text.count("ServerAlias *.a.b") == 2
    assert 'RewriteRule "^" "https://%1%{REQUEST_URI}" [R=permanent,NE,L]' in text


def test_the_older_form_needs_another_module_and_no_upgrade():
    text = render(replace(vhost_of(HUB), rewrite=True), "")
    assert "upgrade=" not in text
    assert "proxy_wstunnel" in text.splitlines()[1]
    assert 'RewriteRule "^/" "ws://127.0.0.1:8000%{REQUEST_URI}" [P,NE,L]' in text


def test_stapling_only_where_the_certificate_has_a_responder():
    assert "SSLUseStapling" not in render(vhost_of(HUB), "")
    assert "SSLUseStapling On" in render(vhost_of(HUB, stapling=True), "")


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "X-Scheme"])
def test_what_a_browser_says_about_itself_is_dropped(header):
    assert f"RequestHeader unset {header}" in lines(render(vhost_of(HUB), ""))


# --- the service


def test_the_demos_service_makes_its_certificate():
    text = lines(service_site(DEMO))
    assert 'Define certificate "self-signed"' in text
    assert 'Define names "DNS:localhost,IP:127.0.0.1"' in text
    assert "Listen 127.0.0.1:8443 https" in text


def test_a_wildcard_for_subdomains():
    front = {"address": "https://a.b", "subdomains": True, "certificate": "self-signed"}
    assert 'Define names "DNS:a.b,DNS:*.a.b,DNS:localhost,IP:127.0.0.1"' in service_site(make_settings(front=front))


def test_files_are_those_that_the_service_sees():
    front = {"address": "https://a.b", "certificate": "files", "key_file": "httpd/mine.key"}
    text = lines(service_site(make_settings(front=front, names={"listen": "0.0.0.0", "https_port": 443})))
    assert 'Define certificate_file "certificate.pem"' in text
    assert 'Define key_file "mine.key"' in text
    assert "Listen 0.0.0.0:443 https" in text
    assert 'Define probe "127.0.0.1:443"' in text


def test_lets_encrypt_is_mod_mds():
    front = {"address": "https://hub.example.com", "certificate": "letsencrypt", "email": "it@example.com"}
    text = lines(service_site(make_settings(front=front)))
    assert "MDomain hub.example.com" in text
    assert "MDCertificateAuthority https://acme-v02.api.letsencrypt.org/directory" in text
    assert not any(line.startswith("SSLCertificateFile") for line in text)


def test_the_file_is_written_only_where_it_differs_and_taken_up_at_once():
    here, facts = Path("/srv/hub"), make_host(DEMO)
    assert plan_site(here, OWN, "", make_host()) == ()
    assert plan_site(here, DEMO, service_site(DEMO), facts) == ()
    write = Write(here / "httpd/site.conf", service_site(DEMO), 0o644, "how the httpd service meets people")
    reload = Run(("docker", "exec", "jupyterhub-httpd", "reload"), "taken up without ending a connection")
    assert plan_site(here, DEMO, "old", facts) == (write, reload)
    assert plan_site(here, DEMO, "old", make_host(DEMO, services={})) == (write,)
