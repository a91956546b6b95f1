"""Which session pays for a request, and the key under which it is made once, however often it is sent.

With an `Idempotency-Key` that is the key. The official clients send none, but say of a request that they send again how
often they have (`x-stainless-retry-count`): it is the newest one of its user with the same content.
"""

import hashlib
from datetime import timedelta
from typing import NamedTuple

from msgspec import Struct
from starlette.datastructures import Headers

from chatserver import ids, sessions
from chatserver.database import Transaction
from chatserver.errors import Conflict, Invalid
from chatserver.runtime import clock
from chatserver.users import idempotency

LONGEST_KEY = 255
# Clients give up long before: what is sent again later is another request.
REPEATED_WITHIN = timedelta(hours=1)


class Place(NamedTuple):
    """The session in which a request is made, its client_id there, and whether it is the first one under its key."""

    session_id: str
    client_id: str
    is_first: bool


async def place_of(tx: Transaction, headers: Headers, wanted: Struct) -> Place:
    """The place of a request: that of the first one, where it is sent again.

    Raises Invalid, NotFound, and Conflict where there is no session, or the key was another request's.
    """
    project = headers.get("openai-project", "")
    content = hashlib.sha256(project.encode() + b"\0" + idempotency.digest(wanted)).hexdigest()[:24]
    key = headers.get("idempotency-key")
    if key is not None:
        client_id = f"key-{hashlib.sha256(_checked(key).encode()).hexdigest()[:48]}"
        return await _claimed(tx, client_id, headers, wanted)
    prefix = f"{content}-"
    if headers.get("x-stainless-retry-count", "0") != "0":
        made = await tx.fetch_one(
            "idempotency.newest",
            kind="images",
            prefix=prefix,
            least=prefix + ids.first_at(clock.now() - REPEATED_WITHIN),
        )
        if made is not None:
            return Place(made["result_id"], made["client_id"], is_first=False)
    return await _claimed(tx, prefix + ids.new(), headers, wanted)


async def release(tx: Transaction, place: Place) -> None:
    """Forgets the key of a first request that was refused: what is mended may be sent under it."""
    await tx.execute("idempotency.release", kind="images", client_id=place.client_id)


def _checked(key: str) -> str:
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Invalid.field("Idempotency-Key", f"must be 1 to {LONGEST_KEY} characters long")
    return key


async def _claimed(tx: Transaction, client_id: str, headers: Headers, wanted: Struct) -> Place:
    # Before a session is looked for: what was made is answered also when the time of all of them is up.
    made = await idempotency.find(tx, "images", client_id, wanted)
    if made is not None:
        return Place(made, client_id, is_first=False)
    session_id = await _session(tx, headers.get("openai-project"))
    made = await idempotency.claim(tx, "images", client_id, wanted, session_id)
    return Place(made or session_id, client_id, is_first=made is None)


async def _session(tx: Transaction, project: str | None) -> str:
    """The session that the header names, or else the newest one of one's own that has time left."""
    if project:
        session_id = ids.parse(project, "OpenAI-Project")
        await sessions.membership(tx, session_id)
        return session_id
    session_id = await tx.fetch_value("sessions.newest_open")
    if session_id is None:
        raise Conflict("You have no session with time left. Start one, or name one with the header OpenAI-Project.")
    return str(session_id)
