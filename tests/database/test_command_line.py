"""The operator's commands that read everything: on a large installation they take longer than people would wait."""

import asyncio
import contextlib
import signal
import time

import asyncpg
import pytest

from tests.support import product as products

# What a unit of work may take in these tests, and what a check takes in them.
DEADLINE_SECONDS, BUSY_SECONDS = 0.3, 1.0
PATIENCE_SECONDS = 60


@pytest.fixture
async def waiting(postgres_server, database_url, tmp_path):
    """Starts a command and waits until it has waited for a table that is locked for the length of the block."""
    admin_url = postgres_server.admin_url_of(database_url)

    @contextlib.asynccontextmanager
    async def start(command, table):
        environment = products.environment(
            tmp_path, DATABASE_URL=database_url, TIMING=f"unit_deadline={DEADLINE_SECONDS},unit_acquire=5"
        )
        # A transaction sees the activity as it was at its first look, so that another connection looks.
        others, watcher = await asyncpg.connect(admin_url), await asyncpg.connect(admin_url)
        with (tmp_path / "output").open("wb") as output:
            async with others.transaction():
                await others.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                process = await products.fork_server.start(command.split(), environment, output, output)
                await until_it_has_waited(watcher, process)
                yield process
        await others.close()
        await watcher.close()

    return start


async def until_it_has_waited(watcher, process):
    """Returns when a statement has waited for the table for longer than a unit of work may take, or the command gave up."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.returncode is None and not await watcher.fetchval(
        """
        SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'
           AND clock_timestamp() - query_start > make_interval(secs => $1)
        """,
        BUSY_SECONDS,
    ):
        assert time.monotonic() < deadline, "the command never came to the table"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("command", "table"),
    [("credits check", "credit_entries"), ("payments check", "purchases"), ("statistics rebuild", "rollup_marks")],
)
async def test_a_command_that_reads_everything_may_take_longer_than_a_request(waiting, command, table, tmp_path):
    async with waiting(command, table) as process:
        pass
    assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0, (tmp_path / "output").read_text()


async def test_a_check_is_stopped_while_it_reads(waiting):
    async with waiting("credits check", "credit_entries") as process:
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) != 0
