"""The kernel's table of routes, read."""

from __future__ import annotations

from onehub.hub.network import gateways

TABLE = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010012AC	0003	0	0	0	00000000	0	0	0
eth0	000012AC	00000000	0001	0	0	0	0000FFFF	0	0	0
eth1	0000A8C0	00000000	0001	0	0	0	00F0FFFF	0	0	0
"""


def test_the_hosts_addresses_on_each_network(tmp_path):
    (tmp_path / "route").write_text(TABLE)
    assert gateways(tmp_path / "route") == ["172.18.0.1", "192.168.0.1"]
