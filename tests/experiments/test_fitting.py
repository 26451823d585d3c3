import math
import time

import pytest

from wordgate.errors import SettingsError
from wordgate.experiments.fitting import Clock, peak_memory_mb


def test_without_a_limit_there_is_no_deadline():
    assert Clock().fitting_deadline(10**9) == math.inf


def test_the_deadline_leaves_time_to_evaluate():
    clock = Clock(started=100.0, max_minutes=2.0)
    assert clock.fitting_deadline(0) == pytest.approx(217.0)
    assert clock.fitting_deadline(40_000) == pytest.approx(207.0)


def test_the_deadline_leaves_the_time_that_the_rest_is_known_to_take():
    clock = Clock(started=100.0, max_minutes=2.0, finish_seconds=30.0)
    assert clock.fitting_deadline(0) == pytest.approx(190.0)
    assert clock.fitting_deadline(200_000) == pytest.approx(190.0)


def test_elapsed_counts_from_the_start():
    assert 5.0 <= Clock(started=time.monotonic() - 5.0).elapsed() < 60.0


@pytest.mark.parametrize("minutes", [0, -1, math.nan])
def test_a_limit_must_be_above_zero(minutes):
    with pytest.raises(
        SettingsError, match=f"max_minutes is {minutes}; it must be a number above 0"
    ):
        Clock(max_minutes=minutes)


def test_memory_is_reported_in_megabytes():
    assert 10 < peak_memory_mb() < 100_000
