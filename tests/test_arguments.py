"""Numbers as arguments: invalid ones are refused with value and name."""

import math

import numpy as np
import pytest

import wordgate
from wordgate.arguments import positive_number, whole_number
from wordgate.errors import DataError, SettingsError
from wordgate.prediction.decision import check_abstain
from wordgate.runtime.progress import Silent
from wordgate.scoring.options import ScoreOptions
from wordgate.serve.limits import Limits

ROWS = [("good text", "a"), ("bad text", "b")] * 10


@pytest.mark.parametrize("value", [0, 6, 1.0, 1.5, "2", True, None, [2], math.nan, np.float64(2)])
def test_anything_but_a_whole_number_of_a_range_is_refused(value):
    with pytest.raises(DataError) as caught:
        whole_number(value, "rows", "from 1 to 5", most=5, error=DataError)
    assert str(caught.value) == f"rows is {value!r}; it must be from 1 to 5"


@pytest.mark.parametrize("value", [1, 5, np.int64(3), np.uint8(2)])
def test_a_whole_number_is_given_back_as_a_plain_integer(value):
    number = whole_number(value, "rows", "from 1 to 5", most=5)
    assert (number, type(number)) == (int(value), int)


@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, "a", "1", True, None, 1j])
def test_anything_but_a_positive_number_is_refused(value):
    with pytest.raises(SettingsError) as caught:
        positive_number(value, "minutes")
    assert str(caught.value) == f"minutes is {value!r}; it must be a number above 0"


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(2)])
def test_every_type_of_positive_number_is_accepted(value):
    assert positive_number(value, "minutes") == float(value)


@pytest.mark.needs("optuna", "sklearn", "scipy", "jinja2")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": "a"}, "minutes is 'a'; it must be a number above 0"),
        ({"minutes": True}, "minutes is True; it must be a number above 0"),
        ({"trials": 1.5}, "--trials is 1.5; it must be a whole number of at least 1"),
        ({"trials": "3"}, "--trials is '3'; it must be a whole number of at least 1"),
        ({"max_mb": "5"}, "--max-mb is '5'; it must be a number above 0"),
        ({"seed": 0.5}, "seed is 0.5; it must be a whole number from 0 to"),
    ],
)
def test_tune_names_a_value_that_is_none(options, message):
    with pytest.raises(SettingsError) as caught:
        wordgate.tune(ROWS, model="count", progress=Silent(), **options)
    assert str(caught.value).startswith(message)


@pytest.mark.needs("torch", "sklearn", "scipy", "jinja2")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_minutes": "a"}, "max_minutes is 'a'; it must be a number above 0"),
        ({"folds": 2.5}, "folds is 2.5; it must be a whole number of at least 2"),
        ({"folds": "3"}, "folds is '3'; it must be a whole number of at least 2"),
        ({"workers": "2"}, "workers is '2'; it must be a whole number of at least 1"),
        ({"threads": "2"}, "threads is '2'; it must be a whole number from 1 to"),
    ],
)
def test_train_names_a_value_that_is_none(options, message):
    with pytest.raises(SettingsError) as caught:
        wordgate.train(ROWS, model="lstm", progress=Silent(), **options)
    assert str(caught.value).startswith(message)


@pytest.mark.needs("torch", "sklearn", "scipy", "jinja2")
def test_compare_names_a_value_that_is_none():
    with pytest.raises(SettingsError, match=r"folds is 2\.5; it must be a whole number of at"):
        wordgate.compare(ROWS, folds=2.5, progress=Silent())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": "64"}, "batch is '64'; it must be a whole number of at least 1"),
        ({"batch": 1.5}, "batch is 1.5; it must be a whole number of at least 1"),
        (
            {"checkpoint_seconds": "a"},
            "checkpoint_seconds is 'a'; it must be a number of at least 0",
        ),
        (
            {"checkpoint_seconds": -1},
            "checkpoint_seconds is -1; it must be a number of at least 0",
        ),
        ({"abstain_below": "0.5"}, "abstain_below is '0.5'; it must be a probability, from 0 to 1"),
    ],
)
def test_scoring_names_a_value_that_is_none(options, message):
    with pytest.raises(SettingsError) as caught:
        ScoreOptions(**options)
    assert str(caught.value) == message


def test_a_threshold_that_is_no_number_is_refused():
    with pytest.raises(SettingsError, match="abstain_below is None; it must be a probability"):
        check_abstain(None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_texts": 1.5}, "--max-texts is 1.5; it must be a whole number of at least 1"),
        ({"max_batch": "8"}, "--max-batch is '8'; it must be a whole number of at least 1"),
        ({"timeout": "a"}, "--timeout is 'a'; it must be a number of at least 0.001"),
    ],
)
def test_a_server_names_a_limit_that_is_none(options, message):
    with pytest.raises(SettingsError) as caught:
        Limits(**options)
    assert str(caught.value) == message
