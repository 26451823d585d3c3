"""Logistic regression for several values of C, against scikit-learn's, and the choice of C."""

import math
import time

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from tests.conftest import RecordingProgress

from wordgate.runtime.progress import Silent
from wordgate.training import logistic
from wordgate.training.logistic import Linear, Trial, fit_path, search_regularization

ENOUGH = 500


def data(n=120, features=7, classes=3, seed=0):
    """Features of very different scales, some of them mostly 0, and targets that follow them."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(n, features)) * 10.0 ** rng.uniform(-2, 1, features)
    made *= rng.random((n, features)) < rng.uniform(0.2, 1, features)
    scores = made / made.std(axis=0) @ rng.normal(size=(features, classes))
    targets = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    return made.astype(np.float32), targets.astype(np.int64)


def fitted(features, targets, n_classes, strengths, *, steps=ENOUGH, deadline=math.inf):
    return dict(
        fit_path(features, targets, n_classes, strengths, most_steps=steps, deadline=deadline)
    )


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("kind", [np.asarray, csr_matrix], ids=["dense", "sparse"])
def test_it_is_scikit_learns_optimum(classes, kind):
    features, targets = data(classes=classes)
    for c, linear in fitted(kind(features), targets, classes, [0.01, 1.0, 30.0]).items():
        # The two-class model of scikit-learn has one column, whose penalty is twice that of two.
        theirs = LogisticRegression(
            C=c if classes > 2 else 2 * c, solver="newton-cg", max_iter=500, tol=1e-8
        )
        theirs.fit(features.astype(np.float64), targets)
        expected = theirs.predict_log_proba(features.astype(np.float64))
        assert linear.log_proba(kind(features)) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("classes", [1, 2, 3, 5, 6])
def test_products_column_by_column_and_in_threads_are_the_same_to_the_bit(classes, monkeypatch):
    features, targets = data(n=300, features=40, classes=classes)

    def bits(few, threads):
        monkeypatch.setattr(logistic, "_FEW_COLUMNS", few)
        path = fit_path(
            csr_matrix(features), targets, classes, [1.0], deadline=math.inf, threads=threads
        )
        ((_, linear),) = path
        return linear.coefficients.tobytes() + linear.intercepts.tobytes()

    together = bits(0, 1)
    assert bits(4, 1) == bits(4, 2) == bits(9, 3) == together


def test_coefficients_of_the_classes_sum_to_zero():
    features, targets = data()
    linear = fitted(features, targets, 3, [1.0])[1.0]
    assert (linear.coefficients.dtype, linear.intercepts.dtype) == (np.float32, np.float64)
    assert linear.coefficients.sum(axis=1) == pytest.approx(np.zeros(7), abs=1e-5)


def test_a_stronger_penalty_makes_smaller_coefficients():
    features, targets = data()
    path = fitted(features, targets, 3, [100.0, 0.01, 1.0, 0.01])
    assert list(path) == [0.01, 1.0, 100.0]
    sizes = [np.linalg.norm(linear.coefficients) for linear in path.values()]
    assert sizes == sorted(sizes)


def test_the_few_steps_of_a_training_come_close():
    features, targets = data(n=400)
    (linear,) = (one for _, one in fit_path(features, targets, 3, [1.0], deadline=math.inf))
    best = fitted(features, targets, 3, [1.0])[1.0]
    losses = [-one.log_proba(features)[np.arange(400), targets].mean() for one in (linear, best)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_classes_without_rows_have_the_probability_0():
    features, targets = data()
    spread_out = np.array([4, 0, 3])[targets]
    here = fitted(features, targets, 3, [1.0])[1.0].log_proba(features)
    there = fitted(features, spread_out, 6, [1.0])[1.0].log_proba(features)
    assert np.isfinite(there).all()
    assert np.exp(there)[:, [1, 2, 5]].max() == 0.0
    assert there[:, [4, 0, 3]] == pytest.approx(here, abs=1e-2)


def test_a_single_class_is_certain():
    features, _ = data()
    linear = fitted(features, np.full(120, 1), 3, [1.0])[1.0]
    assert np.exp(linear.log_proba(features)).tolist() == [[0, 1, 0]] * 120


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix], ids=["dense", "sparse"])
def test_without_features_the_frequencies_are_the_answer(kind):
    nothing = kind(np.zeros((10, 0), np.float32))
    linear = fitted(nothing, np.array([0] * 7 + [1] * 3), 2, [1.0])[1.0]
    assert np.exp(linear.log_proba(nothing)) == pytest.approx(np.array([[0.7, 0.3]] * 10), abs=1e-4)


def test_time_that_is_up_ends_the_minimisation():
    features, targets = data()
    late = fitted(features, targets, 3, [1.0], deadline=time.monotonic())[1.0]
    one_step = fitted(features, targets, 3, [1.0], steps=1)[1.0]
    assert np.array_equal(late.coefficients, one_step.coefficients)


def test_the_same_data_gives_the_same_numbers():
    features, targets = data()
    one, other = (fitted(features, targets, 3, [1.0], steps=20)[1.0] for _ in range(2))
    assert np.array_equal(one.coefficients, other.coefficients)
    assert np.array_equal(one.intercepts, other.intercepts)


def test_a_layer_before_softmax_by_hand():
    linear = Linear(np.array([[1.0, -1.0]], np.float32), np.array([0.5, 0.0]))
    expected = -np.log1p(np.exp(-(2 * 2 + 0.5)))
    assert linear.log_proba(np.array([[2.0]], np.float32))[0, 0] == pytest.approx(expected)


ROWS = np.eye(4, dtype=np.float32)
TARGETS = np.array([0, 0, 1, 1])


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
    assert choice.remarks() == [
        "C = 1 was selected from 0.1, 1, 10 by validation accuracy (1.000)."
    ]


def test_a_single_value_was_not_selected_from_others(choose):
    choice = choose({0.1: answering(1, 1, -1, -1)})
    assert choice.remarks() == ["C = 0.1 was the only value tried: validation accuracy (1.000)."]


def test_ties_go_to_the_lower_log_loss_and_then_to_the_stronger_penalty(choose):
    surer, sure = answering(2, 2, -2, -2), answering(1, 1, -1, -1)
    assert choose({0.1: sure, 1: surer, 10: sure}).best.c == 1
    assert choose({0.1: surer, 1: surer}).best.c == 0.1


@pytest.mark.parametrize(
    ("one", "other"),
    [((0.8, 0.5), (0.7, 0.1)), ((0.8, 0.1), (0.8, 0.5))],
    ids=["more right", "as many, surer"],
)
def test_better_scores_win(one, other):
    better, worse = (Trial(1.0, answering(0, 0, 0, 0), *worth) for worth in (one, other))
    assert better.beats(worse)
    assert not worse.beats(better)
    assert not better.beats(better)
    assert better.beats(None)


def test_time_that_is_up_leaves_the_weaker_penalties_out(choose):
    layers = {c: answering(1, 1, -1, -1) for c in (0.1, 1, 10)}
    choice = choose(layers, deadline=time.monotonic())
    assert (choice.tried, choice.left_out) == ((0.1,), 2)
    assert choice.remarks()[1:] == ["The time limit ended the search after 1 of 3 values of C."]


def test_every_fit_is_reported(choose):
    progress = RecordingProgress()
    choose({0.1: answering(1, -1, -1, -1), 1: answering(1, 1, -1, -1), 10: answering(0, 0, 0, 0)},
           progress=progress)  # fmt: skip
    lines = [line.split() for line in progress.lines]
    assert [" ".join([*words[:3], *words[5:]]) for words in lines] == [
        "C = 0.1 valid 0.750, log loss 0.563 (best so far)",
        "C = 1 valid 1.000, log loss 0.313 (best so far)",
        "C = 10 valid 0.500, log loss 0.693",
    ]


def test_the_same_penalty_twice_is_tried_once():
    choice = search_regularization(
        (ROWS, TARGETS), (ROWS, TARGETS), 2, [1.0, 0.1, 1.0], progress=Silent(), deadline=math.inf
    )
    assert (choice.tried, choice.left_out) == ((0.1, 1.0), 0)


@pytest.mark.parametrize(
    ("seconds", "tried"),
    [
        (math.inf, [0.1, 0.3, 1, 3, 30, 1000]),
        (6.5, [0.1, 0.3, 1, 3, 30, 1000]),
        (4.5, [0.1, 0.3, 3, 1000]),
        (2.5, [0.1, 3]),
        (1.5, [0.1, 3]),  # what the deadline then cuts short
        (0.0, [3]),
    ],
)
def test_where_there_is_time_for_some_penalties_only_they_are_spread(monkeypatch, seconds, tried):
    now = [100.0]
    monkeypatch.setattr(logistic.time, "monotonic", lambda: now[0])
    found = []
    for c in logistic.in_time_spread([0.1, 0.3, 1, 3, 30, 1000], now[0] + seconds):
        found.append(c)
        now[0] += 1.0
    assert found == tried
