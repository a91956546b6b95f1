"""What an error tells: a wait that is long enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.errors import RateLimited


@pytest.mark.parametrize(("seconds", "told"), [(0.04, 0.1), (0.96, 1.0), (2.0, 2.0), (754.2, 754.2), (0.0, 0.0)])
def test_a_wait_is_told_in_tenths_of_a_second(seconds, told):
    assert RateLimited(retry_after=seconds).as_dict()["retry_after"] == told


@given(st.floats(min_value=0.001, max_value=100_000))
def test_who_waits_as_long_as_told_is_not_early(seconds):
    told = RateLimited(retry_after=seconds).as_dict()["retry_after"]
    assert seconds - 0.0001 <= told <= seconds + 0.11
