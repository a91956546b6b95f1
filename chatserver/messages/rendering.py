"""The stream as our pages get it: durable changes drawn, by the very partials that the page itself includes.

`Drawing` is made once by `app` and handed to the hub, which calls `encode` once per event for all of a session.
Fragments know nothing of who looks at them.
"""

from msgspec import Struct

from chatserver import events
from chatserver.events import Event
from chatserver.messages.events import MessageChanged
from chatserver.messages.models import Message
from chatserver.web.site import Site
from chatserver.web.templating import dom_id


class DrawnMessage(Event, frozen=True, kw_only=True, tag="message"):
    """A message as `chat.v1.html` carries it: `html` takes the place of the node with the id `target`."""

    seq: int
    target: str
    html: str


class Pending(Struct, frozen=True):
    """Placeholders for the page's `<template>`s, from which the browser clones what is not stored yet."""

    text: Message
    image: Message
    video: Message


class Drawing:
    """Draws messages with a site's templates."""

    def __init__(self, site: Site) -> None:
        self._message = site.environment.get_template("messages/_message.html")

    def encode(self, event: Event) -> bytes:
        """One event in the form of `chat.v1.html`: messages drawn, all others as JSON for the elements they concern."""
        if isinstance(event, MessageChanged):
            return events.encode(self.draw(event.message, event.seq))
        return events.encode(event)

    def draw(self, message: Message, seq: int) -> DrawnMessage:
        """A message's fragment."""
        return DrawnMessage(seq=seq, target=dom_id(message), html=self._message.render(message=message))


def pending() -> Pending:
    """The placeholders of each kind."""
    return Pending(
        text=Message.placeholder("text"), image=Message.placeholder("image"), video=Message.placeholder("video")
    )
