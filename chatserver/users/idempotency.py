"""Idempotency keys: a command that is sent again under the same `client_id` has one effect and one answer.

    made = await idempotency.claim(tx, "album", wanted.client_id, wanted, album_id)
    if made is not None:
        return await find(tx, made)

`claim` is for what has no room for the key in its own rows, or loses them when it is deleted. It is the first statement of a
verb: a twin that is under way is waited for, and what is refused or rolled back leaves no key behind. What is shown once and
stored as a hash cannot be the answer again: there a repeated request is a Conflict.
"""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Struct

from chatserver.database import Transaction
from chatserver.errors import Conflict, Invalid
from chatserver.validation import bounds

# A client_id is the client's own key for a command: a UUID as a rule, never longer than this.
CLIENT_ID_LENGTH = 64
ClientId = Annotated[str, bounds(minLength=1, maxLength=CLIENT_ID_LENGTH, pattern="^[!-~]+$")]

# What is made; what is given to a session is of its kind too.
MadeKind = Literal["album", "share", "session", "announcement", "rule", "codes", "token", "images"]


def check_client_id(client_id: str) -> str:
    """A client_id of 1–64 printable characters without spaces; Invalid otherwise."""
    if not 1 <= len(client_id) <= CLIENT_ID_LENGTH:
        raise Invalid.field("client_id", f"must be 1 to {CLIENT_ID_LENGTH} characters long")
    if not client_id.isascii() or not client_id.isprintable() or " " in client_id:
        raise Invalid.field("client_id", "must be printable ASCII without spaces")
    return client_id


def digest(request: Struct) -> bytes:
    """Tells a repeated request from a different one with the same client_id."""
    return hashlib.sha256(type(request).__name__.encode() + msgspec.json.encode(request)).digest()


async def claim(
    tx: Transaction,
    kind: MadeKind,
    client_id: str | None,
    request: Struct,
    result_id: str,
    *,
    user_id: str | None = None,
) -> str | None:
    """Notes that a request makes `result_id`, or returns the id of what it has made before. Without a client_id: None.

    `user_id` is for the worker role; None: the user of the transaction. Conflict for another request under the same key.
    """
    if client_id is None:
        return None
    key = {"user_id": user_id, "kind": kind, "client_id": check_client_id(client_id)}
    if await tx.fetch_value("idempotency.claim", **key, request_hash=digest(request), result_id=result_id):
        return None
    # A statement of its own: the one that has waited for a twin does not see what that has stored.
    made = await find(tx, kind, client_id, request, user_id=user_id)
    if made is None:
        raise Conflict("This client_id was used for another request.")
    return made


async def find(
    tx: Transaction, kind: MadeKind, client_id: str, request: Struct, *, user_id: str | None = None
) -> str | None:
    """The id of what a request has made before. Conflict for another request under the same key."""
    made = await tx.fetch_one("idempotency.find", user_id=user_id, kind=kind, client_id=client_id)
    if made is None:
        return None
    if made["request_hash"] != digest(request):
        raise Conflict("This client_id was used for another request.")
    found: str = made["result_id"]
    return found
