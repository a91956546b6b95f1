"""What the stream announces."""

from msgspec import UNSET, Struct, UnsetType

from chatserver.events import Event
from chatserver.messages.models import Message


class MessageChanged(Event, frozen=True, kw_only=True, tag="message"):
    """A message is new or changed: an upsert by `message.id`, durable."""

    seq: int
    message: Message

    def durable_seq(self) -> int | None:
        return self.seq


class SentBlocks(Struct, frozen=True):
    """The blocks of a reply that parts have carried: `closed` code units of its text, `length` characters of its HTML."""

    closed: int
    length: int


class ReplyEnded(MessageChanged, frozen=True, kw_only=True, tag="reply.ended"):
    """A reply has ended, of which pages have the blocks that were `sent`. Programs get the whole message."""

    sent: SentBlocks

    def for_programs(self) -> Event:
        return MessageChanged(seq=self.seq, message=self.message)


class Delta(Event, frozen=True, kw_only=True, tag="delta"):
    """More of a streaming reply; `offset` counts the UTF-16 code units before it. The next part heals a lost one."""

    message_id: str
    offset: int
    text: str


class PlainPart(Event, frozen=True, kw_only=True, tag="part"):
    """What a streaming reply has grown by, in words: `text` begins at `offset`, which counts UTF-16 code units."""

    seq: int
    message_id: str
    offset: int
    text: str


class ReplyPart(Event, frozen=True, kw_only=True, tag="part"):
    """What a streaming reply has grown by since the event before it with a `seq` (a part, or the message), durable.

    `text` is the growth, which begins at `offset`. `html` holds the blocks that are finished since: they follow those that
    cover `before` code units, and with them `closed` are covered. `open` is the block that is being written, where it was
    drawn again, and `tail` the text after it, which begins at `shown`. All offsets count UTF-16 code units. Programs get the
    whole `message` in its place, where there is one: when it has something to say, and each time it is four times as long.
    """

    seq: int
    message_id: str
    offset: int
    text: str
    before: int = 0
    closed: int = 0
    html: str = ""
    open: str | UnsetType = UNSET
    shown: int = 0
    tail: str = ""
    message: Message | UnsetType = UNSET

    def durable_seq(self) -> int | None:
        return self.seq

    def for_programs(self) -> Event:
        return self.in_words() if self.message is UNSET else MessageChanged(seq=self.seq, message=self.message)

    def in_words(self) -> PlainPart:
        """The growth without what is drawn."""
        return PlainPart(seq=self.seq, message_id=self.message_id, offset=self.offset, text=self.text)
