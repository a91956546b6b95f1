"""The stream as our pages get it: durable changes drawn, by the very partials that the page itself includes.

`Drawing` is made once by `app` and handed to the hub, which calls `encode` once per event for all of a session.
Fragments know nothing of who looks at them.
"""

from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from chatserver import events
from chatserver.events import Event
from chatserver.messages.events import MessageChanged
from chatserver.messages.models import Author, Generation, Message, Stage
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


_NEVER = datetime(2000, 1, 1, tzinfo=UTC)
_TEXT = Message(
    id="pending",
    session_id="",
    client_id="",
    seq=0,
    author=Author(id="", name="", kind="user", role="guest", hue=0),
    kind="text",
    text="",
    html="",
    status="done",
    created_at=_NEVER,
    generations=(),
)
_IMAGE = Generation(
    id="pending",
    message_id="pending",
    kind="image",
    number=1,
    status="queued",
    stage=Stage(attempt=0),
    prompt="",
    negative_prompt=None,
    style=None,
    seed=0,
    width=512,
    height=512,
    steps=None,
    guidance=None,
    model="",
    provider="",
    error=None,
    created_at=_NEVER,
    started_at=None,
    finished_at=None,
    parent_id=None,
    assets=(),
)


def pending() -> Pending:
    """The placeholders of each kind."""
    video = replace(_IMAGE, kind="video")
    return Pending(
        text=_TEXT,
        image=replace(_TEXT, kind="image", generations=(_IMAGE,)),
        video=replace(_TEXT, kind="video", generations=(video,)),
    )
