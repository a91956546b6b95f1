"""A small site behind the real layers, on a real server: what the layers do does not depend on any feature."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from chatserver.config import Config
from chatserver.errors import Busy, Invalid, NotSignedIn
from chatserver.identity.viewer import Viewer, bearer_token
from chatserver.web import app_shell, cookies, errors, filters, forms, middleware, templating
from chatserver.web.authentication import Identify
from chatserver.web.site import site_of
from tests.support import web_server

Client = aiohttp.ClientSession

ADA = {"Cookie": "who=ada"}
BROWSER = {"Accept": "text/html"}


async def identify(connection: HTTPConnection) -> Viewer | None:
    if bearer_token(connection) == "ada":
        return _viewer("ada", "token")
    name = cookies.read_plain(connection, "who")
    if name == "somebody":
        raise Busy(retry_after=2)
    return _viewer(name, "cookie") if name else None


def _viewer(name: str, via: str) -> Viewer:
    return Viewer(id=name, name=name.title(), role="member", via=via, credential_id=f"credential-{name}")


async def who(request: Request) -> Response:
    viewer = request.state.viewer
    client = request.client.host if request.client else ""
    return JSONResponse({"viewer": viewer and viewer.name, "client": client, "scheme": request.url.scheme})


async def take_form(request: Request) -> Response:
    form = await forms.read(request)
    return JSONResponse(form.values)


async def leave_notice(request: Request) -> Response:
    return forms.redirect(request, "/offline", notice="Saved <b>!")


async def take_body(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body())})


async def invitation(request: Request) -> Response:
    return JSONResponse({})


async def fail(request: Request) -> Response:
    kind = request.path_params["kind"]
    raise {
        "busy": Busy(retry_after=1.2),
        "invalid": Invalid.field("name", "must not be empty"),
        "sign-in": NotSignedIn(),
    }.get(kind) or ValueError("a secret of the inside")


async def long_text(_: Request) -> Response:
    return PlainTextResponse("calm and fast " * 1000)


async def picture(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"\x89PNG" * 1024

    return StreamingResponse(pieces(), media_type="image/png", headers={"Content-Length": str(8 * 4096)})


async def show_form(request: Request) -> Response:
    """The invitation's page, which has a form for whoever has signed in; the header has one too."""
    invitation = {"owner_name": "Grace", "owner_hue": 3, "title": "Harbour", "plan_name": "Flash", "expired": False}
    context = {
        "invitation": invitation,
        "code": "x",
        "form": forms.Form(),
        "has_account": False,
        "by_name": False,
        "policy": "open",
    }
    return templating.render(request, "sessions/invite.html", context)


async def show_times(request: Request) -> Response:
    """A page with a time in every style."""
    now = datetime.now(UTC)
    times = [
        filters.time(datetime(2026, 11, 22, 20, 0, tzinfo=UTC), "clock"),
        filters.time(now + timedelta(minutes=72), "left"),
        filters.time(now - timedelta(minutes=5), "relative"),
        filters.time(now, "day"),
    ]
    template = site_of(request).environment.from_string(
        '{% extends "layouts/base.html" %}{% block title %}Times{% endblock %}'
        "{% block main %}<h1>Times</h1>{% for time in times %}<p>{{ time }}</p>{% endfor %}{% endblock %}"
    )
    return templating.render(request, template, {"times": times})


ROUTES = [
    Route("/who", who, methods=["GET", "POST", "DELETE"]),
    Route("/api/v1/who", who, methods=["GET", "POST", "DELETE"]),
    Route("/form", show_form),
    Route("/form", take_form, methods=["POST"]),
    Route("/notice", leave_notice),
    Route("/times", show_times),
    Route("/body", take_body, methods=["POST"]),
    Route("/invite/{code}", invitation),
    Route("/fail/{kind}", fail),
    Route("/api/v1/fail/{kind}", fail),
    Route("/long", long_text),
    Route("/picture", picture),
    *app_shell.PAGES,
]


def build(config: Config, routes: Sequence[BaseRoute] = ROUTES, identify: Identify = identify) -> Starlette:
    """The routes behind the real layers; without a feature's state, which a caller may add."""
    site = templating.open_site(config, "a test's key")
    app = Starlette(
        routes=[*routes, site.statics.route()],
        middleware=middleware.http_stack(config, identify),
        exception_handlers=errors.EXCEPTION_HANDLERS,
    )
    app.state.site = site
    return app


def configured(**settings: Any) -> Config:
    """A configuration of which nothing is read from this machine."""
    return Config(**{"data_dir": Path("unused"), "port": 0, **settings})


def serve(**settings: Any) -> AbstractAsyncContextManager[Client]:
    """A client of a running site with these settings."""
    return running(build(configured(**settings)))


@contextlib.asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[Client]:
    """A client of the app on a free port of this machine, which keeps no cookie."""
    async with (
        web_server.serving(app, proxy_headers=False) as url,
        Client(url, cookie_jar=aiohttp.DummyCookieJar()) as client,
    ):
        yield client
