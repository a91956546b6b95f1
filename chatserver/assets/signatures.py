"""Signed addresses: a link to one file that a program may use for a while without signing in."""

import base64
import hashlib
import hmac

from chatserver import clock

# A week, as in S3's own signed addresses.
LONGEST_SECONDS = 7 * 24 * 3600


def sign_address(secret_key: str, asset_id: str, seconds: int) -> str:
    """The query string (`expires=…&signature=…`) that opens this file, and no other, for `seconds`."""
    expires = int(clock.seconds()) + seconds
    return f"expires={expires}&signature={_signature(secret_key, asset_id, expires)}"


def is_signed(secret_key: str, asset_id: str, expires: str, signature: str) -> bool:
    """Whether we made this signature for this file and its time is not over."""
    # Twelve digits reach beyond the year 30,000 and stop int() from reading a novel.
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return False
    genuine = _signature(secret_key, asset_id, int(expires))
    return hmac.compare_digest(genuine.encode(), signature.encode()) and int(expires) > clock.seconds()


def _signature(secret_key: str, asset_id: str, expires: int) -> str:
    # The first words keep it from being mistaken for anything else that is signed with the same key.
    text = f"chatserver file {asset_id} until {expires}"
    digest = hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
