"""/admin/rules: which prompts are refused. A rule is tried against the history before it is switched on."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chatserver import ids, plans
from chatserver.admin.pages import layout
from chatserver.admin.pages.access import act, require_admin
from chatserver.audit.service import required_reason
from chatserver.database import Transaction
from chatserver.errors import ChatserverError, Conflict, Invalid, NotFound
from chatserver.moderation import rule_trial, rules
from chatserver.moderation.rule_trial import RuleTrial
from chatserver.moderation.rules import PromptRule, RuleWish
from chatserver.plans.models import Plan
from chatserver.state import state_of
from chatserver.web import forms
from chatserver.web.forms import Form

PATH = "/admin/rules"
# The names of the checkboxes of plans: each field of a form is there once.
_PLAN = "plan-"


async def show(request: Request) -> Response:
    """GET /admin/rules."""
    return await _list(request, Form())


async def _list(request: Request, form: Form, status: int = 200) -> Response:
    require_admin(request)
    state = state_of(request)
    found, known = await state.database.run_system(_read_all)
    context = {"rules": found, "plans": known, "form": form, "default_message": rules.DEFAULT_MESSAGE}
    return layout.render(request, "admin/rules.html", context, status)


async def _read_all(tx: Transaction) -> tuple[list[PromptRule], list[Plan]]:
    return await rules.list_rules(tx), await plans.list_all(tx)


async def add(request: Request) -> Response:
    """POST /admin/rules: `terms`, `message`, and `plan-<id>` for each plan, none: all. It is off, and tried at once."""
    require_admin(request)
    form = await forms.read(request)
    try:
        rule_id = await act(request, rules.add, _wish_of(form), client_id=form.text("client_id") or None)
    except (Invalid, Conflict) as error:
        return await _list(request, form.with_error(error), error.status)
    await _try(request, rule_id)
    return forms.redirect(request, _path(rule_id), notice="The rule is kept, and off. See what it would have refused.")


def _wish_of(form: Form) -> RuleWish:
    chosen = [name.removeprefix(_PLAN) for name in form.values if name.startswith(_PLAN)]
    return rules.check(form.raw("terms"), chosen, form.text("message"))


def _path(rule_id: str) -> str:
    return f"{PATH}/{rule_id}"


async def show_rule(request: Request) -> Response:
    """GET /admin/rules/{rule_id}."""
    require_admin(request)
    return await _page(request, _rule_id(request))


def _rule_id(request: Request) -> str:
    return ids.parse(request.path_params["rule_id"], "rule_id")


async def _page(
    request: Request,
    rule_id: str,
    *,
    form: Form | None = None,
    error: ChatserverError | None = None,
    trial: RuleTrial | None = None,
    reason: str = "",
) -> Response:
    state = state_of(request)
    rule, known = await state.database.run_system(_read, rule_id)
    context = {
        "rule": rule,
        "plans": known,
        "form": form or _form_of(rule),
        "problem": error.message if error and form is None else "",
        "days": rule_trial.DAYS,
        "trial": trial,
        "reason": reason,
        "default_message": rules.DEFAULT_MESSAGE,
    }
    return layout.render(request, "admin/rule.html", context, error.status if error else 200)


async def _read(tx: Transaction, rule_id: str) -> tuple[PromptRule, list[Plan]]:
    return await rules.find(tx, rule_id), await plans.list_all(tx)


def _form_of(rule: PromptRule) -> Form:
    chosen = {_PLAN + plan_id: "on" for plan_id in rule.plans}
    return Form(
        {"terms": "\n".join(rule.terms), "message": rule.message, "seen": rule.changed_at.isoformat(), **chosen}
    )


async def save(request: Request) -> Response:
    """POST /admin/rules/{rule_id}: the same fields, and `seen`. With other terms or plans it is off, and tried at once."""
    require_admin(request)
    form, rule_id = await forms.read(request), _rule_id(request)
    try:
        rule = await act(request, rules.change, rule_id, _wish_of(form), form.text("seen"))
    except Conflict as error:
        return await _page(request, rule_id, error=error)
    except Invalid as error:
        return await _page(request, rule_id, form=form.with_error(error), error=error)
    if rule.tried_at is not None:
        return forms.redirect(request, _path(rule_id), notice="The rule is saved.")
    await _try(request, rule_id)
    return forms.redirect(request, _path(rule_id), notice="The rule is saved, and off. See what it would have refused.")


async def _try(request: Request, rule_id: str) -> RuleTrial:
    state = state_of(request)
    rule = await state.database.run_system(rules.find, rule_id)
    trial = await rule_trial.run(state.database, rule.enforced)
    await act(request, rules.keep_trial, rule, trial.since, trial.complete, trial.prompts, trial.refused)
    return trial


async def _try_again(request: Request, rule_id: str) -> str:
    await _try(request, rule_id)
    return "Tried against the history."


async def _switch_on(request: Request, rule_id: str) -> str:
    await act(request, rules.switch, rule_id, on=True)
    return "The rule is on: it holds for whatever is asked for from now on."


async def _switch_off(request: Request, rule_id: str) -> str:
    await act(request, rules.switch, rule_id, on=False)
    return "The rule is off."


_LEVERS: dict[str, Callable[[Request, str], Awaitable[str]]] = {
    "try": _try_again,
    "on": _switch_on,
    "off": _switch_off,
}


async def pull(request: Request) -> Response:
    """POST /admin/rules/{rule_id}/{lever}."""
    require_admin(request)
    await forms.read(request)
    rule_id, lever = _rule_id(request), _LEVERS.get(request.path_params["lever"])
    if lever is None:
        raise NotFound
    try:
        notice = await lever(request, rule_id)
    except Conflict as error:
        return await _page(request, rule_id, error=error)
    return forms.redirect(request, _path(rule_id), notice=notice)


async def remove(request: Request) -> Response:
    """POST /admin/rules/{rule_id}/delete."""
    require_admin(request)
    await forms.read(request)
    await act(request, rules.remove, _rule_id(request))
    return forms.redirect(request, PATH, notice="The rule is deleted.")


async def read_prompts(request: Request) -> Response:
    """POST /admin/rules/{rule_id}/prompts: what the rule would have refused, for the reason given."""
    require_admin(request)
    form, rule_id = await forms.read(request), _rule_id(request)
    try:
        required_reason(form.raw("reason"))
        trial = await _try(request, rule_id)
        await act(request, rule_trial.record_reading, rule_id, form.raw("reason"), trial.newest)
    except (Invalid, Conflict) as error:
        return await _page(request, rule_id, error=error)
    return await _page(request, rule_id, trial=trial, reason=" ".join(form.raw("reason").split()))


PAGES = [
    Route(PATH, show, methods=["GET"]),
    Route(PATH, add, methods=["POST"]),
    Route(PATH + "/{rule_id}", show_rule, methods=["GET"]),
    Route(PATH + "/{rule_id}", save, methods=["POST"]),
    Route(PATH + "/{rule_id}/delete", remove, methods=["POST"]),
    Route(PATH + "/{rule_id}/prompts", read_prompts, methods=["POST"]),
    Route(PATH + "/{rule_id}/{lever}", pull, methods=["POST"]),
]
