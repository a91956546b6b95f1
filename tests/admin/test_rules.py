"""Prompt rules over the whole product: made, tried, switched on and off in the page, and held on every entrance."""

import re
import uuid

import pytest

from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.story import Refusal, sign_up

PATH = "/admin/rules"


@pytest.fixture(autouse=True)
async def no_rule_stays(database):
    yield
    await run_sql(database, "DELETE FROM prompt_rules")


async def add_rule(operator, terms, **fields):
    """A rule, added in the page. Returns the page of it, with what it would have refused."""
    form = (await operator.visit(PATH)).forms[PATH]
    return await operator.post(PATH, {**form, "terms": terms, **fields}, follow=True)


async def press(operator, page, lever, **fields):
    [action] = [each for each in page.forms if each.endswith(f"/{lever}")]
    return await operator.post(action, {**page.forms[action], **fields}, follow=True)


async def test_a_rule_is_tried_before_it_holds_and_then_holds_on_every_entrance(operator, product, database):
    ada, bob = await sign_up(product, "Ada"), await sign_up(product, "Bob")
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session, guests_may_generate=True))
    chat, guest = await ada.joins(session), await bob.joins(session)
    made = await chat.sees_ended(await chat.generates("a Krakén at sea"))
    asset = made["generations"][0]["assets"][0]["id"]

    page = await add_rule(operator, "kraken*", message="No monsters here.")
    assert re.search(r"\b1 of \d+ prompts?\b", " ".join(page.text.split()))
    assert "at sea" not in page.text
    assert (await press(operator, page, "prompts")).status == 422
    read = await press(operator, page, "prompts", reason="is it too broad?")
    assert (read.status, "a Krakén at sea" in read.text) == (200, True)
    async with opened(ada) as browser:
        assert "is it too broad?" in (await browser.visit("/settings/readings")).text
    again = await chat.generates("two krakens", count=2)
    await chat.sees_ended(again)

    page = await press(operator, page, "on")
    assert "The rule is on" in page.text
    before = await ada.credits(session)
    order = {"client_id": str(uuid.uuid4()), "kind": "image", "prompt": "a kraken"}
    picture = made["generations"][0]["id"]
    entrances = {
        "socket": lambda: chat.generates("a KRAKEN"),
        "batch": lambda: chat.generates("a kraken", count=4),
        "clip": lambda: chat.generates("a kraken", kind="video"),
        "guest": lambda: guest.generates("a boat", negative_prompt="krakens"),
        "variation": lambda: chat.generates("the kraken", source_asset_id=asset),
        "version": lambda: chat.asks("generation.retry", generation_id=picture),
        "larger": lambda: chat.asks("generation.enlarge", generation_id=picture, side=512),
        "api": lambda: ada.call("POST", f"/sessions/{session['id']}/generations", order),
        "version by api": lambda: ada.call("POST", f"/generations/{picture}/retry"),
        "larger by api": lambda: ada.call("POST", f"/generations/{picture}/enlarge", {"side": 512}),
    }
    for name, enter in entrances.items():
        with pytest.raises(Refusal) as refused:
            await enter()
        assert refused.value.code == "prompt-not-allowed", name
        assert refused.value.error["message"] == "No monsters here.", name
        assert refused.value.status in {0, 403}, name
    assert await ada.credits(session) == before
    assert (await chat.generates("a crab"))["kind"] == "image"

    page = await press(operator, page, "off")
    await chat.generates("a kraken")
    deleted = await press(operator, page, "delete")
    assert (deleted.path, "is deleted" in deleted.text) == (PATH, True)
    rule = page.path.partition("?")[0].rpartition("/")[2]
    acts = await run_sql(
        database,
        "SELECT action FROM audit_entries WHERE actor = 'Grace' AND action LIKE 'rule.%' AND target_id = $1",
        rule,
    )
    assert {row["action"] for row in acts} == {
        "rule.added", "rule.tried", "rule.switched_on", "rule.switched_off", "rule.deleted",
    }  # fmt: skip
    await chat.leaves()
    await guest.leaves()


async def test_the_first_picture_of_a_visitor_is_held_to_the_rules_and_the_session_begins_all_the_same(
    operator, product
):
    await press(operator, await add_rule(operator, "kraken"), "on")
    ada = await sign_up(product, "Ada")
    async with opened(ada) as browser:
        page = await browser.visit("/start?plan=flash")
        answer = await browser.post("/start", {**page.forms["/start"], "prompt": "a kraken"}, follow=True)
    assert (answer.status, answer.path.startswith("/sessions/")) == (200, True)
    [session] = (await ada.call("GET", "/sessions"))["sessions"]
    assert (await ada.call("GET", f"/sessions/{session['id']}/messages"))["messages"] == []


async def test_a_rule_is_changed_in_its_page_and_off_with_other_words(operator):
    page = await press(operator, await add_rule(operator, "kraken\nleviathan", **{"plan-pro": "on"}), "on")
    own = page.path.partition("?")[0]
    form = page.forms[own]
    assert (form["terms"].split(), "plan-pro" in form) == (["kraken", "leviathan"], True)
    told = await operator.post(own, {**form, "message": "Sorry."}, follow=True)
    assert ("The rule is saved" in told.text, "Switch off" in told.text) == (True, True)
    stale = await operator.post(own, form)
    assert (stale.status, "changed this rule meanwhile" in stale.text) == (409, True)
    for field, value in (("terms", "*"), ("terms", "x" * 81), ("message", "x" * 301), ("plan-nothing", "on")):
        refused = await operator.post(own, {**stale.forms[own], field: value})
        assert refused.status == 422, field
    other = await operator.post(own, {**stale.forms[own], "terms": "leviathan"}, follow=True)
    assert ("and off" in other.text, "Switch on" in other.text) == (True, True)
    for path in (f"{PATH}/{uuid.uuid4()}", f"{PATH}/x", f"{PATH}/new"):
        assert (await operator.visit(path)).status == 404
    assert (await operator.post(f"{own}/explode", {"csrf_token": form["csrf_token"]})).status == 404
