from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.dn import canonical_dn

SCIENCE = "CN=Data Science,OU=Groups,DC=example,DC=com"


@pytest.mark.parametrize(
    ("spelled", "canonical"),
    [
        (SCIENCE, "cn=data science,ou=groups,dc=example,dc=com"),
        ("cn = data  science , ou= GROUPS ;DC=Example; dc =com", "cn=data science,ou=groups,dc=example,dc=com"),
        ("commonName=x,organizationalUnitName=y,domainComponent=z", "cn=x,ou=y,dc=z"),
        ("organizationName=x,countryName=DE,userid=jenny", "o=x,c=de,uid=jenny"),
        ("2.5.4.3=x,OID.2.5.4.11=y,oid.0.9.2342.19200300.100.1.25=z", "cn=x,ou=y,dc=z"),
        ("2.5.4.10=x,2.5.4.6=de,0.9.2342.19200300.100.1.1=jenny", "o=x,c=de,uid=jenny"),
        ("1.2.3.4=x", "1.2.3.4=x"),
        ("uid=jenny+cn=Jenny,dc=x", "cn=jenny+uid=jenny,dc=x"),
        ("CN = Jenny + UID = jenny,dc=x", "cn=jenny+uid=jenny,dc=x"),
        (r"CN=Smith\, Jane,DC=x", r"cn=smith\2c jane,dc=x"),
        (r"CN=Smith\2C Jane,DC=x", r"cn=smith\2c jane,dc=x"),
        (r"CN=Smith\2c\20Jane,DC=x", r"cn=smith\2c jane,dc=x"),
        ('CN="Smith, Jane",DC=x', r"cn=smith\2c jane,dc=x"),
        ('CN= "Smith, Jane" ,DC=x', r"cn=smith\2c jane,dc=x"),
        ('CN="5\\" disk; a+b=c",DC=x', r"cn=5\22 disk\3b a\2bb\3dc,dc=x"),
        (r"CN=5\" disk\; a\+b\=c,DC=x", r"cn=5\22 disk\3b a\2bb\3dc,dc=x"),
        (r"CN=a\\b,DC=x", r"cn=a\5cb,dc=x"),
        (r"CN=a\5Cb,DC=x", r"cn=a\5cb,dc=x"),
        (r"CN=J\C3\BCrgen,DC=x", "cn=jürgen,dc=x"),
        ("CN=JÜRGEN,DC=x", "cn=jürgen,dc=x"),
        ("CN=Straße,DC=x", "cn=strasse,dc=x"),
        (r"CN=\#1,DC=x", r"cn=\231,dc=x"),
        (r"CN=\ x\ ,DC=x", "cn=x,dc=x"),
        (r"CN=x\20,DC=x", "cn=x,dc=x"),
        (r"CN=a=b,DC=x", r"cn=a\3db,dc=x"),
        (r"CN=Old\0ACNF:6f9619ff,DC=x", "cn=old cnf:6f9619ff,dc=x"),
    ],
)
def test_every_spelling_has_one_form(spelled, canonical):
    assert canonical_dn(spelled) == canonical
    assert canonical_dn(canonical) == canonical


@pytest.mark.parametrize(
    ("one", "another"),
    [
        (SCIENCE, SCIENCE.replace("Data Science", "Sales")),
        (SCIENCE, f"{SCIENCE},DC=evil"),
        (SCIENCE, SCIENCE.removeprefix("CN=Data Science,")),
        (SCIENCE, SCIENCE.replace("Data Science", "DataScience")),
        (SCIENCE, "OU=Groups,CN=Data Science,DC=example,DC=com"),
        (r"CN=a\,OU=b,DC=x", "CN=a,OU=b,DC=x"),
        (r"CN=a\\,OU=b,DC=x", r"CN=a\,OU=b,DC=x"),
        (r"CN=a\ ,OU=b,DC=x", r"CN=a\,OU=b,DC=x"),
        (r"CN=Smith\, Jane,DC=x", r"CN=Smith\,Jane,DC=x"),
        (r"CN=a\+UID=b,DC=x", "CN=a+UID=b,DC=x"),
        (r"CN=a\2cOU=b,DC=x", "CN=a,OU=b,DC=x"),
        ('CN="a,OU=b",DC=x', "CN=a,OU=b,DC=x"),
        (r"CN=\5c2c,DC=x", r"CN=\2c,DC=x"),
        ("CN=a,DC=x", "OU=a,DC=x"),
    ],
)
def test_different_dns_stay_different(one, another):
    assert canonical_dn(one) != canonical_dn(another)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not `name=value`"),
        ("Data Science", "'Data Science' is not `name=value`"),
        ("S-1-5-21-1-2-3", "'S-1-5-21-1-2-3' is not `name=value`"),
        (r"EXAMPLE\jenny", r"'EXAMPLE\\jenny' is not `name=value`"),
        ("jenny@example.test", "'jenny@example.test' is not `name=value`"),
        ("=x", "'=x' is not `name=value`"),
        ("c n=x", "'c n=x' is not `name=value`"),
        ("ü=x", "'ü=x' is not `name=value`"),
        ("1=x", "'1=x' is not `name=value`"),
        ("2.5.=x", "'2.5.=x' is not `name=value`"),
        ("CN=a,", "'' is not `name=value`"),
        (",CN=a", "'' is not `name=value`"),
        ("CN=a,,DC=x", "'' is not `name=value`"),
        ("CN=a+,DC=x", "'' is not `name=value`"),
        ("CN=a,b", "'b' is not `name=value`"),
        ("CN=,DC=x", "'CN=' has no value"),
        ('CN="",DC=x', "'CN=\"\"' has no value"),
        ("CN=a\\", r"'a\\' has a backslash before nothing that needs one"),
    ],
)
def test_what_is_no_dn_is_refused(text, message):
    with pytest.raises(ValueError) as caught:
        canonical_dn(text)
    assert str(caught.value) == message


KEYS = {
    "cn": ("cn", "commonName", "2.5.4.3", "OID.2.5.4.3"),
    "ou": ("ou", "organizationalUnitName", "2.5.4.11"),
    "dc": ("dc", "domainComponent", "0.9.2342.19200300.100.1.25"),
    "uid": ("uid", "userid", "0.9.2342.19200300.100.1.1"),
}
VALUES = st.text(st.sampled_from('aAbü€😀 ,+"\\<>;=#1f'), min_size=1, max_size=6).filter(str.strip)
RDNS = st.lists(
    st.tuples(st.sampled_from(list(KEYS)), VALUES), min_size=1, max_size=2, unique_by=lambda part: part[0]
)
NAMES = st.lists(RDNS, min_size=1, max_size=3)
SPACES = st.sampled_from(["", " ", "  "])


@st.composite
def spelled(draw, dn: list[list[tuple[str, str]]]) -> str:
    """A DN, written in one of the ways that RFC 4514 and its predecessors allow."""
    rdns = []
    for parts in dn:
        written = [draw(part(key, value)) for key, value in draw(st.permutations(parts))]
        rdns.append(f"{draw(SPACES)}+{draw(SPACES)}".join(written))
    text = rdns[0]
    for rdn in rdns[1:]:
        text += draw(SPACES) + draw(st.sampled_from(",;")) + draw(SPACES) + rdn
    return text


@st.composite
def part(draw, key: str, value: str) -> str:
    name = draw(st.sampled_from(KEYS[key]))
    name = draw(st.sampled_from([name, name.upper(), name.lower()]))
    return f"{draw(SPACES)}{name}{draw(SPACES)}={draw(SPACES)}{draw(st.just(quoted(value)) | escaped(value))}"


def quoted(value: str) -> str:
    return '"' + "".join(f"\\{character}" if character in '"\\' else character for character in value) + '"'


@st.composite
def escaped(draw, value: str) -> str:
    return "".join(draw(st.sampled_from(ways(character, value.strip()[0]))) for character in value)


def ways(character: str, first: str) -> list[str]:
    ways = ["".join(f"\\{octet:02x}" for octet in character.encode())]
    if character in ',+"\\<>; #=':
        ways.append(f"\\{character}")
    elif character.isascii():
        ways += [character.upper(), character.lower()]
    else:
        ways.append(character)
    return ways


def meaning(dn: list[list[tuple[str, str]]]) -> list[set[tuple[str, str]]]:
    return [{(key, " ".join(value.casefold().split())) for key, value in rdn} for rdn in dn]


@given(data=st.data(), dn=NAMES)
def test_all_ways_to_spell_a_dn_are_the_same_dn(data, dn):
    one, another = data.draw(spelled(dn)), data.draw(spelled(dn))
    assert canonical_dn(one) == canonical_dn(another)
    assert canonical_dn(canonical_dn(one)) == canonical_dn(one)


@given(data=st.data(), one=NAMES, another=NAMES)
def test_dns_are_the_same_only_if_they_mean_the_same(data, one, another):
    same = canonical_dn(data.draw(spelled(one))) == canonical_dn(data.draw(spelled(another)))
    assert same == (meaning(one) == meaning(another))


@given(text=st.text(st.sampled_from('cn=a,+;"\\ 2Cé\ud800\0'), max_size=12))
def test_any_text_is_a_dn_with_one_form_or_none(text):
    try:
        canonical = canonical_dn(text)
    except ValueError:
        return
    assert canonical_dn(canonical) == canonical
