"""What the root entry of a directory tells."""

from __future__ import annotations

import pytest

from onehub.hub.directory.ldap import kind_of_directory


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ({"supportedCapabilities": [b"1.2.840.113556.1.4.800", b"1.2.840.113556.1.4.1670"]}, "active-directory"),
        ({"SUPPORTEDCAPABILITIES": [b"1.2.840.113556.1.4.800"]}, "active-directory"),
        (
            {"vendorName": [b"389 Project"], "supportedExtension": [b"2.16.840.1.113730.3.8.10.5"]},
            "freeipa",
        ),
        ({"vendorName": [b"389 Project"], "supportedExtension": [b"2.16.840.1.113730.3.5.7"]}, "openldap"),
        ({"objectClass": [b"OpenLDAProotDSE"]}, "openldap"),
        ({}, "openldap"),
    ],
)
def test_kind_of_directory(root, kind):
    assert kind_of_directory(root) == kind
