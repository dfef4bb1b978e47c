"""What is said about the front door."""

from __future__ import annotations

import pytest

from onehub.core.diagnosis import Finding
from onehub.core.doorstep import Answer, Certificate, Doorstep, certificate_findings, judge, missing_modules
from onehub.core.front import Front
from tests.unit.examples import make_settings

HUB = make_settings(front={"address": "https://hub.example.com/"})
GOOD = Certificate("c.pem", "", ("hub.example.com",), 80)
WELL = Doorstep("", (), GOOD, "", Answer(200), Answer(101))


def test_where_all_is_well_nothing_is_to_be_mended():
    assert [(finding.about, finding.level) for finding in judge(HUB, WELL)] == [
        (about, "ok") for about in ("modules", "configuration", "certificate", "port", "page", "websocket")
    ]


@pytest.mark.parametrize(
    ("certificate", "level", "says"),
    [
        (Certificate("c.pem", "there is no c.pem"), "problem", "c.pem: there is no c.pem"),
        (Certificate("c.pem", "", ("hub.example.com",), 80, fits_key=False), "problem", "do not belong together"),
        (
            Certificate("c.pem", "", ("a.example.com",), 80),
            "problem",
            "is for a.example.com, not for hub.example.com",
        ),
        (Certificate("c.pem", "", (), 80), "problem", "is for no host name"),
        (Certificate("c.pem", "", ("hub.example.com",), -3), "problem", "ended 3 days ago"),
        (Certificate("c.pem", "", ("hub.example.com",), 20), "warning", "ends in 20 days"),
        (Certificate("c.pem", "", ("hub.example.com",), 80, chain_whole=False), "warning", "has the CA that signed"),
    ],
)
def test_what_a_certificate_lacks(certificate, level, says):
    (finding,) = certificate_findings(HUB.site, certificate)
    assert finding.level == level
    assert says in finding.message
    assert finding.fix


def test_a_wildcard_covers_one_level():
    wild = Certificate("c.pem", "", ("*.example.com",), 80)
    assert [finding.level for finding in certificate_findings(Front(address="https://a.example.com"), wild)] == ["ok"]
    (finding,) = certificate_findings(Front(address="https://a.b.example.com"), wild)
    assert finding.level == "problem"


def test_subdomains_need_a_wildcard():
    front = Front(address="https://hub.example.com", subdomains=True)
    (finding,) = certificate_findings(front, GOOD)
    assert "not for *.hub.example.com" in finding.message


@pytest.mark.parametrize(
    ("page", "websocket", "finding"),
    [
        (Answer(problem="it does not answer (refused)"), None, ("site", "problem")),
        (Answer(200, "its certificate is not trusted here (x)", untrusted=True), Answer(101), ("site", "warning")),
        (Answer(503), None, ("page", "problem")),
        (Answer(404), None, ("page", "problem")),
        (Answer(200), Answer(404), ("websocket", "problem")),
        (Answer(200), Answer(problem="closed"), ("websocket", "problem")),
    ],
)
def test_what_the_site_answers(page, websocket, finding):
    found = [each for each in judge(HUB, Doorstep("", (), GOOD, "", page, websocket)) if each.level != "ok"]
    assert [(each.about, each.level) for each in found] == [finding]
    assert all(each.fix for each in found)


def test_a_port_that_is_open_to_others():
    found = judge(HUB, Doorstep("", (), GOOD, "10.0.0.5:8000", Answer(200), Answer(101)))
    (finding,) = [each for each in found if each.level != "ok"]
    assert finding.about == "port"
    assert "10.0.0.5:8000" in finding.message


def test_missing_modules_and_a_refused_configuration():
    found = judge(HUB, Doorstep("Syntax error", ("headers",), GOOD, "", Answer(200), Answer(101)))
    assert found[0] == Finding(
        "modules", "problem", "Apache httpd has not loaded: headers", "a2enmod headers && apachectl restart"
    )
    assert (found[1].about, found[1].level) == ("configuration", "problem")


def test_modules_are_read_from_the_list_or_from_the_complaint():
    assert missing_modules("", {"ssl_module"}, ("ssl", "headers")) == ("headers",)
    refused = "Invalid command 'RequestHeader', perhaps misspelled or defined by a module not included"
    assert missing_modules(refused, (), ("ssl", "headers")) == ("headers",)
    assert missing_modules("Invalid command 'Nonsense'", (), ("ssl",)) == ()


def test_an_apache_too_old_is_told_of_the_other_form():
    refused = "ProxyPass Unknown Worker parameter: upgrade=websocket"
    finding = judge(HUB, Doorstep(refused, (), GOOD, "", Answer(200), Answer(101)))[0]
    assert "onehub httpd --rewrite" in finding.fix
