"""The stream as our pages get it: durable changes drawn, by the very partials that the page itself includes.

`Drawing` is made once by `app` and handed to the hub, which calls `encode` once per event for all of a session.
Fragments know nothing of who looks at them.
"""

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from chatserver import events
from chatserver.events import Event
from chatserver.markdown import growing
from chatserver.messages import finish_reason
from chatserver.messages.events import MessageChanged, ReplyEnded, ReplyPart
from chatserver.messages.models import Author, Message
from chatserver.web.site import Site
from chatserver.web.templating import dom_id


class DrawnMessage(Event, frozen=True, kw_only=True, tag="message"):
    """A message as `chat.v1.html` carries it: `html` takes the place of the node with the id `target`.

    With `before` the blocks that cover so many code units are left out of its text: the node has them.
    """

    seq: int
    target: str
    html: str
    before: int | UnsetType = UNSET


class DrawnPart(Event, frozen=True, kw_only=True, omit_defaults=True, tag="part"):
    """The growth of a reply whose open block was drawn again, as `chat.v1.html` carries it.

    `html` belongs before the open block of the message `target`, where that has blocks for `before` code units, and `open`
    into it, in place of what it has. Without `html` no block was finished, and with it blocks cover `closed` code units.
    """

    seq: int
    target: str
    before: int
    closed: int | UnsetType = UNSET
    html: str = ""
    open: str


class Pending(Struct, frozen=True):
    """Placeholders for the page's `<template>`s, from which the browser clones what is not stored yet."""

    text: Message
    image: Message
    video: Message


class Drawing:
    """Draws messages with a site's templates."""

    def __init__(self, site: Site) -> None:
        self._message = site.environment.get_template("messages/_message.html")
        self._open = site.environment.get_template("messages/_open.html").module

    def encode(self, event: Event) -> bytes:
        """One event in the form of `chat.v1.html`: messages drawn, all others as JSON for the elements they concern."""
        if isinstance(event, ReplyEnded):
            return events.encode(self._draw_end(event))
        if isinstance(event, MessageChanged):
            return events.encode(self.draw(event.message, event.seq))
        if isinstance(event, ReplyPart):
            return events.encode(event.in_words() if event.open is UNSET else self._draw_part(event, event.open))
        return events.encode(event)

    def draw(self, message: Message, seq: int) -> DrawnMessage:
        """A message's fragment."""
        return DrawnMessage(seq=seq, target=dom_id(message), html=self._message.render(message=message))

    def _draw_end(self, event: ReplyEnded) -> DrawnMessage:
        rest = replace(event.message, html=event.message.html[event.sent.length :])
        return replace(self.draw(rest, event.seq), before=event.sent.closed)

    def load_templates(self) -> None:
        """Draws a message of each kind for nobody. May run in a thread: the first ones that are drawn on the event loop
        would block it for a twentieth of a second, while their templates are compiled."""
        assistant = Author(id="", name="", kind="assistant", role="assistant", hue=0)
        reply = replace(pending().text, author=assistant, versions=2)
        streaming = replace(reply, status="streaming")
        stopped = replace(reply, text=finish_reason.ended("", finish_reason.STOPPED))
        for message in (pending().text, pending().image, streaming, stopped):
            self.draw(message, 0)

    def _draw_part(self, part: ReplyPart, unfinished: str) -> DrawnPart:
        drawn = self._open.inside(*growing.open_parts(unfinished), part.shown, part.tail)  # type: ignore[attr-defined]
        return DrawnPart(
            seq=part.seq,
            target=f"message_{part.message_id}",
            before=part.before,
            closed=part.closed if part.html else UNSET,
            html=part.html,
            open=str(drawn),
        )


def pending() -> Pending:
    """The placeholders of each kind."""
    return Pending(
        text=Message.placeholder("text"), image=Message.placeholder("image"), video=Message.placeholder("video")
    )
