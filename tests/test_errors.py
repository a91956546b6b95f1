"""What an error tells: a wait that is long enough. Each is drawn in the tree, and its code is documented."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver import errors
from chatserver.app import entrances  # every class of an error is defined once all entrances are imported
from chatserver.errors import ChatserverError, ConfigurationError, RateLimited

DOCS = Path(__file__).resolve().parent.parent / "docs"


def all_below(error):
    return [error, *(each for below in error.__subclasses__() for each in all_below(below))]


def test_each_error_is_drawn_in_the_tree():
    here = {error.__name__ for error in all_below(ChatserverError) if error.__module__ == errors.__name__}
    assert here - set(re.findall(r"\w+", errors.__doc__)) == set()


def test_each_code_that_people_and_programs_meet_is_documented():
    assert entrances.API
    documented = {
        code
        for page in ("protocol.md", "huggingface.md")
        for code in re.findall(r"`([a-z][a-z-]+)`", (DOCS / page).read_text())
    }
    told = {error for error in all_below(ChatserverError) if not issubclass(error, ConfigurationError)}
    assert {error.code for error in told if error.__module__.startswith("chatserver.")} - documented == set()


@pytest.mark.parametrize(("seconds", "told"), [(0.04, 0.1), (0.96, 1.0), (2.0, 2.0), (754.2, 754.2), (0.0, 0.0)])
def test_a_wait_is_told_in_tenths_of_a_second(seconds, told):
    assert RateLimited(retry_after=seconds).as_dict()["retry_after"] == told


@given(st.floats(min_value=0.001, max_value=100_000))
def test_who_waits_as_long_as_told_is_not_early(seconds):
    told = RateLimited(retry_after=seconds).as_dict()["retry_after"]
    assert seconds - 0.0001 <= told <= seconds + 0.11
