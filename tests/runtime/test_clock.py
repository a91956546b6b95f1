"""The database's time, by answers of which each was given between two moments of the monotonic clock."""

import time

import pytest

from chatserver.runtime import clock

SECOND = 1_000_000_000


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_offset_ns", None)
    monkeypatch.setattr(time, "monotonic_ns", lambda: 100 * SECOND)


def test_the_first_answer_sets_the_clock_to_its_middle() -> None:
    clock.synchronise(1_000, 90 * SECOND, 94 * SECOND)
    assert clock.seconds() == 1_008


def test_an_answer_that_came_late_does_not_move_a_clock_that_agrees() -> None:
    clock.synchronise(1_000, 90 * SECOND, 90 * SECOND)
    clock.synchronise(1_001, 91 * SECOND, 97 * SECOND)
    assert clock.seconds() == 1_010


@pytest.mark.parametrize(("told", "seconds"), [(1_005, 1_011), (995, 1_005)])
def test_a_clock_that_cannot_be_right_is_moved_no_further_than_the_answer_tells(told: float, seconds: float) -> None:
    clock.synchronise(1_000, 90 * SECOND, 90 * SECOND)
    clock.synchronise(told, 90 * SECOND, 94 * SECOND)
    assert clock.seconds() == seconds
