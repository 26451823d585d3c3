"""Which strength of regularisation is kept, and what is said of it."""

import math
import time

import numpy as np
import pytest

from wordgate.runtime.progress import Silent
from wordgate.training import logistic
from wordgate.training.logistic import Linear, Trial, search_regularization

ROWS = np.eye(4, dtype=np.float32)
TARGETS = np.array([0, 0, 1, 1])


class Told(Silent):
    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


def answering(*first):
    """Make a layer that gives each of the rows this log-odds of the first class."""
    coefficients = np.zeros((4, 2), np.float32)
    coefficients[:, 0] = first
    return Linear(coefficients, np.zeros(2))


@pytest.fixture
def choose(monkeypatch):
    """Choose among layers, given by C, which stand for what fitting would have given."""

    def run(layers, *, deadline=math.inf, progress=None):
        def path(features, targets, n_classes, c_values, **options):
            return ((c, layers[c]) for c in sorted(set(c_values)))

        monkeypatch.setattr(logistic, "fit_path", path)
        return search_regularization(
            (ROWS, TARGETS), (ROWS, TARGETS), 2, tuple(layers), progress=progress or Silent(),
            deadline=deadline,
        )  # fmt: skip

    return run


def test_the_most_accurate_on_validation_is_kept(choose):
    choice = choose(
        {0.1: answering(9, -1, -9, -9), 1: answering(1, 1, -1, -1), 10: answering(9, 9, -9, 1)}
    )
    assert (choice.best.c, choice.best.accuracy) == (1, 1.0)
    assert choice.best.log_loss == pytest.approx(np.log1p(np.exp(-1)))
    assert choice.tried == (0.1, 1, 10)
    assert choice.remarks() == ["Validation chose C = 1 (accuracy 1.000) of 0.1, 1, 10."]


def test_ties_go_to_the_lower_log_loss_and_then_to_the_stronger_penalty(choose):
    surer, sure = answering(2, 2, -2, -2), answering(1, 1, -1, -1)
    assert choose({0.1: sure, 1: surer, 10: sure}).best.c == 1
    assert choose({0.1: surer, 1: surer}).best.c == 0.1


@pytest.mark.parametrize(
    ("one", "other"),
    [((0.8, 0.5), (0.7, 0.1)), ((0.8, 0.1), (0.8, 0.5))],
    ids=["more right", "as many, surer"],
)
def test_what_beats_what(one, other):
    better, worse = (Trial(1.0, answering(0, 0, 0, 0), *worth) for worth in (one, other))
    assert better.beats(worse)
    assert not worse.beats(better)
    assert not better.beats(better)
    assert better.beats(None)


def test_time_that_is_up_leaves_the_weaker_penalties_out(choose):
    layers = {c: answering(1, 1, -1, -1) for c in (0.1, 1, 10)}
    choice = choose(layers, deadline=time.monotonic())
    assert (choice.tried, choice.left_out) == ((0.1,), 2)
    assert choice.remarks()[1:] == ["Time was up after 1 of 3 values of C."]


def test_every_fit_is_told(choose):
    told = Told()
    choose({0.1: answering(1, -1, -1, -1), 1: answering(1, 1, -1, -1), 10: answering(0, 0, 0, 0)},
           progress=told)  # fmt: skip
    said = [line.split() for line in told.lines]
    assert [" ".join([*words[:3], *words[5:]]) for words in said] == [
        "C = 0.1 valid 0.750, log loss 0.563 (best so far)",
        "C = 1 valid 1.000, log loss 0.313 (best so far)",
        "C = 10 valid 0.500, log loss 0.693",
    ]


def test_the_same_strength_twice_is_tried_once():
    choice = search_regularization(
        (ROWS, TARGETS), (ROWS, TARGETS), 2, [1.0, 0.1, 1.0], progress=Silent(), deadline=math.inf
    )
    assert (choice.tried, choice.left_out) == ((0.1, 1.0), 0)
