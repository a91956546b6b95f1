"""What runs beside the parts of a process while it starts."""

import asyncio

from structlog.testing import capture_logs

from chatserver.app.composition import concurrently


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
