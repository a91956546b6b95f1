"""What people ask of the stream, as decoded at the entrances; the same fields over HTTP and the websocket."""

from typing import Annotated

from msgspec import Struct

from chatserver.users.idempotency import ClientId
from chatserver.validation import bounds, trimmed

# Longest text of one message, in characters.
TEXT_LENGTH = 8_000
MessageText = Annotated[str, bounds(minLength=1, maxLength=TEXT_LENGTH)]


class CreateMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """Say something. `client_id` makes a repetition harmless."""

    client_id: ClientId
    text: MessageText


class EditMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """Send one's own words again, changed."""

    client_id: ClientId
    text: MessageText


class RegenerateReply(Struct, frozen=True, forbid_unknown_fields=True):
    """Have a message answered once more."""

    client_id: ClientId


class ShowVersion(Struct, frozen=True, forbid_unknown_fields=True):
    """Show the version of that number, 1 being the first."""

    version: int


class EditCommand(Struct, frozen=True, forbid_unknown_fields=True):
    """`EditMessage`, with the message."""

    client_id: ClientId
    message_id: str
    text: MessageText


class RegenerateCommand(Struct, frozen=True, forbid_unknown_fields=True):
    """`RegenerateReply`, with the reply."""

    client_id: ClientId
    message_id: str


class ShowCommand(Struct, frozen=True, forbid_unknown_fields=True):
    """`ShowVersion`, with any version of the message."""

    message_id: str
    version: int


class MessageOnly(Struct, frozen=True, forbid_unknown_fields=True):
    """A command about one message: delete it, or stop the reply that it is."""

    message_id: str


def kept_text(request: CreateMessage | EditMessage) -> str:
    """The text as it will be stored, where it is not refused: it is drawn before."""
    return trimmed(request.text)[:TEXT_LENGTH]
