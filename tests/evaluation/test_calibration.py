"""A known distortion is found and removed, and the measures agree with scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from wordgate.evaluation.calibration import (
    TemperatureScaling,
    apply_temperature,
    calibration,
    fit_temperature,
)


def _simulated(n=20_000, n_classes=3, seed=0):
    """Probabilities, and labels drawn from just these: calibrated by construction."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=2.0, size=(n, n_classes))
    log_proba = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    below = rng.random((n, 1)) > np.exp(log_proba).cumsum(axis=1)
    return log_proba, np.minimum(below.sum(axis=1), n_classes - 1).astype(np.int64)


def _distorted(log_proba, power):
    scaled = log_proba * power
    return scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("power", [0.25, 1.0, 3.0])
def test_a_known_distortion_is_found_and_undone(power):
    log_proba, targets = _simulated()
    shown = _distorted(log_proba, power)
    temperature = fit_temperature(shown, targets)
    assert temperature == pytest.approx(power, rel=0.05)
    mended = calibration(apply_temperature(shown, temperature), targets)
    assert mended.ece < 0.015
    assert mended.log_loss == pytest.approx(calibration(log_proba, targets).log_loss, abs=1e-3)


def test_a_temperature_changes_no_answer():
    log_proba, _ = _simulated(2_000)
    for temperature in (0.05, 0.7, 1.0, 3.0, 20.0):
        mended = apply_temperature(log_proba, temperature)
        assert (mended.argmax(axis=1) == log_proba.argmax(axis=1)).all()
        np.testing.assert_allclose(np.exp(mended).sum(axis=1), 1.0)


def test_a_temperature_of_1_changes_nothing():
    log_proba, _ = _simulated(100)
    np.testing.assert_allclose(apply_temperature(log_proba, 1.0), log_proba, atol=1e-12)


def test_measures_are_those_of_scikit_learn():
    log_proba, targets = _simulated(500)
    proba = np.exp(log_proba)
    found = calibration(log_proba, targets)
    assert found.log_loss == pytest.approx(log_loss(targets, proba))
    expected = brier_score_loss(targets, proba, labels=[0, 1, 2], scale_by_half=False)
    assert found.brier == pytest.approx(expected)


def test_calibration_error_by_hand():
    """Four rows at 0.9, three of them right; two rows at 0.6, none right."""
    top = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6])
    log_proba = np.log(np.stack([top, 1 - top], axis=1))
    found = calibration(log_proba, np.array([0, 0, 0, 1, 1, 1]))
    assert found.ece == pytest.approx((4 * 0.15 + 2 * 0.6) / 6)
    assert [(one.n, one.accuracy) for one in found.bins] == [(2, 0.0), (4, 0.75)]
    assert [one.confidence for one in found.bins] == pytest.approx([0.6, 0.9])
    assert (found.bins[0].low, found.bins[0].high) == pytest.approx((8 / 15, 9 / 15))


def test_calibrated_probabilities_have_hardly_an_error():
    assert calibration(*_simulated(100_000)).ece < 0.006


def test_a_few_right_rows_are_no_proof_of_certainty():
    log_proba = np.log(np.array([[0.8, 0.2], [0.7, 0.3], [0.9, 0.1]]))
    assert 0.3 < fit_temperature(log_proba, np.zeros(3, np.int64)) < 1.0


def test_one_impossible_row_does_not_decide():
    log_proba, targets = _simulated(5_000)
    log_proba[0], targets[0] = [0.0, -1e4, -1e4], 1
    assert fit_temperature(log_proba, targets) == pytest.approx(1.0, abs=0.1)
    log_proba[0] = [0.0, -np.inf, -np.inf]
    assert fit_temperature(log_proba, targets) == pytest.approx(1.0, abs=0.1)
    assert apply_temperature(log_proba, 2.0)[0].tolist() == [0.0, -np.inf, -np.inf]


def test_the_temperature_keeps_its_bounds():
    certain = np.tile([0.0, -30.0], (5_000, 1))
    wrong = fit_temperature(certain, np.ones(5_000, np.int64))
    unsure = np.tile(np.log([0.501, 0.499]), (50_000, 1))
    right = fit_temperature(unsure, np.zeros(50_000, np.int64))
    assert wrong == pytest.approx(20.0, rel=1e-4)
    assert right == pytest.approx(0.05, rel=1e-4)


def _several(n=20_000, n_labels=4, seed=0):
    """Probabilities of labels by themselves, and labels drawn from just these."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1.0, 1.5, size=(n, n_labels))
    log_proba = -np.logaddexp(0.0, -logits)
    return log_proba, (rng.random((n, n_labels)) < np.exp(log_proba)).astype(np.int64)


def _sharper(log_proba, power):
    logits = log_proba - np.log(-np.expm1(log_proba))
    return -np.logaddexp(0.0, -logits * power)


@pytest.mark.parametrize("power", [0.25, 1.0, 3.0])
def test_of_several_labels_a_known_distortion_is_found_and_undone(power):
    log_proba, targets = _several()
    shown = _sharper(log_proba, power)
    temperature = fit_temperature(shown, targets)
    assert temperature == pytest.approx(power, rel=0.03)
    mended = apply_temperature(shown, power, multilabel=True)
    np.testing.assert_allclose(mended, log_proba, atol=1e-9)
    scaling = TemperatureScaling.of(shown, targets, temperature)
    assert scaling.after.ece < 0.01
    assert scaling.after.log_loss <= scaling.before.log_loss


def test_of_several_labels_a_temperature_changes_no_label_at_one_half():
    log_proba, _ = _several(2_000)
    for temperature in (0.05, 0.7, 3.0, 20.0):
        mended = apply_temperature(log_proba, temperature, multilabel=True)
        assert ((mended >= np.log(0.5)) == (log_proba >= np.log(0.5))).all()
        assert (mended.argsort(axis=0) == log_proba.argsort(axis=0)).all()


def test_of_several_labels_the_measures_are_those_of_scikit_learn_over_all_pairs():
    log_proba, targets = _several(500)
    found = calibration(log_proba, targets)
    proba = np.exp(log_proba)
    assert found.brier == pytest.approx(brier_score_loss(targets.ravel(), proba.ravel()))
    assert found.log_loss == pytest.approx(log_loss(targets.ravel(), proba.ravel()))
    assert sum(one.n for one in found.bins) == targets.size
    in_first = (proba > 0) & (proba <= 1 / 15)
    assert found.bins[0].accuracy == pytest.approx(targets[in_first].mean())
    apart = [one.n * abs(one.accuracy - one.confidence) for one in found.bins]
    assert found.ece == pytest.approx(sum(apart) / targets.size)


def test_of_several_labels_certain_and_impossible_ones_stay_so():
    log_proba = np.array([[0.0, -np.inf, np.log(0.3)]])
    mended = apply_temperature(log_proba, 2.0, multilabel=True)[0]
    assert mended[0] == pytest.approx(0.0, abs=1e-9)
    assert mended[1] == -np.inf
    assert 0.5 < fit_temperature(log_proba, np.array([[0, 1, 0]])) < 20.0
