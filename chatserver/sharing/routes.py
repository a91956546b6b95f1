"""The API of share links, for their makers."""

from typing import Any

from msgspec import Struct

from chatserver import ids
from chatserver.api.endpoint import ApiRequest, Endpoint
from chatserver.sharing import requests
from chatserver.sharing import service as sharing
from chatserver.sharing.models import Share, SharesPage
from chatserver.sharing.requests import ChangeShare, CreateShare
from chatserver.web.hosts import link_origin


class SharesQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`before` continues a page."""

    before: str | None = None


class ShareAnswer(Struct, frozen=True):
    """One link as it now is, and its address; None where it can no longer be derived."""

    share: Share
    url: str | None


async def list_shares(request: ApiRequest) -> SharesPage:
    before = request.query(SharesQuery).before
    return await request.state.database.run_as(
        request.viewer.id,
        sharing.list_shares,
        request.state.secret_key,
        before=None if before is None else ids.parse(before, "before"),
    )


async def create_share(request: ApiRequest, body: CreateShare) -> ShareAnswer:
    password_hash = await requests.password_hash(request.viewer.id, body.password)
    return await _answer(request, sharing.create, body, password_hash)


async def show_share(request: ApiRequest) -> ShareAnswer:
    return await _answer(request, sharing.find, request.id("share_id"))


async def change_share(request: ApiRequest, body: ChangeShare) -> ShareAnswer:
    password_hash = await requests.password_hash(request.viewer.id, body.password)
    return await _answer(request, sharing.change, request.id("share_id"), body, password_hash)


async def revoke_share(request: ApiRequest) -> None:
    await request.state.database.run_as(request.viewer.id, sharing.revoke, request.id("share_id"))


async def _answer(request: ApiRequest, verb: Any, *values: Any) -> ShareAnswer:
    state = request.state
    share: Share = await state.database.run_as(request.viewer.id, verb, state.secret_key, *values)
    origin = link_origin(state.config, request.http.scope)
    return ShareAnswer(share, f"{origin}{share.path}" if share.path else None)


_ONE = "/shares/{share_id}"

ROUTES = [
    Endpoint(
        "GET",
        "/shares",
        list_shares,
        summary="One's share links, the newest first",
        query=SharesQuery,
        answer=SharesPage,
    ),
    Endpoint(
        "POST",
        "/shares",
        create_share,
        summary="Make a share link to pictures, an album or a session",
        body=CreateShare,
        answer=ShareAnswer,
        status=201,
    ),
    Endpoint("GET", _ONE, show_share, summary="One share link", answer=ShareAnswer),
    Endpoint(
        "PATCH",
        _ONE,
        change_share,
        summary="Change what a link shows and until when",
        body=ChangeShare,
        answer=ShareAnswer,
    ),
    Endpoint("DELETE", _ONE, revoke_share, summary="Revoke a link, at once and for good", status=204),
]
