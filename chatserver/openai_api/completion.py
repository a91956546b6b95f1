"""Waits for the pictures of a message, and hands them over as OpenAI's images API does."""

import asyncio
import base64
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import UNSET, Struct, UnsetType

from chatserver import messages
from chatserver.assets import delivery
from chatserver.assets import service as assets
from chatserver.assets.delivery import FileParts
from chatserver.assets.models import Asset
from chatserver.assets.signatures import sign_address
from chatserver.errors import Busy, NotFound, NothingMade, RateLimited
from chatserver.events import Event, session_channel
from chatserver.generations.models import Generation
from chatserver.identity.viewer import Viewer
from chatserver.messages.models import Message
from chatserver.openai_api.requests import ImageOptions, OutputFormat
from chatserver.realtime.hub import Hub
from chatserver.runtime.keyed_semaphores import KeyedSemaphores, QueueFull

# The official clients wait for ten minutes.
WAIT_SECONDS = 9 * 60.0
# The comparison with the database, should an announcement be lost, and with whether this process is to end.
LOOK_SECONDS = 1.0
# Requests of one user that wait in this process.
MOST_WAITING = 8
# How long the address of a picture opens it without signing in, as OpenAI's do.
ADDRESS_SECONDS = 3600
ENDED = {"done", "failed", "cancelled"}
EXTENSIONS: dict[OutputFormat, str] = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}

_WAITING = KeyedSemaphores(MOST_WAITING, MOST_WAITING)


class Image(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One picture: an address that opens it for an hour, and its bytes in base64."""

    url: str | UnsetType = UNSET
    b64_json: str | UnsetType = UNSET


class Images(Struct, frozen=True, kw_only=True):
    """The pictures that were made (`created`: Unix seconds), and the message of the session that holds them."""

    created: int
    data: tuple[Image, ...]
    output_format: OutputFormat
    size: str
    session_id: str
    message_id: str


@dataclass(frozen=True)
class Parts:
    """What waiting for pictures and handing them over takes, and for whom; `origin` is where their addresses begin, and
    `marks` whose pictures carry the visible mark (PICTURE_MARK)."""

    files: FileParts
    hub: Hub
    secret_key: str
    viewer: Viewer
    origin: str
    marks: Sequence[str]


async def wait(parts: Parts, message: Message) -> Message:
    """The message once all of its pictures have ended. Raises Busy, RateLimited, and NotFound where it was deleted."""
    try:
        async with asyncio.timeout(WAIT_SECONDS), _WAITING.held(parts.viewer.id):
            return await _ended(parts, message)
    except QueueFull:
        raise RateLimited("You wait for many pictures at once already.", retry_after=5) from None
    except TimeoutError:
        raise Busy(
            "The pictures are still being made, and stay yours. Ask again with the same Idempotency-Key.", retry_after=5
        ) from None


async def _ended(parts: Parts, message: Message) -> Message:
    changed = asyncio.Event()

    def take(event: Event) -> None:
        if event.durable_seq() is not None:
            changed.set()

    unlisten = parts.hub.listen(session_channel(message.session_id), take, missed=changed.set)
    try:
        while True:
            changed.clear()
            message = await parts.files.database.run_as(parts.viewer.id, messages.find, message.id)
            if all(generation.status in ENDED for generation in message.generations):
                return message
            if parts.hub.draining:
                raise Busy(retry_after=1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await changed.wait()
    finally:
        unlisten()


async def images(parts: Parts, message: Message, wanted: ImageOptions) -> Images:
    """What was made, in the format and in the one form, or both, that are wanted. Raises NothingMade, with the reason,
    where that is nothing, NotFound where it was deleted, and Busy."""
    if message.status == "deleted":
        raise NotFound
    made = [asset for generation in message.generations for asset in generation.assets]
    if not made:
        raise _reason(message.generations)
    return Images(
        created=int(message.created_at.timestamp()),
        data=tuple([await _image(parts, asset, wanted) for asset in made]),
        output_format=wanted.output_format or "png",
        size=f"{made[0].width}x{made[0].height}",
        session_id=message.session_id,
        message_id=message.id,
    )


def _reason(generations: Sequence[Generation]) -> NothingMade:
    fault = next((each.error for each in generations if each.error is not None), None)
    if fault is None:
        return NothingMade()
    return NothingMade(fault.message, details={"reason": fault.code, "credit_returned": fault.credit_returned})


async def _image(parts: Parts, asset: Asset, wanted: ImageOptions) -> Image:
    viewer, database = parts.viewer, parts.files.database
    file = await database.run_as(viewer.id, assets.find_file, asset.id)
    marked = await delivery.asks_for_mark(database, parts.marks, file)
    version = delivery.saved(file, EXTENSIONS[wanted.output_format or "png"], marked=marked)
    url: str | UnsetType = UNSET
    encoded: str | UnsetType = UNSET
    if wanted.response_format != "b64_json":
        signature = sign_address(
            parts.secret_key, asset.id, viewer.id, ADDRESS_SECONDS, credential_id=viewer.credential_id
        )
        # Only what is saved carries the mark.
        download = "download&" if marked else ""
        url = f"{parts.origin}/files/{asset.id}/{version.filename}?{download}{signature}"
    if wanted.response_format != "url":
        encoded = base64.b64encode(await delivery.read(parts.files, file, version)).decode()
    return Image(url=url, b64_json=encoded)
