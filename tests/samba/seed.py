"""Runs while the image is built: puts the people and groups of people.json straight into the domain's database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ages
import ldb
from samba.auth import system_session
from samba.dcerpc import dnsp
from samba.ndr import ndr_pack
from samba.param import LoadParm
from samba.provision.sambadns import ARecord
from samba.samdb import SamDB

BASE = "DC=example,DC=test"
ZONE = f"DC=example.test,CN=MicrosoftDNS,DC=DomainDnsZones,{BASE}"
STATES = {
    "disabled": {"userAccountControl": "514"},  # a normal account (512), disabled (2)
    "hours": {"logonHours": bytes(21)},  # a bit for every hour of the week
    "workstation": {"userWorkstations": "NOWHERE"},
}
"""What the states of people.json mean; those that are a matter of time are in ages.py."""
ADDRESSES = {"dc1": "127.0.0.1", "dc2": "127.0.0.2", "@": "127.0.0.1"}
"""Where the tests publish the ports; `@` is the domain itself."""


def main() -> None:
    sam = directory()
    seed = json.loads(Path(__file__).with_name("people.json").read_text(encoding="utf-8"))
    sam.transaction_start()
    for name in ("People", "Other", "Groups", "Service"):
        sam.add({"dn": f"OU={name},{BASE}", "objectClass": "organizationalUnit"})
    known = {person["sam"]: add_person(sam, person) for person in (seed["lookup"], *seed["people"])}
    known |= {group["name"]: add_group(sam, group["name"]) for group in seed["groups"]}
    for group in seed["groups"]:
        members = [str(known[member]) for member in group["members"]]
        if members:
            change = ldb.Message(known[group["name"]])
            change["member"] = ldb.MessageElement(members, ldb.FLAG_MOD_ADD, "member")
            sam.modify(change)
    sam.transaction_commit()
    cross_names(seed["people"])
    for host, address in ADDRESSES.items():
        point(sam, host, address)


def directory() -> SamDB:
    parameters = LoadParm()
    parameters.load_default()
    return SamDB(session_info=system_session(), lp=parameters)


def add_person(sam: SamDB, person: dict[str, Any]) -> ldb.Dn:
    dn = child(sam, person.get("ou", "People"), person["cn"])
    given, _, family = person["cn"].partition(" ")
    account = {
        "dn": dn,
        "objectClass": "user",
        "sAMAccountName": person["sam"],
        "userPrincipalName": person.get("upn", f"{person['sam'].replace(' ', '.')}@example.test"),
        "displayName": person["cn"],
        "givenName": given,
        "sn": family,
        "userAccountControl": "512",
        "clearTextPassword": person["password"].encode("utf-16-le"),
    }
    mail = {"mail": person["mail"]} if "mail" in person else {}
    sam.add(account | mail | STATES.get(person.get("state", ""), {}))
    return dn


def add_group(sam: SamDB, name: str) -> ldb.Dn:
    dn = child(sam, "Groups", name)
    # A CN may hold a comma, a sAMAccountName may not. The type: global, for access rights.
    sam.add({"dn": dn, "objectClass": "group", "sAMAccountName": name.replace(",", ""), "groupType": "-2147483646"})
    return dn


def cross_names(people: list[dict[str, Any]]) -> None:
    """Set the UPNs that are other people's names. Samba refuses them, as Windows does since 2021; old ones stay."""
    partition = ages.partition()
    for person in people:
        if "crossed_upn" in person:
            change = ldb.Message(ages.find(partition, person["sam"]))
            change["upn"] = ldb.MessageElement(person["crossed_upn"], ldb.FLAG_MOD_REPLACE, "userPrincipalName")
            partition.modify(change)


def point(sam: SamDB, host: str, address: str) -> None:
    """Give a host of the domain this address alone. Provisioning leaves out loopbacks, and adds what IPv6 it sees."""
    found = sam.search(ZONE, expression=f"(dc={host})", attrs=["dnsRecord"]).msgs
    if not found:
        packed = ndr_pack(ARecord(address))
        sam.add({"dn": f"DC={host},{ZONE}", "objectClass": "dnsNode", "dnsRecord": packed})
        return
    records = sam.dns_extract(found[0]["dnsRecord"])
    others = [record for record in records if record.wType not in (dnsp.DNS_TYPE_A, dnsp.DNS_TYPE_AAAA)]
    sam.dns_replace_by_dn(found[0].dn, [*others, ARecord(address)])


def child(sam: SamDB, unit: str, name: str) -> ldb.Dn:
    """The DN of an entry in an organizational unit; ldb escapes what the name holds."""
    dn = ldb.Dn(sam, f"CN=placeholder,OU={unit},{BASE}")
    dn.set_component(0, "CN", name)
    return dn


if __name__ == "__main__":
    main()
