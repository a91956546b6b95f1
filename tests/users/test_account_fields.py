"""Which addresses, names and passwords are accepted, and what is said about the others."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.errors import Invalid
from chatserver.text import normalization
from chatserver.users import display_names, email_addresses, passwords
from chatserver.users.user_agents import describe

ANYTHING = st.text(alphabet=st.characters(exclude_categories=[]), max_size=400)


@pytest.mark.parametrize(
    "text",
    ["ada@example.org", " Ada.Lovelace+x@Sub.Example.ORG ", "operator@localhost", "अदा@उदाहरण.भारत", "o'neil@x.co"],
)
def test_an_ordinary_address_is_taken(text):
    assert email_addresses.check(text) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example",
        "a b@example.org",
        "ada@@example.org",
        "ada@example.org\0",
        "ada\u202e@example.org",
        "ada\u200b@example.org",
        "ada\ud800@example.org",
        "ada@exam ple.org",
        "<ada@example.org>",
        "=?utf-8?q?ada?=@example.org",
        "=?utf-8?q??=@example.org",
        "ada@=?utf-8?q?example?=.org",
        "a" * 65 + "@example.org",
        "ada@" + "x" * 300 + ".org",
        "x" * 1_000_000 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused_with_its_field(text):
    with pytest.raises(Invalid) as refusal:
        email_addresses.check(text)
    assert refusal.value.details["field"] == "email"


@pytest.mark.parametrize("text", ["A", "Ada Lovelace", "  Ada   Lovelace ", "अदा", "👩‍🚀", "Ada 🏳️‍🌈", "x" * 80])
def test_an_ordinary_name_is_taken(text):
    assert display_names.check(text) == " ".join(text.split())


@pytest.mark.parametrize(
    "text", ["", "   ", "\u200d\u200c", "x" * 81, "Ada\0", "Ada\u202eadA", "Ada\x07", "Ada\ud800", "x" * 1_000_000]
)
def test_a_name_nobody_could_read_is_refused_with_its_field(text):
    with pytest.raises(Invalid) as refusal:
        display_names.check(text)
    assert refusal.value.details["field"] == "name"


@settings(deadline=None)
@given(ANYTHING)
def test_any_text_is_a_storable_name_or_a_clear_refusal(text):
    try:
        name = display_names.check(text)
    except Invalid as refusal:
        assert refusal.details["field"] == "name"
    else:
        assert 1 <= len(name) <= 80
        assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in name)
        assert display_names.check(name) == name


@settings(deadline=None)
@given(st.one_of(ANYTHING, st.emails()))
def test_any_text_is_a_storable_address_or_a_clear_refusal(text):
    try:
        address = email_addresses.check(text)
    except Invalid as refusal:
        assert refusal.details["field"] == "email"
    else:
        assert len(address.encode()) and "\0" not in address and len(address) <= 254


@settings(deadline=None)
@given(ANYTHING)
def test_any_text_is_a_password_as_it_is_or_a_clear_refusal(text):
    try:
        assert passwords.check(text) == normalization.password(text)
    except Invalid as refusal:
        assert refusal.details["field"] == "password"
        assert text not in str(refusal) or len(text) < 8


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short12", "at least 8"),
        ("x9" * 129, "at most 256"),
        ("password", "among the first"),
        ("PassWord123", "among the first"),
        ("aaaaaaaaaaaa", "among the first"),
        ("abababababab", "among the first"),
        ("Ada@Example.org", "among the first"),
        ("ada lovelace", "among the first"),
        ("12345678\ud800", "valid Unicode"),
    ],
)
def test_a_poor_password_is_refused_and_the_reason_said(password, why):
    with pytest.raises(Invalid, match=why):
        passwords.check(password, email="ada@example.org", name="Ada Lovelace")


@pytest.mark.parametrize("password", ["correct horse", "8 chars!", "x9y" * 85, "पासवर्ड अच्छा", "with\0a NUL in it"])
def test_a_good_password_is_taken_unchanged(password):
    assert passwords.check(password) == password


def test_a_browser_is_called_what_people_call_it():
    chrome = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
    safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604.1"
    assert describe(chrome) == "Chrome on Android"
    assert describe(safari) == "Safari on iPhone"
    assert describe("curl/8.1 extra") == "curl"
    assert describe("") == "An unknown browser"
