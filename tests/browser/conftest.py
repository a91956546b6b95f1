"""One browser for all of the browser's tests, and one product for those that need no other."""

import pytest

from tests.emulators.huggingface import Emulator
from tests.support import browser as browsers
from tests.support import product as products

# Every prompt with this word fails: a drill of the built-in painter.
DRILL = "impossible"


@pytest.fixture(scope="session")
async def product(postgres_server, tmp_path_factory):
    """`chatserver serve` with the built-in painter, which fails whatever is impossible."""
    url = await postgres_server.create_database()
    # The stories are quicker than people, who are held to a budget elsewhere.
    settings = {"DATABASE_URL": url, "SKETCH_FAIL": DRILL, "COMMANDS_PER_10_SECONDS": "0"}
    async with products.running(tmp_path_factory.mktemp("browser"), **settings) as running:
        yield running
    await postgres_server.drop_database(url)


@pytest.fixture(scope="session")
async def browser():
    async with browsers.chromium() as running:
        yield running


@pytest.fixture(scope="session")
def emulator():
    """Picture services and an assistant that do as they are told."""
    running = Emulator(pace=0.02).start()
    yield running
    running.close()


@pytest.fixture(scope="session")
async def emulated_database_url(postgres_server):
    """The database of `emulated_product`."""
    url = await postgres_server.create_database()
    yield url
    await postgres_server.drop_database(url)


@pytest.fixture(scope="session")
async def emulated_product(emulated_database_url, emulator, tmp_path_factory):
    """`chatserver serve` with the emulated services, one picture at a time: each stage lasts as long as a test wants. It
    holds nobody to a budget either."""
    settings = emulator.environment(
        DATABASE_URL=emulated_database_url,
        WORKER_CONCURRENCY="1",
        HF_REQUESTS_PER_HOUR="1000",
        COMMANDS_PER_10_SECONDS="0",
    )
    async with products.running(tmp_path_factory.mktemp("emulated"), **settings) as running:
        yield running


@pytest.fixture(autouse=True)
def no_script_of_an_earlier_test(request):
    """What an earlier test has scripted and not used up would hang the next picture, or be said as the next reply."""
    if "emulated_product" in request.fixturenames:
        request.getfixturevalue("emulator").reset()
