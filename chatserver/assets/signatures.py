"""Signed addresses: a link to one file that a program may use for a while without signing in.

The signature names who made it, and ends with their seat in the session, their account, or a ban.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping

from chatserver import clock

# A week, as in S3's own signed addresses.
LONGEST_SECONDS = 7 * 24 * 3600


def sign_address(secret_key: str, asset_id: str, signer_id: str, seconds: int) -> str:
    """The query string (`expires=…&by=…&signature=…`) that opens this file, and no other, for `seconds`.

    It opens no more than its signer may see: whoever serves it looks with the signer's rights, each time.
    """
    expires = int(clock.seconds()) + seconds
    return f"expires={expires}&by={signer_id}&signature={_signature(secret_key, asset_id, signer_id, expires)}"


def signer_of(secret_key: str, asset_id: str, query: Mapping[str, str]) -> str | None:
    """Who made this signature for this file, where we know it for ours and its time is not over; otherwise None."""
    expires, signer_id, signature = (query.get(name, "") for name in ("expires", "by", "signature"))
    # Twelve digits reach beyond the year 30,000 and stop int() from reading a novel.
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return None
    genuine = _signature(secret_key, asset_id, signer_id, int(expires))
    is_ours = hmac.compare_digest(genuine.encode(), signature.encode("utf-8", "replace"))
    return signer_id if is_ours and int(expires) > clock.seconds() else None


def _signature(secret_key: str, asset_id: str, signer_id: str, expires: int) -> str:
    # The first words keep it from being mistaken for anything else that is signed with the same key.
    text = f"chatserver file {asset_id} by {signer_id} until {expires}"
    digest = hmac.new(secret_key.encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
