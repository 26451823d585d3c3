"""Scores against scikit-learn's and against small cases computed by hand."""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics as sk

from wordgate.errors import DataError
from wordgate.evaluation.calibration import calibration, fit_temperature
from wordgate.evaluation.metrics import evaluate, is_skewed, paired_macro_f1_difference
from wordgate.evaluation.selective_prediction import coverage_curve

LABELS = ("Negative", "Neutral", "Positive")


def _answers(n=300, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.integers(classes, size=n)
    logits = rng.normal(size=(n, classes)) + 1.5 * np.eye(classes)[true]
    return true, logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_agrees_with_scikit_learn_where_everything_is_defined():
    true, log_proba = _answers()
    predicted = log_proba.argmax(axis=1)
    scores = evaluate(true, log_proba, LABELS, None).model_dump(mode="json")
    assert scores["accuracy"] == sk.accuracy_score(true, predicted)
    assert scores["macro_f1"] == pytest.approx(sk.f1_score(true, predicted, average="macro"))
    assert scores["weighted_f1"] == pytest.approx(sk.f1_score(true, predicted, average="weighted"))
    assert scores["macro_precision"] == pytest.approx(
        sk.precision_score(true, predicted, average="macro")
    )
    assert scores["macro_recall"] == pytest.approx(
        sk.recall_score(true, predicted, average="macro")
    )
    assert scores["log_loss"] == pytest.approx(sk.log_loss(true, np.exp(log_proba)))
    assert scores["confusion"] == sk.confusion_matrix(true, predicted).tolist()
    assert [c["support"] for c in scores["per_class"]] == np.bincount(true).tolist()
    assert scores["n"] == 300
    assert scores["macro_over"] == list(LABELS)


def test_the_names_of_metrics_json_are_all_there_and_it_is_json():
    scores = evaluate(*_answers(), LABELS, None).model_dump(mode="json")
    assert list(scores) == [
        "accuracy",
        "macro_f1",
        "macro_precision",
        "macro_recall",
        "macro_over",
        "weighted_f1",
        "log_loss",
        "intervals",
        "per_class",
        "confusion",
        "n",
    ]
    assert list(scores["intervals"]) == ["accuracy", "macro_f1"]
    assert list(scores["intervals"]["accuracy"]) == ["low", "high", "method"]
    assert list(scores["per_class"][0]) == ["label", "precision", "recall", "f1", "support"]
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_confusion_has_true_labels_as_rows():
    log_proba = np.log(np.array([[0.2, 0.8], [0.1, 0.9], [0.3, 0.7]]))
    assert evaluate(np.array([0, 0, 1]), log_proba, ("a", "b"), None).confusion == [[0, 2], [0, 1]]


def test_undefined_scores_are_none_and_averages_name_their_labels():
    # "b" has no rows but is predicted once, "c" has a row and is never predicted.
    proba = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]])
    scores = evaluate(np.array([0, 0, 2]), np.log(proba), ("a", "b", "c"), None)
    a, b, c = scores.per_class
    assert (a.precision, a.recall, a.f1) == (0.5, 0.5, 0.5)
    assert (b.precision, b.recall, b.f1, b.support) == (0.0, None, None, 0)
    assert (c.precision, c.recall, c.f1, c.support) == (None, 0.0, 0.0, 1)
    assert scores.macro_over == ["a", "c"]
    assert scores.macro_precision == 0.25  # c's missing precision counts as 0
    assert scores.macro_f1 == 0.25
    assert scores.weighted_f1 == pytest.approx(1 / 3)


def test_a_tie_goes_to_the_first_label():
    scores = evaluate(np.array([0, 1]), np.log(np.full((2, 2), 0.5)), ("a", "b"), None)
    assert scores.confusion == [[1, 0], [1, 0]]


def test_log_loss_stays_finite_where_the_truth_had_no_probability():
    with np.errstate(divide="ignore"):
        log_proba = np.log(np.array([[1.0, 0.0]]))
    assert evaluate(np.array([1]), log_proba, ("a", "b"), None).log_loss == pytest.approx(
        -np.log(2.0**-52)
    )


def test_order_of_rows_changes_no_score_and_no_interval():
    true, log_proba = _answers(n=120)
    groups = np.array([f"g{i // 4}" for i in range(120)])
    order = np.random.default_rng(1).permutation(120)
    straight = evaluate(true, log_proba, LABELS, groups.tolist(), seed=3)
    shuffled = evaluate(true[order], log_proba[order], LABELS, groups[order].tolist(), seed=3)
    ungrouped = evaluate(true, log_proba, LABELS, None, seed=3)
    assert shuffled.intervals == straight.intervals
    assert shuffled.accuracy == straight.accuracy
    assert shuffled.macro_f1 == straight.macro_f1
    assert (
        evaluate(true[order], log_proba[order], LABELS, None, seed=3).intervals
        == ungrouped.intervals
    )


def test_another_seed_moves_the_intervals_a_little():
    true, log_proba = _answers()
    one, other = (evaluate(true, log_proba, LABELS, None, seed=s).intervals for s in (0, 1))
    assert one.macro_f1 != other.macro_f1
    assert one.macro_f1.low == pytest.approx(other.macro_f1.low, abs=0.01)


def test_intervals_contain_the_scores():
    scores = evaluate(*_answers(), LABELS, [str(i // 3) for i in range(300)])
    accuracy, macro_f1 = scores.intervals.accuracy, scores.intervals.macro_f1
    assert accuracy.low < scores.accuracy < accuracy.high
    assert macro_f1.low < scores.macro_f1 < macro_f1.high
    assert accuracy.method == "bootstrap over 100 groups, 2,000 resamples, small-sample correction"


def test_a_perfect_score_is_not_called_certain():
    true = np.array([0, 1] * 20)
    log_proba = np.log(np.where(np.eye(2)[true] == 1, 0.9, 0.1))
    intervals = evaluate(true, log_proba, ("a", "b"), [str(i // 2) for i in range(40)]).intervals
    assert intervals.accuracy.low == pytest.approx(0.025 ** (1 / 20))
    assert intervals.accuracy.high == 1.0
    assert intervals.accuracy.method == "exact binomial bound: an error in none of 20 groups"
    assert intervals.macro_f1.low is None
    assert intervals.macro_f1.method == "none: without an error every resample gives 1"


def test_scores_that_no_resample_changes_have_no_interval():
    """Every text stands twice, with both labels, so that half of each group is right."""
    true, groups = np.array([0, 1] * 20), [str(i // 2) for i in range(40)]
    half = evaluate(true, np.log(np.full((40, 2), (0.9, 0.1))), ("a", "b"), groups)
    assert (half.accuracy, half.macro_f1) == (0.5, pytest.approx(1 / 3))
    assert str(half.intervals.accuracy) == str(half.intervals.macro_f1) == "–"
    assert half.intervals.accuracy.method == "none: every resample gives 0.5"
    never = evaluate(true, np.log(np.where(np.eye(2)[true] == 1, 0.1, 0.9)), ("a", "b"), None)
    assert never.intervals.macro_f1.method == "none: every resample gives 0"
    assert (never.intervals.accuracy.low, never.accuracy) == (0.0, 0.0)
    assert never.intervals.accuracy.high == pytest.approx(1 - 0.025 ** (1 / 40))


def test_one_group_gives_no_interval_and_the_reason_is_reported():
    true, log_proba = _answers(n=12)
    intervals = evaluate(true, log_proba, LABELS, ["g"] * 12).intervals
    for interval in (intervals.accuracy, intervals.macro_f1):
        assert (interval.low, interval.high) == (None, None)
        assert interval.method == "none: a single one of the groups cannot be resampled"


def _scores(log_proba, true):
    return evaluate(true, log_proba, ("a", "b"), None)


@pytest.mark.parametrize("measure", [_scores, fit_temperature, calibration, coverage_curve])
@pytest.mark.parametrize(
    ("log_proba", "true", "message"),
    [
        (np.zeros((0, 2)), [], "there are no rows to evaluate"),
        (
            np.zeros((3, 2)),
            [0, 1],
            "the log-probabilities have the shape (3, 2); 2 rows and 2 labels need (2, 2)",
        ),
        (np.zeros((2, 2)), [0, 2], "a true label is number 2; 2 labels have the numbers 0 to 1"),
        (
            np.array([[-1, -1], [np.nan, -1]]),
            [0, 1],
            "the probabilities of row 1 (counted from 0) are not numbers",
        ),
    ],
)
def test_mismatches_are_named(measure, log_proba, true, message):
    with pytest.raises(DataError) as error:
        measure(log_proba, np.array(true, dtype=np.int64))
    assert str(error.value) == message


def test_as_many_probabilities_as_labels_are_asked_for():
    with pytest.raises(DataError) as error:
        _scores(np.zeros((2, 3)), np.array([0, 1]))
    assert str(error.value) == (
        "the log-probabilities have the shape (2, 3); 2 rows and 2 labels need (2, 2)"
    )


def test_as_many_groups_as_rows_are_asked_for():
    with pytest.raises(DataError) as error:
        evaluate(*_answers(n=3), LABELS, ["g1"])
    assert str(error.value) == "1 groups were given for 3 rows"


def test_importing_it_imports_neither_scikit_learn_nor_scipy():
    code = (
        "import sys, wordgate.evaluation.error_analysis, wordgate.report.text;"
        "print([m for m in ('sklearn', 'scipy', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("support", "expected"),
    [([80, 20], True), ([79, 21], False), ([100, 0], False), ([90, 5, 5], True), ([4, 3], False)],
)
def test_labels_are_skewed_from_80_percent_of_the_rows(support, expected):
    assert is_skewed(support) is expected


def test_macro_f1_decides_where_labels_are_skewed():
    true = np.repeat([0, 1], [90, 10])
    log_proba = np.log(np.tile([0.7, 0.3], (100, 1)))
    name, value, interval = (skewed := evaluate(true, log_proba, ["a", "b"], None)).deciding
    assert (name, interval) == ("macro F1", skewed.intervals.macro_f1)
    assert value == pytest.approx(2 * 90 / (90 + 100) / 2)  # the F1 of `b` is 0
    even = evaluate(np.repeat([0, 1], 50), log_proba, ["a", "b"], None)
    assert even.deciding == even.main
    assert even.main.name == "accuracy"


def test_a_paired_difference_of_macro_f1_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    true = (rng.random(300) < 0.1).astype(np.int64) + 2 * (rng.random(300) < 0.05)
    one, other = (np.where(rng.random(300) < share, true, 0) for share in (0.9, 0.3))
    groups = [str(i // 2) for i in range(300)]
    found = paired_macro_f1_difference(true, one, other, 4, groups)
    f1 = [sk.f1_score(true, predicted, average="macro") for predicted in (one, other)]
    assert found.difference == pytest.approx(f1[0] - f1[1])
    assert 0 < found.low < found.difference < found.high
    assert found.proven == "better"
    as_indicators = [np.eye(4, dtype=np.int64)[labels] for labels in (true, one, other)]
    assert paired_macro_f1_difference(*as_indicators, 4, groups) == found
