"""Whether a process can serve users, by when its database last answered."""

import pytest

from chatserver.realtime.cluster.peers import FORGET_SECONDS, Heartbeat, Peers
from chatserver.realtime.cluster.readiness import PARTITIONED_TICKS, READY_SECONDS, Readiness


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def readiness(clock):
    made = Readiness(clock)
    made.accepts_users = True
    return made


def ticks(readiness, clock, count):
    """The results of so many ticks, a second apart."""
    results = []
    for _ in range(count):
        clock.now += 1
        results.append(readiness.tick())
    return results


def test_a_process_is_ready_while_its_database_answers_and_for_a_little_longer(readiness, clock):
    assert ticks(readiness, clock, 4) == [True, True, False, False]
    readiness.database_answered()
    assert ticks(readiness, clock, 1) == [True]


def test_a_worker_is_never_ready_for_users(readiness, clock):
    readiness.accepts_users = False
    assert ticks(readiness, clock, 1) == [False]


def test_a_process_is_partitioned_when_it_has_not_been_ready_for_long(readiness, clock):
    clock.now += READY_SECONDS
    ticks(readiness, clock, PARTITIONED_TICKS - 1)
    assert not readiness.is_partitioned
    ticks(readiness, clock, 1)
    assert readiness.is_partitioned
    readiness.database_answered()
    ticks(readiness, clock, 1)
    assert not readiness.is_partitioned


def test_a_process_that_was_frozen_is_not_partitioned(readiness, clock):
    clock.now += 3600
    ticks(readiness, clock, 1)
    assert not readiness.is_partitioned


def test_the_last_heartbeat_of_a_node_counts_until_it_is_dropped_or_leaves(clock):
    peers = Peers(clock)
    assert not peers.is_any_ready()
    peers.record_heartbeat(Heartbeat(node="worker"))
    assert not peers.is_any_ready()
    peers.record_heartbeat(Heartbeat(node="web", fit=True))
    clock.now += FORGET_SECONDS - 1
    peers.changed_sessions()
    assert peers.is_any_ready(), "no heartbeat arrives, which says nothing about readiness"
    clock.now += 2
    peers.changed_sessions()
    assert not peers.is_any_ready()
    for last in (Heartbeat(node="web"), Heartbeat(node="web", leaving=True)):
        peers.record_heartbeat(Heartbeat(node="web", fit=True))
        peers.record_heartbeat(last)
        assert not peers.is_any_ready()
