"""The operator's pages in a real browser: the answers at a glance, the levers, and what members see of them meanwhile."""

import asyncpg
import pytest
from playwright.async_api import Page, expect

from tests.support import product as products
from tests.support.axe import complaints_about
from tests.support.browser import PHONE, ask_for_pictures, fill_sign_in, signed_in
from tests.support.late_answers import answers_lost, lose_answers, lose_none
from tests.support.story import ApiUser, sign_up

pytestmark = pytest.mark.browser

PAGES = (
    *("/admin", "/admin/work", "/admin/figures", "/admin/money", "/admin/people", "/admin/plans", "/admin/plans/pro"),
    *("/admin/announcements", "/admin/audit", "/admin/rules", "/admin/reports"),
    *("/admin/attempts?period=7d", "/admin/replies?period=7d", "/settings", "/forgot"),
)


@pytest.fixture(scope="module")
async def database_url(postgres_server):
    url = await postgres_server.create_database()
    yield url
    await postgres_server.drop_database(url)


@pytest.fixture(scope="module")
async def admin_product(database_url, tmp_path_factory):
    """A product of its own: its provider is paused. It has a page for who forgot the password."""
    mailing = {"SMTP_URL": "smtp://127.0.0.1:1", "MAIL_FROM": "pictures@example.org"}
    async with products.running(tmp_path_factory.mktemp("admin"), DATABASE_URL=database_url, **mailing) as running:
        yield running


async def as_worker(database_url: str, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("SET ROLE chatserver_worker")
        await connection.execute(statement, *values)
    finally:
        await connection.close()


async def press(page: Page, lever: str, section: str) -> None:
    """A press in a section, and its confirmation where it asks for one."""
    button = page.locator(f"{section} button", has_text=lever).first
    question = await button.get_attribute("popovertarget")
    await button.click()
    if question:
        await page.locator(f"#{question} button[type=submit]").click()


async def made(page: Page, count: int) -> None:
    await expect(page.locator('.tile[data-status="done"], [id^="generation_"][data-status="done"]')).to_have_count(
        count
    )


async def test_an_operator_pauses_and_resumes_releases_a_hold_and_is_demoted_while_members_look_on(
    admin_product, database_url, browser
) -> None:
    grace, ada, bob = [await sign_up(admin_product, name) for name in ("Grace", "Ada", "Bob")]
    await as_worker(database_url, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    session = await ada.buys("pro")
    await bob.accepts(await ada.invites(session))
    async with (
        signed_in(browser, grace, viewport=PHONE) as operator,
        signed_in(browser, ada) as first,
        signed_in(browser, bob) as second,
    ):
        operator.announce("403")
        overview = await operator.open("/admin")
        await expect(overview.locator("#working")).to_contain_text("Yes, everything answers")
        await expect(overview.locator("#waiting .admin-answer__words")).to_have_text("No")
        work = await operator.open("/admin/work")
        await press(work, "Pause", "#providers")
        await expect(work.locator("#providers .notice")).to_contain_text("is paused")

        tabs = [await first.open_session(session), await second.open_session(session)]
        await ask_for_pictures(tabs[0], "a quiet lake")
        for tab in tabs:
            await expect(tab.locator("main")).to_contain_text("paused by the operator")
        # Neither page was opened again: they were told.
        await expect(overview.locator("#waiting .admin-answer__words")).to_contain_text("1 picture waits")
        await expect(overview.locator("#working")).to_contain_text("Partly: sketch cannot be asked")
        await expect(work.locator("#waiting tbody tr")).to_have_count(1)
        await expect(work.locator("#waiting")).not_to_contain_text("a quiet lake")
        await press(work, "Resume", "#providers")
        for tab in tabs:
            await made(tab, 1)
        await expect(overview.locator("#waiting .admin-answer__words")).to_have_text("No")

        await leave_a_hold(database_url, ada, session)
        await expect(work.locator("#holds tbody tr")).to_have_count(1)
        await press(work, "Give back", "#holds")
        await expect(work.locator("#holds")).to_contain_text("The credit is given back.")
        assert (await ada.credits(session))["image"]["held"] == 0

        paths = (*PAGES, f"/admin/people/{ada.id}")
        found = [complaint for path in paths for complaint in await complaints_at(overview, admin_product.url, path)]
        assert not found, "\n".join(found)
        await overview.goto(f"{admin_product.url}/admin")
        await as_worker(database_url, "UPDATE users SET role = 'member' WHERE id = $1", grace.id)
        await expect(overview.locator("main")).to_contain_text("for the operator of this site")


@pytest.mark.parametrize("how", ["away", "refused", "cut"])
async def test_a_page_that_could_not_be_fetched_again_shows_what_has_changed_all_the_same(
    admin_product, database_url, browser, how
) -> None:
    grace = await sign_up(admin_product, "Grace")
    await as_worker(database_url, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    async with signed_in(browser, grace) as operator:
        page, other = [await operator.open("/admin/work") for _ in range(2)]
        await page.bring_to_front()
        await expect(page.locator("live-page[data-local-live]")).to_be_attached()
        await lose_answers(page, "/admin/work", how)
        await press(other, "Pause", "#providers")
        await answers_lost(page)
        await lose_none(page)
        await expect(page.locator("#providers button", has_text="Resume")).to_be_attached()
        await press(other, "Resume", "#providers")
        await expect(page.locator("#providers button", has_text="Resume")).to_have_count(0)


async def leave_a_hold(database_url: str, ada: ApiUser, session: dict) -> None:
    """A credit that is held for a picture that is gone, as no verb of ours leaves one."""
    generation = "00000000-0000-7000-8000-000000000001"
    await as_worker(
        database_url,
        """WITH held AS (UPDATE credits SET available_at = now() + '50 minutes'::interval
                          WHERE session_id = $1 AND kind = 'image' AND number = 9 RETURNING 1)
           INSERT INTO credit_entries (session_id, kind, number, generation_id, action)
           SELECT $1, 'image', 9, $2, 'hold' FROM held""",
        session["id"],
        generation,
    )


async def complaints_at(page: Page, url: str, path: str) -> list[str]:
    await page.goto(url + path)
    return await complaints_about(page, path)


async def test_a_plan_is_judged_while_it_is_typed(admin_product, database_url, browser) -> None:
    grace = await sign_up(admin_product, "Grace")
    await as_worker(database_url, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    async with signed_in(browser, grace) as operator:
        page = await operator.open("/admin/plans/pro")
        await page.fill("[name=amount]", "150")
        await expect(page.locator("[data-slot=preview]")).to_contain_text("₹150")
        await page.fill("[name=minutes]", "0")
        await expect(page.locator("[data-slot=preview]")).to_contain_text("minutes must be 1 to 525,600")
        assert await page.input_value("[name=amount]") == "150"


async def test_a_reason_that_was_typed_is_there_again_after_a_sign_in_that_had_ended(
    admin_product, database_url, browser
) -> None:
    grace, ada = await sign_up(admin_product, "Grace"), await sign_up(admin_product, "Ada")
    await as_worker(database_url, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    async with signed_in(browser, grace) as visitor:
        page = await visitor.open(f"/admin/people/{ada.id}")
        await page.click("[popovertarget=ban]")
        await page.fill("#ban [name=reason]", "Thirty adverts in an hour")
        await visitor.context.clear_cookies()
        await page.click("#ban [type=submit]")
        await fill_sign_in(page, grace)
        # Nobody is banned yet, and the question is asked again.
        await expect(page.locator("#ban [name=reason]")).to_have_value("Thirty adverts in an hour")
        await expect(page.locator("#ban [name=reason]")).to_be_focused()
        await page.click("#ban [type=submit]")
        await expect(page.locator(".notice")).to_contain_text("Banned")
