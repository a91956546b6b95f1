"""Numbers that a service reports are taken only where they can be true."""

import math

import pytest

from chatserver.providers import reported_numbers
from chatserver.providers.base import Finished, Loading, Queued, Rendering, validated

IMPOSSIBLE = [
    math.nan,
    math.inf,
    -math.inf,
    -1,
    -0.5,
    1e308,
    10**400,
    10**5000,
    "many",
    "",
    None,
    True,
    [],
    {},
    "1" * 5000,
]


@pytest.mark.parametrize("value", IMPOSSIBLE, ids=lambda value: type(value).__name__)
def test_what_no_number_can_be_is_none(value):
    assert reported_numbers.count(value, 1000) is None
    assert reported_numbers.seconds(value) is None
    assert reported_numbers.fraction(value) is None


@pytest.mark.parametrize("value", [7, 7.0, "7", " 7 "])
def test_a_number_is_taken_however_it_is_written(value):
    assert reported_numbers.count(value, 1000) == 7
    assert reported_numbers.seconds(value) == 7.0


def test_a_document_is_read_whatever_numbers_it_holds():
    document = reported_numbers.read_json(f'\ufeff{{"a": NaN, "b": {"9" * 5000}, "c": -Infinity, "d": 7}}')
    assert (document["b"], document["d"]) == (math.inf, 7)
    with pytest.raises(ValueError, match="deeply"):
        reported_numbers.read_json("[" * 100_000)


@pytest.mark.parametrize(
    ("step", "known"),
    [
        (Queued(position=10**30, eta_seconds=math.nan), Queued()),
        (Queued(position=-1, eta_seconds=-5), Queued()),
        (Loading(eta_seconds=1e308), Loading()),
        (Rendering(fraction=math.nan, step=-1, steps=10**20, eta_seconds=math.inf), Rendering()),
        (Rendering(fraction=1.0000001, step=31, steps=30), Rendering(fraction=1.0)),
        (Rendering(fraction=0.5, step=15, steps=30, eta_seconds=4.0), None),
        (Queued(position=3, eta_seconds=20.0), None),
    ],
)
def test_a_step_keeps_only_what_can_be_true(step, known):
    assert validated(step) == (known or step)


@pytest.mark.parametrize(("seed", "known"), [(7, 7), (-7, None), (2**80, None), ("7", 7), (math.nan, None)])
def test_a_seed_is_one_that_can_be_stored(seed, known):
    assert validated(Finished(data=b"", model="m", provider="p", seed=seed)).seed == known
