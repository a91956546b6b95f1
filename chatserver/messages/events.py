"""What the stream announces."""

from chatserver.events import Event
from chatserver.messages.models import Message


class MessageChanged(Event, frozen=True, kw_only=True, tag="message"):
    """A message is new or changed: an upsert by `message.id`, durable."""

    seq: int
    message: Message

    def durable_seq(self) -> int | None:
        return self.seq


class Delta(Event, frozen=True, kw_only=True, tag="delta"):
    """More of a streaming reply; `offset` counts the UTF-16 code units before it. The next message heals a lost one."""

    message_id: str
    offset: int
    text: str
