"""Scores of several labels per text against scikit-learn's and cases computed by hand."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from wordgate.errors import DataError
from wordgate.evaluation.metrics import class_intervals, evaluate, paired_macro_f1_difference
from wordgate.evaluation.multilabel import (
    Cuts,
    evaluate_multilabel,
    log_complement,
    most_frequent_set,
    paired_micro_f1_difference,
    predicted_labels,
)

LABELS = ("anger", "joy", "sadness")


def simulated(n=300, n_labels=3, seed=0):
    """Draw labels, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    true = (rng.random((n, n_labels)) < np.linspace(0.15, 0.5, n_labels)).astype(np.int64)
    logits = rng.normal(size=(n, n_labels)) + 2.5 * true - 1.5
    return true, -np.logaddexp(0.0, -logits)


@st.composite
def predictions(draw):
    """Labels and probabilities of few values, so that ties are frequent."""
    shape = (draw(st.integers(1, 12)), draw(st.integers(2, 5)))
    true = draw(arrays(np.int64, shape, elements=st.integers(0, 1)))
    share = st.sampled_from([0.05, 0.25, 0.4, 0.5, 0.75, 0.9])
    proba = draw(arrays(np.float64, shape, elements=share))
    thresholds = draw(arrays(np.float64, shape[1], elements=st.sampled_from([0.25, 0.5, 0.9])))
    return true, np.log(proba), thresholds


@settings(deadline=None, max_examples=80)
@given(predictions())
def test_agrees_with_scikit_learn(drawn):
    true, log_proba, thresholds = drawn
    labels = [f"l{i}" for i in range(true.shape[1])]
    scores = evaluate_multilabel(true, log_proba, labels, None, thresholds)
    predicted = predicted_labels(log_proba, thresholds).astype(int)
    assert scores.accuracy == pytest.approx(sk.accuracy_score(true, predicted))
    assert scores.hamming_loss == pytest.approx(sk.hamming_loss(true, predicted))
    assert scores.n_without_labels == (true.sum(axis=1) == 0).sum()
    assert scores.cooccurrence == (true.T @ true).tolist()
    with_rows = np.flatnonzero(true.any(axis=0))
    assert scores.macro_over == [labels[i] for i in with_rows]
    if not len(with_rows):
        assert scores.macro_f1 is scores.micro_f1 is scores.weighted_f1 is None
        assert scores.label_ranking_average_precision is None
        return
    for average, found in (
        ("micro", (scores.micro_precision, scores.micro_recall, scores.micro_f1)),
        ("macro", (scores.macro_precision, scores.macro_recall, scores.macro_f1)),
    ):
        expected = sk.precision_recall_fscore_support(
            true, predicted, average=average, labels=with_rows if average == "macro" else None,
            zero_division=0,
        )[:3]  # fmt: skip
        assert [one or 0.0 for one in found] == pytest.approx(list(expected))
    assert scores.weighted_f1 == pytest.approx(
        sk.f1_score(true, predicted, average="weighted", zero_division=0)
    )
    assert scores.label_ranking_average_precision == pytest.approx(
        sk.label_ranking_average_precision_score(true, log_proba)
    )
    for i, score in enumerate(scores.per_class):
        assert score.support == true[:, i].sum()
        assert score.threshold == thresholds[i]
        if score.support:
            expected = sk.average_precision_score(true[:, i], log_proba[:, i])
            assert score.average_precision == pytest.approx(expected)
            assert score.f1 == pytest.approx(
                sk.f1_score(true[:, i], predicted[:, i], zero_division=0)
            )
        else:
            assert score.average_precision is score.recall is score.f1 is None
        assert (score.precision is None) == (not predicted[:, i].any())


def test_log_loss_is_scikit_learns_in_the_mean_over_labels():
    true, log_proba = simulated()
    expected = [sk.log_loss(true[:, i], np.exp(log_proba[:, i])) for i in range(3)]
    assert evaluate_multilabel(true, log_proba, LABELS, None).log_loss == pytest.approx(
        np.mean(expected)
    )


def test_impossible_truths_leave_the_log_loss_finite():
    log_proba = np.array([[-np.inf, 0.0]])
    scores = evaluate_multilabel(np.array([[1, 0]]), log_proba, ("a", "b"), None)
    assert scores.log_loss == pytest.approx(-np.log(2.0**-52))


@given(st.floats(-700, 0))
def test_the_complement_is_that_of_the_probability(log_proba):
    found = log_complement(np.array([log_proba]))[0]
    assert np.exp(found) == pytest.approx(-np.expm1(log_proba), rel=1e-12, abs=1e-300)
    assert np.isfinite(found)


def test_a_label_is_given_from_its_threshold_on():
    log_proba = np.log([[0.5, 0.3], [0.499, 0.31]])
    assert predicted_labels(log_proba).tolist() == [[True, False], [False, False]]
    chosen = predicted_labels(log_proba, np.array([0.5, 0.31]))
    assert chosen.tolist() == [[True, False], [False, True]]


def test_it_is_json_with_the_names_that_one_label_has_too():
    several = evaluate_multilabel(*simulated(), LABELS, None).model_dump(mode="json")
    rng = np.random.default_rng(0)
    one = evaluate(rng.integers(3, size=9), np.log(np.full((9, 3), 1 / 3)), LABELS, None)
    assert set(one.model_dump()) - set(several) == {"confusion"}
    assert set(several["intervals"]) == {"accuracy", "macro_f1", "micro_f1"}
    assert json.loads(json.dumps(several, allow_nan=False)) == several


def test_intervals_contain_the_scores_and_duplicates_make_them_wider():
    true, log_proba = simulated(100)
    six = [np.repeat(one, 6, axis=0) for one in (true, log_proba)]
    groups = [str(i // 6) for i in range(600)]
    by_group, by_row = (evaluate_multilabel(*six, LABELS, unit) for unit in (groups, None))
    for name in ("accuracy", "macro_f1", "micro_f1"):
        wide, narrow = (getattr(one.intervals, name) for one in (by_group, by_row))
        assert wide.low < getattr(by_group, name) < wide.high
        assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_order_of_rows_and_names_of_groups_change_no_interval():
    true, log_proba = simulated(120)
    groups = np.array([f"g{i // 4}" for i in range(120)])
    order = np.random.default_rng(1).permutation(120)
    renamed = np.array([f"z{99 - i // 4}" for i in range(120)])
    straight = evaluate_multilabel(true, log_proba, LABELS, groups.tolist())
    shuffled = evaluate_multilabel(true[order], log_proba[order], LABELS, renamed[order].tolist())
    assert shuffled.intervals == straight.intervals
    given = predicted_labels(log_proba)
    assert class_intervals(true, given, LABELS, groups.tolist()) == class_intervals(
        true[order], given[order], LABELS, renamed[order].tolist()
    )


def test_of_one_label_each_the_intervals_are_those_of_one_label_a_text():
    """Rows that bear one label and are given one are the same rows either way."""
    rng = np.random.default_rng(0)
    one = rng.integers(3, size=90)
    predicted = np.where(rng.random(90) < 0.7, one, rng.integers(3, size=90))
    groups = [str(i // 3) for i in range(90)]
    several = evaluate_multilabel(
        np.eye(3, dtype=np.int64)[one], np.log(np.eye(3)[predicted] * 0.9 + 0.03), LABELS, groups
    )
    single = evaluate(one, np.log(np.eye(3)[predicted] * 0.9 + 0.03), LABELS, groups)
    assert several.accuracy == several.micro_f1 == single.accuracy
    assert several.macro_f1 == pytest.approx(single.macro_f1)
    # The groups are sorted by other sums, and so drawn in another order.
    for name in ("accuracy", "macro_f1"):
        found, expected = (getattr(scores.intervals, name) for scores in (several, single))
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.02)


def test_without_an_error_f1_has_no_interval():
    true, _ = simulated(60)
    scores = evaluate_multilabel(true, np.log(true * 0.8 + 0.1), LABELS, None)
    assert scores.micro_f1 == scores.macro_f1 == 1.0
    assert scores.intervals.micro_f1.method == "none: every resample gives 1"
    assert scores.intervals.macro_f1.method == "none: without an error every resample gives 1"
    assert scores.intervals.accuracy.method.startswith("exact binomial bound")


def test_without_any_label_f1_is_undefined():
    scores = evaluate_multilabel(np.zeros((4, 3), np.int64), np.log(np.full((4, 3), 0.6)),
                                 LABELS, None)  # fmt: skip
    assert (scores.micro_f1, scores.micro_precision, scores.micro_recall) == (None, 0.0, None)
    assert scores.intervals.micro_f1.method == "none: no rows have a label"
    assert scores.accuracy == 0.0


def test_the_most_frequent_set_is_given_to_every_text():
    true = np.array([[1, 0, 1], [1, 0, 1], [1, 1, 0], [0, 0, 0]])
    log_proba, thresholds = most_frequent_set(true)
    assert np.exp(log_proba) == pytest.approx([4 / 6, 2 / 6, 3 / 6])
    assert predicted_labels(log_proba[None], thresholds).tolist() == [[True, False, True]]
    log_proba, thresholds = most_frequent_set(np.zeros((3, 2), np.int64))
    assert not predicted_labels(log_proba[None], thresholds).any()


def test_cuts_fall_between_distinct_scores():
    cuts = Cuts.of(np.array([True, False, True, False]), np.array([0.9, 0.4, 0.4, 0.1]))
    assert cuts.score.tolist() == [0.9, 0.4, 0.1]
    assert cuts.hits.tolist() == [1, 2, 2]
    assert cuts.predicted.tolist() == [1, 3, 4]
    assert cuts.precision == pytest.approx([1, 2 / 3, 1 / 2])
    assert cuts.recall == pytest.approx([0.5, 1, 1])


def _paired(average, true, one, other, groups):
    if average == "micro":
        return paired_micro_f1_difference(true, one, other, groups)
    return paired_macro_f1_difference(true, one, other, true.shape[1], groups)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_a_paired_difference_is_that_of_both_f1(average):
    true, log_proba = simulated(240)
    better, worse = predicted_labels(log_proba), predicted_labels(np.roll(log_proba, 1, axis=0))
    groups = [str(i // 3) for i in range(240)]
    found = _paired(average, true, better, worse, groups)
    expected = [sk.f1_score(true, one, average=average) for one in (better, worse)]
    assert found.difference == pytest.approx(expected[0] - expected[1])
    assert found.low < found.difference < found.high
    assert found.p_value == 0.0001
    assert found.proven == "better"
    assert found.method == (
        "interval: bootstrap over 80 groups, 2,000 resamples, small-sample correction;"
        " p-value: randomization test, 9,999 swaps over groups"
    )
    back = _paired(average, true, worse, better, groups)
    assert back.difference == pytest.approx(-found.difference)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_models_that_give_the_same_do_not_differ(average):
    true, log_proba = simulated(40)
    given = predicted_labels(log_proba)
    found = _paired(average, true, given, given, None)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_the_p_value_is_near_that_of_all_swaps():
    """Nine groups have 512 swaps, which can all be counted."""
    rng = np.random.default_rng(3)
    true, log_proba = simulated(36, seed=3)
    other = predicted_labels(log_proba + rng.normal(scale=0.8, size=log_proba.shape))
    one = predicted_labels(log_proba)
    group = np.arange(36) % 9
    differences = []
    for pattern in range(512):
        swap = (pattern >> group & 1).astype(bool)[:, None]
        first, second = np.where(swap, other, one), np.where(swap, one, other)
        f1 = [2 * (true & given).sum() / (true.sum() + given.sum()) for given in (first, second)]
        differences.append(f1[0] - f1[1])
    exact = np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12)
    found = paired_micro_f1_difference(true, one, other, group.astype(str).tolist())
    assert found.p_value == pytest.approx(exact, abs=0.02)


def test_duplicates_add_rows_but_no_evidence():
    true, log_proba = simulated(60)
    one, other = predicted_labels(log_proba), predicted_labels(np.roll(log_proba, 1, axis=0) - 0.5)
    groups = [str(i) for i in range(60)]
    once = paired_micro_f1_difference(true, one, other, groups)
    copied = paired_micro_f1_difference(
        *(np.repeat(each, 6, axis=0) for each in (true, one, other)), list(np.repeat(groups, 6))
    )
    assert copied.p_value == once.p_value
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


@pytest.mark.parametrize(
    ("true", "log_proba", "message"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), "there are no rows to evaluate"),
        (
            np.zeros((2, 3)),
            np.zeros((2, 2)),
            "the true labels have the shape (2, 3); 2 rows and 2 labels need (2, 2)",
        ),
        (
            np.zeros((2, 2)),
            np.zeros((1, 2)),
            "the log-probabilities have the shape (1, 2); 2 rows and 2 labels need (2, 2)",
        ),
        (
            np.array([[0, 1], [1, 2]]),
            np.zeros((2, 2)),
            "the true labels of row 1 (counted from 0) have 2 in column 1; with several labels per"
            " text each is 0 or 1",
        ),
        (
            np.zeros((2, 2)),
            np.array([[-1, -1], [np.nan, -1]]),
            "the probabilities of row 1 (counted from 0) are not numbers",
        ),
    ],
)
def test_mismatches_are_named(true, log_proba, message):
    with pytest.raises(DataError) as error:
        evaluate_multilabel(true.astype(np.int64), log_proba, ("a", "b"), None)
    assert str(error.value) == message


def test_f1_of_nothing_is_not_compared():
    none = np.zeros((3, 2), bool)
    with pytest.raises(DataError) as error:
        paired_micro_f1_difference(none.astype(np.int64), none, none, None)
    assert str(error.value) == (
        "no row has a label, so F1 is undefined: compare models on rows with labels"
    )
