"""Accounts over the API, as docs/protocol.md says."""

import json

import pytest

from tests.support.people import run_sql
from tests.users.accounts import PASSWORD, create_api_token, email, member, signed_in_user
from tests.users.server import serve


@pytest.fixture(scope="module")
async def server(database):
    async with serve(database) as opened:
        yield opened


@pytest.fixture
async def api(server):
    return (await server.browser()).call


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def test_signing_up_gives_the_account_and_a_token_that_works(api):
    address = email()
    status, answer = await api("POST", "/users", {"email": address, "name": "Ada", "password": PASSWORD})
    assert status == 201
    assert set(answer) == {"user", "token"}
    assert set(answer["user"]) == {"id", "name", "email", "role", "created_at"}
    assert answer["user"]["created_at"].endswith("Z")
    status, me = await api("GET", "/users/me", **bearer(answer["token"]))
    assert (status, me["user"]) == (200, answer["user"])


async def test_a_token_is_made_listed_and_revoked(api, database):
    ada = await member(database)
    body = {"email": ada.email, "password": PASSWORD, "name": "my bot"}
    status, made = await api("POST", "/tokens", body)
    assert status == 201 and set(made) == {"token", "id"}
    assert made["token"].startswith("cs_")
    status, listed = await api("GET", "/tokens", **bearer(made["token"]))
    assert [one["id"] for one in listed["tokens"]] == [made["id"]]
    assert listed["tokens"][0]["name"] == "my bot" and made["token"] not in json.dumps(listed)
    assert (await api("DELETE", f"/tokens/{made['id']}", **bearer(made["token"]))) == (204, None)
    status, refusal = await api("GET", "/tokens", **bearer(made["token"]))
    assert (status, refusal["error"]["code"]) == (401, "not-signed-in")


async def test_a_token_is_made_once_under_the_same_key(api, database):
    ada = await member(database)
    body = {"email": ada.email, "password": PASSWORD, "client_id": "first"}
    _, made = await api("POST", "/tokens", body)
    status, refusal = await api("POST", "/tokens", body)
    assert (status, refusal["error"]["code"]) == (409, "conflict")
    assert refusal["error"]["details"] == {"token_id": made["id"]}
    assert (await api("POST", "/tokens", {**body, "client_id": "second"}))[0] == 201
    _, listed = await api("GET", "/tokens", **bearer(made["token"]))
    assert len(listed["tokens"]) == 2


async def test_sign_ins_are_listed_and_ended(api, database):
    ada = await member(database)
    here, there = await signed_in_user(database, ada), await signed_in_user(database, ada)
    cookie = {"Cookie": f"chatserver={here.secret.token}"}
    status, listed = await api("GET", "/sign-ins", **cookie)
    assert status == 200 and {one["id"] for one in listed["sign_ins"]} == {here.secret.id, there.secret.id}
    assert (await api("DELETE", f"/sign-ins/{there.secret.id}", **cookie))[0] == 204
    assert (await api("DELETE", f"/sign-ins/{there.secret.id}", **cookie))[0] == 404


async def test_a_token_neither_sees_nor_ends_the_sign_ins_of_its_owner(api, database):
    ada = await member(database)
    signed_in, token = await signed_in_user(database, ada), await create_api_token(database, ada)
    for method, path in (("GET", "/sign-ins"), ("DELETE", f"/sign-ins/{signed_in.secret.id}")):
        status, refusal = await api(method, path, **bearer(token))
        assert (status, refusal["error"]["code"]) == (403, "not-allowed")
    assert (await api("GET", "/users/me", Cookie=f"chatserver={signed_in.secret.token}"))[0] == 200


async def test_wrong_credentials_are_401_and_too_many_429_with_the_time(api, database):
    ada = await member(database)
    for _ in range(5):
        status, refusal = await api("POST", "/tokens", {"email": ada.email, "password": "wrong password"})
        assert (status, refusal["error"]["code"]) == (401, "bad-credentials")
    status, refusal = await api("POST", "/tokens", {"email": ada.email, "password": PASSWORD})
    assert (status, refusal["error"]["code"]) == (429, "rate-limited")
    assert 25 < refusal["error"]["retry_after"] <= 30


async def test_a_taken_address_is_a_conflict(api, database):
    ada = await member(database)
    status, refusal = await api("POST", "/users", {"email": ada.email, "name": "Eve", "password": PASSWORD})
    assert (status, refusal["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"email": 7}, "email"),
        ({"email": None}, "email"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"name": ["a"]}, "name"),
        ({"password": "short"}, "password"),
        ({"password": "password1"}, "password"),
        ({"password": "x9y" * 90}, "password"),
        ({"password": {}}, "password"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_field_that_is_wrong_is_422_and_named(api, change, field):
    body = {"email": email(), "name": "Ada", "password": PASSWORD, **change}
    status, refusal = await api("POST", "/users", body)
    assert (status, refusal["error"]["code"]) == (422, "invalid")
    assert refusal["error"]["details"]["field"] == field


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"[]", 422),
        (b'{"email": "\xff"}', 400),
        (b'{"email": "\\ud800@example.org", "name": "Ada", "password": "correct horse battery"}', 400),
        (b'{"email": "' + b"x" * 1_100_000 + b'"}', 413),
        (b'{"email": "' + b"x" * 300_000 + b'"}', 413),
    ],
)
async def test_a_body_that_is_no_account_is_refused(server, data, status):
    browser = await server.browser(Accept="application/json")
    answer = await browser.post("/api/v1/users", data)
    assert answer.status == status
    assert json.loads(answer.text)["error"]["code"]


@pytest.mark.parametrize(
    "call",
    [
        ("GET", "/users/me"),
        ("GET", "/tokens"),
        ("DELETE", "/tokens/00000000-0000-7000-8000-000000000000"),
        ("GET", "/sign-ins"),
        ("DELETE", "/sign-ins/00000000-0000-7000-8000-000000000000"),
    ],
)
@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer cs_", "Bearer cs_" + "x" * 43, "Basic eDp5", "bearer \u00ff"]
)
async def test_nobody_gets_nothing(api, call, authorization):
    status, refusal = await api(*call, Authorization=authorization)
    assert (status, refusal["error"]["code"]) == (401, "not-signed-in")


async def test_a_stranger_finds_nothing_of_anybody_else(api, database):
    ada, eve = await member(database), await member(database, "Eve")
    signed_in, token = await signed_in_user(database, ada), await create_api_token(database, ada)
    [of_ada] = await run_sql(database, "SELECT id FROM api_tokens WHERE user_id = $1", ada.id)
    as_eve = bearer(await create_api_token(database, eve))
    assert (await api("DELETE", f"/tokens/{of_ada['id']}", **as_eve))[0] == 404
    eves = {"Cookie": f"chatserver={(await signed_in_user(database, eve)).secret.token}"}
    assert (await api("DELETE", f"/sign-ins/{signed_in.secret.id}", **eves))[0] == 404
    assert (await api("DELETE", "/tokens/nonsense", **as_eve))[0] == 404
    assert ada.id not in json.dumps(await api("GET", "/tokens", **as_eve))
    assert signed_in.secret.id not in json.dumps(await api("GET", "/sign-ins", **eves))
    assert (await api("GET", "/users/me", **as_eve))[1]["user"]["id"] == eve.id
    assert (await api("GET", "/users/me", **bearer(token)))[0] == 200


async def test_a_bad_bearer_token_is_not_made_good_by_a_cookie(api, database):
    signed_in = await signed_in_user(database, await member(database))
    cookie = {"Cookie": f"chatserver={signed_in.secret.token}"}
    assert (await api("GET", "/users/me", **cookie))[0] == 200
    assert (await api("GET", "/users/me", **cookie, Authorization="Basic eDp5"))[0] == 200
    assert (await api("GET", "/users/me", **cookie, **bearer("cs_" + "x" * 43)))[0] == 401


async def test_no_password_and_no_token_is_ever_logged(server, database, caplog, capfd):
    browser, address = await server.browser(), email()
    secret = "a very secret phrase"
    _, answer = await browser.call("POST", "/users", {"email": address, "name": "Ada", "password": secret})
    await browser.call("POST", "/tokens", {"email": address, "password": secret + " wrong"})
    await browser.call("POST", "/users", {"email": address, "name": "", "password": secret})
    await browser.call("GET", "/users/me", **bearer(answer["token"]))
    await browser.fills("/sign-in", "/sign-in", email=address, password=secret)
    logged = caplog.text + "".join(capfd.readouterr())
    assert "user.added" in logged
    assert secret not in logged and answer["token"] not in logged
