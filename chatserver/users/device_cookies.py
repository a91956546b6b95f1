"""Device cookies (OWASP): attempts from a browser in which the account was signed in to before are counted apart.

The cookie grants nothing. It is signed, and lists the accounts that were signed in to with this browser, the last one first,
each with a random device id.
"""

import secrets
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from chatserver import ids
from chatserver.errors import NotFound
from chatserver.web import cookies
from chatserver.web.site import Site, site_of

COOKIE = "device"
# Of people who share a browser; the least recent one is dropped.
MOST_ACCOUNTS = 4
# The longest that browsers keep a cookie.
LIFETIME_SECONDS = 400 * 24 * 3600


def read(connection: HTTPConnection) -> dict[str, str]:
    """The device ids of this browser by account id; empty without a valid cookie."""
    site = site_of(connection)
    value = cookies.read(connection, site.config, COOKIE)
    if not value:
        return {}
    try:
        return _devices(_serializer(site).loads(value))
    except BadData:
        return {}


def _devices(value: Any) -> dict[str, str]:
    try:
        return {ids.parse(user_id): str(device_id) for user_id, device_id in value}
    except (NotFound, TypeError, ValueError):
        return {}


def remember(connection: HTTPConnection, response: Response, user_id: str) -> None:
    """Adds an account to the browser's device cookie, with a new device id."""
    site = site_of(connection)
    others = [[known, device] for known, device in read(connection).items() if known != user_id]
    devices = [[user_id, secrets.token_urlsafe(12)], *others][:MOST_ACCOUNTS]
    cookies.write(response, site.config, COOKIE, _text(_serializer(site).dumps(devices)), seconds=LIFETIME_SECONDS)


def _serializer(site: Site) -> URLSafeSerializer:
    return URLSafeSerializer(site.secret_key, salt="device")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()
