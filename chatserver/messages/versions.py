"""Versions of a message: a reply asked for again, and words of one's own sent again changed. All are kept, one is shown.

Versions share a place in the stream. With words the replies to them are shown or hidden too. Each verb locks the session
first, and is refused while the assistant is writing in that place, so that nobody's answer is pulled away.
"""

from collections.abc import Sequence

from chatserver import ids, sessions
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, NotAllowed, NotFound
from chatserver.messages import reading, service
from chatserver.messages.models import Message
from chatserver.messages.requests import TEXT_LENGTH, EditMessage, RegenerateReply
from chatserver.messages.service import NewMessage, StreamPlace
from chatserver.sessions.models import Membership
from chatserver.users import rate_limits
from chatserver.users.idempotency import check_client_id, digest
from chatserver.validation import paragraphs

# The most versions of one message.
MAX_VERSIONS = 20


async def regenerate(tx: Transaction, message_id: str, request: RegenerateReply) -> Message:
    """Asks the assistant for another version of a reply: by who was answered, or by the session's owner."""
    reply = await _find(tx, message_id, "assistant")
    membership = await sessions.membership(tx, reply["session_id"])
    newest_message_id = await sessions.lock(tx, reply["session_id"])
    asked = await _asked(tx, reply, membership)
    replies = await tx.fetch_all("messages.replies_to", message_ids=[asked["id"]])
    client_id = check_client_id(request.client_id)
    if (repeated := next((each["id"] for each in replies if each["client_id"] == client_id), None)) is not None:
        return await reading.find(tx, repeated)
    sessions.require_active(membership)
    if asked["hidden"]:
        raise Conflict("Another version of the message that this answers is shown now.")
    _require_room(replies)
    _require_ended(replies)
    await rate_limits.consume(tx, rate_limits.REPLIES, membership.user_id)
    version = await _next_version(tx, replies)
    new_id = ids.new(after=newest_message_id)
    message = await service.add_reply(tx, membership, asked["id"], new_id, version=version, client_id=client_id)
    await _hide(tx, [each["id"] for each in replies])
    return message


async def edit(tx: Transaction, message_id: str, request: EditMessage, html: str) -> Message:
    """Sends one's own words again, changed; the assistant answers where it did, or is called. `html` as in `say`."""
    edited = await _find(tx, message_id, "user")
    entry = await service.enter(tx, edited["session_id"], request.client_id, rate_limits.MESSAGES)
    membership = entry.membership
    if edited["user_id"] != membership.user_id:
        raise NotAllowed("Only its author may change a message.")
    text = paragraphs("text", request.text, TEXT_LENGTH)
    repeated = await entry.repeated(tx, digest(request))
    if repeated is not None:
        return repeated
    await entry.require_counted(tx)
    versions = await _versions(tx, edited)
    replies = await tx.fetch_all("messages.replies_to", message_ids=[each["id"] for each in versions])
    _require_room(versions)
    _require_ended(replies)
    version = await _next_version(tx, versions)
    new = NewMessage(
        id=entry.new_id(),
        client_id=request.client_id,
        kind="text",
        text=text,
        html=html,
        request_hash=digest(request),
        version=version,
    )
    message = await service.add(tx, membership, new)
    if replies or service.wants_reply(membership, text):
        place = replies[0]["place"] or replies[0]["id"] if replies else version.place
        await service.answer(tx, membership, message.id, place=place)
    await _hide(tx, [each["id"] for each in (*versions, *replies)])
    return message


async def show(tx: Transaction, message_id: str, number: int) -> Message:
    """Shows another version of a message to everyone in the session, with the last reply to it. By any member."""
    found = await _find(tx, message_id)
    membership = await sessions.active_membership(tx, found["session_id"])
    await sessions.lock(tx, found["session_id"])
    await rate_limits.consume(tx, rate_limits.CHANGES, membership.user_id)
    versions = await _versions(tx, found)
    wanted = next((each for each in versions if each["version"] == number), None)
    if wanted is None:
        raise NotFound
    by_words = found["author_kind"] == "user"
    replies = (
        await tx.fetch_all("messages.replies_to", message_ids=[each["id"] for each in versions]) if by_words else []
    )
    _require_ended((*versions, *replies))
    answers = [each["id"] for each in replies if each["reply_to"] == wanted["id"]]
    shown = {wanted["id"], *answers[-1:]}
    for shown_id in sorted(shown):
        await _set_hidden(tx, shown_id, hidden=False)
    await _hide(tx, [each["id"] for each in (*versions, *replies) if each["id"] not in shown])
    return await reading.find(tx, wanted["id"])


async def _find(tx: Transaction, message_id: str, kind: str | None = None) -> Row:
    """The row of a message in words that is not deleted, of a user or of the assistant."""
    row = await tx.fetch_one("messages.find", message_id=message_id)
    if row is None:
        raise NotFound
    if row["kind"] != "text" or row["author_kind"] != (kind or row["author_kind"]):
        raise Conflict("There are no versions of such a message.")
    if row["status"] == "deleted":
        raise Conflict("This message was deleted.")
    if row["withheld"] is not None and kind is not None:
        raise Conflict("The operator has hidden this message.")
    return row


async def _asked(tx: Transaction, reply: Row, membership: Membership) -> Row:
    """The message that a reply answers, where it is there and may be answered again."""
    asked = await tx.fetch_one("messages.find", message_id=reply["reply_to"])
    if asked is None or asked["status"] == "deleted" or asked["withheld"] is not None:
        raise Conflict("The message that this answers was deleted or hidden.")
    if asked["user_id"] != membership.user_id and not membership.is_owner:
        raise NotAllowed("Only who was answered, or the owner of the session, may have it answered again.")
    return asked


async def _versions(tx: Transaction, row: Row) -> list[Row]:
    return await tx.fetch_all("messages.versions_of", message_id=row["replaces"] or row["id"])


async def _next_version(tx: Transaction, versions: Sequence[Row]) -> StreamPlace:
    """The place of one more version; the first one counts it."""
    first = versions[0]
    version = StreamPlace(place=first["place"] or first["id"], replaces=first["id"], number=len(versions) + 1)
    await tx.execute("messages.count_versions", message_id=first["id"], versions=version.number)
    return version


def _require_room(versions: Sequence[Row]) -> None:
    if len(versions) >= MAX_VERSIONS:
        raise Conflict(f"A message has at most {MAX_VERSIONS} versions.")


def _require_ended(rows: Sequence[Row]) -> None:
    if any(row["status"] == "streaming" for row in rows):
        raise Conflict("The assistant is still writing here. Stop it first, or wait for its end.")


async def _hide(tx: Transaction, message_ids: Sequence[str]) -> None:
    """Hides messages, after others are shown in their place: whoever watches never sees it empty."""
    for message_id in message_ids:
        await _set_hidden(tx, message_id, hidden=True)


async def _set_hidden(tx: Transaction, message_id: str, *, hidden: bool) -> None:
    """Announces the message where that changes it."""
    if await tx.fetch_value("messages.set_hidden", message_id=message_id, hidden=hidden) is not None:
        await service.touch(tx, message_id)
