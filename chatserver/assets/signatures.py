"""Signed addresses: they open one file for a while without signing in.

The signature names its user and the sign-in or API token by which it was made. It ends with the membership of the session,
with the account or a ban, and with that sign-in or token.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

from chatserver import ids
from chatserver.runtime import clock

# A week, as in S3's own signed addresses.
LONGEST_SECONDS = 7 * 24 * 3600


class Signer(NamedTuple):
    """The user whose rights a signature has, and the sign-in or API token with which it ends, if it was made by one."""

    user_id: str
    credential_id: str | None = None


def sign_address(
    secret_key: str, asset_id: str, signer_id: str, seconds: int, *, credential_id: str | None = None
) -> str:
    """The query string (`expires=…&by=…&with=…&signature=…`) that opens this file, and no other, for `seconds`.

    It opens no more than its signer may see: each request is checked with the signer's rights.
    """
    signer = Signer(signer_id, credential_id)
    expires = int(clock.seconds()) + seconds
    by = f"by={signer_id}&with={credential_id}" if credential_id else f"by={signer_id}"
    return f"expires={expires}&{by}&signature={_signature(secret_key, asset_id, signer, expires)}"


def signer_of(secret_key: str, asset_id: str, query: Mapping[str, str]) -> Signer | None:
    """Who signed this file's address; None where the signature is not valid or has expired."""
    expires, signer_id, signature = (query.get(name, "") for name in ("expires", "by", "signature"))
    # Twelve digits reach beyond the year 30,000 and bound the work of int().
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
        return None
    signer = Signer(signer_id, query.get("with") or None)
    # What is signed has its parts behind one another: each has to be what it says.
    if not all(ids.is_canonical(each) for each in signer if each is not None):
        return None
    genuine = _signature(secret_key, asset_id, signer, int(expires))
    is_ours = hmac.compare_digest(genuine.encode(), signature.encode("utf-8", "replace"))
    return signer if is_ours and int(expires) > clock.seconds() else None


def _signature(secret_key: str, asset_id: str, signer: Signer, expires: int) -> str:
    # The prefix keeps it apart from anything else that is signed with the same key.
    by = signer.user_id if signer.credential_id is None else f"{signer.user_id} with {signer.credential_id}"
    text = f"chatserver file {asset_id} by {by} until {expires}"
    digest = hmac.new(secret_key.encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
