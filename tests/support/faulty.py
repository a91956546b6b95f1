"""The whole application over a database that fails at every verb, and quotes what it was given while it does.

`python -m tests.support.faulty PORT` serves it; its log goes to stderr, as LOG_FORMAT says. The first line of stdout is
a form token that every form of its pages takes.
"""

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import asyncpg
import uvicorn
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from chatserver import config as configuration
from chatserver.app import web_application
from chatserver.edge.websocket_protocol import uvicorn_settings
from chatserver.identity.viewer import Viewer
from chatserver.runtime import logs
from chatserver.state import State
from chatserver.web import csrf, middleware, templating

VIEWER = Viewer(id="0" * 8, name="Ada", role="admin", via="cookie", credential_id="credential")


class BrokenDatabase:
    """Every verb fails as Postgres does, with the values in the error's detail, and with them in our own words, too."""

    async def run_as(self, user_id: str, verb: Any, *args: Any, **kwargs: Any) -> Any:
        return await self.run_system(verb, user_id, *args, **kwargs)

    async def run_system(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        values = f"{args} {kwargs}"
        try:
            error = asyncpg.UniqueViolationError(f'invalid input syntax for type uuid: "{values}"')
            error.detail = f"Failing row contains ({values})."
            error.sqlstate, error.constraint_name = "23505", "users_email"
            raise error
        except asyncpg.PostgresError as failure:
            raise RuntimeError(f"could not run {verb} with {values}") from failure


async def identify(connection: HTTPConnection) -> Viewer:
    """Everybody is Ada; whoever opens a socket meets a fault."""
    cookie, token = connection.cookies.get("chatserver"), connection.headers.get("authorization")
    if connection.scope["type"] == "websocket":
        raise RuntimeError(f"nobody knows {cookie} and {token}")
    return VIEWER


async def serve(port: int) -> None:
    config = configuration.load(port=port)
    logs.configure(config)
    site = templating.open_site(config, "a test's key")
    hub = SimpleNamespace(draining=False)
    others: Any = dict.fromkeys(State.__dataclass_fields__)
    parts = {"config": config, "secret_key": "a test's key", "database": BrokenDatabase(), "hub": hub}
    state = State(**{**others, **parts})
    http = web_application.http_application(state, site, identify)

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nobody gets here")

    sockets = middleware.websocket_stack(refuse, config, identify)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (sockets if scope["type"] == "websocket" else http)(scope, receive, send)

    print(csrf._mask(csrf._mac(site, f"sign-in:{VIEWER.credential_id}")), flush=True)
    settings = {**uvicorn_settings(), "lifespan": "off", "access_log": False, "log_config": None}
    await uvicorn.Server(uvicorn.Config(app, port=port, **settings)).serve()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
