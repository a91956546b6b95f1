"""TIMING: durations that every process of an installation is told."""

import pytest

from chatserver import config
from chatserver.config import Timing
from chatserver.errors import ConfigurationError


def test_what_is_named_is_set_and_the_rest_has_its_default():
    timing = config.load({"TIMING": "lease=6, reap=0.5"}).timing
    assert timing == Timing(lease=6.0, reap=0.5)
    assert (timing.lease_renewal, timing.lease_surrender) == (2.0, 4.0)
    assert config.load({}).timing == Timing()


def test_a_timing_is_printed_in_the_form_in_which_it_is_set():
    timing = Timing(lease=6.0, reap=0.5)
    assert str(timing) == "lease=6,reap=0.5"
    assert config.load({"TIMING": str(timing)}).timing == timing
    assert str(Timing()) == ""


@pytest.mark.parametrize("text", ["leese=6", "lease", "lease=0", "lease=-1", "lease=soon", "lease=1e9", "lease=nan"])
def test_a_name_or_a_number_that_is_none_stops_the_start(text):
    with pytest.raises(ConfigurationError, match="TIMING"):
        config.load({"TIMING": text})
