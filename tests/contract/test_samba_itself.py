"""The domain of the other tests is an Active Directory of the kind they take it for."""

from __future__ import annotations

import re
import socket
import time
import uuid
from dataclasses import replace

import dns.message
import dns.query
import pytest
import trustme
from ldap3 import BASE
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_bytes, escape_filter_chars

from .samba import (
    BASE_DN,
    DOMAIN,
    LOCKOUT_THRESHOLD,
    LOOKUP,
    NETBIOS,
    PASSWORD_DAYS,
    PEOPLE,
    RunningDomain,
)

CODES = {
    "disabled": "533",
    "expired": "701",
    "password_expired": "532",
    "must_change": "773",
    "hours": "530",
    "workstation": "531",
    "locked": "775",
}
REFUSED = {name: CODES[person.state] for name, person in PEOPLE.items() if person.state in CODES}
ADMITTED = sorted(PEOPLE.keys() - REFUSED.keys())
NESTED = "1.2.840.113556.1.4.1941"
NEVER = 2**63 - 1


def code(answer: dict) -> str:
    assert answer["result"] == 49, answer
    return re.search(r"data ([0-9a-f]+)", answer["message"])[1]


def filetime(seconds: float) -> float:
    return (seconds + 11644473600) * 10_000_000


def sid(raw: bytes) -> str:
    parts = [int.from_bytes(raw[at : at + 4], "little") for at in range(8, len(raw), 4)]
    assert len(parts) == raw[1]
    return "-".join(["S", str(raw[0]), str(int.from_bytes(raw[2:8], "big")), *map(str, parts)])


def search(domain: RunningDomain, base: str, words: str, *attributes: str, scope: str = "SUBTREE"):
    with domain.looking_up() as connection:
        connection.search(base, words, search_scope=scope, attributes=list(attributes))
        assert connection.result["result"] == 0, connection.result
        return [answer for answer in connection.response if answer["type"] == "searchResEntry"]


@pytest.mark.parametrize("name", ADMITTED)
def test_the_right_password_is_taken_at_every_name(samba, name):
    person = PEOPLE[name]
    for user in (samba.dn(name), person.upn, f"{NETBIOS}\\{name}"):
        assert samba.bind(user, person.password)["result"] == 0, user
        assert code(samba.bind(user, "wrong")) == "52e"
        assert samba.bad_password_count(name) == 1
    samba.unlock(name)


@pytest.mark.parametrize(("name", "expected"), sorted(REFUSED.items()))
def test_the_right_password_alone_earns_the_reason(samba, name, expected):
    if name == "locked":
        samba.lock(name)
    dn = samba.dn(name)
    assert code(samba.bind(dn, PEOPLE[name].password)) == expected
    assert code(samba.bind(dn, "wrong")) == ("775" if name == "locked" else "52e")


def test_an_unknown_person_is_a_wrong_password(samba):
    for user in (f"CN=nobody,{BASE_DN}", f"{NETBIOS}\\nobody", f"nobody@{DOMAIN}"):
        assert code(samba.bind(user, "wrong")) == "52e"


def test_a_bare_name_is_no_bind_name(samba):
    assert code(samba.bind("alice", PEOPLE["alice"].password)) == "52e"


def test_a_upn_that_is_anothers_name_is_the_others(samba):
    """`swap1@example.test` is swap2's UPN: what looks like swap1's own is not."""
    assert PEOPLE["swap2"].upn == f"swap1@{DOMAIN}"
    assert samba.bind(f"swap1@{DOMAIN}", PEOPLE["swap2"].password)["result"] == 0
    assert code(samba.bind(f"swap1@{DOMAIN}", PEOPLE["swap1"].password)) == "52e"
    samba.unlock("swap2")


def test_the_fifth_wrong_password_locks(samba):
    dn = samba.dn("anna maria")
    try:
        for count in range(1, LOCKOUT_THRESHOLD + 1):
            assert code(samba.bind(dn, "wrong")) == "52e"
            assert samba.bad_password_count("anna maria") == count
        assert code(samba.bind(dn, PEOPLE["anna maria"].password)) == "775"
    finally:
        samba.unlock("anna maria")
    assert samba.bind(dn, PEOPLE["anna maria"].password)["result"] == 0


def test_a_password_in_the_clear_is_refused(samba):
    assert samba.bind(LOOKUP.upn, LOOKUP.password, encrypted=False)["result"] == 8


def test_starttls(samba):
    assert samba.bind(LOOKUP.upn, LOOKUP.password, starttls=True)["result"] == 0


def test_another_ca_is_not_believed(samba, tmp_path):
    stranger = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    for starttls in (False, True):
        with pytest.raises(LDAPException, match=r"(?i)certificate"):
            replace(samba, ca_file=stranger).connection(starttls=starttls)


@pytest.mark.parametrize("name", sorted(PEOPLE))
def test_the_lookup_account_may_read_what_sign_in_needs(samba, name):
    person = PEOPLE[name]
    wanted = ("sAMAccountName", "cn", "objectGUID", "objectSid", "primaryGroupID", "userAccountControl", "pwdLastSet")
    computed = ("msDS-UserPasswordExpiryTimeComputed", "msDS-User-Account-Control-Computed")
    account = samba.read(name, *wanted, *computed, "accountExpires", "userPrincipalName")
    assert account["sAMAccountName"] == [name.encode()]
    assert account["cn"] == [person.cn.encode()]
    assert account["userPrincipalName"] == [person.upn.encode()]
    assert uuid.UUID(bytes_le=account["objectGUID"][0]).variant
    assert sid(account["objectSid"][0]).startswith("S-1-5-21-")
    assert account["primaryGroupID"] == [b"513"]
    assert int(account["userAccountControl"][0]) == (514 if person.state == "disabled" else 512)
    expires = int(account["accountExpires"][0])
    assert expires < filetime(time.time()) if person.state == "expired" else expires == NEVER
    bits = {"locked": 0x10, "password_expired": 0x800000, "must_change": 0x800000}
    if name == "locked":
        samba.lock(name)
        account = samba.read(name, *wanted, *computed)
    assert int(account["msDS-User-Account-Control-Computed"][0]) == bits.get(person.state, 0)
    end, begun = (int(account[key][0]) for key in ("msDS-UserPasswordExpiryTimeComputed", "pwdLastSet"))
    assert end == (0 if person.state == "must_change" else begun + PASSWORD_DAYS * 86400 * 10_000_000)


def test_one_password_expires_soon(samba):
    end = int(samba.read("soon", "msDS-UserPasswordExpiryTimeComputed")["msDS-UserPasswordExpiryTimeComputed"][0])
    assert 3 < (end - filetime(time.time())) / (86400 * 10_000_000) < 5


def test_lockout_time_is_there_while_it_lasts(samba):
    samba.lock("locked")
    assert abs(int(samba.read("locked", "lockoutTime")["lockoutTime"][0]) - filetime(time.time())) < 60 * 10_000_000


def cn(entry: dict) -> str:
    return entry["raw_attributes"]["cn"][0].decode()


def names_of(domain: RunningDomain, sids: list[bytes]) -> set[str]:
    words = "".join(f"(objectSid={escape_bytes(raw)})" for raw in sids)
    return {cn(entry) for entry in search(domain, BASE_DN, f"(|{words})", "cn")}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("alice", {"Students", "Data Science"}),
        ("ada", {"Hub Admins"}),
        ("Bob.Smith", {"Comma, Group"}),
        ("o'brien", {"Loop A", "Loop B"}),
        ("carol", set()),
    ],
)
def test_groups_nested_primary_and_in_a_circle(samba, name, expected):
    dn = samba.dn(name)
    (person,) = search(samba, dn, "(objectClass=*)", "tokenGroups", scope=BASE)
    found = names_of(samba, person["raw_attributes"]["tokenGroups"])
    assert found == expected | {"Domain Users", "Users"}
    by_rule = search(samba, BASE_DN, f"(member:{NESTED}:={escape_filter_chars(dn)})", "cn")
    assert {cn(entry) for entry in by_rule} == expected  # without the primary group


def test_a_common_name_is_no_key(samba):
    found = {entry["dn"] for entry in search(samba, BASE_DN, "(cn=Same Name)", "cn")}
    assert found == {f"CN=Same Name,OU={unit},{BASE_DN}" for unit in ("People", "Other")}
    assert PEOPLE["dup1"].password != PEOPLE["dup2"].password


def test_the_root_says_what_it_is_without_a_bind(samba):
    connection = samba.connection()
    try:
        wanted = ["defaultNamingContext", "supportedCapabilities", "dnsHostName"]
        connection.search("", "(objectClass=*)", search_scope=BASE, attributes=wanted)
        root = connection.response[0]["raw_attributes"]
        assert not connection.search(BASE_DN, "(cn=*)")
    finally:
        connection.unbind()
    assert root["defaultNamingContext"] == [BASE_DN.encode()]
    assert b"1.2.840.113556.1.4.800" in root["supportedCapabilities"]
    assert root["dnsHostName"] == [f"dc1.{DOMAIN}".encode()]


def test_the_lookup_account_may_read_the_domains_rules(samba):
    wanted = ("lockoutThreshold", "lockoutDuration", "maxPwdAge")
    (head,) = search(samba, BASE_DN, "(objectClass=*)", *wanted, scope=BASE)
    rules = {name: int(values[0]) for name, values in head["raw_attributes"].items()}
    tick = 10_000_000
    assert rules == {
        "lockoutThreshold": LOCKOUT_THRESHOLD,
        "lockoutDuration": -30 * 60 * tick,
        "maxPwdAge": -PASSWORD_DAYS * 86400 * tick,
    }


def test_the_netbios_name_is_among_the_partitions(samba):
    partitions = f"CN=Partitions,CN=Configuration,{BASE_DN}"
    (found,) = search(samba, partitions, "(nETBIOSName=*)", "nETBIOSName", "nCName")
    assert found["raw_attributes"] == {"nETBIOSName": [NETBIOS.encode()], "nCName": [BASE_DN.encode()]}


@pytest.mark.parametrize("ask", [dns.query.udp, dns.query.tcp], ids=["udp", "tcp"])
def test_the_domain_names_its_controllers(samba, ask):
    def answers(name: str, kind: str) -> set[str]:
        reply = ask(dns.message.make_query(name, kind), samba.host, port=samba.dns, timeout=5)
        return {item.to_text() for found in reply.answer for item in found}

    assert answers(f"_ldap._tcp.{DOMAIN}", "SRV") == {f"0 100 389 dc1.{DOMAIN}."}
    assert answers(f"dc1.{DOMAIN}", "A") == {"127.0.0.1"}
    assert answers(f"dc2.{DOMAIN}", "A") == {"127.0.0.2"}
    assert answers(f"nowhere.{DOMAIN}", "A") == set()


def test_an_account_can_be_changed_and_changed_back(samba):
    carol = PEOPLE["carol"]
    samba.modify("carol", userAccountControl=514, displayName="Çarol")
    assert code(samba.bind(carol.upn, carol.password)) == "533"
    assert samba.read("carol", "displayName")["displayName"] == ["Çarol".encode()]
    samba.modify("carol", userAccountControl=512, displayName=carol.cn, pwdLastSet="now-41.5")
    assert samba.bind(carol.upn, carol.password)["result"] == 0
    samba.modify("carol", pwdLastSet="now-43")
    assert code(samba.bind(carol.upn, carol.password)) == "532"
    samba.modify("carol", pwdLastSet="now-1")
    assert "carol" in samba.samba_tool("user", "list").split()


def test_a_second_controller_at_the_same_port(samba, second_dc):
    twin = second_dc()
    assert (twin.host, twin.ldaps) == ("127.0.0.2", samba.ldaps)
    assert twin.bind(LOOKUP.upn, LOOKUP.password)["result"] == 0
    twin.pause()
    with socket.create_connection((twin.host, twin.ldaps), timeout=3) as silent:
        silent.settimeout(0.5)
        with pytest.raises(TimeoutError):
            silent.recv(1)
    twin.unpause()
    assert twin.bind(LOOKUP.upn, LOOKUP.password)["result"] == 0
    twin.kill()
    with pytest.raises(LDAPException):
        twin.connection()
    assert samba.bind(LOOKUP.upn, LOOKUP.password)["result"] == 0


def test_a_paused_controller_is_removed_as_well(second_dc):
    second_dc().pause()
