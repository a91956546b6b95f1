"""Two users × every route and every command: what is Ada's stays Ada's, whoever asks, however.

Routes and commands are read from the application itself, so that one without an entry here fails the test.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
import asyncpg
import pytest
from msgspec import Struct

from chatserver import ids, users
from chatserver.app import entrances, web_application
from chatserver.config import Config
from chatserver.web import templating
from tests.support import keep_alive
from tests.support.people import run_sql
from tests.support.story import Refusal, sign_up
from tests.users.server import Browser

# Rows that are Ada's, or belong to her session: none of them may change by what others try.
OWNED = {
    "users": "id = $1",
    "api_tokens": "user_id = $1",
    "sign_ins": "user_id = $1",
    "password_resets": "user_id = $1",
    "purchases": "user_id = $1",
    "user_sessions": "user_id = $1",
    "session_members": "session_id IN (SELECT id FROM user_sessions WHERE user_id = $1)",
    "session_removals": "session_id IN (SELECT id FROM user_sessions WHERE user_id = $1)",
    "session_reads": "user_id = $1",
    "session_invites": "session_id IN (SELECT id FROM user_sessions WHERE user_id = $1)",
    "messages": "session_id IN (SELECT id FROM user_sessions WHERE user_id = $1)",
    "generations": "session_id IN (SELECT id FROM user_sessions WHERE user_id = $1)",
    "assets": "session_id IN (SELECT id FROM user_sessions WHERE user_id = $1)",
    "favorites": "user_id = $1",
    "albums": "user_id = $1",
    "shares": "user_id = $1",
    "share_assets": "share_id IN (SELECT id FROM shares WHERE user_id = $1)",
    "album_assets": "album_id IN (SELECT id FROM albums WHERE user_id = $1)",
    "credits": "session_id IN (SELECT id FROM user_sessions WHERE user_id = $1)",
    "credit_entries": "session_id IN (SELECT id FROM user_sessions WHERE user_id = $1)",
}
# When a credential was last used is noted by itself, at most once a minute.
UNTIMED = "to_jsonb(t) - 'last_used_at'"


class Case(Struct, frozen=True):
    """What one route answers to a stranger, to a guest of Ada's session, and to nobody (a banned person is nobody).

    `body` is JSON for the API and a form for a page; `{names}` in it are Ada's.
    """

    stranger: int
    nobody: int = 401
    guest: int | None = None
    body: Mapping[str, Any] | None = None


ASK = {"client_id": "c", "kind": "image", "prompt": "mine", "width": 64, "height": 64}
# An address that names something of Ada's is 404 to a stranger; one that names nothing shows the caller's own.
ROUTES: dict[str, Case] = {
    "POST /api/v1/users": Case(409, 409, body={"email": "{email}", "name": "A", "password": "a good long one"}),
    "GET /api/v1/users/me": Case(200),
    "POST /api/v1/tokens": Case(401, 401, body={"email": "{email}", "password": "not the right one"}),
    "GET /api/v1/tokens": Case(200),
    "DELETE /api/v1/tokens/{token_id}": Case(404, guest=404),
    # A token neither sees nor ends a browser's sign-ins, not even its own person's.
    "GET /api/v1/sign-ins": Case(403),
    "DELETE /api/v1/sign-ins/{sign_in_id}": Case(403, guest=403),
    "GET /api/v1/plans": Case(200, 200),
    "POST /api/v1/sessions": Case(422, body={"plan_id": "none"}),
    "GET /api/v1/sessions": Case(200),
    "GET /api/v1/sessions/{session_id}": Case(404, guest=200),
    "PATCH /api/v1/sessions/{session_id}": Case(404, guest=403, body={"title": "Eve was here"}),
    "DELETE /api/v1/sessions/{session_id}": Case(404, guest=403),
    "POST /api/v1/sessions/{session_id}/extend": Case(404, guest=404, body={"plan_id": "pro"}),
    # Here CHECKOUT names no codes: tests/users/test_redeem_pages.py has those who have some.
    "POST /api/v1/codes/redeem": Case(
        403, guest=403, body={"code": "7K2M-Q9XW-4TBC-01RN", "session_id": "{session_id}"}
    ),
    "DELETE /api/v1/sessions/{session_id}/members/{user_id}": Case(404, guest=403),
    "POST /api/v1/sessions/{session_id}/invites": Case(404, guest=403, body={"guests_may_generate": True}),
    "DELETE /api/v1/sessions/{session_id}/invites": Case(404, guest=403),
    "GET /api/v1/sessions/{session_id}/removals": Case(404, guest=403),
    "DELETE /api/v1/sessions/{session_id}/removals/{user_id}": Case(404, guest=403),
    "POST /api/v1/invites/{code}": Case(404, body={}),
    "GET /api/v1/sessions/{session_id}/credits": Case(404, guest=200),
    "GET /api/v1/sessions/{session_id}/messages": Case(404, guest=200),
    "POST /api/v1/sessions/{session_id}/messages": Case(404, body={"client_id": "c", "text": "let me in"}),
    "DELETE /api/v1/messages/{message_id}": Case(404, guest=403),
    "GET /api/v1/messages/{message_id}": Case(404, guest=200),
    "POST /api/v1/messages/{message_id}/edit": Case(404, guest=403, body={"client_id": "e", "text": "not mine"}),
    "POST /api/v1/messages/{message_id}/regenerate": Case(404, guest=409, body={"client_id": "r"}),
    "POST /api/v1/messages/{message_id}/show": Case(404, guest=200, body={"version": 1}),
    "POST /api/v1/messages/{message_id}/stop": Case(404, guest=202, body={}),
    "POST /api/v1/sessions/{session_id}/generations": Case(404, guest=403, body=ASK),
    # In a session that a header names, which is 404 to a stranger: tests/openai_api.
    "POST /api/v1/images/generations": Case(400, body={"prompt": "mine", "n": 9}),
    # A form with a file, which nobody sends here.
    "POST /api/v1/images/edits": Case(400),
    "GET /api/v1/models": Case(200),
    "GET /api/v1/models/{model:path}": Case(404),
    "POST /api/v1/generations/{generation_id}/cancel": Case(404, guest=403, body={}),
    "POST /api/v1/generations/{generation_id}/retry": Case(404, guest=403, body={}),
    "POST /api/v1/generations/{generation_id}/enlarge": Case(404, guest=403, body={"side": 512}),
    "DELETE /api/v1/generations/{generation_id}": Case(404, guest=403),
    "GET /api/v1/generations": Case(200),
    "GET /api/v1/search": Case(200),
    "GET /api/v1/assets/{asset_id}": Case(404, guest=200),
    "DELETE /api/v1/assets/{asset_id}": Case(404, guest=403),
    "PUT /api/v1/assets/{asset_id}/favorite": Case(404),
    "DELETE /api/v1/assets/{asset_id}/favorite": Case(404, guest=204),
    "POST /api/v1/assets/{asset_id}/links": Case(404, guest=201, body={"seconds": 60}),
    "GET /api/v1/pictures": Case(200),
    "POST /api/v1/assets/{asset_id}/reports": Case(404, guest=201, body={"kind": "spam"}),
    "POST /api/v1/messages/{message_id}/reports": Case(404, guest=201, body={"kind": "spam"}),
    "POST /api/v1/pictures/favorites": Case(200, guest=200, body={"asset_ids": ["{asset_id}"], "on": True}),
    "POST /api/v1/pictures/deletions": Case(200, guest=200, body={"asset_ids": ["{asset_id}"]}),
    "GET /api/v1/albums": Case(200),
    "POST /api/v1/albums": Case(404, guest=404, body={"name": "Mine", "asset_ids": ["{asset_id}"]}),
    "GET /api/v1/albums/{album_id}": Case(404, guest=404),
    "PATCH /api/v1/albums/{album_id}": Case(404, guest=404, body={"name": "Eve was here"}),
    "DELETE /api/v1/albums/{album_id}": Case(404, guest=404),
    "GET /api/v1/albums/{album_id}/pictures": Case(404, guest=404),
    "POST /api/v1/albums/{album_id}/pictures": Case(404, guest=404, body={"asset_ids": ["{asset_id}"]}),
    "POST /api/v1/albums/{album_id}/pictures/remove": Case(404, guest=404, body={"asset_ids": ["{asset_id}"]}),
    "POST /api/v1/albums/{album_id}/pictures/move": Case(404, guest=404, body={"asset_id": "{asset_id}"}),
    # Its query lacks a client_id, which a member is told.
    "POST /api/v1/sessions/{session_id}/uploads": Case(404, guest=422),
    "GET /api/v1/uploads": Case(200),
    "GET /api/v1/shares": Case(200),
    "POST /api/v1/shares": Case(404, guest=404, body={"kind": "picture", "asset_ids": ["{asset_id}"]}),
    "GET /api/v1/shares/{share_id}": Case(404, guest=404),
    "PATCH /api/v1/shares/{share_id}": Case(404, guest=404, body={"title": "Eve was here"}),
    "DELETE /api/v1/shares/{share_id}": Case(404, guest=404),
    # An empty file is no picture, whoever sends it.
    "POST /api/v1/verifications": Case(422, 422),
    "GET /api/v1/openapi.json": Case(200, 200),
    "GET /api/v1/asyncapi.json": Case(200, 200),
    "GET /healthz": Case(200, 200),
    "GET /readyz": Case(200, 200),
    "GET /metrics": Case(200, 200),
    "GET /manifest.webmanifest": Case(200, 200),
    "GET /service-worker.js": Case(200, 200),
    "GET /offline": Case(200, 200),
    "GET /favicon.ico": Case(200, 200),
    "GET /robots.txt": Case(200, 200),
    # A report is no form, and who sends one is told nothing.
    "POST /csp-reports": Case(400, 400, body={}),
    "GET /static/{hash}/{name:path}": Case(404, 404),
    "GET /sign-up": Case(303, 200),
    "POST /sign-up": Case(409, 409, body={"email": "{email}", "name": "A", "password": "a good long one"}),
    "GET /sign-in": Case(303, 200),
    "POST /sign-in": Case(401, 401, body={"email": "adax@example.org", "password": "not the right one"}),
    # Without SMTP_URL there is no such page: tests/mail has those that there are with it.
    "GET /forgot": Case(404, 404),
    "POST /forgot": Case(404, 404, body={"email": "ada@example.org"}),
    "POST /settings/verification": Case(404, 404, body={}),
    "GET /verify-email/{token}": Case(404, 404),
    "POST /verify-email/{token}": Case(404, 404, body={}),
    "GET /reset/{token}": Case(404, 404),
    "POST /reset/{token}": Case(404, 404, body={"password": "a good long one"}),
    "GET /settings": Case(200, 303),
    "POST /settings/name": Case(303, 303, body={"name": "Eve"}),
    "POST /settings/theme": Case(303, 303, body={"theme": "dark"}),
    "POST /settings/keep": Case(403, 303, body={"email": "eve-keeps@example.org", "password": "a good long one"}),
    "POST /settings/preferences": Case(303, 303, body={}),
    "POST /settings/password": Case(
        422, 303, body={"current_password": "not the right one", "new_password": "a good long one"}
    ),
    "POST /settings/sign-ins/end-others": Case(303, 303, body={}),
    "POST /settings/sign-ins/{sign_in_id}/end": Case(404, 303, guest=404, body={}),
    "POST /settings/tokens": Case(422, 303, body={"token_name": "x" * 200}),
    "POST /settings/tokens/{token_id}/revoke": Case(404, 303, guest=404, body={}),
    "GET /settings/export": Case(200, 303),
    "GET /settings/readings": Case(200, 303),
    "GET /settings/decisions": Case(200, 303),
    "POST /settings/delete": Case(422, 303, body={"delete_password": "not the right one"}),
    "GET /": Case(200, 200),
    "GET /plans": Case(200, 200),
    "GET /sessions": Case(200, 303),
    "POST /sessions": Case(404, 303, guest=404, body={"plan_id": "pro", "session_id": "{session_id}"}),
    "GET /invite/{code}": Case(404, 404),
    "POST /invite/{code}": Case(404, 404, body={}),
    "GET /start": Case(200, 200),
    "POST /start": Case(422, 200, body={}),
    "GET /redeem": Case(200, 200),
    "GET /redeem/{code}": Case(404, 404),
    # Here CHECKOUT names no codes: tests/users/test_redeem_pages.py has those who have some.
    "POST /redeem": Case(403, 200, guest=403, body={"code": "7K2M-Q9XW-4TBC-01RN", "session_id": "{session_id}"}),
    "POST /trial": Case(303, 303, guest=303, body={}),
    "GET /verify": Case(200, 200),
    "GET /admin": Case(403, 303),
    "GET /admin/work": Case(403, 303),
    "GET /admin/figures": Case(403, 303),
    "GET /admin/attempts": Case(403, 303),
    "GET /admin/attempts.csv": Case(403, 303),
    "GET /admin/replies": Case(403, 303),
    "GET /admin/replies.csv": Case(403, 303),
    "GET /admin/figures/tables/{table}.csv": Case(403, 303),
    "GET /admin/money": Case(403, 303),
    "POST /admin/money/prices": Case(403, 303, body={}),
    "POST /admin/money/rates": Case(403, 303, body={}),
    "POST /admin/money/flat-prices": Case(403, 303, body={}),
    "POST /admin/money/sales/{purchase_id}/refund": Case(403, 303, body={}),
    "GET /admin/money/tables/{table}.csv": Case(403, 303),
    "GET /admin/work/tables/{table}.csv": Case(403, 303),
    "POST /admin/work/providers/{name}/{lever}": Case(403, 303, body={}),
    "POST /admin/work/generations/{generation_id}/cancel": Case(403, 303, body={}),
    "POST /admin/work/leases/{job_id}/give-back": Case(403, 303, body={}),
    "POST /admin/work/holds/{generation_id}/settle": Case(403, 303, body={}),
    "POST /admin/work/files/{asset_id}/{lever}": Case(403, 303, body={}),
    "POST /admin/work/checks/{kind}": Case(403, 303, body={}),
    "GET /admin/people": Case(403, 303),
    "GET /admin/people.csv": Case(403, 303),
    "GET /admin/people/{user_id}": Case(403, 303),
    "POST /admin/people/{user_id}/{lever}": Case(403, 303, body={"reason": "mine"}),
    "POST /admin/people/{user_id}/reset": Case(403, 303, body={}),
    "POST /admin/people/{user_id}/sessions/{session_id}/extend": Case(403, 303, body={"minutes": "60"}),
    "POST /admin/people/{user_id}/sessions/{session_id}/credits": Case(403, 303, body={"count": "3", "reason": "mine"}),
    "POST /admin/people/sessions/{session_id}/conversation": Case(403, 303, body={"reason": "I want to"}),
    "GET /orders": Case(200, 303),
    "POST /orders": Case(404, 303, body={"plan_id": "pro", "session_id": "{session_id}", "gateway": "stripe"}),
    "GET /orders/{order_id}": Case(404, 303),
    "GET /orders/{order_id}/go": Case(404, 303),
    "GET /orders/{order_id}/return": Case(404, 303),
    "POST /webhooks/{gateway}": Case(404, 404, body={}),
    "GET /admin/orders": Case(403, 303),
    "POST /admin/orders/{order_id}/refund": Case(403, 303, body={"reason": "I want to"}),
    "GET /admin/plans": Case(403, 303),
    "GET /admin/plans.csv": Case(403, 303),
    "GET /admin/plans/preview": Case(403, 303),
    "GET /admin/plans/{plan_id}": Case(403, 303),
    "POST /admin/plans/{plan_id}": Case(403, 303, body={"amount": "0"}),
    "GET /admin/rules": Case(403, 303),
    "POST /admin/rules": Case(403, 303, body={"terms": "mine"}),
    "GET /admin/rules/{rule_id}": Case(403, 303),
    "POST /admin/rules/{rule_id}": Case(403, 303, body={"terms": "mine"}),
    "POST /admin/rules/{rule_id}/delete": Case(403, 303, body={}),
    "POST /admin/rules/{rule_id}/prompts": Case(403, 303, body={"reason": "I want to"}),
    "POST /admin/rules/{rule_id}/{lever}": Case(403, 303, body={}),
    "GET /admin/codes": Case(403, 303),
    "POST /admin/codes": Case(403, 303, body={"plan_id": "pro", "count": "1", "expires": "90d"}),
    "GET /admin/codes/{batch_id}": Case(403, 303),
    "POST /admin/codes/{batch_id}/revoke": Case(403, 303, body={}),
    "GET /admin/announcements": Case(403, 303),
    "POST /admin/announcements": Case(403, 303, body={"text": "mine", "until": "1h"}),
    "POST /admin/announcements/{announcement_id}/withdraw": Case(403, 303, body={}),
    "GET /admin/reports": Case(403, 303),
    "POST /admin/reports/{target_id}/read": Case(403, 303, body={}),
    "POST /admin/reports/{target_id}/{act}": Case(403, 303, body={"reason": "I want to"}),
    "GET /admin/reports/files/{target_id}/{version}": Case(403, 303),
    "GET /admin/audit": Case(403, 303),
    "GET /admin/audit.csv": Case(403, 303),
    "GET /style-samples/{sample_id}.webp": Case(404, 404),
    "POST /verify": Case(400, 400, body={}),
    "GET /sessions/{session_id}": Case(404, 303, guest=200),
    "GET /sessions/{session_id}/messages": Case(404, 303, guest=200),
    "GET /sessions/{session_id}/pictures": Case(404, 303, guest=200),
    "GET /sessions/{session_id}/invite.svg": Case(404, 303, guest=403),
    "GET /history": Case(200, 303),
    "GET /gallery": Case(200, 303),
    "GET /gallery/pictures": Case(200, 303),
    "GET /gallery/pictures/{asset_id}": Case(404, 303, guest=200),
    "GET /gallery/filters": Case(200, 303),
    "GET /gallery/ids": Case(200, 303),
    "GET /gallery/state": Case(200, 303),
    "GET /gallery/compare": Case(404, 303),
    "POST /gallery/archive": Case(404, 303, guest=200, body={"asset_ids": "{asset_id}"}),
    "GET /messages/{message_id}/archive": Case(404, 303, guest=404),
    "GET /generations/{generation_id}": Case(404, 303, guest=303),
    "GET /assets/{asset_id}": Case(404, 303, guest=303),
    "GET /sessions/{session_id}/sources": Case(404, 303, guest=200),
    "GET /files/{asset_id}/{filename}": Case(404, 404, guest=200),
    "GET /albums": Case(200, 303),
    "GET /albums/{album_id}": Case(404, 303, guest=404),
    "GET /shares": Case(200, 303),
    "GET /shares/dialogs": Case(200, 303),
    # Links are for everybody who has one, and these have none: tests/sharing has those who do.
    "GET /s/{token}": Case(404, 404),
    "POST /s/{token}": Case(404, 404, body={"password": "a guess"}),
    "GET /s/{token}/part-{part}.zip": Case(404, 404),
    "GET /s/{token}/{asset_id}": Case(404, 404),
    "GET /s/{token}/{asset_id}/report": Case(404, 404),
    "POST /s/{token}/{asset_id}/report": Case(404, 404, body={"kind": "spam"}),
    "GET /s/{token}/{asset_id}/{filename}": Case(404, 404),
    # Last: it ends the sign-in with which the others were asked.
    "POST /sign-out": Case(303, 303, body={}),
}
# A command with Ada's ids in it, sent on a socket of one's own session: the code of the refusal, or None where it says
# nothing of hers.
COMMANDS: dict[str, tuple[dict[str, Any], str | None]] = {
    "message.create": ({"client_id": "m", "text": "in my own room"}, None),
    "message.delete": ({"message_id": "{message_id}"}, "not-found"),
    "message.stop": ({"message_id": "{message_id}"}, "not-found"),
    "message.edit": ({"client_id": "e", "message_id": "{message_id}", "text": "mine"}, "not-found"),
    "message.regenerate": ({"client_id": "r", "message_id": "{message_id}"}, "not-found"),
    "message.show": ({"message_id": "{message_id}", "version": 1}, "not-found"),
    "generation.create": ({**ASK, "source_asset_id": "{asset_id}"}, "invalid"),
    "generation.cancel": ({"generation_id": "{generation_id}"}, "not-found"),
    "generation.retry": ({"generation_id": "{generation_id}"}, "not-found"),
    "generation.enlarge": ({"generation_id": "{generation_id}", "side": 512}, "not-found"),
    "generation.delete": ({"generation_id": "{generation_id}"}, "not-found"),
    "prompt.improve": ({"prompt": "a boat"}, "not-allowed"),
    "asset.favorite": ({"asset_id": "{asset_id}", "on": True}, "not-found"),
    "session.seen": ({"seq": 1}, None),
    "typing": ({}, None),
}


def the_application():
    """The application's own routes, and the names of its commands."""
    database = SimpleNamespace(run_as=None, run_system=None)
    state: Any = SimpleNamespace(config=Config(), database=database, storage=None)
    site = templating.open_site(Config(), "a test's key")
    http = web_application.http_application(state, site, None)  # type: ignore[arg-type]
    routes = [
        f"{method} {route.path}"
        for route in http.routes
        for method in (route.methods or {"GET"})  # type: ignore[attr-defined]
        if method != "HEAD"
    ]
    return routes, [command.name for command in entrances.COMMANDS]


def test_every_route_and_every_command_has_its_entry_here():
    routes, commands = the_application()
    assert sorted(routes) == sorted(ROUTES)
    assert sorted([*commands, "typing"]) == sorted(COMMANDS)


# The installation --------------------------------------------------------------------------------------------------------


class Asker:
    """Somebody, or nobody, who calls the API with a token and opens the pages with a cookie."""

    def __init__(self, product, person=None) -> None:
        self.product, self.person = product, person
        jar = aiohttp.CookieJar(unsafe=True)
        self.client = aiohttp.ClientSession(
            product.url, cookie_jar=jar, headers={"Accept": "text/html"}, connector=keep_alive.connector()
        )
        self.browser = Browser(self.client)
        self.csrf = ""

    async def signs_in(self) -> "Asker":
        if self.person is not None:
            login = {"email": self.person.user["email"], "password": self.person.password}
            answer = await self.browser.fills("/sign-in", "/sign-in", **login)
            assert answer.status == 303, answer.text
        return await self.takes_token("/settings" if self.person else "/sign-in")

    async def takes_token(self, path: str) -> "Asker":
        page = await self.browser.visit(path)
        self.csrf = next(form["csrf_token"] for form in page.forms.values() if "csrf_token" in form)
        return self

    async def asks(self, route: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, str]:
        method = route.partition(" ")[0]
        if path.startswith("/api/"):
            headers = {"Authorization": f"Bearer {self.person.token}"} if self.person else {}
            async with aiohttp.ClientSession(self.product.url) as client:
                return await _read(client.request(method, path, json=body, headers=headers))
        form = None if body is None else {**body, "csrf_token": self.csrf}
        headers = {"Sec-Fetch-Site": "same-origin"}
        return await _read(self.client.request(method, path, data=form, headers=headers, allow_redirects=False))

    async def socket_code(self, session_id: str, **headers: str) -> int | None:
        """The code with which a socket is closed at once."""
        if self.person:
            headers = {"Authorization": f"Bearer {self.person.token}", **headers}
        url = f"{self.product.ws_url}/ws/sessions/{session_id}"
        async with aiohttp.ClientSession() as client, client.ws_connect(url, headers=headers) as socket:
            await asyncio.wait_for(socket.receive(), 20)
            return socket.close_code


async def _read(request) -> tuple[int, str]:
    async with request as answer:
        return answer.status, (await answer.read()).decode(errors="replace")


class Installation:
    """Ada's session with all that can be in it, and those who knock."""

    names: dict[str, str]
    secrets: tuple[str, ...]

    def __init__(self, product, admin: asyncpg.Connection) -> None:
        self.product, self.admin = product, admin

    def fill(self, value: Any) -> Any:
        """Ada's names put into a path or a body."""
        if isinstance(value, Mapping):
            return {key: self.fill(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        if not isinstance(value, str):
            return value
        for name, own in self.names.items():
            value = value.replace("{" + name + "}", own)
        return value

    def path_of(self, route: str) -> str:
        path = self.fill(route.partition(" ")[2])
        return (
            self.fill(f"{path}?before={{message_id}}") if path.endswith("/messages") and "/api/" not in path else path
        )

    def told(self, text: str, route: str) -> list[str]:
        """The secrets in an answer. The address that was asked for is the asker's own: a page offers to sign in and lead
        back to it."""
        rest = text.replace(self.path_of(route), "")
        return [secret for secret in self.secrets if secret in rest]

    async def rows(self) -> dict[str, str]:
        """A hash of Ada's rows, by table."""
        found = {}
        for table, mine in OWNED.items():
            rows = await self.admin.fetch(
                f"SELECT ({UNTIMED})::text AS row FROM {table} t WHERE {mine} ORDER BY 1", self.ada.id
            )
            assert rows, table
            found[table] = hashlib.sha256("\n".join(row["row"] for row in rows).encode()).hexdigest()
        return found


@pytest.fixture(scope="module")
async def installation(product, database, postgres_server, database_url):
    admin = await asyncpg.connect(postgres_server.admin_url_of(database_url))
    installation = Installation(product, admin)
    installation.ada = ada = await sign_up(product, "Adaxcanary")
    session = await ada.buys("flash", "Canarytitle")
    await _furnish(installation, ada, session, database)
    await run_sql(database, "UPDATE users SET status = 'banned' WHERE id = $1", installation.askers["banned"].person.id)
    await installation.askers["banned"].takes_token("/sign-in")
    yield installation
    for asker in installation.askers.values():
        await asker.client.close()
    await admin.close()


async def _furnish(installation, ada, session, database):
    chat = await ada.joins(session)
    message = await chat.says("canarywords")
    await chat.asks("session.seen", seq=chat.seq)
    picture = await chat.sees_ended(await chat.generates("canaryprompt", width=64, height=64))
    await chat.sees(lambda each: each["author"]["kind"] == "assistant" and each["status"] == "done")
    await chat.asks("session.seen", seq=1)
    await chat.leaves()
    [generation] = picture["generations"]
    [asset] = generation["assets"]
    await ada.call("PUT", f"/assets/{asset['id']}/favorite")
    album = await ada.call("POST", "/albums", {"name": "canaryalbum", "asset_ids": [asset["id"]]})
    wanted = {"kind": "picture", "asset_ids": [asset["id"]], "title": "canaryshare"}
    share = await ada.call("POST", "/shares", wanted)
    code = await ada.invites(session)
    askers = {
        name: Asker(installation.product, await sign_up(installation.product, name)) for name in ("Eve", "Gus", "Bea")
    }
    for name in ("Gus", "Bea"):
        await askers[name].person.accepts(code)
    rex = await sign_up(installation.product, "Rex")
    await rex.accepts(code)
    await ada.call("DELETE", f"/sessions/{session['id']}/members/{rex.id}")
    owner = Asker(installation.product, ada)
    nobody = Asker(installation.product)
    installation.askers = {"stranger": askers["Eve"], "guest": askers["Gus"], "banned": askers["Bea"], "nobody": nobody}
    for asker in (*installation.askers.values(), owner):
        await asker.signs_in()
    status, sign_ins = await owner.browser.call("GET", "/sign-ins")
    assert status == 200
    await owner.client.close()
    await database.run_system(users.begin_reset, ada.id)
    installation.session = session
    installation.names = {
        "email": ada.user["email"],
        "session_id": session["id"],
        "message_id": message["id"],
        "generation_id": generation["id"],
        "asset_id": asset["id"],
        "filename": asset["filename"],
        "album_id": album["album"]["id"],
        "share_id": share["share"]["id"],
        "user_id": ada.id,
        "token_id": (await ada.call("GET", "/tokens"))["tokens"][0]["id"],
        "sign_in_id": sign_ins["sign_ins"][0]["id"],
        # Only whoever was given them may use these: others can but guess.
        "code": "AAAAAAAAAAAAAAAAAAAAAA",
        "token": "A" * 43,
        "hash": "0" * 16,
        "part": "1",
        "name:path": "../../pyproject.toml",
    }
    installation.secrets = (
        "Adaxcanary",
        "Canarytitle",
        "canarywords",
        "canaryprompt",
        "canaryalbum",
        "canaryshare",
        share["url"],
        code,
    )


# Routes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["stranger", "nobody", "banned"])
async def test_whoever_is_not_in_the_session_learns_and_changes_nothing_by_any_route(installation, who):
    asker, before = installation.askers[who], await installation.rows()
    expected, told = {}, {}
    for route, case in ROUTES.items():
        expected[route] = case.stranger if who == "stranger" else case.nobody
        told[route], text = await asker.asks(route, installation.path_of(route), installation.fill(case.body))
        assert not installation.told(text, route), route
        assert await installation.rows() == before, route
    assert told == expected


async def test_a_stolen_token_is_nobodys_on_every_page_even_with_the_form_token_of_a_visitor(installation):
    thief, before = await Asker(installation.product).signs_in(), await installation.rows()
    thief.client.headers["Authorization"] = f"Bearer {installation.ada.token}"
    pages = {route: case for route, case in ROUTES.items() if not route.split()[1].startswith(("/api/", "/files/"))}
    told = {}
    for route, case in pages.items():
        told[route], text = await thief.asks(route, installation.path_of(route), installation.fill(case.body))
        assert not installation.told(text, route), route
        assert await installation.rows() == before, route
    assert told == {route: case.nobody for route, case in pages.items()}
    await thief.client.close()


async def test_a_guest_may_read_and_mark_but_not_what_is_the_owners(installation):
    asker, before = installation.askers["guest"], await installation.rows()
    expected = {route: case.guest for route, case in ROUTES.items() if case.guest is not None}
    told = {}
    for route in expected:
        told[route], _ = await asker.asks(route, installation.path_of(route), installation.fill(ROUTES[route].body))
        assert await installation.rows() == before, route
    assert told == expected


async def test_ids_of_one_session_do_nothing_in_another(installation):
    eve, before = installation.askers["stranger"].person, await installation.rows()
    own = await eve.buys("pro")
    for method, path, body, expected in (
        ("DELETE", f"/sessions/{own['id']}/members/{installation.ada.id}", None, 404),
        ("POST", f"/sessions/{own['id']}/generations", {**ASK, "source_asset_id": "{asset_id}"}, 422),
        ("GET", f"/generations?session_id={installation.session['id']}", None, 200),
    ):
        try:
            answer = await eve.call(method, path, installation.fill(body))
        except Refusal as refusal:
            assert refusal.status == expected, path
        else:
            assert (expected, answer) == (200, {"generations": [], "next": None})
    assert await installation.rows() == before


async def test_a_guest_who_was_sent_away_is_a_stranger_again(installation, product):
    gone = Asker(product, await sign_up(product, "Zoe"))
    await gone.person.accepts(await installation.ada.invites(installation.session))
    await installation.ada.call("DELETE", f"/sessions/{installation.session['id']}/members/{gone.person.id}")
    before = await installation.rows()
    for route, case in ROUTES.items():
        if route.startswith("GET /api") and case.guest is not None:
            status, text = await gone.asks(route, installation.path_of(route), None)
            assert (status, "canary" in text) == (404, False), route
    assert await gone.socket_code(installation.session["id"]) == 4504
    assert await installation.rows() == before
    await gone.client.close()


# Sockets ----------------------------------------------------------------------------------------------------------


async def test_a_socket_says_who_may_not_come_in(installation):
    askers, session_id = installation.askers, installation.session["id"]
    assert await askers["stranger"].socket_code(session_id) == 4504
    assert await askers["stranger"].socket_code(ids.new()) == 4504
    assert await askers["stranger"].socket_code("nonsense") == 4504
    assert await askers["nobody"].socket_code(session_id) == 4501
    assert await askers["banned"].socket_code(session_id) == 4501
    for origin in ("https://evil.example", "null", f"{installation.product.url}.evil.example", "http://127.0.0.1"):
        assert await askers["guest"].socket_code(session_id, Origin=origin) == 4503, origin


async def test_no_command_on_a_socket_of_ones_own_reaches_into_anothers_session(installation):
    eve, before = installation.askers["stranger"].person, await installation.rows()
    chat = await eve.joins(await eve.buys())
    for name, (body, code) in COMMANDS.items():
        try:
            await chat.asks(name, **installation.fill(body))
        except Refusal as refusal:
            assert refusal.code == code, (name, refusal.error)
        else:
            assert code is None, name
        assert await installation.rows() == before, name
    heard = json.dumps(chat.events)
    assert not [secret for secret in installation.secrets if secret in heard]
    await chat.leaves()


async def test_a_guests_commands_are_those_of_a_guest_on_whichever_socket(installation):
    gus, before = installation.askers["guest"].person, await installation.rows()
    own = await gus.joins(await gus.buys())
    there = await gus.joins(installation.session)
    before = await installation.rows()
    for chat in (own, there):
        for name, code in (
            ("message.delete", "not-allowed"),
            ("generation.cancel", "not-allowed"),
            ("generation.delete", "not-allowed"),
            ("generation.retry", "guests-may-not"),
            ("generation.enlarge", "guests-may-not"),
        ):
            with pytest.raises(Refusal) as refusal:
                await chat.asks(name, **installation.fill(COMMANDS[name][0]))
            assert refusal.value.code == code, name
    with pytest.raises(Refusal) as refusal:
        await own.asks("generation.create", **installation.fill({**ASK, "source_asset_id": "{asset_id}"}))
    assert refusal.value.error["details"]["field"] == "source_asset_id"
    assert await installation.rows() == before
    await own.leaves()
    await there.leaves()
