"""The verbs that change the stream. Every durable change takes the session's next `seq`; what is there is read by `reading`.

A verb that changed a message ends with `touch`, late in the transaction: it locks the session's row, stamps the message
and announces it whole.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from chatserver import ids, sessions
from chatserver.database import Row, Transaction
from chatserver.errors import Conflict, NotFound, RateLimited
from chatserver.events import session_channel
from chatserver.jobs.events import JOBS_CHANNEL, JobsWaiting
from chatserver.messages import finish_reason, reading
from chatserver.messages.events import MessageChanged
from chatserver.messages.models import AuthorKind, Message, MessageKind
from chatserver.messages.requests import TEXT_LENGTH, CreateMessage
from chatserver.sessions.models import Membership
from chatserver.users import rate_limits
from chatserver.users.idempotency import check_client_id, digest
from chatserver.users.rate_limits import RateLimit
from chatserver.validation import paragraphs


class NewMessage(Struct, frozen=True, kw_only=True):
    """A message about to be stored."""

    id: str
    client_id: str
    kind: MessageKind
    text: str = ""
    html: str = ""
    status: Literal["streaming", "done", "failed"] = "done"
    request_hash: bytes | None = None
    reply_to: str | None = None
    asked_by: str | None = None
    version: "StreamPlace | None" = None


class StreamPlace(Struct, frozen=True, kw_only=True):
    """Which version of a message another is: in its place, and after how many. `replaces` is the first one's id.

    The first answer to changed words has a place of others, but replaces none.
    """

    place: str
    replaces: str | None = None
    number: int = 1


async def say(tx: Transaction, session_id: str, request: CreateMessage, html: str) -> Message:
    """Stores what somebody says, and a place for the assistant's reply where one is due. `html` is `text` drawn."""
    entry = await enter(tx, session_id, request.client_id, rate_limits.MESSAGES)
    text = paragraphs("text", request.text, TEXT_LENGTH)
    repeated = await entry.repeated(tx, digest(request))
    if repeated is not None:
        return repeated
    await entry.require_counted(tx)
    new = NewMessage(
        id=entry.new_id(),
        client_id=request.client_id,
        kind="text",
        text=text,
        html=html,
        request_hash=digest(request),
    )
    message = await add(tx, entry.membership, new)
    if wants_reply(entry.membership, text):
        await answer(tx, entry.membership, message.id)
    return message


def wants_reply(membership: Membership, text: str) -> bool:
    """Whether the assistant answers: always when alone with the owner, otherwise when it is called."""
    return membership.members_count == 1 or calls_assistant(text)


def calls_assistant(text: str) -> bool:
    """Whether a text calls the assistant by its name."""
    return "@assistant" in text.lower()


class SessionEntry(Struct, frozen=True):
    """What a command that adds a message knows once it holds the session's locks, read in one statement (`row`)."""

    membership: Membership
    rate_limit: RateLimit
    row: Row

    def new_id(self) -> str:
        """An id for a new message: it comes after the session's newest."""
        return ids.new(after=self.row["newest_message_id"])

    async def repeated(self, tx: Transaction, request_hash: bytes) -> Message | None:
        """The message made before with this client_id; Conflict where that was something else."""
        if self.row["repeated_id"] is None:
            return None
        # A deleted one keeps nothing that would tell what it said.
        if self.row["request_hash"] not in {request_hash, None}:
            raise Conflict("This client_id was used for something else.", details={"field": "client_id"})
        return await reading.find(tx, self.row["repeated_id"])

    async def require_counted(self, tx: Transaction) -> None:
        """Raises the error of the rate limit where a new message has no room in it. A repeated one is not counted."""
        if not self.row["counted"]:
            raise await rate_limits.refusal(tx, self.rate_limit, self.membership.user_id)


async def enter(
    tx: Transaction,
    session_id: str,
    client_id: str,
    rate_limit: RateLimit,
    credit_kind: Literal["image", "video"] | None = None,
) -> SessionEntry:
    """Locks the session, and its credits of `credit_kind`, before the message with this client_id is looked for.

    Raises as `sessions.active_membership`, but not for a message that is made already: it is the answer also when the
    session's time is up. A guest who may not spend credits gets no locks: the caller refuses.
    """
    row = await tx.fetch_one(
        "messages.enter_session",
        session_id=session_id,
        client_id=check_client_id(client_id),
        budget=rate_limit.kind,
        most=rate_limit.most(tx.limits),
        seconds=rate_limit.seconds,
        credit_kind=credit_kind,
    )
    membership = sessions.membership_of(row)
    assert row is not None
    if row["repeated_id"] is None:
        sessions.require_active(membership)
    return SessionEntry(membership, rate_limit, row)


async def add(tx: Transaction, membership: Membership, new: NewMessage) -> Message:
    """Stores a person's message and announces it."""
    return await announce(tx, await add_silently(tx, membership, new))


async def add_silently(tx: Transaction, membership: Membership, new: NewMessage) -> Row:
    """Stores a person's message; the caller adds its generations and announces its row. It may name the session."""
    row = await _insert(tx, membership.session_id, new, "user", membership.user_name, membership=membership)
    await sessions.set_automatic_title(tx, membership, new.text, prompt=new.kind != "text")
    return row


async def answer(tx: Transaction, membership: Membership, reply_to: str, place: str | None = None) -> None:
    """A place for the assistant's reply, beside others where `place` is given; or its words why it does not answer."""
    message_id, version = ids.new(), None if place is None else StreamPlace(place=place)
    try:
        await rate_limits.consume(tx, rate_limits.REPLIES, membership.user_id)
    except RateLimited as refused:
        await _decline(tx, membership, reply_to, refused, version)
    else:
        await add_reply(tx, membership, reply_to, message_id, version=version, client_id=message_id)


async def add_reply(
    tx: Transaction,
    membership: Membership,
    reply_to: str,
    message_id: str,
    *,
    version: StreamPlace | None,
    client_id: str,
) -> Message:
    """A reply that is to be written, as a job for the assistant. The caller has counted it."""
    new = NewMessage(
        id=message_id,
        client_id=client_id,
        kind="text",
        status="streaming",
        reply_to=reply_to,
        asked_by=membership.user_id,
        version=version,
    )
    return await announce_reply(tx, await _insert(tx, membership.session_id, new, "assistant", "Assistant"))


async def announce_reply(tx: Transaction, row: Row) -> Message:
    """Tells everyone in the session of a reply that is to be written, and the workers."""
    message = await announce(tx, row)
    tx.announce(JOBS_CHANNEL, JobsWaiting(kind="reply"))
    return message


async def _decline(
    tx: Transaction, membership: Membership, reply_to: str, refused: RateLimited, version: StreamPlace | None
) -> None:
    """The assistant says why, and until when, it does not answer: the message itself is kept."""
    message_id = ids.new()
    new = NewMessage(
        id=message_id,
        client_id=message_id,
        kind="text",
        text=finish_reason.noted("", refused.message, refused.code),
        status="failed",
        reply_to=reply_to,
        version=version,
    )
    await announce(tx, await _insert(tx, membership.session_id, new, "assistant", "Assistant"))


async def _insert(
    tx: Transaction,
    session_id: str,
    new: NewMessage,
    kind: AuthorKind,
    name: str,
    *,
    membership: Membership | None = None,
) -> Row:
    version = new.version
    row = await tx.fetch_one(
        "messages.insert",
        id=new.id,
        session_id=session_id,
        user_id=membership and membership.user_id,
        author_kind=kind,
        author_name=name,
        author_role=membership and membership.author_role,
        author_hue=membership and membership.hue,
        kind=new.kind,
        text=new.text,
        html=new.html,
        status=new.status,
        client_id=new.client_id,
        request_hash=new.request_hash,
        reply_to=new.reply_to,
        asked_by=new.asked_by,
        place=version and version.place,
        replaces=version and version.replaces,
        version=version.number if version else 1,
    )
    if row is None:
        raise NotFound
    return row


async def touch(tx: Transaction, message_id: str) -> Message:
    """Gives a changed message the stream's next number and announces it whole."""
    row = await tx.fetch_one("messages.touch", message_id=message_id)
    if row is None:
        raise NotFound
    return await announce(tx, row)


async def announce(tx: Transaction, row: Row, generations: Sequence[Row] | None = None) -> Message:
    """Tells everyone in the session what the message of this row, stamped already, now is.

    `generations` are the rows of its generations, where all have just been added: they are not read again.
    """
    message = await reading.whole(tx, row) if generations is None else Message.from_rows([row], generations, [], {})[0]
    tx.announce(session_channel(message.session_id), MessageChanged(seq=message.seq, message=message))
    return message


async def stop(tx: Transaction, message_id: str) -> Message:
    """Asks the assistant to stop writing a reply; what is written stays. By anyone in the session."""
    message = await reading.find(tx, message_id)
    await sessions.active_membership(tx, message.session_id)
    if await tx.fetch_value("messages.stop_reply", message_id=message_id) is not None:
        tx.announce(JOBS_CHANNEL, JobsWaiting(kind="reply", cancelled=message_id))
    return message
