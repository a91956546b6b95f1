"""The operator's pages over the whole product: who gets in, and what they find."""

import pytest

from chatserver.admin import layout
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.story import sign_up


@pytest.fixture
async def operator(product, database):
    """An admin's browser."""
    grace = await sign_up(product, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    async with opened(grace) as browser:
        yield browser


async def test_every_section_of_the_navigation_answers(operator):
    for section in layout.SECTIONS:
        answer = await operator.visit(section.path)
        assert answer.status == 200, (section.path, answer.text)
        assert 'aria-current="page"' in answer.text
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_member_is_told_that_it_is_the_operators(ada):
    async with opened(ada) as browser:
        answer = await browser.visit("/admin")
        assert (answer.status, "for the operator" in answer.text) == (403, True)
        assert 'href="/admin"' not in (await browser.visit("/sessions")).text


async def test_a_visitor_is_led_to_the_sign_in_page_and_back(product):
    async with opened(product) as browser:
        answer = await browser.visit("/admin", follow=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?next=/admin")


async def test_a_token_of_an_admin_opens_no_page(product, database):
    grace = await sign_up(product, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    assert (await grace.fetch("/admin"))[0] == 401


async def test_an_admin_who_is_demoted_is_out_at_once(operator, database):
    assert (await operator.visit("/admin")).status == 200
    await run_sql(database, "UPDATE users SET role = 'member'")
    assert (await operator.visit("/admin")).status == 403


async def test_the_overview_answers_whether_it_works_and_whether_anybody_waits(operator):
    text = (await operator.visit("/admin")).text
    assert "Yes, everything answers" in text
    assert "Is anyone waiting?" in text
    assert "Provider sketch" in text


async def test_a_provider_is_paused_and_resumed_with_a_form_and_the_log_says_so(operator, database):
    page = await operator.visit("/admin/work")
    [pause] = [action for action in page.forms if action.endswith("/pause")]
    answer = await operator.post(pause, page.forms[pause], follow=True)
    assert (answer.status, "is paused" in answer.text) == (200, True)
    assert "Partly: sketch cannot be asked" in (await operator.visit("/admin")).text
    [resume] = [action for action in answer.forms if action.endswith("/resume")]
    assert "is asked again" in (await operator.post(resume, answer.forms[resume], follow=True)).text
    rows = await run_sql(database, "SELECT action, actor, address FROM audit_entries ORDER BY id DESC LIMIT 2")
    assert [tuple(row.values()) for row in rows] == [
        ("provider.resumed", "Grace", "127.0.0.1"),
        ("provider.paused", "Grace", "127.0.0.1"),
    ]


async def test_a_form_without_its_token_or_for_nothing_that_exists_does_nothing(operator, database):
    before = await run_sql(database, "SELECT count(*) AS n FROM audit_entries")
    page = await operator.visit("/admin/work")
    token = next(iter(page.forms.values()))["csrf_token"]
    for path, csrf, status in (
        ("/admin/work/providers/sketch/pause", "", 403),
        ("/admin/work/providers/sketch/pause", "x" * 43, 403),
        ("/admin/work/providers/nobody/pause", token, 404),
        ("/admin/work/providers/sketch/explode", token, 404),
        ("/admin/work/generations/00000000-0000-7000-8000-000000000000/cancel", token, 404),
        ("/admin/work/checks/everything", token, 404),
    ):
        assert (await operator.post(path, {"csrf_token": csrf})).status == status, path
    answer = await operator.post(
        "/admin/work/holds/00000000-0000-7000-8000-000000000000/settle", {"csrf_token": token}, follow=True
    )
    assert "settled already" in answer.text
    assert await run_sql(database, "SELECT count(*) AS n FROM audit_entries") == before


async def test_an_admin_who_is_demoted_between_page_and_press_changes_nothing(operator, database):
    page = await operator.visit("/admin/work")
    [pause] = [action for action in page.forms if action.endswith("/pause")]
    await run_sql(database, "UPDATE users SET role = 'member'")
    assert (await operator.post(pause, page.forms[pause])).status == 403
    assert await run_sql(database, "SELECT 1 FROM provider_gates WHERE paused") == []


async def test_the_process_shows_itself_alive_and_the_books_are_checked_from_here(operator):
    page = await operator.visit("/admin/work")
    assert "serves and works" in page.text
    answer = await operator.post("/admin/work/checks/books", page.forms["/admin/work/checks/books"], follow=True)
    while "Running since" in answer.text:
        answer = await operator.visit("/admin/work")
    assert "All is well" in answer.text
