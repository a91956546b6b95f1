"""Reports of other nodes: counted while the node is alive, dropped with it, and limited in number."""

import pytest

from chatserver.realtime.cluster.peers import (
    FORGET_SECONDS,
    LIVENESS_SECONDS,
    MAX_NODES,
    Heartbeat,
    NodePresence,
    NodeUsage,
    Peers,
)
from chatserver.realtime.events import PresentUser
from chatserver.realtime.limits import SocketLimits
from chatserver.realtime.rate_limit import CommandRateLimit

ADA, BOB = PresentUser("ada", "Ada", 1), PresentUser("bob", "Bob", 2)


class Clock:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def peers(clock):
    return Peers(clock)


def presence(node, *users):
    return NodePresence(node=node, session_id="s", users=users)


def test_users_of_several_nodes_are_known_and_a_repeated_report_changes_nothing(peers):
    assert peers.record_presence(presence("one", ADA))
    assert peers.record_presence(presence("two", BOB))
    assert not peers.record_presence(presence("two", BOB))
    assert peers.users("s") == [ADA, BOB]
    assert peers.record_presence(presence("one"))
    assert peers.users("s") == [BOB]


def test_a_silent_node_is_not_counted_and_comes_back_with_its_reports(peers, clock):
    peers.record_presence(presence("one", ADA))
    peers.record_usage(NodeUsage(node="one", holder="user:ada", sockets=("a", "b")))
    assert peers.changed_sessions() == ["s"]
    clock.seconds += LIVENESS_SECONDS
    assert peers.users("s") == []
    assert peers.sockets("user:ada") == []
    assert peers.changed_sessions() == ["s"]
    peers.record_heartbeat(Heartbeat(node="one"))
    assert peers.users("s") == [ADA]
    assert peers.sockets("user:ada") == ["a", "b"]
    assert peers.changed_sessions() == ["s"]
    assert peers.changed_sessions() == []


def test_a_node_that_leaves_is_dropped_at_once(peers):
    peers.record_presence(presence("one", ADA))
    peers.record_heartbeat(Heartbeat(node="one", leaving=True))
    assert peers.users("s") == []


def test_dead_nodes_are_dropped_and_their_number_is_limited(peers, clock):
    for number in range(MAX_NODES + 5):
        peers.record_presence(presence(f"node {number}", ADA))
    assert len(peers.users("s")) == MAX_NODES
    clock.seconds += FORGET_SECONDS + 1
    peers.changed_sessions()
    peers.record_heartbeat(Heartbeat(node="node 0"))
    assert peers.users("s") == []


def test_commands_allowed_elsewhere_count_here():
    rate_limit = CommandRateLimit(SocketLimits(commands_per_10_seconds=5, commands_per_minute=100))
    assert rate_limit.acquire(0.0) == 0
    rate_limit.add_remote(4, 1.0)
    assert rate_limit.acquire(2.0) == pytest.approx(8.0)
    assert rate_limit.collect_unreported() == 1  # only what was allowed here is reported
    assert rate_limit.collect_unreported() == 0
    assert rate_limit.acquire(10.5) == 0
