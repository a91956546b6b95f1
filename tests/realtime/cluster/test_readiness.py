"""Whether a process can serve people, by when its database last answered."""

import pytest

from chatserver.realtime.cluster.peers import FORGET_SECONDS, Beat, Neighbours
from chatserver.realtime.cluster.readiness import FIT_SECONDS, PARTED_BEATS, Fitness


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def fitness(clock):
    made = Fitness(clock)
    made.serves = True
    return made


def beats(fitness, clock, count):
    """What it says of itself, a second apart."""
    told = []
    for _ in range(count):
        clock.now += 1
        told.append(fitness.beat())
    return told


def test_a_process_is_fit_while_its_database_answers_and_for_a_little_longer(fitness, clock):
    assert beats(fitness, clock, 4) == [True, True, False, False]
    fitness.answered()
    assert beats(fitness, clock, 1) == [True]


def test_a_worker_is_never_fit_for_people(fitness, clock):
    fitness.serves = False
    assert beats(fitness, clock, 1) == [False]


def test_a_process_is_parted_when_it_has_been_unfit_for_long(fitness, clock):
    clock.now += FIT_SECONDS
    beats(fitness, clock, PARTED_BEATS - 1)
    assert not fitness.is_parted
    beats(fitness, clock, 1)
    assert fitness.is_parted
    fitness.answered()
    beats(fitness, clock, 1)
    assert not fitness.is_parted


def test_a_process_that_was_frozen_is_not_parted(fitness, clock):
    clock.now += 3600
    beats(fitness, clock, 1)
    assert not fitness.is_parted


def test_the_last_word_of_the_others_counts_until_they_are_forgotten_or_leave(clock):
    neighbours = Neighbours(clock)
    assert not neighbours.is_anybody_fit()
    neighbours.hear_beat(Beat(node="worker"))
    assert not neighbours.is_anybody_fit()
    neighbours.hear_beat(Beat(node="web", fit=True))
    clock.now += FORGET_SECONDS - 1
    neighbours.changed_sessions()
    assert neighbours.is_anybody_fit(), "nobody can be heard, which is no word about them"
    clock.now += 2
    neighbours.changed_sessions()
    assert not neighbours.is_anybody_fit()
    for last in (Beat(node="web"), Beat(node="web", leaving=True)):
        neighbours.hear_beat(Beat(node="web", fit=True))
        neighbours.hear_beat(last)
        assert not neighbours.is_anybody_fit()
