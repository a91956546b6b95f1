"""`chatserver statistics rebuild`, as the operator types it."""

import asyncio
import sys
from datetime import UTC, datetime

from tests.rollups.test_rollups import ADD
from tests.support.people import run_sql
from tests.support.product import environment


async def test_sums_that_somebody_spoiled_are_those_of_the_rows_again(database, database_url, tmp_path):
    at = datetime(2026, 1, 5, 10, 7, tzinfo=UTC)
    row = ("pro", "image", "sketch", at, 1.0, 2.0, 3.0, None, "done", None, None, None, None)
    await run_sql(database, ADD, "018f0000-0000-7000-8000-000000000001", None, *row)
    await run_sql(database, "DELETE FROM rollup_marks")
    await run_sql(
        database,
        "INSERT INTO attempt_people_rollups (grain, bucket, chunk, people)"
        " VALUES (900, '2025-01-01T00:00:00Z', 0, repeat('1', 4096)::bit(4096))",
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatserver", "statistics", "rebuild"),
        env=environment(tmp_path, DATABASE_URL=database_url),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert (process.returncode, said.decode()) == (0, "Summed up again, 2 steps.\n")
    assert not await run_sql(database, "SELECT FROM attempt_people_rollups")
    [sums] = await run_sql(database, "SELECT bucket, calls FROM attempt_rollups WHERE grain = 3600")
    assert tuple(sums) == (at.replace(minute=0), 1)
    [act] = await run_sql(database, "SELECT actor FROM audit_entries WHERE action = 'statistics.rebuilt'")
    assert act["actor"] == "command line"
