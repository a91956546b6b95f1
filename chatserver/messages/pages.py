"""The chat page: the session as it is now, older messages while scrolling back, and the invite's QR code."""

import io

import segno
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from chatserver import ids, messages, plans, sessions, styles, users
from chatserver.assets import pictures
from chatserver.assets import service as assets
from chatserver.assets.pictures import PicturesPage
from chatserver.database import Transaction
from chatserver.errors import NotFound
from chatserver.generations import examples, sources
from chatserver.generations.model_choice import enlarging, model_choices
from chatserver.identity.viewer import require_viewer
from chatserver.messages import composer, rendering
from chatserver.messages.models import Message
from chatserver.plans.models import Plan
from chatserver.sessions.events import StatsChanged
from chatserver.sessions.models import Session, SessionSummary
from chatserver.state import state_of
from chatserver.styles.models import Style
from chatserver.users.models import Preferences
from chatserver.web import cookies, hosts, templating
from chatserver.web.site import site_of

# The page opens with the newest messages, which fill some screens: about thirty in words, or two batches of four pictures.
# The rest comes while scrolling back, in larger pages. Bytes as `messages.shown_before` estimates them.
MOST_MESSAGES = 60
FIRST_BYTES = 30_000
OLDER_BYTES = 150_000
# Whether the reader has closed the column of the sessions; the page keeps it (static/js/elements/chat_room.js).
COLLAPSED_COOKIE = "collapsed"


class ChatPage(Struct, frozen=True, kw_only=True):
    """All that the chat page shows at first."""

    session: Session
    plan: Plan
    plans: list[Plan]
    summaries: list[SessionSummary]
    messages: list[Message]
    before: str | None
    hue: int | None
    pictures: PicturesPage
    preferences: Preferences
    styles: list[Style]


class OlderPage(Struct, frozen=True):
    """Older messages in the order of the stream, and the id before which there are still older ones."""

    messages: list[Message]
    before: str | None


async def _read_page(tx: Transaction, session_id: str, viewer_id: str) -> ChatPage:
    session = await sessions.find(tx, session_id)
    older = await _read_messages(tx, session_id, None, FIRST_BYTES)
    return ChatPage(
        session=session,
        plan=await plans.find(tx, session.plan_id),
        plans=await plans.list_plans(tx),
        summaries=await sessions.list_summaries(tx, viewer_id, session_id),
        messages=older.messages,
        before=older.before,
        hue=await assets.newest_hue(tx, session_id),
        pictures=await pictures.list_of_session(tx, session_id),
        preferences=await users.preferences(tx, viewer_id),
        styles=await styles.list_styles(tx),
    )


async def _read_stats(tx: Transaction, session_id: str) -> StatsChanged:
    """The session's statistics, with the queue and the usual time of all sessions: needs the worker role.

    As the viewer they would count the viewer's pictures alone, and look for these among everybody's.
    """
    found = await sessions.stats(tx, [session_id])
    if session_id not in found:
        raise NotFound
    return found[session_id]


async def _read_messages(tx: Transaction, session_id: str, before: str | None, most_bytes: int) -> OlderPage:
    found, more = await messages.shown_before(tx, session_id, before, MOST_MESSAGES, most_bytes)
    return OlderPage(found, found[0].id if more else None)


async def _read_older(tx: Transaction, session_id: str, before: str) -> OlderPage:
    await sessions.find(tx, session_id)
    return await _read_messages(tx, session_id, before, OLDER_BYTES)


async def show_session(request: Request) -> Response:
    """The chat page; for those who sat there once, and for what was deleted, a page that says so."""
    viewer, state = require_viewer(request), state_of(request)
    session_id = ids.parse(request.path_params["session_id"])
    try:
        page = await state.database.run_as(viewer.id, _read_page, session_id, viewer.id)
        stats = await state.database.run_reading(_read_stats, session_id)
    except NotFound:
        if await state.database.run_system(sessions.was_deleted, session_id, viewer.id):
            return templating.render(request, "sessions/deleted.html", {"session_id": session_id}, 404)
        if not await state.database.run_system(sessions.has_left, session_id, viewer.id):
            raise
        removed = await state.database.run_system(sessions.was_removed, session_id, viewer.id)
        return templating.render(request, "sessions/left.html", {"session_id": session_id, "removed": removed}, 404)
    context = {
        **{field: getattr(page, field) for field in page.__struct_fields__},
        "stats": stats,
        "composer": composer.prepare(
            page.session,
            page.plan,
            page.plans,
            viewer.id,
            can_improve=state.chat.is_model,
            styles=page.styles,
            change_refusals=sources.refusals(state.providers),
        ),
        "enlarging": enlarging(model_choices(state.providers)),
        "pending": rendering.pending(),
        "collapsed": cookies.read_plain(request, COLLAPSED_COOKIE) == "yes",
        "examples": examples,
        "local_only": hosts.is_loopback_origin(hosts.link_origin(state.config, request.scope)),
    }
    return templating.render(request, "sessions/show.html", context)


async def show_older(request: Request) -> Response:
    """The messages before that with an id, as fragments for the stream."""
    viewer, state = require_viewer(request), state_of(request)
    before = ids.parse(request.query_params.get("before", ""), "before")
    session_id = ids.parse(request.path_params["session_id"])
    page = await state.database.run_as(viewer.id, _read_older, session_id, before)
    body = templating.draw(site_of(request), "messages/_page.html", page=page)
    return HTMLResponse(body, headers={"Cache-Control": "no-store"})


async def show_pictures(request: Request) -> Response:
    """A page of the session's pictures before a file, all or the favourites, as fragments for the list beside the stream."""
    viewer, state = require_viewer(request), state_of(request)
    session_id, query = ids.parse(request.path_params["session_id"]), request.query_params
    before = ids.parse(query["before"]) if query.get("before") else None
    page = await state.database.run_as(viewer.id, _read_pictures, session_id, before, query.get("favorites") == "yes")
    body = templating.draw(site_of(request), "sessions/_pictures_page.html", page=page)
    return HTMLResponse(body, headers={"Cache-Control": "no-store"})


async def _read_pictures(tx: Transaction, session_id: str, before: str | None, favorites: bool) -> PicturesPage:
    await sessions.membership(tx, session_id)
    return await pictures.list_of_session(tx, session_id, before=before, favorites=favorites)


async def show_invite_code(request: Request) -> Response:
    """The invite link as a QR code, for the owner; who reads it makes none."""
    viewer, state = require_viewer(request), state_of(request)
    session_id = ids.parse(request.path_params["session_id"])
    code = await state.database.run_as(viewer.id, sessions.current_invite, session_id)
    picture = io.BytesIO()
    link = f"{hosts.link_origin(state.config, request.scope)}/invite/{code}"
    segno.make(link, error="m").save(picture, kind="svg", scale=6, border=2, light="#fff")
    return Response(picture.getvalue(), media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


PAGES = [
    Route("/sessions/{session_id}", show_session),
    Route("/sessions/{session_id}/messages", show_older),
    Route("/sessions/{session_id}/pictures", show_pictures),
    Route("/sessions/{session_id}/invite.svg", show_invite_code),
]
