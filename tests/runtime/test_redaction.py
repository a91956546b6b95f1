"""What no log may hold is taken out of texts by pattern, in time that does not depend on who wrote them."""

import time

import pytest

from chatserver.runtime import redaction, tracebacks

INVITE = "Xk3_9vQmT0aB7yLpR2nWdg"
TOKEN = "cs_" + "aB3-" * 10 + "xyz"
ID = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/invite/{INVITE}", "/invite/…"),
        (f"/Invite/{INVITE}", "/Invite/…"),
        (f"//invite//{INVITE}/extra", "//invite//…"),
        ("/invite/two words\nand a line", "/invite/…"),
        (f"/api/v1/invites/{INVITE}", "/api/v1/invites/…"),
        (f"/s/{INVITE}", "/s/…"),
        ("/redeem/7K2M-Q9XW-4TBC-01RN", "/redeem/…"),
        (f"/s/{INVITE}/{ID}/picture.png", "/s/…"),
        (f"/behind/a/proxy/reset/{INVITE}", "/behind/a/proxy/reset/…"),
        (f"/invit/{INVITE}", "/invit/…"),
        (f"/settings/tokens/{TOKEN}/revoke", "/settings/tokens/…/revoke"),
        (f"/sessions/{ID}/invites", f"/sessions/{ID}/invites"),
        (f"/sessions/{ID}/invite.svg", f"/sessions/{ID}/invite.svg"),
        (f"/api/v1/sessions/{ID}/messages", f"/api/v1/sessions/{ID}/messages"),
        (f"/files/{ID}/a-boat-in-the-mist.png", f"/files/{ID}/….png"),
        ("/static/0123456789ab/css/app.css", "/static/0123456789ab/css/app.css"),
        ("/wp-login.php", "/wp-login.php"),
        ("/a?token=b", "/a?…"),
        ("/\x1b[2J\r\n\u202e\ud800", "/\\x1b[2J\\x0d\\x0a\\x202e\\xd800"),
    ],
)
def test_a_path_is_shown_without_its_keys(path, shown):
    assert redaction.path(path) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f'"WebSocket /ws/sessions/{ID}?after=5&token=x" [accepted]', f'"WebSocket /ws/sessions/{ID}?…" [accepted]'),
        (f"Bearer {TOKEN} was not known", "Bearer … was not known"),
        ("password=hunter2, code=5; csrf_token=x", "password=…, code=…; csrf_token=…"),
        (f"the token {TOKEN} of hf_abcdefgh", "the token … of …"),
        ("postgresql://ada:geheim@db/chat", "postgresql://…@db/chat"),
        ("no row for ada.b@example.org here", "no row for … here"),
        (f"http://localhost/invite/{INVITE} was blocked", "http://localhost/invite/… was blocked"),
        (f"http://localhost/s/{INVITE}/all.zip was cut", "http://localhost/s/… was cut"),
        ("black-forest-labs/FLUX.1-schnell", "black-forest-labs/FLUX.1-schnell"),
        ("meta-llama/Meta-Llama-3-70B-Instruct", "meta-llama/Meta-Llama-3-70B-Instruct"),
    ],
)
def test_a_text_is_shown_without_what_opens_something(text, shown):
    assert redaction.words(text) == shown


def test_a_long_text_is_cut():
    assert len(redaction.words("words " * 100_000)) < 2100


@pytest.mark.parametrize(
    "piece", ["/", "/invite", "/files/", "a", "a-", "a@", "A1a", "=", "key=", "bearer ", "?", "//a@", "_", "/reset//"]
)
def test_no_text_takes_long(piece):
    started = time.thread_time()
    for text in (piece * 5000, piece * 5000 + "!"):
        redaction.path(text)
        redaction.words(text, foreign=True)
    assert time.thread_time() - started < 0.2


def _fail(secret, error):
    raise error


def _text(error):
    try:
        _fail("canary", error)
    except BaseException as caught:
        return tracebacks.text_of(caught)


@pytest.mark.parametrize(
    ("error", "last"),
    [
        (ValueError("canary"), "ValueError"),
        (KeyError("canary"), "KeyError"),
        (
            TypeError("f() got an unexpected keyword argument 'canary'"),
            "TypeError: f() got an unexpected keyword argument '…'",
        ),
        (AttributeError("'State' object has no attribute 'canary'"), "AttributeError: '…' object has no attribute '…'"),
        (OSError(13, "Permission denied", "/canary"), "PermissionError: 13 Permission denied"),
        (
            UnicodeEncodeError("utf-8", "canary\ud800", 6, 7, "surrogates not allowed"),
            "UnicodeEncodeError: utf-8 surrogates not allowed",
        ),
    ],
)
def test_an_error_is_shown_by_its_kind_and_place_and_without_values(error, last):
    text = _text(error)
    assert text.splitlines()[-1] == last
    assert "in _fail" in text
    assert "    raise error" in text
    assert "canary" not in text.replace('_fail("canary", error)', "")


def test_a_recursion_and_a_chain_without_end_are_bounded():
    def deeper(depth):
        return deeper(depth + 1)

    with pytest.raises(RecursionError) as recursion:
        deeper(0)
    text = tracebacks.text_of(recursion.value)
    assert "frames …" in text
    assert len(text.splitlines()) < 60
    first = error = ValueError("canary")
    for _ in range(50):
        error.__cause__ = ValueError("canary")
        error = error.__cause__
    error.__cause__ = first
    group = ExceptionGroup("canary", [first, *(ValueError("canary") for _ in range(1000))])
    assert "canary" not in tracebacks.text_of(group)
    assert len(tracebacks.text_of(group)) < 13_000
