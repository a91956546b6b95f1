"""One browser for all of the browser's tests, and one product for those that need no other."""

import pytest

from tests.support import browser as browsers
from tests.support import product as products

# Every prompt with this word fails: a drill of the built-in painter.
DRILL = "impossible"


@pytest.fixture(scope="session")
async def product(postgres_server, tmp_path_factory):
    """`chatserver serve` with the built-in painter, which fails whatever is impossible."""
    url = await postgres_server.create_database()
    settings = {"DATABASE_URL": url, "SKETCH_FAIL": DRILL}
    async with products.running(tmp_path_factory.mktemp("browser"), **settings) as running:
        yield running
    await postgres_server.drop_database(url)


@pytest.fixture(scope="session")
async def browser():
    async with browsers.chromium() as running:
        yield running
