"""Logistic regression along a path of strengths, against scikit-learn's."""

import math
import time

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from wordgate.training.logistic import Linear, fit_path

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
