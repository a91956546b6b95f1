"""The membership of one process in the cluster, without the others."""

import asyncio
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from chatserver.realtime.admission import Admission
from chatserver.realtime.cluster import membership
from chatserver.realtime.cluster.membership import ClusterMembership
from chatserver.realtime.cluster.readiness import Readiness
from chatserver.realtime.limits import SocketLimits


class Unready:
    """A readiness that cannot say, twice, whether the process is fit."""

    is_partitioned = False

    def __init__(self) -> None:
        self.failures = [LookupError(), LookupError()]

    def tick(self) -> bool:
        if self.failures:
            raise self.failures.pop()
        return True


async def test_heartbeats_go_on_after_an_unforeseen_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "HEARTBEAT_SECONDS", 0.001)
    sent = asyncio.Event()
    cluster = ClusterMembership(
        lambda _: sent.set(), Admission(SocketLimits()), lambda _: None, cast(Readiness, Unready())
    )
    with capture_logs() as lines:
        cluster.start(lambda _channel, _listener: cast(Any, None))
        async with asyncio.timeout(20):
            await sent.wait()
        cluster.close()
    assert [line["event"] for line in lines] == ["cluster.tick_failed"] * 2
