"""The assistant's replies as jobs of the worker role: claim one, write it under the attempt's fence, finish it."""

from msgspec import Struct
from msgspec.structs import replace

from chatserver import sessions
from chatserver.database import Transaction
from chatserver.events import session_channel
from chatserver.jobs.lease import LeaseLost
from chatserver.messages import context_window, finish_reason, reading, service
from chatserver.messages.events import ReplyEnded, ReplyPart, SentBlocks
from chatserver.messages.models import Message
from chatserver.providers.base import Turn
from chatserver.statistics import service as statistics
from chatserver.statistics.models import ReplyCall

# Times that one reply is begun; after that it stays failed.
MAX_ATTEMPTS = 3
# Messages that are looked at for the conversation, however short they are.
MAX_WINDOW_MESSAGES = 60


class ReplyJob(Struct, frozen=True):
    """A claimed reply: its message, its attempt, the plan's model (or none), and the conversation to answer.

    `stopped` holds what was saved of a reply whose writer died after somebody had pressed stop; None otherwise.
    `for_admin` says that an admin has asked.
    """

    message_id: str
    session_id: str
    attempt: int
    model: str | None
    turns: tuple[Turn, ...]
    stopped: str | None = None
    for_admin: bool = False


class Draft(Struct, frozen=True):
    """What is written so far: the text; its finished blocks as HTML, which cover `closed` UTF-16 code units; the block that
    is being written as HTML, with which `shown` are covered; and what of this is new since the draft before."""

    text: str
    html: str
    closed: int
    open: str
    shown: int
    growth: "Growth"


class Growth(Struct, frozen=True):
    """What is new in a draft: the fields of `events.ReplyPart`; `to_programs` says that these get the whole message."""

    offset: int
    text: str
    before: int
    html: str
    is_redrawn: bool
    tail: str
    to_programs: bool


async def claim(tx: Transaction, worker_id: str, window_tokens: int) -> ReplyJob | None:
    """The next reply that nobody writes, fairly by person, with as much of its conversation as fits; or None."""
    await tx.fetch_value("messages.lock_replies")
    row = await tx.fetch_one(
        "messages.claim_reply",
        worker_id=worker_id,
        lease_seconds=tx.timing.lease,
        at_once=tx.limits.replies_at_once,
        at_once_in_session=tx.limits.replies_at_once_in_session,
    )
    if row is None:
        return None
    turns = await _conversation(tx, row["session_id"], row["id"], window_tokens)
    stopped = row["text"] if row["stopped"] else None
    return ReplyJob(
        row["id"], row["session_id"], row["attempt"], row["model"] or None, turns, stopped, row["for_admin"]
    )


async def save(tx: Transaction, reply: ReplyJob, draft: Draft, whole: bool) -> bool:
    """Keeps what is written so far, and announces its growth, or the `whole` message; True where somebody pressed stop."""
    seq = await sessions.next_seq(tx, reply.session_id)
    row = await tx.fetch_one(
        "messages.save_reply",
        message_id=reply.message_id,
        attempt=reply.attempt,
        text=draft.text,
        html=draft.html,
        closed=draft.closed,
        open_html=draft.open,
        shown=draft.shown,
        seq=seq,
        lease_seconds=tx.timing.lease,
    )
    if row is None:
        raise LeaseLost
    if whole:
        await service.announce(tx, row)
    else:
        part = part_of(seq, reply, draft)
        if draft.growth.to_programs:
            part = replace(part, message=in_words(await reading.whole(tx, row)))
        tx.announce(session_channel(reply.session_id), part)
    return bool(row["stopped"])


def part_of(seq: int, reply: ReplyJob, draft: Draft) -> ReplyPart:
    """The event that tells what is new in a draft."""
    growth = draft.growth
    part = ReplyPart(seq=seq, message_id=reply.message_id, offset=growth.offset, text=growth.text)
    if not growth.is_redrawn:
        return part
    return replace(
        part,
        before=growth.before,
        closed=draft.closed,
        html=growth.html,
        open=draft.open,
        shown=draft.shown,
        tail=growth.tail,
    )


def in_words(message: Message) -> Message:
    """A message while it streams, as programs get it: with its text, of which nothing is drawn yet."""
    return replace(message, html="", closed=0, open="", shown=0)


async def renew(tx: Transaction, reply: ReplyJob) -> bool:
    """Renews the lease where nothing new was written; True where somebody pressed stop."""
    row = await tx.fetch_one(
        "messages.renew_reply", message_id=reply.message_id, attempt=reply.attempt, lease_seconds=tx.timing.lease
    )
    if row is None:
        raise LeaseLost
    return bool(row["stopped"])


async def finish(
    tx: Transaction,
    reply: ReplyJob,
    text: str,
    html: str,
    *,
    failed: bool,
    tokens: tuple[int, int],
    call: ReplyCall | None = None,
    sent: SentBlocks | None = None,
) -> None:
    """The whole reply, ended; `tokens` read and written are counted for the session. `call` is kept for the operator's
    figures, where a model was asked. `sent` are the blocks of `html` that pages have, where they have any."""
    tokens_in, tokens_out = tokens
    await tx.execute("sessions.count_tokens", session_id=reply.session_id, tokens_in=tokens_in, tokens_out=tokens_out)
    seq = await sessions.next_seq(tx, reply.session_id)
    row = await tx.fetch_one(
        "messages.finish_reply",
        message_id=reply.message_id,
        attempt=reply.attempt,
        text=text,
        html=html,
        status="failed" if failed else "done",
        seq=seq,
    )
    if row is None:
        raise LeaseLost
    if call is not None:
        await statistics.record_reply(tx, reply.session_id, call)
    if sent is None:
        await service.announce(tx, row)
        return
    ended = ReplyEnded(seq=seq, message=await reading.whole(tx, row), sent=sent)
    tx.announce(session_channel(reply.session_id), ended)


async def give_back(tx: Transaction, reply: ReplyJob) -> None:
    """A stopping writer gives its reply back, to be written from its start by another."""
    given = await tx.fetch_value("messages.give_back_reply", message_id=reply.message_id, attempt=reply.attempt)
    if given is not None:
        await service.touch(tx, reply.message_id)


async def _conversation(tx: Transaction, session_id: str, before_id: str, window_tokens: int) -> tuple[Turn, ...]:
    rows = await tx.fetch_all(
        "messages.conversation", session_id=session_id, before_id=before_id, limit=MAX_WINDOW_MESSAGES
    )
    return context_window.fit((_turn(row["author_kind"], row["kind"], row["text"]) for row in rows), window_tokens)


def _turn(author_kind: str, kind: str, text: str) -> Turn:
    if author_kind == "assistant":
        return Turn("assistant", finish_reason.without_note(text))
    return Turn("user", text if kind == "text" else f"(asked for a{'n image' if kind == 'image' else ' video'}) {text}")


async def bring_forward(tx: Transaction, seconds: float) -> None:
    """Brings forward what waits, by the seconds by which the clock was set back. Needs the worker role."""
    await tx.execute("messages.bring_forward", seconds=seconds)
