"""The product as people meet it, one process for each module unless a test starts its own."""

import pytest

from tests.support.product import running
from tests.support.story import sign_up


@pytest.fixture(scope="module")
async def product(database_url, tmp_path_factory):
    """`chatserver serve` on this module's database, with the built-in provider."""
    async with running(tmp_path_factory.mktemp("product"), DATABASE_URL=database_url) as process:
        yield process


@pytest.fixture
async def ada(product):
    """Somebody with an account."""
    return await sign_up(product, "Ada")


@pytest.fixture
async def bob(product):
    """Somebody else."""
    return await sign_up(product, "Bob")
