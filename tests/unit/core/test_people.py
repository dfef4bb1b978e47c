from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.groups import Group
from onehub.core.people import Admitted, Person, Refused, admit
from onehub.core.settings import Access
from onehub.core.sources import Named

SCIENCE = Group("CN=Data Science,OU=Groups,DC=example,DC=com", "Data Science", "S-1-5-21-1-2-3-1104")
OTHER = Group("CN=Sales,OU=Groups,DC=example,DC=com", "Sales", "S-1-5-21-1-2-3-1105")
BOSSES = Group("CN=Hub Admins,OU=Groups,DC=example,DC=com", "Hub Admins", "S-1-5-21-1-2-3-1106")
PLAIN, ADMIN = Named("jenny"), Named("jenny", admin=True)

NAMED = Admitted(False, "named in userlist")
NAMED_ADMIN = Admitted(True, "named in userlist")
MEMBER = Admitted(None, f"member of {SCIENCE.dn}")
INVITED = Admitted(None, "added by an admin")
ANYBODY = Admitted(None, "access.allow_all lets everybody in")
STRANGER = Refused("jenny is neither named in userlist nor in an allowed group")
NO_MEMBER = Refused("jenny is not in an allowed group, and access.require is 'all'")
NOT_NAMED = Refused("jenny is not named in userlist, and access.require is 'all'")
BLOCKED = Refused("jenny is in access.blocked")


def jenny(*groups: Group) -> Person:
    return Person("jenny", "CN=Jenny", frozenset(groups))


@pytest.mark.parametrize(
    ("entry", "member", "invited", "by_any", "by_all"),
    [
        (None, False, False, STRANGER, STRANGER),
        (None, False, True, INVITED, NO_MEMBER),
        (None, True, False, MEMBER, NOT_NAMED),
        (None, True, True, MEMBER, MEMBER),
        (PLAIN, False, False, NAMED, NO_MEMBER),
        (PLAIN, False, True, NAMED, NO_MEMBER),
        (PLAIN, True, False, NAMED, NAMED),
        (PLAIN, True, True, NAMED, NAMED),
        (ADMIN, False, False, NAMED_ADMIN, NO_MEMBER),
        (ADMIN, False, True, NAMED_ADMIN, NO_MEMBER),
        (ADMIN, True, False, NAMED_ADMIN, NAMED_ADMIN),
        (ADMIN, True, True, NAMED_ADMIN, NAMED_ADMIN),
    ],
)
def test_names_and_allowed_groups(entry, member, invited, by_any, by_all):
    people = (Named("guido", admin=True), *([entry] if entry else []))
    person = jenny(OTHER, *([SCIENCE] if member else []))
    rules = {"people": people, "allowed_groups": (SCIENCE.dn,)}
    assert admit(person, Access(**rules), invited=invited) == by_any
    assert admit(person, Access(**rules, require="all"), invited=invited) == by_all
    assert admit(person, Access(**rules, blocked=("guido", "Jenny")), invited=invited) == BLOCKED


@pytest.mark.parametrize(
    ("entry", "boss", "invited", "by_any", "by_all"),
    [
        (None, False, False, STRANGER, STRANGER),
        (None, False, True, Admitted(False, "added by an admin"), NO_MEMBER),
        (None, True, False, Admitted(True, f"member of the admin group {BOSSES.dn}"), NOT_NAMED),
        (None, True, True, *[Admitted(True, f"member of the admin group {BOSSES.dn}")] * 2),
        (PLAIN, False, False, NAMED, NO_MEMBER),
        (PLAIN, True, False, NAMED_ADMIN, NAMED_ADMIN),
        (ADMIN, False, False, NAMED_ADMIN, NO_MEMBER),
        (ADMIN, True, False, NAMED_ADMIN, NAMED_ADMIN),
    ],
)
def test_admin_groups_let_in_and_speak_the_last_word_about_admins(entry, boss, invited, by_any, by_all):
    person = jenny(OTHER, *([BOSSES] if boss else []))
    rules = {"people": (entry,) if entry else (), "admin_groups": (BOSSES.dn,)}
    assert admit(person, Access(**rules), invited=invited) == by_any
    assert admit(person, Access(**rules, require="all"), invited=invited) == by_all
    assert admit(person, Access(**rules, blocked=("jenny",)), invited=invited) == BLOCKED


def test_who_leaves_the_admin_group_is_demoted_and_stays_a_member():
    rules = Access(allowed_groups=(SCIENCE.dn,), admin_groups=(BOSSES.dn,))
    assert admit(jenny(SCIENCE, BOSSES), rules) == Admitted(True, f"member of {SCIENCE.dn}")
    assert admit(jenny(SCIENCE), rules) == Admitted(False, f"member of {SCIENCE.dn}")


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ({}, ANYBODY),
        ({"people": (PLAIN,)}, NAMED),
        ({"people": (ADMIN,)}, NAMED_ADMIN),
        ({"admin_groups": (BOSSES.dn,)}, Admitted(False, "access.allow_all lets everybody in")),
        ({"admin_groups": (OTHER.dn,)}, Admitted(True, f"member of the admin group {OTHER.dn}")),
        ({"blocked": ("jenny",)}, BLOCKED),
        ({"require": "all"}, NOT_NAMED),
    ],
)
def test_everybody_may_be_let_in(rules, answer):
    assert admit(jenny(OTHER), Access(**rules, allow_all=True)) == answer


@pytest.mark.parametrize(
    "written",
    [
        SCIENCE.dn,
        "cn = data  science; ou=groups, dc=EXAMPLE,DC=com",
        "2.5.4.3=Data Science,OU=Groups,DC=example,DC=com",
        "Data Science",
        "data science",
        SCIENCE.sid,
        SCIENCE.sid.lower(),
    ],
)
def test_a_group_is_meant_by_its_dn_in_any_spelling_its_name_or_its_sid(written):
    rules = Access(allowed_groups=(OTHER.dn, written), admin_groups=(written,))
    assert admit(jenny(SCIENCE), rules) == Admitted(True, f"member of {written}")
    assert admit(jenny(BOSSES), rules) == STRANGER


@pytest.mark.parametrize(
    ("written", "group"),
    [
        ("Sales", Group("CN=Sales,DC=x", "Marketing")),
        ("CN=Sales", Group("CN=x", "CN=Sales")),
        ("CN=Sales,DC=x", Group("CN=Sales,DC=x,DC=evil", "CN=Sales,DC=x")),
        ("S-1-5-32-544", Group("CN=x", "S-1-5-32-544")),
        ("S-1-5-32-544", Group("CN=x", "Administrators", "S-1-5-32-5440")),
        ("Sales", Group("CN=Sales,DC=x")),
    ],
)
def test_a_group_cannot_pass_for_another(written, group):
    assert not group.answers_to(written)


@pytest.mark.parametrize("require", ["any", "all"])
def test_empty_lists_admit_nobody(require):
    person = jenny(SCIENCE, Group("CN=x"))
    assert admit(person, Access(require=require)) == STRANGER


def test_a_person_is_named_by_the_hubs_name_alone():
    person = Person("jenny2", "CN=jenny", frozenset({SCIENCE}))
    assert isinstance(admit(person, Access(people=(PLAIN, Named("cn=jenny")))), Refused)


NAMES = st.sampled_from(["jenny", "guido"])
GROUPS = st.sampled_from([SCIENCE, OTHER, BOSSES])
WRITTEN = st.sampled_from(
    [*itertools.chain.from_iterable((one.dn, one.name, one.sid) for one in (SCIENCE, BOSSES)), "cn=none", "None"]
)
LISTS = st.lists(WRITTEN, max_size=2).map(tuple)


@given(
    person=st.builds(Person, NAMES, st.just("CN=x"), st.frozensets(GROUPS)),
    people=st.lists(st.builds(Named, NAMES, st.booleans()), unique_by=lambda entry: entry.name).map(tuple),
    allowed=LISTS,
    admins=LISTS,
    blocked=st.lists(NAMES, max_size=1).map(tuple),
    require=st.sampled_from(["any", "all"]),
    invited=st.booleans(),
)
def test_nobody_gets_in_who_is_in_none_of_the_lists(person, people, allowed, admins, blocked, require, invited):
    rules = Access(people=people, allowed_groups=allowed, admin_groups=admins, blocked=blocked, require=require)
    answer = admit(person, rules, invited=invited)
    mine = set(itertools.chain.from_iterable((group.dn, group.name, group.sid) for group in person.groups))
    named = invited or person.name in {entry.name for entry in people}
    member = bool({*allowed, *admins} & mine)
    wanted = (named and member) if require == "all" else (named or member)
    assert isinstance(answer, Admitted) == (wanted and person.name not in blocked)
    if getattr(answer, "admin", None):
        assert Named(person.name, admin=True) in people or set(admins) & mine
