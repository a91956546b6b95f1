"""One budget for a person at every entrance: HTTP, forms and sockets, by token or by cookie.

Routes and commands are read from the application itself, so that one which changes something and is not named here fails.
"""

import asyncio
import math
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest
from msgspec import Struct

from tests.acceptance.test_strangers import Asker, the_application
from tests.support.people import run_sql
from tests.support.product import running
from tests.support.story import Refusal, sign_up

PICTURE = {"kind": "image", "prompt": "a boat", "width": 64, "height": 64}


class Counted(Struct, frozen=True):
    """A route or a command that is counted, with a body that works; `{new}` in it is another text each time."""

    body: Mapping[str, Any] = {}
    kind: str = "changes"


ROUTES: dict[str, Counted] = {
    "POST /api/v1/sessions": Counted({"plan_id": "pro"}, "free-sessions"),
    "POST /api/v1/sessions/{session_id}/extend": Counted({"plan_id": "pro"}, "free-sessions"),
    "POST /sessions": Counted({"plan_id": "pro"}, "free-sessions"),
    "POST /start": Counted({"plan_id": "pro", "start_id": "{new}"}, "free-sessions"),
    "PATCH /api/v1/sessions/{session_id}": Counted({"title": "Evening"}),
    "POST /api/v1/sessions/{session_id}/invites": Counted({"guests_may_generate": False}),
    "POST /api/v1/invites/{code}": Counted(),
    "POST /invite/{code}": Counted(),
    "POST /api/v1/sessions/{session_id}/messages": Counted({"client_id": "{new}", "text": "hello"}, "messages"),
    "POST /api/v1/sessions/{session_id}/generations": Counted({"client_id": "{new}", **PICTURE}, "pictures"),
    "POST /api/v1/images/generations": Counted({"prompt": "a boat", "size": "64x64"}, "pictures"),
    "POST /api/v1/generations/{generation_id}/retry": Counted({}, "pictures"),
    "POST /api/v1/generations/{generation_id}/enlarge": Counted({"side": 128}, "pictures"),
    "PUT /api/v1/assets/{asset_id}/favorite": Counted(),
    "DELETE /api/v1/assets/{asset_id}/favorite": Counted(),
    "POST /api/v1/pictures/favorites": Counted({"asset_ids": ["{asset_id}"], "on": True}),
    "POST /api/v1/albums": Counted({"name": "Sea"}),
    "PATCH /api/v1/albums/{album_id}": Counted({"name": "Sea"}),
    "POST /api/v1/albums/{album_id}/pictures": Counted({"asset_ids": ["{asset_id}"]}),
    "POST /api/v1/albums/{album_id}/pictures/remove": Counted({"asset_ids": []}),
    "POST /api/v1/albums/{album_id}/pictures/move": Counted({"asset_id": "{asset_id}"}),
    "POST /api/v1/shares": Counted({"kind": "picture", "asset_ids": ["{asset_id}"]}),
    "PATCH /api/v1/shares/{share_id}": Counted({"title": "Boats"}),
    "POST /api/v1/tokens": Counted({"email": "{email}", "password": "{password}"}),
    "POST /settings/name": Counted({"name": "Ada"}),
    "POST /settings/preferences": Counted({"notifications": "on"}),
    "POST /settings/tokens": Counted({"token_name": "script"}),
    "GET /settings/export": Counted({}, "exports"),
}
COMMANDS: dict[str, Counted] = {
    "message.create": Counted({"client_id": "{new}", "text": "hello"}, "messages"),
    "generation.create": Counted({"client_id": "{new}", **PICTURE}, "pictures"),
    "generation.retry": Counted({"generation_id": "{generation_id}"}, "pictures"),
    "generation.enlarge": Counted({"generation_id": "{generation_id}", "side": 128}, "pictures"),
    "asset.favorite": Counted({"asset_id": "{asset_id}", "on": True}),
    "prompt.improve": Counted({"prompt": "a boat"}, "improved-prompts"),
}
ENDS = "ends what was begun, once; who may not begin more cannot end more"
ELSEWHERE = "is slowed by account and by address (users/attempt_limits.py)"
BY_HOUR = "is counted by the hour, and stored within the plan's quota (uploads/test_uploads.py)"
VERSIONS = "is counted like a message, a reply or a change (messages/test_versions.py)"
BY_ADDRESS = "stores nothing, and is slowed by address (verification/service.py)"
NOTHING = "stores nothing"
FORWARD = "moves one number of one's own forward, once for each seq; the socket bounds how often"
UNCOUNTED = {
    "POST /api/v1/pictures/deletions": ENDS,
    "POST /gallery/archive": NOTHING,
    "POST /api/v1/users": ELSEWHERE,
    "POST /sign-up": ELSEWHERE,
    "POST /sign-in": ELSEWHERE,
    "POST /settings/password": ELSEWHERE,
    "POST /verify": BY_ADDRESS,
    "POST /api/v1/verifications": BY_ADDRESS,
    "POST /api/v1/sessions/{session_id}/uploads": BY_HOUR,
    "POST /api/v1/images/edits": "is counted as an upload and as a picture (openai_api/test_edits.py)",
    "POST /settings/delete": ELSEWHERE,
    "POST /api/v1/codes/redeem": "is slowed by person and by address (codes/service.py)",
    "POST /redeem": "is slowed by person and by address (codes/service.py)",
    "POST /trial": "is done once for a person, as a free session (codes/test_trials.py)",
    "POST /settings/keep": "is done once for an account, and slowed by address like a sign-up",
    "POST /reset/{token}": ENDS,
    "POST /settings/verification": "is slowed by address and by person (mail/service.py)",
    "POST /verify-email/{token}": ENDS,
    "POST /forgot": "is slowed by address and by person (mail/service.py)",
    "POST /orders": "is counted by the hour, where a payment service is set up (payments/test_orders.py)",
    "POST /webhooks/{gateway}": "is signed by the payment service; what is not is counted in one row an hour",
    "POST /sign-out": ENDS,
    "POST /settings/sign-ins/end-others": ENDS,
    "POST /settings/sign-ins/{sign_in_id}/end": ENDS,
    "POST /settings/tokens/{token_id}/revoke": ENDS,
    "DELETE /api/v1/tokens/{token_id}": ENDS,
    "DELETE /api/v1/sign-ins/{sign_in_id}": ENDS,
    "DELETE /api/v1/sessions/{session_id}/members/{user_id}": ENDS,
    "DELETE /api/v1/sessions/{session_id}/invites": ENDS,
    "DELETE /api/v1/messages/{message_id}": ENDS,
    "POST /api/v1/messages/{message_id}/stop": ENDS,
    "POST /api/v1/messages/{message_id}/edit": VERSIONS,
    "POST /api/v1/messages/{message_id}/regenerate": VERSIONS,
    "POST /api/v1/messages/{message_id}/show": VERSIONS,
    "POST /api/v1/generations/{generation_id}/cancel": ENDS,
    "DELETE /api/v1/generations/{generation_id}": ENDS,
    "DELETE /api/v1/assets/{asset_id}": ENDS,
    "DELETE /api/v1/sessions/{session_id}": ENDS,
    "DELETE /api/v1/albums/{album_id}": ENDS,
    "DELETE /api/v1/shares/{share_id}": ENDS,
    "POST /api/v1/assets/{asset_id}/reports": "is counted for what others made (tests/reports): one's own is refused",
    "POST /api/v1/messages/{message_id}/reports": "the same",
    "POST /s/{token}/{asset_id}/report": "is slowed by network (sharing/visits.py)",
    "POST /s/{token}": "is slowed by network and by link (sharing/visits.py)",
    "DELETE /api/v1/sessions/{session_id}/removals/{user_id}": ENDS,
    "generation.delete": ENDS,
    "message.delete": ENDS,
    "message.stop": ENDS,
    "message.edit": VERSIONS,
    "message.regenerate": VERSIONS,
    "message.show": VERSIONS,
    "generation.cancel": ENDS,
    "session.seen": FORWARD,
    "POST /settings/theme": NOTHING,
    "POST /api/v1/assets/{asset_id}/links": NOTHING,
    "POST /csp-reports": NOTHING,
}


def test_whatever_changes_something_is_counted_or_says_here_why_not():
    routes, commands = the_application()
    # An operator's acts have no budget: they are kept one by one in the audit log, with whoever acted.
    changing = [route for route in routes if not route.startswith(("GET ", "POST /admin/"))]
    reading = {route for route in ROUTES if route.startswith("GET ")}
    named = {*ROUTES, *COMMANDS, *UNCOUNTED}
    assert {*changing, *reading, *commands} == named
    assert reading <= set(routes)


# The installation --------------------------------------------------------------------------------------------------------


class Told(Struct, frozen=True):
    """A refusal: status, code, the seconds of the body, and those of the header."""

    status: int
    code: str
    retry_after: float
    header: int | None


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    """A server that allows three of each kind, and one of what is rarer."""
    settings = {
        "COMMANDS_PER_10_SECONDS": "3",
        "FREE_SESSIONS_PER_DAY": "3",
        "EXPORTS_PER_HOUR": "1",
        "WAITING_PICTURES_PER_USER": "0",
    }
    async with running(tmp_path_factory.mktemp("product"), DATABASE_URL=database_url, **settings) as process:
        yield process


class Installation:
    """Ada, her session with a picture in it, and her browser."""

    def __init__(self, database, ada, names) -> None:
        self.database, self.ada, self.names = database, ada, names
        self._number = 0

    async def forgets(self) -> None:
        """As if nobody had done anything lately, and all credits were back."""
        await run_sql(self.database, "DELETE FROM budgets")
        await run_sql(self.database, "UPDATE credits SET available_at = now(), generation_id = NULL")

    def fill(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self.fill(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        if not isinstance(value, str):
            return value
        for name, own in self.names.items():
            value = value.replace("{" + name + "}", own)
        return value.replace("{new}", str(uuid.uuid4()))

    async def is_at_rest(self) -> None:
        async with asyncio.timeout(30):
            while await run_sql(self.database, "SELECT FROM generations WHERE finished_at IS NULL"):
                await asyncio.sleep(0.05)

    async def used_up(self, kind: str) -> None:
        """Spends all that there is of a kind, but leaves the other kinds."""
        await run_sql(
            self.database,
            "INSERT INTO budgets SELECT $1, $2, array_fill(now(), ARRAY[100]) ON CONFLICT (user_id, kind) "
            "DO UPDATE SET times = EXCLUDED.times",
            self.ada.id,
            kind,
        )


@pytest.fixture(scope="module")
async def installation(product, database):
    ada = await sign_up(product, "Ada")
    session = await ada.buys("pro")
    chat = await ada.joins(session)
    message = await chat.sees_ended(await chat.generates("a boat", width=64, height=64))
    await chat.leaves()
    [generation] = message["generations"]
    [asset] = generation["assets"]
    album = await ada.call("POST", "/albums", {"name": "Boats", "asset_ids": [asset["id"]]})
    share = await ada.call("POST", "/shares", {"kind": "picture", "asset_ids": [asset["id"]]})
    await run_sql(database, "DELETE FROM budgets")
    names = {
        "email": ada.user["email"],
        "password": ada.password,
        "session_id": session["id"],
        "generation_id": generation["id"],
        "asset_id": asset["id"],
        "album_id": album["album"]["id"],
        "share_id": share["share"]["id"],
        "code": await ada.invites(session),
    }
    return Installation(database, ada, names)


@pytest.fixture
async def asker(product, installation):
    """Her browser, signed in, with nothing counted."""
    await installation.forgets()
    opened = await Asker(product, installation.ada).signs_in()
    await installation.forgets()
    yield opened
    await opened.client.close()


async def calls(installation, asker, route, counted, extra=MappingProxyType({})):
    """One call, with `extra` headers: None where it was done, else what was told."""
    method, path = installation.fill(route).split(" ", 1)
    body = installation.fill(counted.body)
    if path.startswith("/api/"):
        headers = {"Authorization": f"Bearer {installation.ada.token}", **extra}
        async with (
            aiohttp.ClientSession(installation.ada.product.url) as client,
            client.request(method, path, json=body, headers=headers) as answer,
        ):
            return await _told(answer)
    form = None if method == "GET" else {**body, "csrf_token": asker.csrf}
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json", **extra}
    async with asker.client.request(method, path, data=form, headers=headers, allow_redirects=False) as answer:
        return await _told(answer)


async def _told(answer):
    if answer.status < 400:
        return None
    after = answer.headers.get("Retry-After")
    if "json" not in answer.content_type:
        return Told(answer.status, "", 0, after and int(after))
    error = (await answer.json())["error"]
    return Told(answer.status, error["code"], error.get("retry_after", 0), after and int(after))


CODES = {"free-sessions": "free-sessions-used-up"}


@pytest.mark.parametrize("route", sorted(ROUTES))
async def test_every_route_that_changes_something_is_held_to_the_budget_of_its_person(installation, asker, route):
    counted = ROUTES[route]
    assert await calls(installation, asker, route, counted) is None
    await installation.is_at_rest()  # a picture that is tried again while it is made is the same one, and answered
    await installation.used_up(counted.kind)
    told = await calls(installation, asker, route, counted)
    assert told is not None, "it was done beyond the budget"
    assert told.status == 429
    assert told.header is not None and told.header >= 1
    if told.code:
        assert told.code == CODES.get(counted.kind, "rate-limited")
        assert told.header == math.ceil(told.retry_after), "never rounded down"


@pytest.mark.parametrize("route", sorted(route for route in ROUTES if ROUTES[route].kind == "free-sessions"))
async def test_every_way_to_a_free_session_is_held_to_the_limit_of_its_address(installation, asker, route):
    behind_a_proxy = {"Via": "1.1 proxy"}
    await run_sql(installation.database, "DELETE FROM free_session_networks")
    assert await calls(installation, asker, route, ROUTES[route], behind_a_proxy) is None
    await run_sql(installation.database, "UPDATE free_session_networks SET times = array_fill(now(), ARRAY[100])")
    told = await calls(installation, asker, route, ROUTES[route], behind_a_proxy)
    assert told is not None, "it was done beyond the limit"
    assert (told.status, told.header is not None and told.header > 86_000) == (429, True)
    assert told.code in {"", "free-sessions-used-up"}
    assert await calls(installation, asker, route, ROUTES[route]) is None, "the operator's own machine has none"


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - {"prompt.improve"}))
async def test_every_command_that_changes_something_is_held_to_the_same_budget(installation, asker, command):
    await installation.used_up(COMMANDS[command].kind)
    chat = await installation.ada.joins({"id": installation.names["session_id"]})
    with pytest.raises(Refusal) as refusal:
        await chat.asks(command, **installation.fill(COMMANDS[command].body))
    await chat.leaves()
    assert refusal.value.code == "rate-limited"
    assert refusal.value.error["retry_after"] > 0


async def test_sockets_and_http_and_every_token_share_one_allowance(product, bob):
    session = await bob.buys()
    path = f"/sessions/{session['id']}/messages"
    second = await bob.call("POST", "/tokens", {"email": bob.user["email"], "password": bob.password})
    chat = await bob.joins(session)
    await chat.says("by the socket")
    await bob.call("POST", path, {"client_id": "by-http", "text": "by http"})
    other = {"Authorization": f"Bearer {second['token']}"}
    await bob.call("POST", path, {"client_id": "by-token", "text": "by another token"}, **other)
    for headers in ({}, other):
        with pytest.raises(Refusal, match="rate-limited"):
            await bob.call("POST", path, {"client_id": str(uuid.uuid4()), "text": "one more"}, **headers)
    with pytest.raises(Refusal, match="rate-limited"):
        await chat.says("by the socket again")
    again = await bob.call("POST", path, {"client_id": "by-http", "text": "by http"})
    assert again["message"]["text"] == "by http", "a repetition is answered as before"
    await chat.leaves()


async def test_what_the_socket_allows_is_not_counted_twice(product, bob):
    chat = await bob.joins(await bob.buys())
    for number in range(3):
        await chat.says(f"number {number}")
    await chat.leaves()


async def test_six_hundred_messages_by_http_are_not_accepted(installation, asker):
    route = "POST /api/v1/sessions/{session_id}/messages"
    told = await asyncio.gather(*(calls(installation, asker, route, ROUTES[route]) for _ in range(60)))
    assert told.count(None) == 3
    assert {each.code for each in told if each} == {"rate-limited"}


async def test_the_welcome_tells_what_is_allowed_here(installation, asker):
    chat = await installation.ada.joins({"id": installation.names["session_id"]})
    welcome = await chat.hears(lambda event: event["type"] == "welcome")
    await chat.leaves()
    assert welcome["limits"]["commands_per_10_seconds"] == 3
    assert welcome["limits"]["commands_per_minute"] == 18
