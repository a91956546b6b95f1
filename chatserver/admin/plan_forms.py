"""The form of a plan: what an operator types, as a Plan, or with what is wrong beside its field."""

import hashlib
import re

import msgspec

from chatserver.errors import Conflict, Invalid
from chatserver.plans import service as plans
from chatserver.plans.models import Plan, Price
from chatserver.web.forms import Form

# Such as 49, 9.50 or 9,50; 1,000 is ambiguous, so it is refused.
_AMOUNT = re.compile(r"[0-9]{1,10}([.,][0-9]{1,2})?")
_NUMBER = re.compile(r"[0-9]{1,7}")
# The fields of the form that are whole numbers, with the words of their labels.
NUMBERS = {
    "minutes": "Minutes",
    "image_credits_per_hour": "Image credits an hour",
    "video_credits_per_hour": "Video credits an hour",
    "max_size": "Largest side in pixels",
    "max_count": "Pictures at once",
    "max_uploads": "Uploads of one person",
    "position": "Place in the list",
}


def form_of(plan: Plan) -> Form:
    """The form that shows a plan as it is."""
    values = {name: str(getattr(plan, name)) for name in NUMBERS}
    values |= {
        "id": plan.id,
        "name": plan.name,
        "amount": f"{plan.price.amount:.2f}".removesuffix(".00"),
        "currency": plan.price.currency,
        "chat_model": plan.chat_model,
        "seen": digest(plan),
    }
    return Form(values | ({"available": "on"} if plan.available else {}))


def plan_of(form: Form, plan_id: str) -> Plan:
    """The plan that a form describes. Raises Invalid, with the field of the form."""
    amount = form.text("amount")
    if not _AMOUNT.fullmatch(amount):
        raise Invalid.field("amount", "must be an amount such as 49 or 9.50")
    numbers = {name: _number(form, name) for name in NUMBERS}
    plan = Plan(
        id=plan_id,
        name=form.text("name"),
        price=Price(float(amount.replace(",", ".")), form.text("currency").upper()),
        chat_model=form.text("chat_model"),
        available=form.flag("available"),
        **numbers,
    )
    return plans.check(plan)


def _number(form: Form, name: str) -> int:
    text = form.text(name)
    if not _NUMBER.fullmatch(text):
        raise Invalid.field(name, "must be a whole number")
    return int(text)


def digest(plan: Plan) -> str:
    """What shows whether a plan is still as its form has shown it."""
    return hashlib.sha256(msgspec.json.encode(plan)).hexdigest()[:16]


def require_unchanged(plan: Plan | None, seen: str) -> None:
    """Raises Conflict where a plan is not as the form has shown it: another operator has changed it meanwhile."""
    if ("" if plan is None else digest(plan)) != seen:
        raise Conflict("Somebody has changed this plan meanwhile. Here it is as it is now; please change it again.")
