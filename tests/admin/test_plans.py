"""Plans are edited in the page: checked, recorded, and never over the change of another admin."""

from decimal import Decimal

import pytest

from chatserver import plans
from chatserver.admin import plan_forms
from chatserver.audit import COMMAND_LINE
from chatserver.audit import service as audit
from chatserver.audit.models import AuditFilter
from chatserver.config import Config
from chatserver.costs.models import WorstCase
from chatserver.errors import Conflict, Invalid
from chatserver.web import templating
from tests.support.story import sign_up


async def pro(database):
    return await database.run_system(plans.find, "pro")


async def test_the_form_of_a_plan_is_the_plan(database):
    plan = await pro(database)
    assert plan_forms.plan_of(plan_forms.form_of(plan), "pro") == plan


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", ""), ("amount", "1,000"), ("amount", "-1"), ("amount", "1e3"), ("amount", "\u0663"),
        ("amount", "9" * 10), ("currency", "rupees"), ("currency", "₹"), ("name", ""), ("name", "x" * 41),
        ("name", "a\u202eb"), ("name", "\x00"), ("name", "\ud800"), ("minutes", "0"), ("minutes", "1.5"),
        ("minutes", "9" * 400), ("image_credits_per_hour", "1001"), ("video_credits_per_hour", "-1"), ("max_size", "63"),
        ("max_count", "5"), ("max_uploads", "1001"), ("position", "x"), ("chat_model", "x" * 201), ("chat_model", "a\x00b"),
    ],
)  # fmt: skip
async def test_what_no_plan_can_be_is_refused_beside_its_field(database, field, value):
    form = plan_forms.form_of(await pro(database))
    form.values[field] = value
    with pytest.raises(Invalid) as refusal:
        plan_forms.plan_of(form, "pro")
    assert refusal.value.details["field"] in {field, "price" if field == "amount" else field}


@pytest.mark.parametrize("plan_id", ["", "new", "preview", "Pro", "../pro", "x" * 41])
async def test_an_id_that_cannot_be_in_an_address_is_refused(database, plan_id):
    with pytest.raises(Invalid):
        plan_forms.plan_of(plan_forms.form_of(await pro(database)), plan_id)


async def test_a_plan_that_another_has_changed_is_not_overwritten(database):
    plan = await pro(database)
    plan_forms.require_unchanged(plan, plan_forms.digest(plan))
    with pytest.raises(Conflict):
        plan_forms.require_unchanged(plan, "0" * 16)
    with pytest.raises(Conflict):
        plan_forms.require_unchanged(None, plan_forms.digest(plan))


async def test_what_changed_is_in_the_log_with_before_and_after(database):
    flash = await database.run_system(plans.find, "flash")
    changed = plans.Price(59.5, "INR")
    await database.run_system(plans.save, COMMAND_LINE, _with(flash, price=changed, minutes=90))
    [entry] = await database.run_system(audit.page, AuditFilter(target="flash"), None, 1)
    assert entry.details == {"price": "49 INR → 59.5 INR", "minutes": "120 → 90"}
    await database.run_system(plans.save, COMMAND_LINE, flash)


def _with(plan, **fields):
    return type(plan)(**{**{name: getattr(plan, name) for name in plan.__struct_fields__}, **fields})


async def test_a_plan_is_changed_in_the_page_and_what_is_sold_keeps_what_was_sold(operator, product, database):
    ada = await sign_up(product, "Ada")
    sold = await ada.buys("pro")
    page = await operator.visit("/admin/plans/pro")
    form = page.forms["/admin/plans/pro"]
    answer = await operator.post(
        "/admin/plans/pro", {**form, "amount": "119,50", "image_credits_per_hour": "20"}, follow=True
    )
    assert (answer.status, "is saved" in answer.text, "₹119.50" in answer.text) == (200, True, True)
    assert (await ada.credits(sold))["image"]["limit"] == 15
    assert (await ada.credits(await ada.buys("pro")))["image"]["limit"] == 20
    again = await operator.post("/admin/plans/pro", {**form, "amount": "1"})
    assert (again.status, "changed this plan meanwhile" in again.text, "119.50" in again.text) == (409, True, True)
    refused = await operator.post("/admin/plans/pro", {**again.forms["/admin/plans/pro"], "minutes": "0"})
    assert (refused.status, "Must be 1 to 525,600" in refused.text) == (422, True)
    withdrawn = dict(again.forms["/admin/plans/pro"])
    del withdrawn["available"]
    await operator.post("/admin/plans/pro", withdrawn)
    assert "Pro" not in [plan["name"] for plan in (await ada.call("GET", "/plans"))["plans"]]


async def test_a_new_plan_is_added_once(operator):
    form = (await operator.visit("/admin/plans/new")).forms["/admin/plans/new"]
    filled = {**form, "id": "class-room", "name": "Class room", "amount": "0", "available": "on"}
    assert (await operator.post("/admin/plans/new", filled)).status == 303
    assert (await operator.post("/admin/plans/new", filled)).status == 409
    assert "Class room" in (await operator.visit("/admin/plans")).text
    assert (await operator.visit("/admin/plans/nothing-like-it")).status == 404


async def test_what_is_typed_is_judged_before_it_is_saved(operator, database):
    plan = plan_forms.form_of(await pro(database)).values
    from_page = "&".join(f"{name}={value}" for name, value in {**plan, "amount": "150"}.items() if name != "seen")
    assert "₹150" in (await operator.visit(f"/admin/plans/preview?{from_page}")).text
    wrong = await operator.visit(f"/admin/plans/preview?{from_page.replace('minutes=180', 'minutes=0')}")
    assert "minutes must be 1 to 525,600" in wrong.text


@pytest.mark.parametrize(
    ("known", "unknown", "state", "words"),
    [
        ("120", (), "bad", "₹-21"),
        ("120", ("other: no price",), "bad", "at most"),
        ("12", ("other: no price",), "attention", "unknown"),
        ("12", (), "good", "₹87"),
    ],
)
async def test_a_plan_that_would_lose_money_is_red_and_what_is_unknown_is_said(database, known, unknown, state, words):
    plan = await pro(database)
    case = WorstCase(images=45, videos=15, price=Decimal(99), known=Decimal(known), currency="INR", unknown=unknown)
    site = templating.open_site(Config(), "a test's key")
    drawn = templating.draw(site, "admin/_plan_preview.html", plan=plan, wrong="", case=case, worst="₹120")
    assert f'data-state="{state}"' in drawn
    assert words in drawn.replace("\u2212", "-").replace("-₹", "₹-")
    assert all(why in drawn for why in unknown)
