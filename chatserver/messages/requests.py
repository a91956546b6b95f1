"""What people ask of the stream, as decoded at the entrances; the same fields over HTTP and the websocket."""

import hashlib

import msgspec
from msgspec import Struct

from chatserver.errors import Invalid
from chatserver.validation import trimmed

# Longest text of one message, in characters.
TEXT_LENGTH = 8_000
# A client_id is the client's own key for a command: a UUID as a rule, never longer than this.
CLIENT_ID_LENGTH = 64


class CreateMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """Say something. `client_id` makes a repetition harmless."""

    client_id: str
    text: str


class EditMessage(Struct, frozen=True, forbid_unknown_fields=True):
    """Send one's own words again, changed."""

    client_id: str
    text: str


class RegenerateReply(Struct, frozen=True, forbid_unknown_fields=True):
    """Have a message answered once more."""

    client_id: str


class ShowVersion(Struct, frozen=True, forbid_unknown_fields=True):
    """Show the version of that number, 1 being the first."""

    version: int


class EditCommand(Struct, frozen=True, forbid_unknown_fields=True):
    """`EditMessage`, with the message."""

    client_id: str
    message_id: str
    text: str


class RegenerateCommand(Struct, frozen=True, forbid_unknown_fields=True):
    """`RegenerateReply`, with the reply."""

    client_id: str
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
