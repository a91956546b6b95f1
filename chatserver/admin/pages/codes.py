"""/admin/codes: codes are made, listed without the codes themselves, and withdrawn."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import codes, ids, plans
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import act, require_admin
from chatserver.codes import service
from chatserver.codes.models import CodeOrder, MadeCodes
from chatserver.errors import ChatserverError, Invalid, NotAllowed
from chatserver.state import state_of
from chatserver.web import form_pages, forms
from chatserver.web.forms import Form
from chatserver.web.hosts import link_origin

PATH = "/admin/codes"
_NUMBER = re.compile(r"[0-9]{1,6}")


async def show(request: Request) -> Response:
    """GET /admin/codes; with `?before=<id>` the page of batches after that one."""
    return await _page(request, Form())


async def _page(
    request: Request, form: Form, error: ChatserverError | None = None, made: MadeCodes | None = None
) -> Response:
    require_admin(request)
    state = state_of(request)
    before = request.query_params.get("before")
    batches = await state.database.run_system(codes.batches, ids.parse(before, "before") if before else None)
    context = {
        "form": form,
        "made": made,
        "origin": link_origin(state.config, request.scope),
        "taken": codes.CHECKOUT in state.config.checkout,
        "plans": await state.database.run_system(plans.list_all),
        "batches": batches,
        "older": batches[-1].id if len(batches) == service.PAGE else None,
        "first": before is None,
        "most": service.MOST_AT_ONCE,
    }
    return layout.render(request, "admin/codes.html", context, error.status if error else 200)


async def make(request: Request) -> Response:
    """POST /admin/codes: the page again, with the codes, which are shown once."""
    require_admin(request)
    form = await forms.read(request)
    try:
        made = await act(request, codes.make, _order(form), client_id=form.text("client_id") or None)
    except NotAllowed:
        raise
    except ChatserverError as error:
        return await _page(request, form_pages.refuse(form, error), error)
    return await _page(request, Form(), made=made)


def _order(form: Form) -> CodeOrder:
    if not _NUMBER.fullmatch(form.text("count")):
        raise Invalid.field("count", "must be a whole number")
    return CodeOrder(
        plan_id=form.text("plan_id"),
        count=int(form.text("count")),
        expires=form.text("expires"),
        price=form.text("price"),
        note=form.text("note"),
    )


async def show_batch(request: Request) -> Response:
    """GET /admin/codes/{batch_id}: what became of each code."""
    require_admin(request)
    state = state_of(request)
    batch_id = ids.parse(request.path_params["batch_id"], "batch_id")
    found = await state.database.run_system(codes.of_batch, batch_id)
    return layout.render(request, "admin/code_batch.html", {"batch_id": batch_id, "codes": found})


async def revoke(request: Request) -> Response:
    """POST /admin/codes/{batch_id}/revoke: what is unused of a batch, or of `code_id` alone."""
    require_admin(request)
    form = await forms.read(request)
    batch_id = ids.parse(request.path_params["batch_id"], "batch_id")
    code_id = form.text("code_id")
    try:
        revoked = await act(request, codes.revoke, ids.parse(code_id, "code_id") if code_id else batch_id)
    except NotAllowed:
        raise
    except ChatserverError as error:
        return forms.redirect(request, PATH, notice=error.message, kind="problem")
    return forms.redirect(request, f"{PATH}/{batch_id}" if code_id else PATH, notice=f"{revoked} withdrawn.")


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH, make, methods=["POST"]),
    Route(PATH + "/{batch_id}", show_batch, methods=["GET"]),
    Route(PATH + "/{batch_id}/revoke", revoke, methods=["POST"]),
]
