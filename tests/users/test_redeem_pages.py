"""From a code, or its link, to its session: as a browser without JavaScript goes. And the trial."""

import pytest

from chatserver import codes
from chatserver.audit import COMMAND_LINE
from chatserver.codes import spelling
from chatserver.codes.models import CodeOrder
from tests.support.people import make_session, run_sql
from tests.users.accounts import PASSWORD, email, member
from tests.users.server import serve


@pytest.fixture(scope="module")
async def server(database):
    async with serve(database, checkout=("codes",), trial_plan="flash-lite") as opened:
        yield opened


async def new_code(database):
    order = CodeOrder(plan_id="pro", count=1, expires="90d")
    return (await database.run_system(codes.make, COMMAND_LINE, order)).codes[0]


async def sessions_of(database, address):
    rows = await run_sql(
        database,
        "SELECT s.id, p.checkout FROM purchases p JOIN user_sessions s ON s.id = p.session_id "
        "JOIN users u ON u.id = p.user_id WHERE u.email = $1",
        address,
    )
    return [(f"/sessions/{row['id']}", row["checkout"]) for row in rows]


async def signed_in(server, database):
    ada, browser = await member(database), await server.browser()
    await browser.fills("/sign-in", "/sign-in", email=ada.email, password=PASSWORD)
    return ada, browser


async def test_a_link_leads_over_the_sign_up_to_the_session(server, database):
    code, browser, address = await new_code(database), await server.browser(), email()
    page = await browser.visit(f"/redeem/{code.lower()}")
    assert page.forms["/redeem"]["code"] == code
    assert "no-store" in page.headers["Cache-Control"] and page.headers["Referrer-Policy"] == "same-origin"
    assert "noindex" in page.text
    answer = await browser.post("/redeem", {**page.forms["/redeem"], "email": address, "password": PASSWORD})
    assert [(answer.headers["Location"], "codes")] == await sessions_of(database, address)
    assert (await browser.visit("/settings")).status == 200


STRANGE = ["", " ", "7K2M", "\x00" * 16, "\u202e" * 16, "x" * 50_000, spelling.new()]


async def test_a_program_redeems_a_code_once_and_hears_what_is_wrong_with_others(server, database):
    code, (ada, mine) = await new_code(database), await signed_in(server, database)
    _, others = await signed_in(server, database)
    foreign = await make_session(database, (await member(database)).id)
    status, refused = await mine.call("POST", "/codes/redeem", {"code": code, "session_id": foreign})
    assert (status, refused["error"]["code"]) == (404, "not-found")
    for _ in range(2):
        status, answer = await mine.call("POST", "/codes/redeem", {"code": code.lower()})
        assert (status, answer["session"]["plan_id"], answer["session"]["owner_id"]) == (200, "pro", ada.id)
    assert [(f"/sessions/{answer['session']['id']}", "codes")] == await sessions_of(database, ada.email)
    for wrong in [code, *STRANGE]:
        await run_sql(database, "DELETE FROM throttles")
        status, refused = await others.call("POST", "/codes/redeem", {"code": wrong})
        assert (status, refused["error"].get("details", {}).get("field")) == (422, "code"), (wrong[:20], refused)
    for body in (
        {},
        {"code": 7},
        {"code": "a\ud800b"},
        {"code": code, "session_id": "x"},
        {"code": code, "plan_id": "pro"},
        [],
    ):
        assert (await others.call("POST", "/codes/redeem", body))[0] in {400, 404, 422}, body
    assert (await (await server.browser()).call("POST", "/codes/redeem", {"code": code}))[0] == 401
    seven_again = {(await others.call("POST", "/codes/redeem", {"code": spelling.new()}))[0] for _ in range(12)}
    assert seven_again == {422, 429}


async def test_a_link_that_is_cut_off_says_so(server):
    page = await (await server.browser()).visit("/redeem/7K2M-Q9XW-4T")
    assert page.status == 404 and "its code is cut off" in page.text
    assert page.forms["/redeem"]["code"] == "7K2M-Q9XW-4T"


async def test_opening_a_link_uses_nothing_up_and_tells_nothing(server, database):
    code, browser = await new_code(database), await server.browser()
    good, none = [(await browser.visit(f"/redeem/{each}")).text for each in (code, spelling.new())]
    assert len(good) == len(none)
    assert [row["redeemed_at"] for row in await run_sql(database, "SELECT redeemed_at FROM codes")].count(None) >= 1
    ada, mine = await signed_in(server, database)
    answer = await mine.fills("/redeem", "/redeem", code=code)
    assert [(answer.headers["Location"], "codes")] == await sessions_of(database, ada.email)


async def test_who_has_an_account_signs_in_on_the_way(server, database):
    code, browser, ada = await new_code(database), await server.browser(), await member(database)
    page = await browser.visit(f"/redeem/{code}")
    mine = await browser.post("/redeem", {**page.forms["/redeem"], "email": "", "has_account": "yes"})
    assert "current-password" in mine.text and mine.forms["/redeem"]["code"] == code
    answer = await browser.post("/redeem", {**mine.forms["/redeem"], "email": ada.email, "password": PASSWORD})
    assert [(answer.headers["Location"], "codes")] == await sessions_of(database, ada.email)


async def test_a_visitor_with_a_code_that_is_no_good_has_an_account_and_reads_why(server, database):
    browser, address, code = await server.browser(), email(), spelling.new()
    page = await browser.visit(f"/redeem/{code}")
    answer = await browser.post("/redeem", {**page.forms["/redeem"], "email": address, "password": PASSWORD})
    assert answer.headers["Location"] == f"/redeem/{code}"
    after = await browser.visit(f"/redeem/{code}")
    assert "Is not one of ours" in after.text and after.forms["/redeem"]["code"] == code
    assert await sessions_of(database, address) == []


async def test_the_plans_page_has_the_field_and_sells_nothing_free(server, database):
    ada, browser = await signed_in(server, database)
    page = await browser.visit("/plans")
    assert "/sessions" not in page.forms and "granted by hand" not in page.text
    refused = await browser.post("/redeem", {**page.forms["/redeem"], "code": "7K2M-Q9XW"})
    assert refused.status == 422 and "Is not complete" in refused.text
    assert refused.forms["/redeem"]["code"] == "7K2M-Q9XW"
    token = page.forms["/redeem"]["csrf_token"]
    assert (await browser.post("/sessions", {"plan_id": "pro", "csrf_token": token})).status == 403
    answer = await browser.post("/redeem", {**page.forms["/redeem"], "code": await new_code(database)})
    assert [(answer.headers["Location"], "codes")] == await sessions_of(database, ada.email)
    stranger = await server.browser()
    assert 'href="/redeem"' in (await stranger.visit("/plans")).text


async def test_a_code_adds_time_to_the_session_for_which_the_plans_were_opened(server, database):
    ada, browser = await signed_in(server, database)
    session = await make_session(database, ada.id, "flash", minutes=-5)
    page = await browser.visit(f"/plans?session={session}")
    answer = await browser.post("/redeem", {**page.forms["/redeem"], "code": await new_code(database)})
    assert answer.headers["Location"] == f"/sessions/{session}"
    theirs = await make_session(database, (await member(database)).id, "flash")
    code = await new_code(database)
    for session_id, status in ((theirs, 404), ("nonsense", 404)):
        refused = await browser.post("/redeem", {**page.forms["/redeem"], "code": code, "session_id": session_id})
        assert refused.status == status


async def test_a_form_that_was_not_ours_redeems_nothing(server, database):
    ada, browser = await signed_in(server, database)
    code = await new_code(database)
    answer = await browser.post("/redeem", {"code": code, "csrf_token": "forged"})
    assert answer.status == 200 and answer.forms["/redeem"]["code"] == code
    assert (await (await server.browser()).post("/redeem", {"code": code, "email": "a@b.example"})).status == 403
    assert await sessions_of(database, ada.email) == []


async def test_where_codes_are_not_taken_the_page_says_so_and_makes_no_account(database):
    async with serve(database) as instant:
        browser, address, code = await instant.browser(), email(), await new_code(database)
        page = await browser.visit(f"/redeem/{code}")
        assert "No codes are taken here" in page.text and "/redeem" not in page.forms
        token = (await browser.visit("/sign-up")).forms["/sign-up"]["csrf_token"]
        form = {"code": code, "email": address, "password": PASSWORD, "csrf_token": token}
        assert (await browser.post("/redeem", form)).status == 403
        assert await run_sql(database, "SELECT FROM users WHERE email = $1", address) == []
        assert "I have a code" not in (await browser.visit("/plans")).text


@pytest.mark.parametrize("policy", ["invite", "closed"])
async def test_where_strangers_make_no_account_the_form_is_that_of_a_sign_in(database, policy):
    async with serve(database, checkout=("codes",), sign_up=policy) as closed:
        page = await (await closed.browser()).visit("/redeem")
        assert "current-password" in page.text and "new-password" not in page.text


async def test_the_trial_is_offered_until_one_has_had_it(server, database):
    ada, browser = await signed_in(server, database)
    page = await browser.visit("/plans")
    assert "Try Flash Lite first" in page.text
    answer = await browser.post("/trial", page.forms["/trial"])
    assert [(answer.headers["Location"], "instant")] == await sessions_of(database, ada.email)
    after = await browser.visit("/plans")
    assert "/trial" not in after.forms
    again = await browser.post("/trial", page.forms["/trial"])
    assert again.headers["Location"] == "/plans"
    assert "You have had your trial session" in (await browser.visit("/plans")).text
    assert len(await sessions_of(database, ada.email)) == 1
