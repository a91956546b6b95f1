"""What runs beside the parts of a process while it starts."""

import asyncio

from structlog.testing import capture_logs

from chatserver.app.composition import concurrently
from tests.support.product import running


async def test_work_beside_the_start_fails_in_the_log_and_ends_nothing_else():
    failed = asyncio.Event()

    async def warm_up():
        failed.set()
        raise LookupError

    with capture_logs() as lines:
        async with concurrently(warm_up()):
            await failed.wait()
        async with concurrently(asyncio.sleep(3600)):
            pass
    assert [(line["event"], line["job"].rpartition(".")[2]) for line in lines] == [("background.failed", "warm_up")]


async def test_a_start_with_another_key_than_the_one_before_it_is_told(database_url, tmp_path):
    told = []
    for folder in ("first", "first", "second", "second"):  # where each machine keeps its key
        async with running(tmp_path / folder, DATABASE_URL=database_url) as product:
            told.append("process.signing_key_changed" in product.output())
    assert told == [False, False, True, False]
