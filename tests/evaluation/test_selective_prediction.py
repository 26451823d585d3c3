import itertools

import numpy as np

from wordgate.evaluation.selective_prediction import (
    THRESHOLDS,
    CoveragePoint,
    abstention_sentences,
    coverage_curve,
)


def _answers():
    """Tops 0.9 (right), 0.8 (wrong), 0.6 (right), 0.6 (wrong)."""
    top = np.array([0.9, 0.8, 0.6, 0.6])
    return np.log(np.stack([top, 1 - top], axis=1)), np.array([0, 1, 0, 1])


def test_rows_below_the_threshold_are_not_answered():
    points = coverage_curve(*_answers(), [0.0, 0.7, 0.85, 0.95])
    assert [point.n for point in points] == [4, 2, 1, 0]
    assert [point.coverage for point in points] == [1.0, 0.5, 0.25, 0.0]
    assert [point.accuracy for point in points] == [0.5, 0.5, 1.0, None]


def test_a_probability_at_the_threshold_is_answered():
    log_proba = np.log(np.array([[0.75, 0.25]]))
    assert coverage_curve(log_proba, np.array([0]), [0.75])[0].n == 1


def test_the_usual_thresholds_begin_with_every_row_and_are_few():
    points = coverage_curve(*_answers())
    assert points[0].coverage == 1.0
    assert len(points) == len(THRESHOLDS) == 21
    assert all(a.n >= b.n for a, b in itertools.pairwise(points))


def test_the_advice_on_p_rests_on_enough_rows():
    points = [
        CoveragePoint(threshold=0.0, n=100, coverage=1.0, accuracy=0.62),
        CoveragePoint(threshold=0.5, n=80, coverage=0.8, accuracy=0.71),
        CoveragePoint(threshold=0.9, n=10, coverage=0.1, accuracy=0.95),
    ]
    assert abstention_sentences(points) == [
        "With --abstain-below 0.5, 80% of the texts get a label, and 71% of these labels are"
        " correct."
    ]
