"""Signed addresses: a link to one file that a program may use for a while without signing in.

The signature names who made it and by which sign-in or API token, and ends with their seat in the session, their
account, a ban, or that sign-in or token.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

from chatserver.runtime import clock

# A week, as in S3's own signed addresses.
LONGEST_SECONDS = 7 * 24 * 3600


class Signer(NamedTuple):
    """Whose rights a signature has; it ends with the sign-in or API token, where it was made by one."""

    user_id: str
    credential_id: str | None = None


def sign_address(
    secret_key: str, asset_id: str, signer_id: str, seconds: int, *, credential_id: str | None = None
) -> str:
    """The query string (`expires=…&by=…&with=…&signature=…`) that opens this file, and no other, for `seconds`.

    It opens no more than its signer may see: whoever serves it looks with the signer's rights, each time.
    """
    signer = Signer(signer_id, credential_id)
    expires = int(clock.seconds()) + seconds
    by = f"by={signer_id}&with={credential_id}" if credential_id else f"by={signer_id}"
    return f"expires={expires}&{by}&signature={_signature(secret_key, asset_id, signer, expires)}"


def signer_of(secret_key: str, asset_id: str, query: Mapping[str, str]) -> Signer | None:
    """Who made this signature for this file, where we know it for ours and its time is not over; otherwise None."""
    expires, signer_id, signature = (query.get(name, "") for name in ("expires", "by", "signature"))
    # Twelve digits reach beyond the year 30,000 and stop int() from reading a novel.
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return None
    signer = Signer(signer_id, query.get("with") or None)
    genuine = _signature(secret_key, asset_id, signer, int(expires))
    is_ours = hmac.compare_digest(genuine.encode(), signature.encode("utf-8", "replace"))
    return signer if is_ours and int(expires) > clock.seconds() else None


def _signature(secret_key: str, asset_id: str, signer: Signer, expires: int) -> str:
    # The first words keep it from being mistaken for anything else that is signed with the same key.
    by = signer.user_id if signer.credential_id is None else f"{signer.user_id} with {signer.credential_id}"
    text = f"chatserver file {asset_id} by {by} until {expires}"
    digest = hmac.new(secret_key.encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
