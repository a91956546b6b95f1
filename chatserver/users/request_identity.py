"""The user who sends a request or opens a websocket, by an API token or by the cookie of a sign-in.

One indexed query for each request and no cache, so that an ended sign-in or revoked token stops working at once.
"""

from typing import Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response

from chatserver.config import Config
from chatserver.database import Database, Row, Transaction
from chatserver.identity.viewer import Viewer, bearer_token, current_viewer
from chatserver.net import ip_addresses
from chatserver.users import device_cookies, sign_ins, tokens
from chatserver.users.models import Visitor
from chatserver.web import cookies

COOKIE = "chatserver"
_LIFETIME_SECONDS = sign_ins.LIFETIME_DAYS * 24 * 3600
# Read by the pages' scripts, which remove it once they have cleared what the browser stored.
_FORGET_COOKIE = "forget"
# What browsers and monitors send themselves, besides `sec-…`. Proxies announce themselves by countless other names.
_SENT_BY_CLIENTS = {
    "accept", "accept-charset", "accept-encoding", "accept-language", "access-control-request-headers",
    "access-control-request-method", "authorization", "cache-control", "connection", "content-encoding", "content-length",
    "content-type", "cookie", "dnt", "expect", "host", "if-modified-since", "if-none-match", "if-range", "keep-alive",
    "last-event-id", "origin", "pragma", "priority", "range", "referer", "te", "trailer", "transfer-encoding", "upgrade",
    "upgrade-insecure-requests", "user-agent", "x-prometheus-scrape-timeout-seconds",
}  # fmt: skip


async def identify(database: Database, config: Config, connection: HTTPConnection) -> Viewer | None:
    """The viewer of a request, or None. A Bearer token, where one counts, counts alone: a cookie makes no bad one good."""
    token = bearer_token(connection)
    if token is not None:
        return await database.run_single(viewer_of_token, token) if tokens.is_well_formed_api_token(token) else None
    cookie = cookies.read(connection, config, COOKIE)
    if cookie is None or not tokens.is_well_formed(cookie):
        return None
    return await database.run_single(viewer_of_cookie, cookie)


async def viewer_of_cookie(tx: Transaction, token: str) -> Viewer | None:
    """The user whose sign-in has this secret, or None; records its use."""
    row = await tx.fetch_one("users.viewer_of_sign_in", token_hash=tokens.digest(token), idle_days=sign_ins.IDLE_DAYS)
    return _viewer(row, "cookie")


async def viewer_of_token(tx: Transaction, token: str) -> Viewer | None:
    """The user who has this API token, or None; records its use."""
    return _viewer(await tx.fetch_one("users.viewer_of_api_token", token_hash=tokens.digest(token)), "token")


def _viewer(row: Row | None, via: Literal["cookie", "token"]) -> Viewer | None:
    return None if row is None else Viewer(via=via, **row)


def visitor(connection: HTTPConnection) -> Visitor:
    """Where a request comes from: the client's address (behind trusted proxies as they forward it) and its browser."""
    address = connection.client.host if connection.client else ""
    viewer = current_viewer(connection)
    return Visitor(
        address=address,
        devices=device_cookies.read(connection),
        sign_in_id=viewer.credential_id if viewer is not None and viewer.via == "cookie" else "",
        user_agent=connection.headers.get("user-agent", ""),
        is_local=_is_loopback(address) and _is_direct(connection),
    )


def _is_direct(connection: HTTPConnection) -> bool:
    """Whether nothing suggests that a proxy sent the request. nginx, unless it is told otherwise, speaks HTTP/1.0."""
    if connection.scope.get("http_version") == "1.0":
        return False
    return all(name in _SENT_BY_CLIENTS or name.startswith("sec-") for name in connection.headers)


def _is_loopback(address: str) -> bool:
    parsed = ip_addresses.address_of(address)
    return parsed is not None and parsed.is_loopback


def set_cookie(response: Response, config: Config, token: str) -> None:
    """Sets the cookie of a sign-in, for as long as the sign-in may last."""
    cookies.write(response, config, COOKIE, token, seconds=_LIFETIME_SECONDS)


def clear_cookie(response: Response, config: Config) -> None:
    """Removes the cookie of a sign-in and everything that the pages stored in the browser, except the theme's cookie."""
    cookies.clear(response, config, COOKIE)
    # Honoured over TLS only; elsewhere the next page clears the storage (static/js/helpers/browser_data.js).
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    response.set_cookie(
        cookies.full_name(config, _FORGET_COOKIE), "1", max_age=_LIFETIME_SECONDS, secure=config.secure, samesite="lax"
    )
