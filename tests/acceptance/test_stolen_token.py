"""A stolen token: what a program's login in the wrong hands may do until its owner takes it back, and what it may not."""

import uuid

import pytest

from tests.acceptance.test_strangers import Asker
from tests.support.story import Refusal, sign_up


async def test_a_stolen_token_makes_itself_no_other_signs_nobody_out_and_ends_when_it_is_revoked(product):
    ada = await sign_up(product, "Ada")
    session = await ada.buys()
    owner = await Asker(product, ada).signs_in()
    thief = await Asker(product).signs_in()
    thief.client.headers["Authorization"] = f"Bearer {ada.token}"
    chat = await ada.joins(session)  # with the stolen token, as the thief would

    attempts = {
        "/settings/tokens": {"token_name": "mine now"},
        "/settings/sign-ins/end-others": {},
        "/settings/name": {"name": "Not Ada"},
        "/settings/password": {"current_password": "x", "new_password": "a good long one"},
        "/settings/delete": {"delete_password": "x"},
    }
    for path, form in attempts.items():
        assert (await thief.asks("POST /", path, form))[0] == 303, path
    for path in ("/settings", "/settings/export", "/sessions", f"/sessions/{session['id']}"):
        status, text = await thief.asks("GET /", path, None)
        assert status == 303 and "Ada" not in text, path
    for method, path in (("GET", "/sign-ins"), ("DELETE", f"/sign-ins/{uuid.uuid4()}")):
        with pytest.raises(Refusal) as refusal:
            await ada.call(method, path)
        assert refusal.value.status == 403

    assert (await owner.asks("GET /", "/settings", None))[0] == 200
    [token] = (await ada.call("GET", "/tokens"))["tokens"]
    assert (await owner.asks("POST /", f"/settings/tokens/{token['id']}/revoke", {}))[0] == 303
    assert await chat.is_closed() == 4501
    with pytest.raises(Refusal) as refusal:
        await ada.call("GET", "/users/me")
    assert refusal.value.status == 401
    for asker in (owner, thief):
        await asker.client.close()
