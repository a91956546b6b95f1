"""Browsers that a person has used before: whoever shows the cookie of one is counted apart from strangers who guess.

The cookie opens nothing. It names the accounts that were signed in to with this browser, the last first, each with a
random id of its own, and is signed (OWASP calls it a device cookie).
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
# People who share a browser; the one who used it longest ago is forgotten first.
MOST_ACCOUNTS = 4
# As long as browsers keep a cookie at most.
LIFETIME_SECONDS = 400 * 24 * 3600


def read(connection: HTTPConnection) -> dict[str, str]:
    """The ids of this browser by account id; empty where it shows no cookie of ours."""
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
    """Lets the browser show next time that this person has signed in with it."""
    site = site_of(connection)
    others = [[known, device] for known, device in read(connection).items() if known != user_id]
    devices = [[user_id, secrets.token_urlsafe(12)], *others][:MOST_ACCOUNTS]
    cookies.write(response, site.config, COOKIE, _text(_serializer(site).dumps(devices)), seconds=LIFETIME_SECONDS)


def _serializer(site: Site) -> URLSafeSerializer:
    return URLSafeSerializer(site.secret_key, salt="device")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()
