"""The operator's pages over the whole product: who gets in, and what they find."""

import pytest

from chatserver.admin import layout
from tests.acceptance.conftest import ada, product
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.story import sign_up

__all__ = ["ada", "product"]


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
