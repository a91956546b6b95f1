"""The account pages and routes on a real server, and browsers that keep cookies and fill in forms."""

import contextlib
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
from starlette.applications import Starlette

from chatserver.codes import routes as code_routes
from chatserver.config import Config
from chatserver.database import Database
from chatserver.providers.sketch.provider import Sketch
from chatserver.sessions import pages as session_pages
from chatserver.state import State
from chatserver.users import pages, request_identity, routes
from chatserver.web import errors, middleware, templating
from tests.support import keep_alive, web_server
from tests.users.accounts import address


def build(config: Config, database: Database) -> Starlette:
    site = templating.open_site(config, "a test's key")
    identify = request_identity.ViewerFinder(database, config).identify
    app = Starlette(
        routes=[*routes.ROUTES, *code_routes.ROUTES, *pages.PAGES, *session_pages.PAGES, site.statics.route()],
        middleware=middleware.http_stack(config, identify),
        exception_handlers=errors.EXCEPTION_HANDLERS,
    )
    others: Any = dict.fromkeys(State.__dataclass_fields__)
    app.state.site = site
    parts = {
        "config": config,
        "secret_key": "a test's key",
        "database": database,
        "providers": {"sketch": Sketch(config)},
    }
    app.state.chatserver = State(**{**others, **parts})
    return app


class AccountServer:
    """A running server; `browser()` opens a new one, from an address of its own."""

    def __init__(self, url: str, closing: contextlib.AsyncExitStack) -> None:
        self.url, self._closing = url, closing

    async def browser(self, **headers: str) -> "Browser":
        jar = aiohttp.CookieJar(unsafe=True)
        sent = {"X-Forwarded-For": address(), "Accept": "text/html", **headers}
        client = aiohttp.ClientSession(self.url, cookie_jar=jar, headers=sent, connector=keep_alive.connector())
        return Browser(await self._closing.enter_async_context(client))


@contextlib.asynccontextmanager
async def serve(database: Database, **settings: Any) -> AsyncIterator[AccountServer]:
    defaults = {"data_dir": Path("unused"), "port": 0, "trusted_proxies": ("127.0.0.1", "::1")}
    config = Config(**{**defaults, **settings})
    app = build(config, database)
    async with web_server.serving(app, proxy_headers=False) as url, contextlib.AsyncExitStack() as closing:
        yield AccountServer(url, closing)


class Answer:
    """An answer, read."""

    def __init__(self, response: aiohttp.ClientResponse, text: str) -> None:
        self.status, self.headers, self.text = response.status, response.headers, text
        self.path = response.url.path_qs
        self.cookies = response.headers.getall("Set-Cookie", [])

    @property
    def forms(self) -> dict[str, dict[str, str]]:
        """What each form of the page would send as it stands, by its action."""
        reader = _Forms()
        reader.feed(self.text)
        return reader.forms


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self._open: dict[str, str] | None = None
        self._textarea = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if tag == "form":
            self._open = self.forms.setdefault(values.get("action") or "", {})
        sent = values.get("type") != "checkbox" or "checked" in values
        if tag == "textarea":
            self._textarea = str(values["name"])
        if tag == "input" and sent and self._open is not None and values.get("name"):
            self._open[str(values["name"])] = values.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self._textarea and self._open is not None:
            self._open[self._textarea] = data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        self._textarea = ""
        if tag == "form":
            self._open = None


class Browser:
    """Follows redirects, keeps cookies, and sends what a browser sends with a form of our own."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self.client = client

    async def visit(self, path: str, *, follow: bool = True, **headers: str) -> Answer:
        async with self.client.get(path, headers=headers, allow_redirects=follow) as response:
            return Answer(response, await response.text())

    async def post(self, path: str, data: Any, *, follow: bool = False, **headers: str) -> Answer:
        sent = {"Sec-Fetch-Site": "same-origin", **headers}
        async with self.client.post(path, data=data, headers=sent, allow_redirects=follow) as response:
            return Answer(response, await response.text())

    async def fills(self, page: str, action: str, *, follow: bool = False, **fields: str) -> Answer:
        """Opens a page, fills in the form with this action, and sends it."""
        form = (await self.visit(page)).forms["" if action == page and page.startswith("/reset") else action]
        return await self.post(action, {**form, **fields}, follow=follow)

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """A call to the API: status and JSON."""
        sent = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin", **headers}
        async with self.client.request(method, "/api/v1" + path, json=body, headers=sent) as response:
            return response.status, await response.json() if await response.read() else None
