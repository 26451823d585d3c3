import numpy as np
import pytest

from wordgate.evaluation.metrics import class_intervals, evaluate

LABELS = ("a", "b", "c")


def _answers(n=600, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.integers(3, size=n)
    predicted = np.where(rng.random(n) < 0.7, true, rng.integers(3, size=n))
    return true, predicted, [str(i // 6) for i in range(n)]


def test_intervals_contain_the_scores():
    true, predicted, groups = _answers()
    scores = evaluate(true, np.log(np.eye(3)[predicted] * 0.9 + 0.03), LABELS, groups).per_class
    for score, found in zip(scores, class_intervals(true, predicted, LABELS, groups), strict=True):
        assert found.label == score.label
        for name in ("precision", "recall", "f1"):
            interval = getattr(found, name)
            assert interval.low < getattr(score, name) < interval.high
            assert interval.high - interval.low < 0.25


def test_duplicates_make_them_wider():
    true, predicted, _ = _answers(100)
    six = [np.repeat(one, 6) for one in (true, predicted)]
    groups = [str(i // 6) for i in range(600)]
    by_group, by_row = (class_intervals(*six, LABELS, unit)[0].recall for unit in (groups, None))
    assert by_group.high - by_group.low > 2 * (by_row.high - by_row.low)


def test_only_groups_that_hold_a_label_are_counted():
    true = np.array([0] * 90 + [1] * 10)
    predicted = np.where(np.arange(100) % 3 == 0, 1 - true, true)
    found = class_intervals(true, predicted, ("a", "b"), None)[1]
    assert found.recall.method.startswith("bootstrap over 10 rows, ")
    assert found.precision.method.startswith("bootstrap over 36 rows, ")


def test_the_true_value_is_covered_for_a_rare_label_too():
    """Recall of a label of 12 groups of 4 like rows; the truth is 0.6."""
    rng = np.random.default_rng(0)
    held = 0
    for simulation in range(200):
        right = np.repeat(rng.random(12) < 0.6, 4)
        true = np.repeat([1, 0], [48, 400])
        predicted = np.concatenate([right.astype(np.int64), np.zeros(400, np.int64)])
        groups = [str(i // 4) for i in range(448)]
        interval = class_intervals(true, predicted, ("a", "b"), groups, seed=simulation)[1].recall
        held += interval.low <= 0.6 <= interval.high
    assert held >= 180


def test_impossible_predictions_are_refused_with_the_reason():
    true, predicted = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 0, 0])
    all_right, wrong, single = class_intervals(true, predicted, LABELS, None)
    assert all_right.recall.method == "exact binomial bound: an error in none of 2 rows"
    assert wrong.precision.method == "none: never predicted"
    assert wrong.f1.method == "none: every resample gives 0"
    assert single.recall.method == "none: a single one of the rows cannot be resampled"
    assert class_intervals(true, predicted, (*LABELS, "d"), None)[3].recall.method == (
        "none: no rows"
    )


def test_another_seed_moves_them_a_little():
    one, other = (class_intervals(*_answers()[:2], LABELS, None, seed=s)[0].f1 for s in (0, 1))
    assert one != other
    assert one.low == pytest.approx(other.low, abs=0.01)
