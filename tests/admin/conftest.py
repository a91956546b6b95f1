import pytest

from tests.acceptance.conftest import ada, bob, product
from tests.support.page_visits import opened
from tests.support.people import run_sql
from tests.support.story import sign_up

__all__ = ["ada", "bob", "product"]


@pytest.fixture
async def operator(product, database):
    """An admin's browser."""
    grace = await sign_up(product, "Grace")
    await run_sql(database, "UPDATE users SET role = 'admin' WHERE id = $1", grace.id)
    async with opened(grace) as browser:
        yield browser
