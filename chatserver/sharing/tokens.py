"""The secrets of share links, and the cookie by which a browser is asked for a link's password once.

A secret is derived from SECRET_KEY and the link's id: its maker can copy the link again, and the database, or a backup of
it, holds nothing by which a link could be opened, only the SHA-256 by which it is found.
"""

import base64
import hashlib
import hmac
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from chatserver.web import cookies
from chatserver.web.site import Site, site_of

COOKIE = "shared"
# Links whose password one browser has given; the least recent is asked for again.
MOST_LINKS = 20
# The longest that browsers keep a cookie.
COOKIE_SECONDS = 400 * 24 * 3600
# 192 bits, as 32 characters.
_BYTES = 24


def token_of(secret_key: str, share_id: str) -> str:
    """The secret of a link: what follows `/s/` in its address."""
    mac = hmac.digest(secret_key.encode(), f"chatserver share link {share_id}".encode(), "sha256")
    return base64.urlsafe_b64encode(mac[:_BYTES]).decode()


def digest(token: str) -> bytes:
    """The SHA-256 of a secret, by which its row is found."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def has_passed(connection: HTTPConnection, share_id: str, password_hash: str) -> bool:
    """Whether this browser has given the link's password, as it is now."""
    return [share_id, _fingerprint(password_hash)] in _passed(connection)


def remember(connection: HTTPConnection, response: Response, share_id: str, password_hash: str) -> None:
    """Sets the cookie of a browser that has given the password; another password is asked for again."""
    others = [each for each in _passed(connection) if each[:1] != [share_id]]
    links = [[share_id, _fingerprint(password_hash)], *others][:MOST_LINKS]
    site = site_of(connection)
    cookies.write(response, site.config, COOKIE, str(_serializer(site).dumps(links)), seconds=COOKIE_SECONDS)


def _passed(connection: HTTPConnection) -> list[Any]:
    site = site_of(connection)
    value = cookies.read(connection, site.config, COOKIE)
    try:
        links = _serializer(site).loads(value) if value else []
    except BadData:
        return []
    return links if isinstance(links, list) else []


def _fingerprint(password_hash: str) -> str:
    return hashlib.sha256(password_hash.encode()).hexdigest()[:32]


def _serializer(site: Site) -> URLSafeSerializer:
    return URLSafeSerializer(site.secret_key, salt="share link")
