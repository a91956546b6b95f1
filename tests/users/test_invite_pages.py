"""Joining by an invite link: one form, and one is in the session."""

import re

import pytest

from chatserver import sessions
from chatserver.users import attempt_limits
from chatserver.users.attempt_limits import AttemptLimit
from tests.support.people import make_session, run_sql
from tests.users.accounts import PASSWORD, email, member
from tests.users.server import serve


@pytest.fixture(scope="module")
async def server(database):
    async with serve(database) as opened:
        yield opened


@pytest.fixture
async def invited(database):
    """An invite's path, the path of its session, and its owner's id."""
    owner = await member(database, "Dora")
    session_id = await make_session(database, owner.id, title="Poster")
    return (
        f"/invite/{await database.run_as(owner.id, sessions.invite, session_id)}",
        f"/sessions/{session_id}",
        owner.id,
    )


async def members(database, owner_id, session_path):
    found = await database.run_as(owner_id, sessions.find, session_path.removeprefix("/sessions/"))
    return {each.name: each for each in found.members}


async def test_a_visitor_is_in_with_one_form(server, database, invited):
    path, session, owner = invited
    browser = await server.browser()
    page = (await browser.visit(path)).text
    [hue] = re.findall(r'avatar--large" data-hue="(\d+)"', page)
    assert "Dora invites you to “Poster”" in page
    answer = await browser.fills(path, path, email="eike.w@example.org", password=PASSWORD)
    assert (answer.status, answer.headers["Location"]) == (303, session)
    inside = await members(database, owner, session)
    assert set(inside) == {"Dora", "Eike W"}
    assert int(hue) == inside["Dora"].hue


async def test_who_has_an_account_signs_in_with_the_same_form_or_the_other_one(server, database, invited):
    path, session, owner = invited
    ada, bob = await member(database, "Ada"), await member(database, "Bob")
    browser = await server.browser()
    answer = await browser.fills(path, path, email=ada.email, password=PASSWORD)
    assert answer.headers["Location"] == session
    browser = await server.browser()
    other = await browser.fills(path, path, email=bob.email, has_account="yes")
    assert "current-password" in other.text and other.forms[path]["email"] == bob.email
    refused = await browser.post(path, {**other.forms[path], "password": "not the right one"})
    assert refused.status == 401 and "Dora invites you" in refused.text
    answer = await browser.post(path, {**refused.forms[path], "password": PASSWORD})
    assert answer.headers["Location"] == session
    assert set(await members(database, owner, session)) == {"Dora", "Ada", "Bob"}


@pytest.mark.parametrize("page", ["/sign-in", "/sign-up"])
async def test_signing_in_or_up_on_the_way_says_whom_one_joins_and_joins(server, database, invited, page):
    path, session, _ = invited
    account = email() if page == "/sign-up" else (await member(database)).email
    browser = await server.browser()
    text = (await browser.visit(f"{page}?next={path}")).text
    assert "to join Dora’s “Poster”" in text
    answer = await browser.fills(f"{page}?next={path}", page, name="Ada", email=account, password=PASSWORD)
    assert (answer.status, answer.headers["Location"]) == (303, session)


async def test_a_member_joins_by_one_press_and_is_led_in_from_then_on(server, database, invited):
    path, session, _ = invited
    bob, browser = await member(database, "Bob"), await server.browser()
    await browser.fills("/sign-in", "/sign-in", email=bob.email, password=PASSWORD)
    page = await browser.visit(path)
    assert 'name="email"' not in page.text
    assert (await browser.post(path, page.forms[path])).headers["Location"] == session
    assert (await browser.visit(path, follow=False)).headers["Location"] == session


async def test_a_refused_form_keeps_what_was_typed(server, invited):
    path, _, _ = invited
    browser = await server.browser()
    answer = await browser.fills(path, path, email="eike@example.org", password="short", name="Eike")
    assert answer.status == 422
    assert answer.forms[path]["email"] == "eike@example.org" and answer.forms[path]["name"] == "Eike"
    [focused] = re.findall(r"<input[^>]* autofocus[^>]*>", answer.text)
    assert 'name="password"' in focused


async def test_whoever_was_sent_away_learns_it_after_signing_in(server, database, invited):
    path, session, owner = invited
    bob = await member(database, "Bob")
    session_id = session.removeprefix("/sessions/")
    await database.run_system(sessions.join, path.removeprefix("/invite/"), bob.id)
    await database.run_as(owner, sessions.remove_member, session_id, bob.id)
    browser = await server.browser()
    answer = await browser.fills(path, path, email=bob.email, password=PASSWORD)
    assert (answer.status, answer.headers["Location"]) == (303, path)
    assert "You cannot come in by this link" in (await browser.visit(path)).text


async def test_an_invite_that_is_gone_says_so(server):
    answer = await (await server.browser()).visit("/invite/never-was")
    assert answer.status == 404 and "no longer works" in answer.text


@pytest.mark.parametrize(("policy", "may"), [("invite", True), ("closed", False)])
async def test_the_policy_of_sign_up_holds_here_too(database, invited, policy, may):
    path, session, _ = invited
    async with serve(database, sign_up=policy) as strict:
        browser = await strict.browser()
        answer = await browser.fills(path, path, email=email(), password=PASSWORD)
        assert (answer.headers.get("Location") == session) == may
        assert ("takes no new accounts" in answer.text) != may


# Guests by name only -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def by_name(database):
    async with serve(database, guests_by_name=True) as opened:
        yield opened


async def test_a_name_is_enough_where_the_operator_says_so(by_name, server, database, invited):
    path, session, owner = invited
    browser = await by_name.browser()
    page = await browser.visit(path)
    assert 'name="email"' not in page.text
    answer = await browser.post(path, {**page.forms[path], "name": "Eike"})
    assert answer.headers["Location"] == session
    assert set(await members(database, owner, session)) == {"Dora", "Eike"}
    # Nowhere else: not on a server without the switch, nor without an invite.
    refused = await (await server.browser()).fills(path, path, name="Eve")
    assert refused.status == 422
    stranger = await by_name.browser()
    form = {"csrf_token": page.forms[path]["csrf_token"], "name": "Eve"}
    assert (await stranger.post("/invite/never-was", form)).status in {403, 404}


async def test_names_are_checked_and_an_account_signs_in_all_the_same(by_name, database, invited):
    path, session, _ = invited
    browser = await by_name.browser()
    answer = await browser.fills(path, path, name="operator")
    assert answer.status == 422 and "stands for a role" in answer.text
    ada = await member(database, "Ada")
    other = await browser.fills(path, path, has_account="yes")
    answer = await browser.post(path, {**other.forms[path], "email": ada.email, "password": PASSWORD})
    assert answer.headers["Location"] == session


async def test_a_guest_by_name_keeps_the_account_by_an_address_and_a_password(by_name, database, invited):
    path, _, _ = invited
    browser, address = await by_name.browser(), email()
    await browser.fills(path, path, name="Eike")
    settings = await browser.visit("/settings")
    assert "/settings/password" not in settings.forms and "@invalid" not in settings.text
    taken = (await member(database)).email
    answer = await browser.fills("/settings", "/settings/keep", email=taken, password=PASSWORD)
    assert answer.status == 409 and "already" in answer.text
    answer = await browser.fills("/settings", "/settings/keep", email=address, password=PASSWORD)
    assert answer.headers["Location"] == "/settings#password"
    assert address in (await browser.visit("/settings")).text
    again = await (await by_name.browser()).fills("/sign-in", "/sign-in", email=address, password=PASSWORD)
    assert again.status == 303


async def test_whose_addresses_are_taken_is_not_found_out_by_keeping_accounts(by_name, database, invited, monkeypatch):
    few = AttemptLimit("few", free=3, window=3600, first_wait=600, longest_wait=3600)
    monkeypatch.setattr(attempt_limits, "sign_up_limit", lambda *_, **__: few)
    path, _, _ = invited
    browser, taken = await by_name.browser(), (await member(database)).email
    await browser.fills(path, path, name="Eike")
    tried = [await browser.fills("/settings", "/settings/keep", email=taken, password=PASSWORD) for _ in range(4)]
    assert [each.status for each in tried] == [409, 409, 429, 429]


async def test_a_guest_by_name_deletes_the_account_without_a_password_and_others_do_not(by_name, database, invited):
    path, session, owner = invited
    browser = await by_name.browser()
    await browser.fills(path, path, name="Eike")
    answer = await browser.fills("/settings", "/settings/delete")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert (await browser.visit("/settings", follow=False)).status == 303
    ada = await member(database, "Ada")
    await browser.fills("/sign-in", "/sign-in", email=ada.email, password=PASSWORD)
    assert (await browser.fills("/settings", "/settings/delete", delete_password="")).status == 422
    assert "Eike" not in await members(database, owner, session)


async def test_nobody_signs_in_at_the_address_of_a_guest_by_name(by_name, database, invited):
    path, _, _ = invited
    await (await by_name.browser()).fills(path, path, name="Eike")
    [row] = await run_sql(
        database, "SELECT email FROM users WHERE email LIKE 'guest-%@invalid' ORDER BY id DESC LIMIT 1"
    )
    for password in ("", "None", PASSWORD):
        answer = await (await by_name.browser()).fills("/sign-in", "/sign-in", email=row["email"], password=password)
        assert answer.status in {401, 422}


async def test_a_closed_house_takes_no_names_either(database, invited):
    path, _, _ = invited
    async with serve(database, guests_by_name=True, sign_up="closed") as closed:
        page = await (await closed.browser()).visit(path)
        assert "current-password" in page.text and 'name="name"' not in page.text
