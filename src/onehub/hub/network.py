"""Where this container is: which addresses are the host's side of its networks."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

_ROUTES = Path("/proc/net/route")


def gateways(table: Path = _ROUTES) -> list[str]:
    """The host's address on each network of this container: the default gateway, and by Docker's custom the first.

    `table` is the kernel's, with numbers in hexadecimal and in the processor's order of octets.
    """
    found = set()
    for line in table.read_text(encoding="ascii").splitlines()[1:]:
        destination, gateway = line.split()[1:3]
        first = _address(gateway) if int(gateway, 16) else IPv4Address(int(_address(destination)) + 1)
        found.add(str(first))
    return sorted(found)


def _address(text: str) -> IPv4Address:
    return IPv4Address(bytes.fromhex(text)[::-1])
