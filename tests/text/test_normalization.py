"""What people type in more than one way: addresses, passwords, invite codes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.text import normalization


@pytest.mark.parametrize(
    "spellings",
    [
        [
            "ada@example.org",
            " ADA@Example.ORG\n",
            "\ufeffada@example.org",
            "ada@EXAMPLE.org\u200b",
            "ada＠example。org",
            "ada@example.org.",
            " Ada@example.org。\n",
        ],
        ["ada@bücher.example", "ada@BÜCHER.example", "ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"],
        ["josé@example.org", "jose\u0301@example.org", "JOSÉ@example.org"],
        ["अदा@उदाहरण.भारत", "अदा@xn--p1b6ci4b4b3a.xn--h2brj9c"],
        ["ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah", "ada@例え．テスト"],
    ],
)
def test_an_address_is_one_in_every_spelling(spellings):
    assert {normalization.email_key(each) for each in spellings} == {normalization.email_key(spellings[0])}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ada@example.org", "ada@example.com"),
        ("ada@example.org", "ada.l@example.org"),
        ("ada@straße.example", "ada@strasse.example"),
        ("josé@example.org", "jose@example.org"),
    ],
)
def test_other_addresses_stay_others(one, other):
    assert normalization.email_key(one) != normalization.email_key(other)


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=80))
def test_an_ascii_address_has_the_key_that_the_migration_gives_it(text):
    if text == text.strip() and " " not in text and not text.endswith("."):
        assert normalization.email_key(text) == text.lower()


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=60))
def test_any_text_has_a_key_and_the_same_in_nfc_and_nfd(text):
    for address in (text, f"{text}@example.org", f"ada@{text}.org"):
        keys = {normalization.email_key(unicodedata.normalize(form, address)) for form in ("NFC", "NFD")}
        assert keys == {normalization.email_key(address)}


@given(st.text(max_size=40))
def test_a_password_is_one_however_it_is_composed(text):
    forms = {normalization.password(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert forms == {normalization.password(text)}
    assert normalization.password_spellings(text)[0] == normalization.password(
        text
    ) and text in normalization.password_spellings(text)


@pytest.mark.parametrize(
    "pasted",
    [
        "mY-c0de_1",
        " mY-c0de_1\n",
        "mY-c0\nde_1",
        "mY-c0 de_1",
        "\u200bmY-c0de_1\ufeff",
        "<mY-c0de_1>.",
        "https://pictures.example.org/invite/mY-c0de_1",
        "https://pictures.example.org/chat/invite/mY-c0de_1?utm_source=x#top",
        "mY-c0de_1\0",
    ],
)
def test_an_invite_code_is_found_in_what_was_pasted(pasted):
    assert normalization.invite_code(pasted) == "mY-c0de_1"
