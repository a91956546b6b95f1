"""Who is asking: the person behind a request or a websocket's handshake, by API token or by the sign-in's cookie.

One indexed query each time and nothing remembered in between, so that what ends is ended at once.
"""

from starlette.requests import HTTPConnection
from starlette.responses import Response

from chatserver.config import Config
from chatserver.database import Database, Transaction
from chatserver.identity.viewer import Viewer, current_viewer, shown_token
from chatserver.net import ip_addresses
from chatserver.users import devices, sign_ins, tokens
from chatserver.users.models import Visitor
from chatserver.web import cookies

COOKIE = "chatserver"
_LIFETIME_SECONDS = sign_ins.LIFETIME_DAYS * 24 * 3600
# Read by our pages' scripts, which take it back once nothing is kept any more.
_FORGET_COOKIE = "forget"
_FORWARDED = (
    *("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"),
    *("cf-connecting-ip", "true-client-ip"),
)


async def identify(database: Database, config: Config, connection: HTTPConnection) -> Viewer | None:
    """The person who asks, or None. Where a Bearer token counts, it counts alone: no cookie makes a bad one good."""
    token = shown_token(connection)
    if token is not None:
        return await database.run_system(by_token, token) if tokens.looks_right_for_api(token) else None
    cookie = cookies.read(connection, config, COOKIE)
    if cookie is None or not tokens.looks_right(cookie):
        return None
    return await database.run_system(by_cookie, cookie)


async def by_cookie(tx: Transaction, token: str) -> Viewer | None:
    """The person who holds a sign-in's secret. Needs the worker role."""
    row = await tx.fetch_one("users.identify_sign_in", token_hash=tokens.digest(token), idle_days=sign_ins.IDLE_DAYS)
    if row is None:
        return None
    if row["stale"]:
        await tx.execute("users.touch_sign_in", id=row["credential_id"])
    return Viewer(id=row["id"], name=row["name"], role=row["role"], via="cookie", credential_id=row["credential_id"])


async def by_token(tx: Transaction, token: str) -> Viewer | None:
    """The person who holds an API token. Needs the worker role."""
    row = await tx.fetch_one("users.identify_token", token_hash=tokens.digest(token))
    if row is None:
        return None
    if row["stale"]:
        await tx.execute("users.touch_token", id=row["credential_id"])
    return Viewer(id=row["id"], name=row["name"], role=row["role"], via="token", credential_id=row["credential_id"])


def visitor(connection: HTTPConnection) -> Visitor:
    """Where a request comes from. A proxy that is listed as trusted has put the reader's own address there before."""
    address = connection.client.host if connection.client else ""
    viewer = current_viewer(connection)
    return Visitor(
        address=address,
        devices=devices.read(connection),
        sign_in_id=viewer.credential_id if viewer is not None and viewer.via == "cookie" else "",
        user_agent=connection.headers.get("user-agent", ""),
        is_local=_is_loopback(address) and not any(name in connection.headers for name in _FORWARDED),
    )


def _is_loopback(address: str) -> bool:
    parsed = ip_addresses.address_of(address)
    return parsed is not None and parsed.is_loopback


def give_cookie(response: Response, config: Config, token: str) -> None:
    """Lets the browser keep a sign-in as long as it may live."""
    cookies.write(response, config, COOKIE, token, seconds=_LIFETIME_SECONDS)


def take_cookie(response: Response, config: Config) -> None:
    """Lets the browser forget its sign-in, and whatever our pages kept there. The theme, a cookie, stays."""
    cookies.clear(response, config, COOKIE)
    # Browsers heed this on secure addresses only; elsewhere the next page does it (static/js/helpers/browser_data.js).
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    response.set_cookie(
        cookies.full_name(config, _FORGET_COOKIE), "1", max_age=_LIFETIME_SECONDS, secure=config.secure, samesite="lax"
    )
