"""Sending a message: in one statement where nothing is out of the ordinary, otherwise by the verb `say`, or not at all."""

from chatserver import ids
from chatserver.database import Database, StatementUndone, Transaction
from chatserver.errors import Invalid
from chatserver.messages import service
from chatserver.messages.models import Message
from chatserver.messages.requests import TEXT_LENGTH, CreateMessage
from chatserver.users import rate_limits
from chatserver.users.idempotency import check_client_id, digest
from chatserver.validation import paragraphs


async def send(database: Database, user_id: str, session_id: str, request: CreateMessage, html: str) -> Message:
    """Stores what somebody says, as `say` does. `html` is the text drawn. Raises as `say`."""
    try:
        message = await database.run_single(say_at_once, user_id, session_id, request, html)
    except StatementUndone:
        message = None
    if message is None:
        message = await database.run_as(user_id, service.say, session_id, request, html)
    return message


async def say_at_once(
    tx: Transaction, user_id: str, session_id: str, request: CreateMessage, html: str
) -> Message | None:
    """The message, with a place for its reply where one is due; None, and nothing stored, where it takes `say`.

    StatementUndone says the same.
    """
    try:
        text, client_id = paragraphs("text", request.text, TEXT_LENGTH), check_client_id(request.client_id)
    except Invalid:
        return None
    rows = await tx.fetch_all(
        "messages.say_at_once",
        user_id=user_id,
        session_id=session_id,
        message_id=ids.new(),
        client_id=client_id,
        request_hash=digest(request),
        text=text,
        html=html,
        reply_id=ids.new(),
        calls=service.calls_assistant(text),
        most=rate_limits.MESSAGES.most(tx.limits),
        seconds=rate_limits.MESSAGES.seconds,
        most_replies=rate_limits.REPLIES.most(tx.limits),
        seconds_of_replies=rate_limits.REPLIES.seconds,
    )
    if not rows:
        return None
    said, *replies = rows
    message = await service.announce(tx, said)
    for reply in replies:
        await service.announce_reply(tx, reply)
    return message
