"""The pages of accounts, as a browser without JavaScript uses them."""

import json
import re

import pytest
from markupsafe import Markup

from chatserver import users
from tests.support.people import run_sql
from tests.users.accounts import PASSWORD, create_api_token, email, member, signed_in_user
from tests.users.server import serve

NEW = "a quite different one"


@pytest.fixture(scope="module")
async def server(database):
    async with serve(database) as opened:
        yield opened


async def signs_in(server, user, password=PASSWORD, **headers):
    browser = await server.browser(**headers)
    answer = await browser.fills("/sign-in", "/sign-in", email=user.email, password=password)
    assert answer.status == 303, answer.text
    return browser


async def is_in(browser):
    return (await browser.visit("/settings", follow=False)).status == 200


# The server --------------------------------------------------------------------------------------------------------


async def test_one_signs_up_and_is_in(server, database):
    browser, address = await server.browser(), email()
    answer = await browser.fills("/sign-up", "/sign-up", name="Ada", email=address, password=PASSWORD)
    assert (answer.status, answer.headers["Location"]) == (303, "/plans")
    settings = await browser.visit("/settings")
    assert address in settings.text and "This browser" in settings.text


async def test_the_cookie_is_for_this_server_only_and_out_of_reach_of_scripts(server, database):
    ada = await member(database)
    answer = await (await server.browser()).fills("/sign-in", "/sign-in", email=ada.email, password=PASSWORD)
    [cookie] = [cookie for cookie in answer.cookies if cookie.startswith("chatserver=")]
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"httponly", "path=/", "samesite=lax", "max-age=7776000"}


async def test_over_tls_the_cookie_is_secure_and_bound_to_the_host(database):
    ada = await member(database)
    async with serve(database, public_url="https://pictures.example.org") as secure:
        browser = await secure.browser(Host="pictures.example.org")
        page = await browser.visit("/sign-in")
        [visitor] = [cookie for cookie in page.cookies if cookie.startswith("__Host-visitor=")]
        form = {**page.forms["/sign-in"], "email": ada.email, "password": PASSWORD}
        answer = await browser.post("/sign-in", form, Cookie=visitor.partition(";")[0])
        [cookie] = [cookie for cookie in answer.cookies if cookie.startswith("__Host-chatserver=")]
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert attributes == {"httponly", "path=/", "samesite=lax", "max-age=7776000", "secure"}
        kept = cookie.partition(";")[0]
        assert (await browser.call("GET", "/users/me", Cookie=kept))[0] == 200
        assert (await browser.call("GET", "/users/me", Cookie=kept.removeprefix("__Host-")))[0] == 401


async def test_what_was_typed_is_kept_and_the_mistake_said_beside_its_field(server, database):
    browser, taken = await server.browser(), (await member(database)).email
    answer = await browser.fills("/sign-up", "/sign-up", name="Ada <b>", email=taken, password=PASSWORD)
    assert answer.status == 409
    assert answer.forms["/sign-up"]["email"] == taken and answer.forms["/sign-up"]["name"] == "Ada <b>"
    assert re.search(r'id="error-email">.*Sign in instead', answer.text)
    assert PASSWORD not in answer.text and "Ada <b>" not in answer.text
    answer = await browser.fills("/sign-up", "/sign-up", name="", email="nonsense", password="short")
    assert answer.status == 422 and "Does not look like an e-mail address." in answer.text
    answer = await browser.fills("/sign-up", "/sign-up", name="Ada", email=email(), password="short")
    assert answer.status == 422 and "Must be at least 8 characters long." in Markup(answer.text).striptags()


async def test_a_wrong_password_says_so_and_too_many_say_when_again(server, database):
    ada, browser = await member(database), await server.browser()
    for _ in range(5):
        answer = await browser.fills("/sign-in", "/sign-in", email=ada.email, password="wrong password")
        assert answer.status == 401 and "The e-mail address or the password is not right." in answer.text
        assert answer.forms["/sign-in"]["email"] == ada.email
    answer = await browser.fills("/sign-in", "/sign-in", email=ada.email, password=PASSWORD)
    assert answer.status == 429 and "try again in" in answer.text
    assert 25 < int(answer.headers["Retry-After"]) <= 30


@pytest.mark.parametrize(
    ("onward", "leads_to"),
    [
        ("/sessions/1?after=2", "/sessions/1?after=2"),
        ("https://evil.example", "/sessions"),
        ("//evil.example", "/sessions"),
        ("/\\evil.example", "/sessions"),
        ("/\tevil", "/sessions"),
        ("javascript:alert(1)", "/sessions"),
    ],
)
async def test_after_signing_in_one_goes_on_to_our_own_pages_only(server, database, onward, leads_to):
    ada, browser = await member(database), await server.browser()
    form = (await browser.visit("/sign-in")).forms["/sign-in"]
    sent = {**form, "next": onward, "email": ada.email, "password": PASSWORD}
    assert (await browser.post("/sign-in", sent)).headers["Location"] == leads_to


async def test_one_who_needs_to_sign_in_comes_back_to_where_they_were(server, database):
    ada, browser = await member(database), await server.browser()
    door = await browser.visit("/settings")
    assert door.path == "/sign-in?next=/settings"
    answer = await browser.post("/sign-in", {**door.forms["/sign-in"], "email": ada.email, "password": PASSWORD})
    assert answer.headers["Location"] == "/settings"


async def test_a_form_whose_sender_was_signed_out_leads_to_the_sign_in_and_back_to_its_page(server, database):
    ada = await member(database)
    browser = await signs_in(server, ada)
    form = (await browser.visit("/settings")).forms["/settings/name"]
    out = (await browser.visit("/settings")).forms["/sign-out"]
    browser.client.cookie_jar.clear()
    page = f"{server.url}/settings?from=here"
    answer = await browser.post("/settings/name", {**form, "name": "Augusta"}, Referer=page, Accept="text/html")
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=/settings%3Ffrom%3Dhere")
    # A sign-out that another tab was faster with is one, too.
    answer = await browser.post("/sign-out", out, Accept="text/html")
    assert (answer.status, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    "referer",
    ["https://[", "https://evil.example//evil.example/", "https://evil.example/\\evil.example", "evil.example"],
)
@pytest.mark.parametrize("path", ["/settings/name", "/sign-in"])
async def test_a_form_that_came_from_nowhere_leads_to_our_own_pages_only(server, path, referer):
    browser = await server.browser()
    answer = await browser.post(path, {}, Referer=referer, Accept="text/html")
    assert answer.status in (303, 403)
    assert "evil" not in answer.headers.get("Location", "") + answer.text


async def test_one_who_is_in_is_not_asked_again(server, database):
    browser = await signs_in(server, await member(database))
    for page, leads_to in (
        ("/sign-in", "/sessions"),
        ("/sign-up?next=/invite/x", "/invite/x"),
        ("/sign-in?next=//evil.example", "/sessions"),
        ("/sign-up?next=https://evil.example", "/plans"),
    ):
        answer = await browser.visit(page, follow=False)
        assert (answer.status, answer.headers["Location"]) == (303, leads_to)


async def test_signing_out_ends_it_on_the_server_too(server, database):
    ada = await member(database)
    browser = await signs_in(server, ada)
    kept = {cookie.key: cookie.value for cookie in browser.client.cookie_jar}["chatserver"]
    answer = await browser.fills("/settings", "/sign-out")
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert not await is_in(browser)
    assert (await browser.call("GET", "/users/me", Cookie=f"chatserver={kept}"))[0] == 401
    # Another tab may load anew before this one: it leaves the notice to the page where one has signed out.
    assert "You are signed out." not in (await browser.visit("/sign-up")).text
    assert "You are signed out." in (await browser.visit("/")).text
    assert "You are signed out." not in (await browser.visit("/")).text


@pytest.mark.parametrize(("action", "fields"), [("/sign-out", {}), ("/settings/delete", {"delete_password": PASSWORD})])
async def test_who_goes_tells_the_browser_to_keep_nothing_but_the_theme(server, database, action, fields):
    ada = await member(database)
    browser = await signs_in(server, ada)
    answer = await browser.fills("/settings", action, **fields)
    assert answer.status == 303
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'  # not "cookies": the theme is one
    assert any(cookie.startswith("forget=1;") and "HttpOnly" not in cookie for cookie in answer.cookies)


async def test_a_form_of_another_site_or_of_nobody_changes_nothing(server, database):
    ada = await member(database)
    browser = await signs_in(server, ada)
    for action in (
        "/sign-out",
        "/settings/name",
        "/settings/delete",
        "/settings/sign-ins/end-others",
        "/settings/theme",
    ):
        for form in ({}, {"csrf_token": "made up"}):
            assert (await browser.post(action, {"name": "Eve", "delete_password": PASSWORD, **form})).status == 403
        form = (await browser.visit("/settings")).forms["/settings/name"]
        foreign = await browser.post(action, {**form, "name": "Eve"}, **{"Sec-Fetch-Site": "cross-site"})
        assert foreign.status == 403
    assert await is_in(browser)
    assert (await database.run_as(ada.id, users.get, ada.id)).name == "Ada"


async def test_by_invitation_the_link_brings_the_code_along(database):
    host = await member(database)
    await run_sql(
        database,
        """WITH s AS (INSERT INTO user_sessions (id, user_id, plan_id, title, expires_at)
                      VALUES (gen_random_uuid(), $1, 'flash', 'A session', now() + interval '1 hour') RETURNING id)
           INSERT INTO session_invites (id, session_id, code, created_by, expires_at)
           SELECT gen_random_uuid(), s.id, 'code' || $1::uuid, $1, now() + interval '1 hour' FROM s""",
        host.id,
    )
    async with serve(database, sign_up="invite") as server:
        browser = await server.browser()
        page = await browser.visit("/sign-up")
        assert "by invitation" in page.text and "/sign-up" not in page.forms
        page = f"/sign-up?next=/invite/code{host.id}"
        answer = await browser.fills(page, "/sign-up", name="Guest", email=email(), password=PASSWORD)
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/sessions/")
        stranger = await server.browser()
        answer = await stranger.fills(
            "/sign-up?next=/invite/guess", "/sign-up", name="Eve", email=email(), password=PASSWORD
        )
        assert answer.status == 403


async def test_a_closed_house_says_so(database):
    async with serve(database, sign_up="closed") as server:
        browser = await server.browser()
        assert "no new accounts" in (await browser.visit("/sign-up")).text
        assert 'href="/sign-up">Sign up</a></p>' not in (await browser.visit("/sign-in")).text
        body = {"email": email(), "name": "Ada", "password": PASSWORD}
        status, refusal = await browser.call("POST", "/users", body)
        assert (status, refusal["error"]["code"]) == (403, "sign-up-closed")


# Settings ---------------------------------------------------------------------------------------------------------


async def test_the_name_is_changed_or_the_reason_said(server, database):
    ada = await member(database)
    browser = await signs_in(server, ada)
    answer = await browser.fills("/settings", "/settings/name", name=" Ada  King ", follow=True)
    assert "Your name is changed." in answer.text and answer.forms["/settings/name"]["name"] == "Ada King"
    answer = await browser.fills("/settings", "/settings/name", name="a\u202eb")
    assert answer.status == 422 and "Must not contain control characters." in answer.text
    assert (await database.run_as(ada.id, users.get, ada.id)).name == "Ada King"


async def test_the_password_is_changed_here_and_signs_out_elsewhere(server, database):
    ada = await member(database)
    here, there = await signs_in(server, ada), await signs_in(server, ada)
    action = "/settings/password"
    answer = await here.fills("/settings", action, current_password="wrong password", new_password=NEW)
    assert answer.status == 422 and "That is not your password." in answer.text
    answer = await here.fills("/settings", action, current_password=PASSWORD, new_password="short")
    assert answer.status == 422 and 'id="error-new_password"' in answer.text
    answer = await here.fills("/settings", action, current_password=PASSWORD, new_password=NEW, follow=True)
    assert "signed out everywhere else" in answer.text
    assert await is_in(here) and not await is_in(there)
    await signs_in(server, ada, NEW)


async def test_other_browsers_are_listed_and_signed_out(server, database):
    ada = await member(database)
    phone = await signs_in(server, ada, **{"User-Agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Safari/537"})
    here, tablet = await signs_in(server, ada), await signs_in(server, ada)
    page = await here.visit("/settings")
    assert "Chrome on Android" in page.text and page.text.count(">This browser<") == 1
    [listed] = [
        one for one in await database.run_as(ada.id, users.list_sign_ins, ada.id) if "Android" in one.user_agent
    ]
    await here.fills("/settings", f"/settings/sign-ins/{listed.id}/end")
    assert not await is_in(phone) and await is_in(tablet)
    await here.fills("/settings", "/settings/sign-ins/end-others")
    assert await is_in(here) and not await is_in(tablet)


async def test_a_token_is_shown_once_and_revoked(server, database):
    ada = await member(database)
    browser = await signs_in(server, ada)
    answer = await browser.fills("/settings", "/settings/tokens", token_name="my <bot>")
    token = re.search(r'id="new-token">(cs_[\w-]{43})<', answer.text)[1]
    assert answer.headers["Cache-Control"] == "no-store"
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await browser.call("GET", "/users/me", **bearer))[0] == 200
    page = await browser.visit("/settings")
    assert token not in page.text and "my &lt;bot&gt;" in page.text
    [revoke] = [action for action in page.forms if action.endswith("/revoke")]
    await browser.post(revoke, page.forms[revoke])
    assert (await browser.call("GET", "/users/me", **bearer))[0] == 401


async def test_a_form_that_is_sent_again_makes_one_token(server, database):
    ada = await member(database)
    browser = await signs_in(server, ada)
    form = {**(await browser.visit("/settings")).forms["/settings/tokens"], "token_name": "my bot"}
    assert (await browser.post("/settings/tokens", form)).status == 200
    again = await browser.post("/settings/tokens", form)
    assert (again.status, "cs_" in again.text) == (409, False)
    assert "make another and revoke it" in again.text
    assert len(await database.run_as(ada.id, users.list_tokens, ada.id)) == 1
    assert (await browser.post("/settings/tokens", again.forms["/settings/tokens"])).status == 200, "it has a new key"


async def test_the_theme_and_the_notifications_are_kept(server, database):
    browser = await signs_in(server, await member(database))
    answer = await browser.fills("/settings", "/settings/theme", theme="dark", follow=True)
    assert 'data-theme="dark"' in answer.text
    answer = await browser.fills("/settings", "/settings/theme", theme="<script>", follow=True)
    assert 'data-theme="system"' in answer.text
    answer = await browser.fills("/settings", "/settings/preferences", notifications="on", follow=True)
    assert answer.forms["/settings/preferences"]["notifications"] == "on"
    form = {"csrf_token": answer.forms["/settings/preferences"]["csrf_token"]}
    answer = await browser.post("/settings/preferences", form, follow=True)
    assert "notifications" not in answer.forms["/settings/preferences"]


@pytest.mark.parametrize(
    ("action", "mistake"),
    [
        ("/settings/name", {"name": ""}),
        ("/settings/password", {"current_password": "wrong password", "new_password": NEW}),
        ("/settings/password", {"current_password": PASSWORD, "new_password": "short"}),
        ("/settings/tokens", {"token_name": "x" * 81}),
        ("/settings/delete", {"delete_password": "wrong password"}),
    ],
)
async def test_a_refused_form_has_the_focus_in_its_first_wrong_field(server, database, action, mistake):
    browser = await signs_in(server, await member(database))
    answer = await browser.fills("/settings", action, **mistake)
    assert answer.status == 422
    assert_focus_in_form(answer.text, action)


async def test_a_refused_sign_in_or_sign_up_has_the_focus_where_it_is_typed_again(server, database):
    browser, ada = await server.browser(), await member(database)
    answer = await browser.fills("/sign-in", "/sign-in", email=ada.email, password="wrong password")
    assert 'name="password"' in assert_focus_in_form(answer.text, "/sign-in")
    answer = await browser.fills("/sign-up", "/sign-up", name="Ada", email=ada.email, password=PASSWORD)
    assert 'name="email"' in assert_focus_in_form(answer.text, "/sign-up")


def assert_focus_in_form(text, action):
    """The page's only focused element, which is in the form with this action."""
    [focused] = re.findall(r"<[^>]* autofocus[^>]*>", text)
    [form] = re.findall(rf'<form[^>]*action="{action}".*?</form>', text, re.DOTALL)
    assert focused in form
    return focused


@pytest.mark.parametrize(
    ("action", "fields", "section"),
    [
        ("/settings/name", {"name": "Ada L."}, "profile"),
        ("/settings/theme", {"theme": "dark"}, "looks"),
        ("/settings/preferences", {"notifications": "on"}, "looks"),
        ("/settings/password", {"current_password": PASSWORD, "new_password": NEW}, "password"),
    ],
)
async def test_what_was_done_is_said_in_its_own_section(server, database, action, fields, section):
    browser = await signs_in(server, await member(database))
    answer = await browser.fills("/settings", action, **fields)
    assert (answer.status, answer.headers["Location"]) == (303, f"/settings#{section}")
    page = (await browser.visit("/settings")).text
    [place] = re.findall(rf'<h2 id="{section}">.*?</section>', page, re.DOTALL)
    assert page.count('data-kind="done"') == place.count('data-kind="done"') == 1


async def test_a_new_token_is_what_the_page_shows_first(server, database):
    browser = await signs_in(server, await member(database))
    answer = await browser.fills("/settings", "/settings/tokens", token_name="My script")
    [focused] = re.findall(r"<[^>]* autofocus[^>]*>.*?</div>", answer.text, re.DOTALL)
    assert 'id="new-token"' in focused


async def test_ones_data_comes_as_a_file(server, database):
    ada = await member(database)
    answer = await (await signs_in(server, ada)).visit("/settings/export")
    assert answer.headers["Content-Type"] == "application/json"
    assert re.fullmatch(r'attachment; filename="chatserver-export-[\d-]+\.json"', answer.headers["Content-Disposition"])
    assert json.loads(answer.text)["user"]["email"] == ada.email


async def test_leaving_asks_for_the_password_and_is_final(server, database):
    ada = await member(database)
    browser = await signs_in(server, ada)
    answer = await browser.fills("/settings", "/settings/delete", delete_password="wrong password")
    assert answer.status == 422 and "That is not your password." in answer.text
    answer = await browser.fills("/settings", "/settings/delete", delete_password=PASSWORD)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    assert not await is_in(browser)
    answer = await (await server.browser()).fills("/sign-in", "/sign-in", email=ada.email, password=PASSWORD)
    assert answer.status == 401


async def test_a_stranger_cannot_reach_the_settings_of_anybody_else(server, database):
    ada, eve = await member(database), await member(database, "Eve")
    signed_in, _ = await signed_in_user(database, ada), await create_api_token(database, ada)
    [token] = await database.run_as(ada.id, users.list_tokens, ada.id)
    browser = await signs_in(server, eve)
    page = await browser.visit("/settings")
    csrf = {"csrf_token": page.forms["/settings/name"]["csrf_token"]}
    assert ada.email not in page.text
    for action in (f"/settings/sign-ins/{signed_in.secret.id}/end", f"/settings/tokens/{token.id}/revoke"):
        assert (await browser.post(action, csrf)).status == 404
        assert (await browser.post(action.replace(signed_in.secret.id, "nonsense"), csrf)).status == 404
    assert len(await database.run_as(ada.id, users.list_tokens, ada.id)) == 1


@pytest.mark.parametrize(
    "path",
    [
        "name",
        "theme",
        "preferences",
        "password",
        "sign-ins/end-others",
        "sign-ins/x/end",
        "tokens",
        "tokens/x/revoke",
        "delete",
    ],
)
async def test_nobody_changes_no_settings(server, path):
    browser = await server.browser()
    answer = await browser.post(f"/settings/{path}", {})
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=/settings")
    assert (await browser.visit("/settings/export", follow=False)).status == 303


# Reset ------------------------------------------------------------------------------------------------------------


async def test_a_reset_link_sets_a_password_once(server, database):
    ada = await member(database)
    link = f"/reset/{await database.run_system(users.begin_reset, ada.id)}"
    browser = await server.browser()
    assert (await browser.fills(link, link, password="short")).status == 422
    answer = await browser.fills(link, link, password=NEW)
    # Another tab, whose sign-in ended with that, is sent to the same page first, and a page that is open brings itself up
    # to date: they leave the notice to the tab where it was asked for.
    assert "Your new password is set." not in (await browser.visit("/settings")).text
    assert "Your new password is set." not in (await browser.visit("/sign-in", **{"Sec-Fetch-Mode": "cors"})).text
    assert "Your new password is set." in (await browser.visit(answer.headers["Location"])).text
    await signs_in(server, ada, NEW)
    gone = await browser.visit(link)
    assert gone.status == 404 and "used already" in gone.text


@pytest.mark.parametrize(
    ("page", "field", "autocomplete"),
    [
        ("/sign-up", "email", "username"),
        ("/sign-up", "password", "new-password"),
        ("/sign-up", "name", "name"),
        ("/sign-in", "email", "username"),
        ("/sign-in", "password", "current-password"),
    ],
)
async def test_password_managers_know_the_fields(server, page, field, autocomplete):
    answer = await (await server.browser()).visit(page)
    [tag] = re.findall(rf'<input[^>]*name="{field}"[^>]*>', answer.text)
    assert f'autocomplete="{autocomplete}"' in tag


@pytest.mark.parametrize(
    "junk", [b"\x00" * 20, b"email=%00&password=%ff", b"email=%ED%A0%80", b"x" * 100_000, b"a=1&" * 500]
)
async def test_a_form_of_junk_is_refused_and_nothing_breaks(server, junk):
    browser = await server.browser(**{"Content-Type": "application/x-www-form-urlencoded"})
    for action in ("/sign-in", "/sign-up", "/reset/x"):
        assert (await browser.post(action, junk)).status in {400, 403, 413}
