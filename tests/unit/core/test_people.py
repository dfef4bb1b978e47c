from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.people import Admitted, Person, Refused, Rules, admit, canonical_dn
from onehub.core.sources import Named

SCIENCE = "CN=Data Science,OU=Groups,DC=example,DC=com"
OTHER = "CN=Sales,OU=Groups,DC=example,DC=com"
PLAIN, ADMIN = Named("jenny"), Named("jenny", admin=True)

NAMED = Admitted(False, "named in userlist")
NAMED_ADMIN = Admitted(True, "named in userlist")
MEMBER = Admitted(None, f"member of {SCIENCE}")
INVITED = Admitted(None, "added by an admin")
STRANGER = Refused("jenny is neither named in userlist nor in an allowed group")
NO_MEMBER = Refused("jenny is not in an allowed group, and access.require is 'all'")
NOT_NAMED = Refused("jenny is not named in userlist, and access.require is 'all'")


@pytest.mark.parametrize(
    ("entry", "member", "invited", "by_any", "by_all"),
    [
        (None, False, False, STRANGER, NOT_NAMED),
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
def test_the_whole_policy(entry, member, invited, by_any, by_all):
    people = (Named("guido", admin=True), *([entry] if entry else []))
    person = Person("jenny", "CN=Jenny", frozenset({SCIENCE, OTHER} if member else {OTHER}))
    assert admit(person, Rules(people, (SCIENCE,)), invited=invited) == by_any
    assert admit(person, Rules(people, (SCIENCE,), "all"), invited=invited) == by_all


@pytest.mark.parametrize("require", ["any", "all"])
def test_empty_lists_admit_nobody(require):
    person = Person("jenny", "CN=Jenny", frozenset({SCIENCE, ""}))
    assert isinstance(admit(person, Rules((), (), require)), Refused)


@pytest.mark.parametrize(
    ("one", "same"),
    [
        (SCIENCE, "cn=data science, ou=groups, dc=EXAMPLE, dc=com"),
        (SCIENCE, "CN = Data Science ,OU= Groups,DC=example,DC =com"),
        (r"CN=Smith\, Jane,DC=x", r"cn=smith\, jane, dc=x"),
    ],
)
def test_spellings_of_the_same_dn(one, same):
    assert canonical_dn(one) == canonical_dn(same)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (SCIENCE, OTHER),
        (SCIENCE, f"{SCIENCE},DC=evil"),
        (SCIENCE, SCIENCE.removeprefix("CN=Data Science,")),
        (SCIENCE, SCIENCE.replace("Data Science", "DataScience")),
        (r"CN=a\,OU=b,DC=x", "CN=a,OU=b,DC=x"),
        (r"CN=a\\,OU=b,DC=x", r"CN=a\,OU=b,DC=x"),
        (r"CN=a\ ,OU=b,DC=x", r"CN=a\,OU=b,DC=x"),
        (r"CN=Smith\, Jane,DC=x", r"CN=Smith\,Jane,DC=x"),
    ],
)
def test_different_dns_stay_different(one, another):
    assert canonical_dn(one) != canonical_dn(another)


NAMES = st.sampled_from(["jenny", "guido", "jtyberg"])
GROUPS = st.sampled_from([SCIENCE, OTHER, SCIENCE.lower(), ""])


@given(
    person=st.builds(Person, NAMES, st.just("CN=x"), st.frozensets(GROUPS)),
    people=st.lists(st.builds(Named, NAMES, st.booleans()), unique_by=lambda entry: entry.name).map(tuple),
    groups=st.lists(st.sampled_from([SCIENCE, OTHER])).map(tuple),
    require=st.sampled_from(["any", "all"]),
    invited=st.booleans(),
)
def test_only_the_named_the_invited_and_members_get_in(person, people, groups, require, invited):
    answer = admit(person, Rules(people, groups, require), invited=invited)
    named = invited or person.name in {entry.name for entry in people}
    member = bool({dn.lower() for dn in groups} & {dn.lower() for dn in person.groups})
    wanted = (named and member) if require == "all" else (named or member)
    assert isinstance(answer, Admitted) == wanted
    assert getattr(answer, "admin", None) is not True or Named(person.name, admin=True) in people
