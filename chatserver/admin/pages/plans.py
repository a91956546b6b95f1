"""/admin/plans: what sessions cost and include, edited in the page. What is sold keeps what was sold."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import plans
from chatserver.admin import money, plan_forms
from chatserver.admin.csv import csv_response
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import act, require_admin
from chatserver.audit import Actor
from chatserver.database import Transaction
from chatserver.errors import ChatserverError, Conflict, Invalid, NotFound
from chatserver.plans.models import Plan
from chatserver.state import state_of
from chatserver.web import form_pages, forms
from chatserver.web.forms import Form

PATH = "/admin/plans"
# Fields of errors, where the form has another name for them.
_SHOWN_AT = {"price": "amount"}
# The columns of the file behind those of id, name and price.
_REST = (
    *("available", "minutes", "image_credits_per_hour", "video_credits_per_hour", "max_size", "max_count"),
    *("max_uploads", "chat_model", "position"),
)
_ID = re.compile(r"[a-z0-9-]{1,40}")


async def show(request: Request) -> Response:
    """GET /admin/plans."""
    require_admin(request)
    state = state_of(request)
    found = await state.database.run_system(plans.list_all)
    return layout.render(request, "admin/plans.html", {"plans": found})


async def download(request: Request) -> Response:
    """GET /admin/plans.csv."""
    require_admin(request)
    state = state_of(request)
    found = await state.database.run_system(plans.list_all)
    rows = [
        (plan.id, plan.name, plan.price.amount, plan.price.currency, *(getattr(plan, name) for name in _REST))
        for plan in found
    ]
    return csv_response(request, "plans", ("id", "name", "price", "currency", *_REST), rows)


async def show_plan(request: Request) -> Response:
    """GET /admin/plans/{plan_id}: the form of a plan; `new` is that of one more."""
    require_admin(request)
    plan_id = request.path_params["plan_id"]
    if plan_id == "new":
        return await _page(request, "", plan_forms.form_of(_blank()))
    return await _page(request, plan_id, plan_forms.form_of(await _find(request, plan_id)))


def _blank() -> Plan:
    return Plan(
        id="",
        name="",
        price=plans.Price(49, "INR"),
        minutes=60,
        image_credits_per_hour=6,
        video_credits_per_hour=2,
        max_size=1024,
        max_count=2,
        position=9,
        available=False,
    )


async def _find(request: Request, plan_id: str) -> Plan:
    if not _ID.fullmatch(plan_id):
        raise NotFound
    state = state_of(request)
    try:
        return await state.database.run_system(plans.find, plan_id)
    except Invalid:
        raise NotFound from None


async def _page(request: Request, plan_id: str, form: Form, error: ChatserverError | None = None) -> Response:
    context = {
        "plan_id": plan_id,
        "form": form,
        "numbers": plan_forms.NUMBERS,
        **await _preview_of(request, plan_id, form),
    }
    return layout.render(request, "admin/plan.html", context, error.status if error else 200)


async def save(request: Request) -> Response:
    """POST /admin/plans/{plan_id}; of a new one the form has the id."""
    require_admin(request)
    form, plan_id = await forms.read(request), request.path_params["plan_id"]
    is_new = plan_id == "new"
    if not is_new:
        await _find(request, plan_id)
    try:
        plan = plan_forms.plan_of(form, form.text("id") if is_new else plan_id)
        await act(request, _save, plan, "" if is_new else form.text("seen"))
    except Conflict as error:
        fresh = (
            form.with_error(error) if is_new else plan_forms.form_of(await _find(request, plan_id)).with_error(error)
        )
        return await _page(request, "" if is_new else plan_id, fresh, error)
    except Invalid as error:
        return await _page(request, "" if is_new else plan_id, form_pages.refuse(form, error, _SHOWN_AT), error)
    return forms.redirect(request, PATH, notice=f"{plan.name} is saved. What is sold keeps what it was sold with.")


async def _save(tx: Transaction, actor: Actor, plan: Plan, seen: str) -> None:
    await tx.fetch_value("plans.lock")
    known = {each.id: each for each in await plans.list_all(tx)}
    if not seen and plan.id in known:
        raise Conflict("There is a plan with this id already.")
    plan_forms.require_unchanged(known.get(plan.id), seen)
    await plans.save(tx, actor, plan)


async def preview(request: Request) -> Response:
    """GET /admin/plans/preview: what is said of a plan while it is typed, as a fragment; `id` and the fields of the form."""
    require_admin(request)
    form = Form(dict(request.query_params))
    context = await _preview_of(request, form.text("id"), form)
    return layout.render(request, "admin/_plan_preview.html", context)


async def _preview_of(request: Request, plan_id: str, form: Form) -> dict[str, object]:
    """The plan of a form with its worst case where it is valid, and otherwise what is wrong with it."""
    try:
        plan = plan_forms.plan_of(form, plan_id or form.text("id") or "unnamed")
    except Invalid as error:
        return {"plan": None, "wrong": error.message}
    state = state_of(request)
    called = money.models_called(state.providers.values(), state.chat)
    case = await state.database.run_system(money.worst_case_of, called, plan)
    return {"plan": plan, "wrong": "", "case": case, "worst": money.worst_words(case)}


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH + ".csv", download, methods=["GET"]),
    Route(PATH + "/preview", preview, methods=["GET"]),
    Route(PATH + "/{plan_id}", show_plan, methods=["GET"]),
    Route(PATH + "/{plan_id}", save, methods=["POST"]),
]
