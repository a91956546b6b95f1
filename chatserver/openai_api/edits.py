"""Changes of a picture that comes with the request: an upload like others, but shown together with its change or not at all.

    message = await create(parts, viewer_id, place, sent, choices)

What is refused leaves nothing in the session.
"""

import base64
from http import HTTPStatus

from msgspec import UNSET, structs

from chatserver import credits, messages, sessions
from chatserver.assets.models import Asset
from chatserver.database import Transaction
from chatserver.errors import BadBytes, ChatserverError, Invalid
from chatserver.generations import service as generations
from chatserver.generations.models import ModelChoices
from chatserver.generations.requests import CreateGeneration, size_of_shape
from chatserver.imaging.processor import ImageProcessor
from chatserver.messages.models import Message
from chatserver.openai_api import keys
from chatserver.openai_api.keys import Place
from chatserver.openai_api.multipart import SentEdit
from chatserver.openai_api.requests import generation_of
from chatserver.uploads import service as uploads
from chatserver.uploads.service import UploadParts, VerifiedUpload


async def create(parts: UploadParts, viewer_id: str, place: Place, sent: SentEdit, choices: ModelChoices) -> Message:
    """The message with the changes that are asked for; that of the first request, where it is sent again.

    Raises as an upload and a generation do; PlanTooSmall, CreditsExhausted and the others leave nothing behind.
    """
    run = parts.database.run_as
    if not place.is_first:
        made = await run(viewer_id, messages.find_sent, place.session_id, place.client_id)
        if made is not None:
            return made
    asset_id = None
    try:
        wanted = structs.replace(generation_of(sent.wanted), client_id=place.client_id, change="edit")
        asset_id = await _take(parts, viewer_id, place, sent)
        mask = await _mask(parts.pictures, viewer_id, sent)
        return await run(viewer_id, _show_and_create, place.session_id, asset_id, wanted, mask, choices)
    except ChatserverError as error:
        # After any other error it may be going on, as it may for one that was sent again.
        if place.is_first and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            await run(viewer_id, _forget, place, asset_id)
        raise


async def _take(parts: UploadParts, viewer_id: str, place: Place, sent: SentEdit) -> str:
    """Stores the picture, which nobody sees yet. The same bytes are kept once, however many changes they have."""
    run, session_id = parts.database.run_as, place.session_id
    same = await run(viewer_id, uploads.find_same, session_id, sent.image.sha256)
    if same is not None:
        return same
    if await run(viewer_id, uploads.admit, session_id, place.client_id) is not None:
        answer = await run(viewer_id, uploads.repeat, session_id, place.client_id, sent.image.sha256)
        return answer.asset.id
    picture = await uploads.verify(parts.pictures, sent.image.data, viewer_id)
    upload = VerifiedUpload(
        client_id=place.client_id, name=sent.image.name, request_hash=sent.image.sha256, picture=picture
    )
    return await uploads.store(parts, viewer_id, session_id, upload)


async def _mask(pictures: ImageProcessor, viewer_id: str, sent: SentEdit) -> bytes | None:
    if sent.mask is None:
        return None
    try:
        return await pictures.verify_mask(sent.mask.data, viewer_id, picture=sent.image.data)
    except BadBytes as error:
        raise Invalid.field("mask", error.details.get("why", "cannot be read")) from None


async def _show_and_create(
    tx: Transaction,
    session_id: str,
    asset_id: str,
    wanted: CreateGeneration,
    mask: bytes | None,
    choices: ModelChoices,
) -> Message:
    # In the order of locks: the credits before the asset.
    await credits.lock(tx, session_id, "image")
    picture = (await uploads.show(tx, session_id, asset_id)).asset
    membership = await sessions.membership(tx, session_id)
    sized = _of_part(wanted, picture, mask) if mask else _of_whole(wanted, picture, membership.max_size)
    return await generations.create(tx, session_id, structs.replace(sized, source_asset_id=asset_id), choices, mask)


def _of_part(wanted: CreateGeneration, picture: Asset, mask: bytes) -> CreateGeneration:
    """The change of what a mask marks, which keeps the picture's size."""
    if wanted.width is not UNSET and (wanted.width, wanted.height) != (picture.width, picture.height):
        raise Invalid.field("size", f'must be "auto", or {picture.width}x{picture.height} like the picture of the mask')
    return structs.replace(wanted, width=UNSET, height=UNSET, mask=base64.b64encode(mask).decode())


def _of_whole(wanted: CreateGeneration, picture: Asset, most: int) -> CreateGeneration:
    """The change of a whole picture: of its shape, where no size is asked for."""
    if wanted.width is not UNSET:
        return wanted
    width, height = size_of_shape(picture.width, picture.height, most)
    return structs.replace(wanted, width=width, height=height)


async def _forget(tx: Transaction, place: Place, asset_id: str | None) -> None:
    """Leaves nothing of a refused request: what is mended may be sent under its key."""
    await keys.release(tx, place)
    if asset_id is not None:
        await uploads.give_up(tx, asset_id)
