"""Strangers who guess at an account without end do not lock its owner out."""

import pytest

from chatserver import users
from chatserver.users import device_cookies
from tests.users.accounts import PASSWORD, email, member
from tests.users.server import serve

NEW = "a quite different one"


@pytest.fixture(scope="module")
async def server(database):
    async with serve(database) as opened:
        yield opened


@pytest.fixture
async def ada(database):
    return await member(database)


async def tries(browser, user, password=PASSWORD):
    return await browser.fills("/sign-in", "/sign-in", email=user.email, password=password)


async def strangers_guess(server, user):
    """Six wrong passwords, each from an address of its own, over the page and over the API: the account waits."""
    for number in range(6):
        stranger = await server.browser()
        await stranger.call("POST", "/tokens", {"email": user.email, "password": f"wrong password {number}"})
    assert (await tries(await server.browser(), user)).status == 429


async def test_an_owner_signs_in_where_she_has_been_before_while_strangers_guess(server, ada):
    browser = await server.browser()
    assert (await tries(browser, ada)).status == 303
    await browser.fills("/settings", "/sign-out")
    await strangers_guess(server, ada)
    assert (await tries(browser, ada)).status == 303
    assert (await tries(await server.browser(), ada)).status == 429


@pytest.mark.parametrize("how", ["signing up", "a reset link"])
async def test_a_browser_is_known_after(server, database, ada, how):
    browser = await server.browser()
    if how == "signing up":
        address = email()
        await browser.fills("/sign-up", "/sign-up", name="Ada", email=address, password=PASSWORD)
        ada = await database.run_system(users.find, address)
        await browser.fills("/settings", "/sign-out")
        password = PASSWORD
    else:
        link = f"/reset/{await database.run_system(users.begin_reset, ada.id)}"
        assert (await browser.fills(link, link, password=NEW)).status == 303
        password = NEW
    await strangers_guess(server, ada)
    assert (await tries(browser, ada, password)).status == 303


async def test_one_who_is_signed_in_changes_the_password_and_deletes_the_account_while_strangers_guess(server, ada):
    browser = await server.browser()
    await tries(browser, ada)
    await strangers_guess(server, ada)
    changed = await browser.fills("/settings", "/settings/password", current_password=PASSWORD, new_password=NEW)
    assert changed.status == 303
    assert (await browser.fills("/settings", "/settings/delete", delete_password=NEW)).status == 303


async def test_two_people_who_share_a_browser_are_both_known_there(server, database, ada):
    browser, ben = await server.browser(), await member(database, "Ben")
    for person in (ada, ben):
        await tries(browser, person)
        await browser.fills("/settings", "/sign-out")
    for person in (ada, ben):
        await strangers_guess(server, person)
        assert (await tries(browser, person)).status == 303
        await browser.fills("/settings", "/sign-out")


async def test_a_browser_signed_in_before_such_cookies_is_known_once_its_owner_sees_the_settings(server, ada):
    browser = await server.browser()
    await tries(browser, ada)
    browser.client.cookie_jar.clear(lambda cookie: cookie.key == device_cookies.COOKIE)
    await browser.visit("/settings")
    await browser.fills("/settings", "/sign-out")
    await strangers_guess(server, ada)
    assert (await tries(browser, ada)).status == 303


async def test_the_api_knows_the_browser_too(server, ada):
    browser = await server.browser()
    await tries(browser, ada)
    await browser.fills("/settings", "/sign-out")
    await strangers_guess(server, ada)
    status, made = await browser.call("POST", "/tokens", {"email": ada.email, "password": PASSWORD})
    assert status == 201 and made["token"].startswith("cs_")


async def test_the_cookie_is_bound_to_the_account_out_of_reach_of_scripts_and_opens_nothing(server, database, ada):
    browser = await server.browser()
    answer = await tries(browser, ada)
    [cookie] = [cookie for cookie in answer.cookies if cookie.startswith(f"{device_cookies.COOKIE}=")]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "path=/", "samesite=lax", "max-age=34560000"}
    shown = {"Cookie": cookie.partition(";")[0]}
    assert (await (await server.browser()).call("GET", "/users/me", **shown))[0] == 401
    eve = await member(database, "Eve")
    await strangers_guess(server, eve)
    assert (await (await server.browser()).call("POST", "/tokens", as_json(eve), **shown))[0] == 429
    forged = {"Cookie": shown["Cookie"][:-4] + "AAAA"}
    await strangers_guess(server, ada)
    assert (await (await server.browser()).call("POST", "/tokens", as_json(ada), **forged))[0] == 429
    assert (await (await server.browser()).call("POST", "/tokens", as_json(ada), **shown))[0] == 201


async def test_over_tls_the_cookie_is_secure_and_bound_to_the_host(database, ada):
    async with serve(database, public_url="https://pictures.example.org") as secure:
        browser = await secure.browser(Host="pictures.example.org")
        page = await browser.visit("/sign-in")
        [visitor] = [cookie for cookie in page.cookies if cookie.startswith("__Host-visitor=")]
        form = {**page.forms["/sign-in"], "email": ada.email, "password": PASSWORD}
        answer = await browser.post("/sign-in", form, Cookie=visitor.partition(";")[0])
        [cookie] = [cookie for cookie in answer.cookies if cookie.startswith("__Host-device=")]
        assert {"secure", "httponly", "path=/"} <= {part.strip().lower() for part in cookie.split(";")[1:]}


def as_json(user):
    return {"email": user.email, "password": PASSWORD}
