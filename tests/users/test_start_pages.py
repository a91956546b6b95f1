"""From a prompt on the landing page to a session in which its picture is under way, as a browser without JavaScript goes."""

import asyncio
import re
import uuid

import pytest

from chatserver import sessions
from tests.support.people import run_sql
from tests.users.accounts import PASSWORD, email, member
from tests.users.server import serve

PROMPT = "a red fox in the snow"


@pytest.fixture(scope="module")
async def server(database):
    async with serve(database) as opened:
        yield opened


async def presses_make_it(browser, prompt=PROMPT):
    """The page that "Make it" on the landing page leads to."""
    form = (await browser.visit("/")).forms["/start"]
    return await browser.post("/start", {**form, "prompt": prompt})


async def started(browser, page, **fields):
    """Sends the form of that page; where it leads."""
    answer = await browser.post("/start", {**page.forms["/start"], **fields})
    assert answer.status == 303, answer.text
    return answer.headers["Location"]


async def bought(database, address):
    """The sessions of an account and the prompts of their pictures, oldest first."""
    rows = await run_sql(
        database,
        """SELECT p.session_id::text AS session, p.plan_id AS plan, g.prompt, g.status
             FROM users u JOIN purchases p ON p.user_id = u.id LEFT JOIN generations g ON g.session_id = p.session_id
            WHERE u.email = $1 ORDER BY p.created_at, g.id""",
        address,
    )
    return [(row["session"], row["plan"], row["prompt"]) for row in rows]


async def test_two_forms_lead_from_the_landing_page_to_the_first_picture(server, database):
    browser, address = await server.browser(), email()
    page = await presses_make_it(browser)
    assert page.status == 200
    assert PROMPT in page.text and PROMPT not in page.path
    where = await started(browser, page, email=address, password=PASSWORD)
    [(session, plan, prompt)] = await bought(database, address)
    assert (where, plan, prompt) == (f"/sessions/{session}", "flash", PROMPT)
    assert (await browser.visit("/settings")).status == 200


async def test_the_name_is_made_of_the_address_unless_one_is_typed(server, database):
    for typed, shown in (("", "Grace Hopper"), ("Amazing Grace", "Amazing Grace")):
        browser = await server.browser()
        address = f"grace.hopper+{uuid.uuid4().hex}@example.org"
        await started(browser, await presses_make_it(browser), email=address, password=PASSWORD, name=typed)
        [row] = await run_sql(database, "SELECT name FROM users WHERE email = $1", address)
        assert row["name"] == shown


async def test_a_name_that_cannot_be_made_is_asked_for(server):
    browser = await server.browser()
    page = await presses_make_it(browser)
    answer = await browser.post("/start", {**page.forms["/start"], "email": "admin@example.org", "password": PASSWORD})
    assert answer.status == 422
    [focused] = re.findall(r"<input[^>]* autofocus[^>]*>", answer.text)
    assert 'name="name"' in focused
    assert answer.forms["/start"]["prompt"] == PROMPT and answer.forms["/start"]["email"] == "admin@example.org"


async def test_what_is_sent_twice_starts_once(server, database):
    browser, address = await server.browser(), email()
    page = await presses_make_it(browser)
    form = {**page.forms["/start"], "email": address, "password": PASSWORD}
    double = await asyncio.gather(*(browser.post("/start", form) for _ in range(3)))
    back = await browser.post("/start", form)  # from before the sign-in, so its token is out of date
    assert len({answer.headers["Location"] for answer in (*double, back)}) == 1
    [(session, _, prompt)] = await bought(database, address)
    assert (back.headers["Location"], prompt) == (f"/sessions/{session}", PROMPT)


async def test_whoever_has_signed_in_starts_at_once(server, database):
    ada, browser = await member(database), await server.browser()
    await browser.fills("/sign-in", "/sign-in", email=ada.email, password=PASSWORD)
    form = (await browser.visit("/")).forms["/start"]
    answers = [await browser.post("/start", {**form, "prompt": PROMPT}) for _ in range(2)]
    [(session, _, prompt)] = await bought(database, ada.email)
    assert [answer.headers["Location"] for answer in answers] == [f"/sessions/{session}"] * 2
    assert prompt == PROMPT


async def test_a_form_from_before_the_sign_in_changes_nothing_until_it_is_confirmed(server, database):
    ada, browser = await member(database), await server.browser()
    old = (await browser.visit("/")).forms["/start"]
    await browser.fills("/sign-in", "/sign-in", email=ada.email, password=PASSWORD)
    page = await browser.post("/start", {**old, "prompt": PROMPT})
    assert page.status == 200 and await bought(database, ada.email) == []
    await started(browser, page)
    assert len(await bought(database, ada.email)) == 1


async def test_an_address_with_an_account_and_its_password_signs_in(server, database):
    ada, browser = await member(database), await server.browser()
    await started(browser, await presses_make_it(browser), email=ada.email, password=PASSWORD)
    assert len(await bought(database, ada.email)) == 1
    stranger = await server.browser()
    page = await presses_make_it(stranger)
    form = {**page.forms["/start"], "email": ada.email, "password": "another one"}
    answer = await stranger.post("/start", form)
    assert answer.status == 409 and "There is an account with this e-mail address already" in answer.text
    mine = await stranger.post("/start", {**form, "has_account": "yes"})
    assert "current-password" in mine.text and mine.forms["/start"]["prompt"] == PROMPT
    refused = await stranger.post("/start", {**mine.forms["/start"], "password": "another one"})
    assert refused.status == 401 and refused.forms["/start"]["email"] == ada.email
    await started(stranger, refused, password=PASSWORD)
    assert len(await bought(database, ada.email)) == 2


@pytest.mark.parametrize("prompt", ["x" * 2001, "a\x00b"])
async def test_a_prompt_that_is_refused_costs_nothing_and_stays(server, database, prompt):
    browser, address = await server.browser(), email()
    page = await presses_make_it(browser)
    answer = await browser.post(
        "/start", {**page.forms["/start"], "prompt": prompt, "email": address, "password": PASSWORD}
    )
    assert answer.status in {400, 422}
    assert await run_sql(database, "SELECT FROM users WHERE email = $1", address) == []


async def test_a_card_starts_its_own_plan_without_a_picture(server, database):
    browser, address = await server.browser(), email()
    assert 'href="/start?plan=pro"' in (await browser.visit("/")).text
    page = await browser.visit("/start?plan=pro")
    await started(browser, page, email=address, password=PASSWORD)
    [(_, plan, prompt)] = await bought(database, address)
    assert (plan, prompt) == ("pro", None)


async def test_a_session_that_was_deleted_is_not_started_again(server, database):
    ada, browser = await member(database), await server.browser()
    await browser.fills("/sign-in", "/sign-in", email=ada.email, password=PASSWORD)
    form = {**(await browser.visit("/")).forms["/start"], "prompt": PROMPT}
    where = (await browser.post("/start", form)).headers["Location"]
    await database.run_system(sessions.mark_deleted, where.removeprefix("/sessions/"))
    assert (await browser.post("/start", form)).headers["Location"] == "/sessions"


async def test_junk_starts_nothing(server):
    browser = await server.browser()
    page = await presses_make_it(browser)
    form = {**page.forms["/start"], "email": email(), "password": PASSWORD}
    assert (await browser.post("/start", {**form, "start_id": "nonsense"})).status == 422
    assert (await browser.post("/start", {**form, "csrf_token": ""})).status == 403


async def test_the_first_session_counts_for_its_address_and_who_comes_too_late_has_an_account_and_reads_why(
    database, limited
):
    few = await limited(free_sessions_per_address_per_day=1)
    async with serve(few) as strict:
        emails = [email(), email()]
        at_home = {"X-Forwarded-For": "192.0.2.77"}
        first, second = await strict.browser(**at_home), await strict.browser(**at_home)
        await started(first, await presses_make_it(first), email=emails[0], password=PASSWORD)
        late = await started(second, await presses_make_it(second), email=emails[1], password=PASSWORD)
        assert [len(await bought(database, each)) for each in emails] == [1, 0]
        assert late == "/plans"
        page = " ".join((await second.visit("/plans")).text.split())
        assert "one network address may have in a day (1)" in page
        assert "0 of 1 free sessions and extensions left today for everybody at your network address." in page


async def test_where_the_operator_grants_sessions_the_account_is_made_and_the_plans_say_so(database):
    async with serve(database, checkout=("manual",)) as manual:
        browser, address = await manual.browser(), email()
        page = await presses_make_it(browser)
        assert await started(browser, page, email=address, password=PASSWORD) == "/plans"
        assert await bought(database, address) == []
        assert "granted by hand" in (await browser.visit("/plans")).text


@pytest.mark.parametrize("policy", ["invite", "closed"])
async def test_where_strangers_make_no_account_the_form_is_that_of_a_sign_in(database, policy):
    ada = await member(database)
    async with serve(database, sign_up=policy) as closed:
        browser = await closed.browser()
        page = await presses_make_it(browser)
        assert "current-password" in page.text and "Create account" not in page.text
        await started(browser, page, email=ada.email, password=PASSWORD)
        assert len(await bought(database, ada.email)) == 1
