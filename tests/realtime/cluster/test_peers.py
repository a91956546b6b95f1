"""What processes tell each other of people: heard, forgotten with who said it, bounded, and kept from sockets."""

import pytest

from chatserver.realtime.cluster.peers import FORGET_SECONDS, MOST_NODES, SILENT_SECONDS, Beat, Here, InUse, Neighbours
from chatserver.realtime.events import PresentUser
from chatserver.realtime.limits import Bounds
from chatserver.realtime.rate_limit import CommandBudget

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
def neighbours(clock):
    return Neighbours(clock)


def here(node, *users):
    return Here(node=node, session_id="s", users=users)


def test_people_of_several_processes_are_known_and_a_repetition_is_no_news(neighbours):
    assert neighbours.hear_presence(here("one", ADA))
    assert neighbours.hear_presence(here("two", BOB))
    assert not neighbours.hear_presence(here("two", BOB))
    assert neighbours.users("s") == [ADA, BOB]
    assert neighbours.hear_presence(here("one"))
    assert neighbours.users("s") == [BOB]


def test_who_is_silent_is_not_counted_and_comes_back_with_what_it_told(neighbours, clock):
    neighbours.hear_presence(here("one", ADA))
    neighbours.hear_use(InUse(node="one", holder="user:ada", sockets=("a", "b")))
    assert neighbours.changed_sessions() == ["s"]
    clock.seconds += SILENT_SECONDS
    assert neighbours.users("s") == []
    assert neighbours.sockets("user:ada") == []
    assert neighbours.changed_sessions() == ["s"]
    neighbours.hear_beat(Beat(node="one"))
    assert neighbours.users("s") == [ADA]
    assert neighbours.sockets("user:ada") == ["a", "b"]
    assert neighbours.changed_sessions() == ["s"]
    assert neighbours.changed_sessions() == []


def test_who_says_goodbye_is_gone_at_once(neighbours):
    neighbours.hear_presence(here("one", ADA))
    neighbours.hear_beat(Beat(node="one", leaving=True))
    assert neighbours.users("s") == []


def test_the_dead_are_forgotten_and_their_number_is_bounded(neighbours, clock):
    for number in range(MOST_NODES + 5):
        neighbours.hear_presence(here(f"node {number}", ADA))
    assert len(neighbours.users("s")) == MOST_NODES
    clock.seconds += FORGET_SECONDS + 1
    neighbours.changed_sessions()
    neighbours.hear_beat(Beat(node="node 0"))
    assert neighbours.users("s") == []


def test_commands_allowed_elsewhere_count_here():
    budget = CommandBudget(Bounds(commands_per_10_seconds=5, commands_per_minute=100))
    assert budget.take(0.0) == 0
    budget.note(4, 1.0)
    assert budget.take(2.0) == pytest.approx(8.0)
    assert budget.take_untold() == 1  # only what was allowed here is told on
    assert budget.take_untold() == 0
    assert budget.take(10.5) == 0
