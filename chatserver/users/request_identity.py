"""The user who sends a request or opens a websocket, by an API token or by the cookie of a sign-in.

One indexed look for each request and no cache, so that an ended sign-in or revoked token stops working at once.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from starlette.requests import HTTPConnection
from starlette.responses import Response

from chatserver.config import Config
from chatserver.database import Database, Transaction
from chatserver.identity.viewer import Viewer, bearer_token, current_viewer
from chatserver.net import ip_addresses
from chatserver.runtime.batching import Batcher
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


# A credential as it was sent, by the hash of its secret.
Presented = tuple[Literal["cookie", "token"], bytes]


class ViewerFinder:
    """Finds whose credentials these are: one indexed look for each, and one statement for all who come at once."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database, self._config = database, config
        self._viewers = Batcher(self._find, most=16)

    async def identify(self, connection: HTTPConnection) -> Viewer | None:
        """The viewer of a request, or None; records the use of the credential."""
        presented = _presented(self._config, connection)
        return None if presented is None else await self._viewers.answer(presented)

    async def _find(self, presented: Sequence[Presented]) -> Mapping[Presented, Viewer]:
        return await self._database.run_single(viewers_of, presented)


def _presented(config: Config, connection: HTTPConnection) -> Presented | None:
    """A Bearer token, where one counts, counts alone: a cookie makes no bad one good."""
    token = bearer_token(connection)
    if token is not None:
        return ("token", tokens.digest(token)) if tokens.is_well_formed_api_token(token) else None
    cookie = cookies.read(connection, config, COOKIE)
    return ("cookie", tokens.digest(cookie)) if cookie is not None and tokens.is_well_formed(cookie) else None


async def viewers_of(tx: Transaction, presented: Sequence[Presented]) -> dict[Presented, Viewer]:
    """The users whose credentials these are, without those that do not count; records their use."""
    rows = await tx.fetch_all(
        "users.viewers",
        cookies=[digest for via, digest in presented if via == "cookie"],
        tokens=[digest for via, digest in presented if via == "token"],
        idle_days=sign_ins.IDLE_DAYS,
    )
    return {
        (row["via"], row["token_hash"]): Viewer(
            id=row["id"], name=row["name"], role=row["role"], via=row["via"], credential_id=row["credential_id"]
        )
        for row in rows
    }


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
