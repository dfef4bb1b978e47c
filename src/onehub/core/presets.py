"""What differs between directories: the names of attributes, and how groups are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PresetName = Literal["active-directory", "openldap", "freeipa"]


@dataclass(frozen=True)
class Preset:
    """A kind of directory.

    `qualified` are attributes that may hold the whole `alice@example.test`; `id` never changes while an account
    lives and is never used again. `nesting` is how groups in groups are found: `token-groups` asks Active Directory,
    which has worked them out, `member-of` reads what the server keeps complete on the person, `walk` climbs.
    """

    name: PresetName
    person_filter: str
    login: str
    qualified: tuple[str, ...]
    id: str
    group_name: str
    group_filter: str
    """What is a group that people are in; FreeIPA's rules and roles have members, too."""
    nesting: Literal["token-groups", "member-of", "walk"]
    state: tuple[str, ...]
    """Attributes that tell whether the account is usable and when its password expires."""


PRESETS: dict[PresetName, Preset] = {
    "active-directory": Preset(
        name="active-directory",
        person_filter="(objectCategory=person)(objectClass=user)",
        login="sAMAccountName",
        qualified=("userPrincipalName",),
        id="objectGUID",
        group_name="sAMAccountName",
        group_filter="(objectClass=group)",
        nesting="token-groups",
        state=(
            "userAccountControl",
            "accountExpires",
            "msDS-User-Account-Control-Computed",
            "msDS-UserPasswordExpiryTimeComputed",
        ),
    ),
    "openldap": Preset(
        name="openldap",
        person_filter="",
        login="uid",
        qualified=("uid",),
        id="entryUUID",
        group_name="cn",
        group_filter=(
            "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))"
        ),
        nesting="walk",
        state=("pwdAccountLockedTime", "shadowExpire", "nsAccountLock"),
    ),
    "freeipa": Preset(
        name="freeipa",
        person_filter="(objectClass=person)",
        login="uid",
        qualified=("uid", "krbPrincipalName"),
        id="ipaUniqueID",
        group_name="cn",
        group_filter="(objectClass=ipaUserGroup)",
        nesting="member-of",
        state=("nsAccountLock", "krbPrincipalExpiration", "krbPasswordExpiration"),
    ),
}
