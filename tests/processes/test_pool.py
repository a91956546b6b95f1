"""The pool of child processes, where the machine has no more to give."""

import errno
import os

import pytest
from structlog.testing import capture_logs

from chatserver.processes import pool
from chatserver.processes.pool import ChildDied, Pool, ProcessLimits


async def test_where_no_process_can_be_started_callers_hear_so_and_the_next_may_try(monkeypatch):
    async def refused(*_):
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(pool, "spawn", refused)
    children = Pool("tests.support.prisoner", size=1, limits=ProcessLimits(memory_bytes=1024**3, cpu_seconds=10))
    with capture_logs() as lines:
        for _ in range(2):
            with pytest.raises(ChildDied):
                await children.start()
    assert [line["event"] for line in lines] == ["child.not_started"] * 2
    await children.close()
