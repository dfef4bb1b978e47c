from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.logins import Login, hub_name, read_login

UPN = Login("alice", "alice@example.test")


@pytest.mark.parametrize(
    ("typed", "login"),
    [
        ("alice", Login("alice")),
        ("Alice", Login("Alice")),
        ("  alice\u00a0", Login("alice")),
        ("alice.liddell", Login("alice.liddell")),
        ("o'brien", Login("o'brien")),
        ("jürgen", Login("jürgen")),
        ("ju\u0308rgen", Login("jürgen")),
        ("Alice Liddell", Login("Alice Liddell")),
        ("svc$", Login("svc$")),
        ("*)(uid=*", Login("*)(uid=*")),
        ("ａｌｉｃｅ", Login("alice")),
        (r"EXAMPLE\alice", Login("alice")),
        (r"example.test\alice", Login("alice")),
        (r".\alice", Login("alice")),
        (r"\alice", Login("alice")),
        (r"A\B\alice", Login("alice")),
        ("EXAMPLE＼alice", Login("alice")),
        ("alice@example.test", UPN),
        ("alice＠example.test", UPN),
        (" alice @ example.test ", UPN),
        (r"EXAMPLE\alice@example.test", UPN),
        ("Alice@EXAMPLE.TEST", Login("Alice", "Alice@EXAMPLE.TEST")),
        ("a@b@c", Login("a", "a@b@c")),
        ("alice@", Login("alice")),
        ("a" * 256, Login("a" * 256)),
    ],
)
def test_what_people_type_is_a_name_to_look_for(typed, login):
    assert read_login(typed) == login


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "  ",
        "\u3000",
        "@",
        "@x",
        " @example.test",
        "\\",
        "EXAMPLE\\",
        "EXAMPLE\\@x",
        "alice\0",
        "alice\n",
        "al\tice",
        "\x1balice",
        "al\u200bice",
        "\u202ealice",
        "alice\u2066",
        "\ufeffalice",
        "\ue000",
        "\ud800",
        "a" * 257,
        "\ufdfa" * 256,
    ],
    ids=ascii,
)
def test_what_cannot_be_a_name_is_told_from_it_before_anything_is_asked(typed):
    assert read_login(typed) is None


@given(typed=st.text(max_size=20) | st.text(st.sampled_from("aA@\\ \0\u202e＠＼ﬁ.\u00a0"), max_size=8))
def test_a_name_is_clean_whatever_is_typed(typed):
    login = read_login(typed)
    if login is None:
        return
    assert login.name == login.name.strip() != ""
    assert not set("@\\") & set(login.name)
    assert "\\" not in login.qualified
    assert login.qualified == "" or login.qualified.startswith(f"{login.name}@")
    assert not any(unicodedata.category(character)[0] == "C" for character in login.name + login.qualified)


@pytest.mark.parametrize(
    ("login", "name"),
    [("Alice", "alice"), ("JÜRGEN", "jürgen"), ("JU\u0308RGEN", "jürgen"), ("H\u0331", "\u1e96"), ("İ", "i\u0307")],
)
def test_the_hubs_name_is_in_lower_case_and_composed(login, name):
    assert hub_name(login) == name


@given(login=st.text() | st.text(st.sampled_from("HJTWYAΣßİıǅK\u0331\u030c\u0308\u030a\u0307"), max_size=4))
def test_the_hubs_name_stays_when_it_is_made_again(login):
    name = hub_name(login)
    assert hub_name(name) == name == name.lower() == unicodedata.normalize("NFC", name)
    assert hub_name(unicodedata.normalize("NFD", login)) == name
