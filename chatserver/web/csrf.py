"""The CSRF token of forms: proves that a form was rendered for this sign-in, or for this visitor without one.

It is a MAC of the sign-in or visitor, masked with fresh random bytes each time, so that compression cannot leak it (BREACH).
"""

import base64
import binascii
import hashlib
import hmac
import secrets

from starlette.requests import Request
from starlette.responses import Response

from chatserver.errors import NotAllowed
from chatserver.identity.viewer import current_viewer
from chatserver.web import cookies
from chatserver.web.site import Site, site_of

FIELD = "csrf_token"
COOKIE = "visitor"
_SIZE = hashlib.sha256().digest_size


def token(request: Request) -> str:
    """The token for the forms of one page. A visitor without a cookie gets one with the response (`set_visitor_cookie`)."""
    return _mask(_mac(site_of(request), _subject(request) or _new_visitor(request)))


def check(request: Request, shown: str) -> None:
    """Raises NotAllowed where the form was not rendered for the sender."""
    subject = _subject(request)
    if subject is None or not hmac.compare_digest(_unmask(shown), _mac(site_of(request), subject)):
        raise NotAllowed("This form is out of date: the page was opened before you signed in or out. Please try again.")


def set_visitor_cookie(request: Request, response: Response) -> None:
    """Sets a new visitor's cookie, to which the tokens of this page are bound."""
    visitor = getattr(request.state, "new_visitor", None)
    if visitor is not None:
        cookies.write(response, site_of(request).config, COOKIE, visitor)


def _subject(request: Request) -> str | None:
    viewer = current_viewer(request)
    if viewer is not None and viewer.via == "cookie":
        return f"sign-in:{viewer.credential_id}"
    visitor = cookies.read(request, site_of(request).config, COOKIE) or getattr(request.state, "new_visitor", None)
    return f"visitor:{visitor}" if visitor else None


def _new_visitor(request: Request) -> str:
    request.state.new_visitor = secrets.token_urlsafe(18)
    return f"visitor:{request.state.new_visitor}"


def _mac(site: Site, subject: str) -> bytes:
    return hmac.digest(site.secret_key.encode(), f"csrf:{subject}".encode(), "sha256")


def _mask(mac: bytes) -> str:
    pad = secrets.token_bytes(_SIZE)
    return base64.urlsafe_b64encode(pad + _xor(pad, mac)).decode()


def _unmask(shown: str) -> bytes:
    try:
        data = base64.b64decode(shown.encode(), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return b""
    return _xor(data[:_SIZE], data[_SIZE:]) if len(data) == 2 * _SIZE else b""


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
