"""/admin/people: people and their sessions, and what an operator gives, ends and, with a reason, reads."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from chatserver import ids, plans
from chatserver.admin import people
from chatserver.admin.csv import Cell, csv_response
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import act, act_alone, require_admin, while_admin
from chatserver.admin.people import Person, PersonDetails
from chatserver.audit import service as audit
from chatserver.audit.models import AuditEntry
from chatserver.credits.models import Kind
from chatserver.database import Database, Transaction
from chatserver.errors import ChatserverError, Invalid, NotFound
from chatserver.plans.models import Plan
from chatserver.state import state_of
from chatserver.users.password_reset import RESET_MINUTES
from chatserver.web import forms
from chatserver.web.forms import Form
from chatserver.web.hosts import link_origin

PATH = "/admin/people"
# Acts that the page of a person shows; the audit log has them all.
NEWEST_ACTS = 10
# A file has at most so many people, the newest.
MOST_ROWS = 100_000
# In a file the id tells people of one name apart: addresses do not leave the page.
_COLUMNS = [field for field in Person.__struct_fields__ if field != "email"]
# No number that a form takes has more digits.
_DIGITS = 6


async def show(request: Request) -> Response:
    """GET /admin/people: the newest, or those who are looked for; an id or an address leads to its person at once."""
    require_admin(request)
    state = state_of(request)
    query, before = request.query_params.get("q", ""), request.query_params.get("before", "")
    after_id = ids.parse(before, "before") if before else None
    found, page = await state.database.run_system(_search, query, after_id)
    if found is not None:
        user_id, session_id = found
        return RedirectResponse(
            _path(user_id) + (f"?session={session_id}#session-{session_id}" if session_id else ""), 303
        )
    context = {
        "people": page,
        "q": query[: people.QUERY_LENGTH],
        "next": page[-1].id if len(page) == people.PAGE else None,
        "first": not before,
    }
    return layout.render(request, "admin/people.html", context)


async def download(request: Request) -> Response:
    """GET /admin/people.csv: those who are found by their words, or all, the newest first; without addresses."""
    require_admin(request)
    state = state_of(request)
    rows = _rows(state.database, request.query_params.get("q", ""))
    return while_admin(request, csv_response(request, "people", _COLUMNS, rows))


async def _rows(database: Database, query: str) -> AsyncIterator[Sequence[Cell]]:
    before: str | None = None
    for _ in range(MOST_ROWS // people.PAGE):
        page = await database.run_system(people.find, query, before)
        for person in page:
            yield [getattr(person, column) for column in _COLUMNS]
        if len(page) < people.PAGE:
            return
        before = page[-1].id


async def _search(
    tx: Transaction, query: str, before: str | None
) -> tuple[tuple[str, str | None] | None, list[Person]]:
    found = await people.whose(tx, query) if query.strip() else None
    return found, [] if found else await people.find(tx, query, before)


def _path(user_id: str) -> str:
    return f"{PATH}/{user_id}"


async def show_person(request: Request) -> Response:
    """GET /admin/people/{user_id}."""
    require_admin(request)
    session_id = request.query_params.get("session", "")
    return await _person(
        request, _user_id(request), session_id=ids.parse(session_id, "session") if session_id else None
    )


async def _person(
    request: Request,
    user_id: str,
    *,
    session_id: str | None = None,
    link: str = "",
    error: ChatserverError | None = None,
) -> Response:
    state = state_of(request)
    person, plans_on_offer, acts = await state.database.run_system(_read_person, user_id, session_id)
    context = {
        "person": person,
        "plans": plans_on_offer,
        "acts": acts,
        "link": link,
        "link_minutes": RESET_MINUTES,
        "problem": error.message if error else "",
    }
    return layout.render(request, "admin/person.html", context, error.status if error else 200)


async def _read_person(
    tx: Transaction, user_id: str, session_id: str | None
) -> tuple[PersonDetails, list[Plan], list[AuditEntry]]:
    return (
        await people.details(tx, user_id, session_id),
        await plans.list_plans(tx),
        await audit.of_subject(tx, user_id, NEWEST_ACTS),
    )


def _user_id(request: Request) -> str:
    return ids.parse(request.path_params["user_id"], "user_id")


# Accounts -------------------------------------------------------------------------------------------------------------

Lever = Callable[[Request, str, Form], Awaitable[str]]


async def _sign_out(request: Request, user_id: str, form: Form) -> str:
    ended = await act(request, people.sign_out, user_id, form.raw("reason"), tokens_too=form.flag("tokens_too"))
    return f"Signed out everywhere ({ended})."


async def _ban(request: Request, user_id: str, form: Form) -> str:
    reason = audit.required_reason(form.raw("reason"))
    await act_alone(request, people.ban, user_id, reason)
    return "Banned: signed out everywhere, and what was being made is cancelled."


async def _unban(request: Request, user_id: str, form: Form) -> str:
    await act(request, people.unban, user_id, form.raw("reason"))
    return "The ban is lifted."


async def _make_admin(request: Request, user_id: str, form: Form) -> str:
    await act_alone(request, people.set_role, user_id, "admin", form.raw("reason"))
    return "An admin now."


async def _make_member(request: Request, user_id: str, form: Form) -> str:
    await act_alone(request, people.set_role, user_id, "member", form.raw("reason"))
    return "A member now."


async def _grant(request: Request, user_id: str, form: Form) -> str:
    session = await act(
        request,
        people.grant,
        user_id,
        form.text("plan_id"),
        form.text("title") or None,
        form.raw("reason"),
        client_id=_key(form),
    )
    return f"A session is granted, with {session.credits.image.limit} image credits an hour."


_LEVERS: dict[str, Lever] = {
    "sign-out": _sign_out,
    "ban": _ban,
    "unban": _unban,
    "make-admin": _make_admin,
    "make-member": _make_member,
    "grant": _grant,
}


async def pull(request: Request) -> Response:
    """POST /admin/people/{user_id}/{lever}."""
    require_admin(request)
    form = await forms.read(request)
    user_id, lever = _user_id(request), _LEVERS.get(request.path_params["lever"])
    if lever is None:
        raise NotFound
    try:
        notice = await lever(request, user_id, form)
    except ChatserverError as error:
        return await _refused(request, user_id, error)
    return forms.redirect(request, _path(user_id), notice=notice)


async def make_reset_link(request: Request) -> Response:
    """POST /admin/people/{user_id}/reset: the page again, with the link, which is shown once."""
    require_admin(request)
    form = await forms.read(request)
    state = state_of(request)
    user_id = _user_id(request)
    try:
        token = await act(request, people.begin_reset, user_id, form.raw("reason"))
    except ChatserverError as error:
        return await _refused(request, user_id, error)
    return await _person(request, user_id, link=f"{link_origin(state.config, request.scope)}/reset/{token}")


async def _refused(request: Request, user_id: str, error: ChatserverError) -> Response:
    """The page with what is wrong; the error's own page where nobody is there, or the actor may not act any more."""
    if error.status in {404, 503}:
        raise error
    state = state_of(request)
    await state.database.run_system(people.require_admin_account, require_admin(request).id)
    return await _person(request, user_id, error=error)


# Sessions -------------------------------------------------------------------------------------------------------------


async def prolong(request: Request) -> Response:
    """POST /admin/people/{user_id}/sessions/{session_id}/extend."""

    async def lever(session_id: str, form: Form) -> str:
        minutes = _number(form, "minutes")
        await act(request, people.prolong, session_id, minutes, form.raw("reason"), client_id=_key(form))
        return f"Extended by {minutes} minutes."

    return await _on_session(request, lever)


async def give_credits(request: Request) -> Response:
    """POST /admin/people/{user_id}/sessions/{session_id}/credits."""

    async def lever(session_id: str, form: Form) -> str:
        kind: Kind = "video" if form.text("kind") == "video" else "image"
        count = _number(form, "count")
        await act(request, people.give_credits, session_id, kind, count, form.raw("reason"), client_id=_key(form))
        return f"{count} more {kind} credits an hour are in the session."

    return await _on_session(request, lever)


async def _on_session(request: Request, lever: Callable[[str, Form], Awaitable[str]]) -> Response:
    require_admin(request)
    form = await forms.read(request)
    user_id, session_id = _user_id(request), ids.parse(request.path_params["session_id"], "session_id")
    try:
        notice = await lever(session_id, form)
    except ChatserverError as error:
        return await _refused(request, user_id, error)
    return forms.redirect(request, f"{_path(user_id)}?session={session_id}", notice=notice)


def _key(form: Form) -> str | None:
    return form.text("client_id") or None


def _number(form: Form, field: str) -> int:
    text = form.text(field)
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise Invalid.field(field, "must be a number")
    return int(text)


async def read_conversation(request: Request) -> Response:
    """POST /admin/people/sessions/{session_id}/conversation: a page of what was written, for the reason given."""
    require_admin(request)
    form = await forms.read(request)
    session_id = ids.parse(request.path_params["session_id"], "session_id")
    before = form.text("before")
    conversation = await act(
        request,
        people.read_conversation,
        session_id,
        form.raw("reason"),
        ids.parse(before, "before") if before else None,
    )
    context = {"conversation": conversation, "reason": " ".join(form.raw("reason").split())}
    return layout.render(request, "admin/conversation.html", context)


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH + ".csv", download, methods=["GET"]),
    Route(PATH + "/sessions/{session_id}/conversation", read_conversation, methods=["POST"]),
    Route(PATH + "/{user_id}", show_person, methods=["GET"]),
    Route(PATH + "/{user_id}/reset", make_reset_link, methods=["POST"]),
    Route(PATH + "/{user_id}/sessions/{session_id}/extend", prolong, methods=["POST"]),
    Route(PATH + "/{user_id}/sessions/{session_id}/credits", give_credits, methods=["POST"]),
    Route(PATH + "/{user_id}/{lever}", pull, methods=["POST"]),
]
