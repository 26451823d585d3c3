"""Thresholds chosen on validation rows, against trying all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score, precision_score, recall_score

from wordgate.errors import DataError, SettingsError
from wordgate.evaluation.multilabel import predicted_labels
from wordgate.evaluation.thresholds import (
    MIN_POSITIVES,
    Objective,
    ScoredRows,
    choose_thresholds,
    measure_thresholds,
)


def simulated(n=400, shift=-1.5, seed=0):
    """Draw one label of a fifth of the rows, and log-probabilities that are too low by a shift."""
    rng = np.random.default_rng(seed)
    true = (rng.random((n, 1)) < 0.2).astype(np.int64)
    logits = rng.normal(size=(n, 1)) + 2.0 * true + shift
    return true, -np.logaddexp(0.0, -logits)


@st.composite
def labelled(draw):
    """One label of at least ten rows, and probabilities of few values."""
    n = draw(st.integers(MIN_POSITIVES, 30))
    true = draw(arrays(np.int64, n, elements=st.integers(0, 1)))
    true[:MIN_POSITIVES] = 1
    proba = draw(arrays(np.float64, n, elements=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8, 1.0])))
    return true[:, None], proba[:, None]


def _worth(true, proba, threshold, objective):
    given = proba >= threshold
    missed, false = (true & ~given).sum(), (~true & given).sum()
    if objective.kind == "f1":
        hits = (true & given).sum()
        return 2 * hits / (2 * hits + missed + false)
    return -(objective.missed * missed + objective.false_positive * false)


@settings(deadline=None, max_examples=150)
@given(labelled(), st.sampled_from(["f1", "cost@1:1", "cost@5:1", "cost@1:3"]))
def test_no_other_threshold_is_better(drawn, written):
    true, proba = drawn
    objective = Objective.parse(written)
    with np.errstate(divide="ignore"):
        [threshold] = choose_thresholds(true, np.log(proba), written)
    found = _worth(true[:, 0].astype(bool), proba[:, 0], threshold, objective)
    others = [
        _worth(true[:, 0].astype(bool), proba[:, 0], other, objective)
        for other in (0.01, 0.2, 0.4, 0.6, 0.9, 1.0)
    ]
    assert found >= max(others) - 1e-12


def test_it_lies_midway_between_the_probabilities_that_it_divides():
    proba = np.repeat([0.62, 0.30, 0.20, 0.05], 10)
    true = np.repeat([1, 1, 0, 0], 10)[:, None]
    assert choose_thresholds(true, np.log(proba)[:, None]) == pytest.approx([0.25])


def test_of_equally_good_ones_it_is_the_nearest_to_one_half():
    proba = np.repeat([0.9, 0.6, 0.3, 0.1], 10)
    true = np.repeat([1, 1, 0, 0, 0], [10, 5, 5, 10, 10])[:, None]
    # From 0.75 to 0.45 five false positives come for five that are missed.
    assert choose_thresholds(true, np.log(proba)[:, None], "cost@1:1") == pytest.approx([0.45])


def test_a_precision_is_reached_with_the_highest_recall():
    true, log_proba = simulated()
    [threshold] = choose_thresholds(true, log_proba, "precision@0.8")
    given = predicted_labels(log_proba, np.array([threshold]))
    assert precision_score(true, given) >= 0.8
    proba = np.exp(log_proba[:, 0])
    for lower in proba[proba < threshold]:
        assert precision_score(true, (proba >= lower)[:, None]) < 0.8


def test_a_recall_is_reached_with_the_highest_threshold():
    true, log_proba = simulated()
    [threshold] = choose_thresholds(true, log_proba, "recall@0.9")
    assert recall_score(true, predicted_labels(log_proba, np.array([threshold]))) >= 0.9
    proba = np.exp(log_proba[:, 0])
    above = proba[proba >= threshold].min()
    assert recall_score(true, (proba > above)[:, None]) < 0.9


def test_a_precision_that_none_reaches_gives_the_highest_and_it_is_reported():
    true = np.tile([1, 0], 20)[:, None]
    log_proba = np.log(np.where(np.arange(40) < 20, 0.7, 0.2))[:, None]
    true[:10:2] = 0
    rows = ScoredRows(true, log_proba)
    thresholds = choose_thresholds(true, log_proba, "precision@0.9")
    assert thresholds == pytest.approx([0.1])  # 15 of 40, more than 5 of 20
    gain = measure_thresholds(thresholds, "precision@0.9", ["joy"], rows, rows)
    assert gain.remarks == [
        "No threshold gives 'joy' the precision 0.9 on the validation rows: the one with the"
        " highest precision was chosen."
    ]


def test_costs_may_differ_by_label():
    true, log_proba = (np.hstack([one, one]) for one in simulated())
    objective = Objective("cost", 0.0, np.array([1.0, 1.0]), np.array([1.0, 20.0]))
    cheap, dear = thresholds = choose_thresholds(true, log_proba, objective)
    assert dear < cheap
    assert str(objective) == "costs by label"
    named = Objective.by_label({"fear": {"false_negative": 20.0}}, ["joy", "fear"])
    assert (choose_thresholds(true, log_proba, named) == thresholds).all()


def test_the_cost_of_errors_is_reported_with_and_without_the_thresholds():
    true, log_proba = (np.hstack([one, one]) for one in simulated())
    objective = Objective.by_label({"fear": {"false_negative": 20.0}}, ["joy", "fear"])
    thresholds = choose_thresholds(true, log_proba, objective)
    rows = ScoredRows(true, log_proba)
    gain = measure_thresholds(thresholds, objective, ["joy", "fear"], rows, rows)
    at_half = predicted_labels(log_proba)
    n_wrong, n_missed = ((true[:, 1] != at_half[:, 1]).sum(), (true[:, 1] > at_half[:, 1]).sum())
    expected = (true[:, 0] != at_half[:, 0]).sum() + n_wrong + 19 * n_missed
    assert gain.test_cost_at_half == expected
    assert gain.test_cost < expected
    assert gain.sentence() == (
        "Thresholds for costs by label, chosen on the validation rows for 2 of 2 labels: cost"
        f" {gain.test_cost:g} on the test rows, {expected:g} with 0.5."
    )


def test_a_label_of_few_rows_keeps_one_half_and_it_is_reported():
    true, log_proba = (np.hstack([one, one]) for one in simulated())
    rare = np.flatnonzero(true[:, 1])[MIN_POSITIVES - 1 :]
    true[rare, 1] = 0
    thresholds = choose_thresholds(true, log_proba)
    assert thresholds[0] < 0.45
    assert thresholds[1] == 0.5
    rows = ScoredRows(true, log_proba)
    gain = measure_thresholds(thresholds, "f1", ["joy", "fear"], rows, rows)
    assert [one.chosen for one in gain.labels] == [True, False]
    assert gain.remarks == [
        "'fear' keeps the threshold 0.5: fewer than 10 validation rows have this label."
    ]


def test_the_gain_of_thresholds_is_measured_on_the_test_rows():
    valid, test = simulated(600, shift=-3.0), simulated(900, shift=-3.0, seed=1)
    thresholds = choose_thresholds(*valid)
    groups = [str(i // 3) for i in range(900)]
    gain = measure_thresholds(
        thresholds, "f1", ["joy"], ScoredRows(*valid), ScoredRows(*test, groups)
    )
    [label] = gain.labels
    assert label.test_f1 == pytest.approx(f1_score(test[0], predicted_labels(test[1], thresholds)))
    assert label.test_f1_at_half == pytest.approx(f1_score(test[0], predicted_labels(test[1])))
    assert label.valid_f1 >= label.valid_f1_at_half
    assert gain.difference == label.difference
    assert gain.difference.difference == pytest.approx(label.test_f1 - label.test_f1_at_half)
    assert gain.difference.proven == "better"
    assert gain.difference.method.startswith("interval: bootstrap over ")
    assert "groups" in gain.difference.method
    assert gain.sentence().startswith(
        "Thresholds for f1, chosen on the validation rows for 1 of 1 labels: +"
    )


def test_of_two_classes_the_positive_one_has_a_threshold():
    column, log_proba = simulated()
    true = column[:, 0]
    both = np.stack([np.log(-np.expm1(log_proba[:, 0])), log_proba[:, 0]], axis=1)
    negative, positive = choose_thresholds(true, both)
    assert positive == choose_thresholds(column, log_proba)
    assert negative == pytest.approx(1 - positive)
    rows = ScoredRows(true, both)
    gain = measure_thresholds(np.array([negative, positive]), "f1", ["no", "yes"], rows, rows)
    assert [one.label for one in gain.labels] == ["yes"]
    assert gain.values == [negative, positive]
    assert gain.labels[0].test_f1 == pytest.approx(f1_score(true, np.exp(both[:, 1]) >= positive))


def test_more_than_two_classes_have_none():
    with pytest.raises(DataError, match="there are 3 classes with one label per text"):
        choose_thresholds(np.array([0, 1, 2]), np.log(np.full((3, 3), 1 / 3)))


@pytest.mark.parametrize(
    "written",
    ["accuracy", "precision", "precision@90", "recall@0", "cost@1", "cost@0:1", "f1@1", ""],
)
def test_an_objective_that_is_none_is_refused(written):
    with pytest.raises(SettingsError) as error:
        choose_thresholds(*simulated(), written)
    assert str(error.value) == (
        f"the objective of thresholds is '{written}'; it can be f1, precision@P, recall@R"
        " such as recall@0.9, or cost@FALSE-POSITIVE:FALSE-NEGATIVE"
    )


@pytest.mark.parametrize("written", ["f1", "precision@0.9", "recall@0.5", "cost@1:5"])
def test_objectives_are_written_as_they_are_read(written):
    assert str(Objective.parse(written)) == written
