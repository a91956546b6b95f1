"""API routes of files: favourites and signed addresses. `chatserver.assets.pages` serves the bytes."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Struct

from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.assets import service as assets
from chatserver.assets import signatures
from chatserver.assets.signatures import LONGEST_SECONDS
from chatserver.errors import Invalid
from chatserver.runtime import clock
from chatserver.validation import bounds
from chatserver.web.hosts import link_origin


class CreateLink(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signed address of a file, for `seconds`."""

    seconds: Annotated[int, bounds(minimum=1, maximum=LONGEST_SECONDS)] = 3600


class LinkAnswer(Struct, frozen=True):
    """Addresses that open this file, and no other, without signing in, until `expires_at`, or until whoever asked for
    them may no longer see it or is no longer signed in by what they asked with."""

    url: str
    download_url: str
    expires_at: datetime


async def set_favorite(request: ApiRequest) -> None:
    await request.state.database.run_as(request.viewer.id, assets.favorite, request.id("asset_id"), True)


async def unset_favorite(request: ApiRequest) -> None:
    await request.state.database.run_as(request.viewer.id, assets.favorite, request.id("asset_id"), False)


async def create_link(request: ApiRequest, body: CreateLink) -> LinkAnswer:
    if not 1 <= body.seconds <= LONGEST_SECONDS:
        raise Invalid.field("seconds", f"must be 1 to {LONGEST_SECONDS}")
    asset = await request.state.database.run_as(request.viewer.id, assets.find, request.id("asset_id"))
    until = clock.now() + timedelta(seconds=body.seconds)
    signature = signatures.sign_address(
        request.state.secret_key, asset.id, request.viewer.id, body.seconds, credential_id=request.viewer.credential_id
    )
    origin = link_origin(request.state.config, request.http.scope)
    return LinkAnswer(
        f"{origin}{asset.url}?{signature}", f"{origin}{asset.download_url}&{signature}", until.replace(microsecond=0)
    )


ROUTES = [
    Endpoint("PUT", "/assets/{asset_id}/favorite", set_favorite, summary="Mark a file", status=204),
    Endpoint("DELETE", "/assets/{asset_id}/favorite", unset_favorite, summary="Take the mark away", status=204),
    Endpoint(
        "POST",
        "/assets/{asset_id}/links",
        create_link,
        summary="A signed address that works without signing in",
        body=CreateLink,
        answer=LinkAnswer,
        status=201,
    ),
]
