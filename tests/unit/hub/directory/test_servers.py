from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

import dns.exception
import dns.rrset
import pytest

from onehub.core.settings import Directory
from onehub.hub.directory.servers import Server, Servers
from onehub.hub.directory.session import DirectoryDown

ONE, TWO, THREE = Server("dc1", 636), Server("dc2", 636), Server("dc3", 636)
SRV = "_ldap._tcp.example.test"


@dataclass
class Clock:
    """Time that passes when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Zone:
    """The part of DNS that names the servers: records as in a zone file, or an error."""

    records: tuple[str, ...] = ()
    error: Exception | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    def resolve(self, qname: str, rdtype: str, *, lifetime: float) -> dns.rrset.RRset:
        self.asked.append((qname, rdtype))
        if self.error:
            raise self.error
        return dns.rrset.from_text_list(qname, 60, "IN", "SRV", self.records)


def three(clock: Clock) -> Servers:
    return Servers(Directory(server="dc1 dc2 dc3"), clock=clock)


def looked_up(zone: Zone, clock: Clock | None = None, **settings: object) -> Servers:
    return Servers(Directory(server=SRV, **settings), zone, clock or Clock())


# --- their health


def test_servers_are_asked_in_the_order_of_the_settings():
    assert list(three(Clock()).candidates()) == [ONE, TWO, THREE]


def test_a_sick_server_is_asked_last():
    servers = three(clock := Clock())
    servers.failed(ONE, "refused the connection")
    clock.now += 6
    assert list(servers.candidates()) == [TWO, THREE, ONE]


def test_a_sick_server_is_left_alone_for_a_moment():
    servers = three(clock := Clock())
    servers.failed(TWO, "refused the connection")
    clock.now += 1
    assert list(servers.candidates()) == [ONE, THREE]


def test_after_a_while_one_caller_tries_a_sick_server_in_its_place_and_the_others_do_not_wait_with_it():
    servers = three(clock := Clock())
    servers.failed(ONE, "is silent")
    clock.now += 31
    assert list(islice(servers.candidates(), 1)) == [ONE]
    assert list(islice(servers.candidates(), 2)) == [TWO, THREE]
    clock.now += 31
    assert list(islice(servers.candidates(), 1)) == [ONE]


def test_a_server_that_answers_is_well_again():
    servers = three(clock := Clock())
    servers.failed(ONE, "is silent")
    clock.now += 31
    servers.answered(ONE)
    for _ in range(2):
        assert list(islice(servers.candidates(), 1)) == [ONE]


def test_where_all_are_sick_it_is_said_at_once_with_reasons():
    servers = three(Clock())
    for server in (ONE, TWO, THREE):
        servers.failed(server, "is silent")
    servers.failed(TWO, "refused the connection")
    with pytest.raises(DirectoryDown) as caught:
        next(servers.candidates())
    assert str(caught.value) == (
        "no server of the directory answers "
        "(dc1:636: is silent; dc2:636: refused the connection; dc3:636: is silent); they are tried again soon"
    )
    assert caught.value.kind == "down"


def test_where_all_are_sick_one_caller_tries_them_again_soon():
    servers = three(clock := Clock())
    for server in (ONE, TWO, THREE):
        servers.failed(server, "is silent")
    clock.now += 6
    assert list(servers.candidates()) == [ONE, TWO, THREE]
    with pytest.raises(DirectoryDown):
        next(servers.candidates())
    clock.now += 6
    servers.failed(TWO, "is silent")
    assert list(servers.candidates()) == [ONE, THREE]


def test_who_watches_hears_of_each_change():
    heard = []
    servers = Servers(Directory(server="dc1"), watch=lambda server, well: heard.append((server, well)))
    servers.failed(ONE, "is silent")
    servers.answered(ONE)
    assert heard == [(ONE, False), (ONE, True)]


# --- their names from DNS


def test_dns_names_servers_by_priority_then_weight():
    records = (
        "10 10 636 light.example.test.",
        "20 99 636 later.example.test.",
        "10 60 636 heavy.example.test.",
        "0 0 636 first.example.test.",
    )
    zone = Zone(records)
    hosts = [server.host for server in looked_up(zone).candidates()]
    assert hosts == [f"{name}.example.test" for name in ("first", "heavy", "light", "later")]
    assert zone.asked == [(SRV, "SRV")]


@pytest.mark.parametrize(
    ("settings", "port"),
    [
        ({}, 636),
        ({"port": 3269}, 3269),
        ({"tls": "starttls"}, 1389),
        ({"tls": "starttls", "port": 3268}, 3268),
        ({"insecure": True}, 1389),
    ],
)
def test_dns_says_the_port_but_for_ldaps(settings, port):
    zone = Zone(("0 0 1389 dc1.example.test.",))
    assert list(looked_up(zone, **settings).candidates()) == [Server("dc1.example.test", port)]


@pytest.mark.parametrize(
    "name",
    [
        SRV,
        f"{SRV}.",
        "_ldap._tcp.Example.Test",
        "_ldap._tcp.dc._msdcs.example.test",
        "_ldap._tcp.Berlin._sites.example.test",
        "_ldap._tcp.Berlin._sites.dc._msdcs.example.test",
    ],
)
def test_servers_of_the_domain_are_trusted_by_whatever_name_it_is_asked_for(name):
    zone = Zone(("0 0 389 DC1.example.test.", "1 0 389 example.test.", "2 0 389 dc2.berlin.example.test."))
    hosts = [server.host for server in Servers(Directory(server=name), zone, Clock()).candidates()]
    assert hosts == ["DC1.example.test", "example.test", "dc2.berlin.example.test"]


@pytest.mark.parametrize("host", ["dc1.evil.test", "example.test.evil.test", "notexample.test", "test"])
def test_a_server_outside_the_domain_is_not_trusted(host):
    zone = Zone(("0 0 389 dc1.example.test.", f"1 0 389 {host}."))
    with pytest.raises(DirectoryDown) as caught:
        next(looked_up(zone).candidates())
    assert str(caught.value) == f"DNS names {host} for {SRV}, which is outside example.test: not trusted"
    assert caught.value.kind == "dns"


def test_what_dns_said_is_good_for_a_while():
    servers = looked_up(zone := Zone(("0 0 389 dc1.example.test.",)), clock := Clock())
    list(servers.candidates())
    zone.records = ("0 0 389 dc2.example.test.",)
    clock.now += 299
    assert [server.host for server in servers.candidates()] == ["dc1.example.test"]
    clock.now += 2
    assert [server.host for server in servers.candidates()] == ["dc2.example.test"]
    assert len(zone.asked) == 2


@pytest.mark.parametrize("bad", [Zone(error=dns.exception.Timeout()), Zone(("0 0 389 dc1.evil.test.",))])
def test_while_dns_is_away_or_forged_its_last_answer_holds(bad):
    servers = looked_up(zone := Zone(("0 0 389 dc1.example.test.",)), clock := Clock())
    list(servers.candidates())
    zone.records, zone.error = bad.records, bad.error
    clock.now += 1000
    assert [server.host for server in servers.candidates()] == ["dc1.example.test"]


def test_where_dns_never_answered_that_is_the_reason():
    with pytest.raises(DirectoryDown) as caught:
        next(looked_up(Zone(error=dns.exception.Timeout(timeout=5.0))).candidates())
    assert str(caught.value) == (f"DNS names no servers for {SRV}: The DNS operation timed out after 5.000 seconds")
    assert caught.value.kind == "dns"


def test_servers_from_dns_can_be_sick_as_well():
    servers = looked_up(Zone(("0 0 389 dc1.example.test.", "1 0 389 dc2.example.test.")))
    servers.failed(Server("dc1.example.test", 636), "is silent")
    assert [server.host for server in servers.candidates()] == ["dc2.example.test"]
