"""The base of every event that the server announces, and the names of channels.

Features define their events in their `events.py`; a verb announces with `tx.announce(channel, event)`, and the unit of
work publishes after COMMIT. Durable events carry the `seq` of their session; ephemeral ones have a `merge_key`, and a
newer one may replace an older one of the same key that was not sent yet.
"""

import msgspec
from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """One announcement. Its tag is the `type` on the wire."""

    def merge_key(self) -> str | None:
        """The key under which a newer event may replace this one; None where each must arrive (durable)."""
        return None

    def durable_seq(self) -> int | None:
        """The session's sequence number that this event carries, where it is durable."""
        return None

    def for_programs(self) -> "Event":
        """What `chat.v1.json` carries of this event; all of it, for most."""
        return self

    def ends_channel(self) -> bool:
        """Whether it is the last event of its channel: after it the sockets of its subscribers close."""
        return False


class UserEvent(Event, frozen=True, kw_only=True):
    """An event on `user:<id>`, for every socket of one user and nobody else."""

    user_id: str


class Announcement(Struct, frozen=True):
    """An event and the channel it goes to, as collected by a transaction."""

    channel: str
    event: Event


_encoder = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """One event as a JSON object, the form of the brokers."""
    return _encoder.encode(event)


def session_channel(session_id: str) -> str:
    """The channel of everyone in a session."""
    return f"session:{session_id}"


def user_channel(user_id: str) -> str:
    """The channel of all connections of one user."""
    return f"user:{user_id}"


def address_channel(address: str) -> str:
    """The channel on which nodes publish how many connections one address has; `address` is its keyed hash."""
    return f"address:{address}"
