"""The error analysis of a model of several labels per text."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve

from wordgate.evaluation.calibration import calibration
from wordgate.evaluation.error_analysis import (
    MOST_ROWS,
    PredictedRows,
    count_words,
    unseen_bins,
)
from wordgate.evaluation.label_issues import find_issues_by_label
from wordgate.evaluation.multilabel import evaluate_multilabel, predicted_labels
from wordgate.evaluation.multilabel_errors import analyse_multilabel_errors, micro_f1_by_bin

N, LABELS = 300, tuple(f"label {number:02d}" for number in range(12))
RNG = np.random.default_rng(0)
TRUE = (RNG.random((N, 12)) < np.linspace(0.4, 0.05, 12)).astype(np.int64)
LOG_PROBA = -np.logaddexp(0.0, 1.5 - 2.5 * TRUE + RNG.normal(size=TRUE.shape))
GROUPS = [f"g{i // 3}" for i in range(N)]
TEXTS = [f"text number {i}" for i in range(N)]


def analysed(**options):
    rows = PredictedRows(LOG_PROBA, TRUE, TEXTS, list(range(1001, 1001 + N)), GROUPS)
    return analyse_multilabel_errors(
        evaluate_multilabel(TRUE, LOG_PROBA, LABELS, GROUPS),
        rows,
        count_words(TEXTS, ["text number 1"]),
        after=calibration(LOG_PROBA, TRUE),
        **options,
    )


def test_wrong_labels_come_with_the_surest_first_one_of_each_group():
    analysis = analysed()
    for errors, sign in ((analysis.false_positives, -1), (analysis.missed, 1)):
        sure = [sign * one.probability for one in errors]
        assert sure == sorted(sure)
        assert len(errors) == MOST_ROWS
        groups = [(one.row - 1001) // 3 for one in errors]
        assert len(set(groups)) == len(groups)
    given, borne = predicted_labels(LOG_PROBA), TRUE.astype(bool)
    false = np.exp(LOG_PROBA[given & ~borne])
    assert analysis.false_positives[0].probability == pytest.approx(false.max())
    assert analysis.missed[0].probability == pytest.approx(np.exp(LOG_PROBA[borne & ~given]).min())


def test_an_error_has_the_true_and_the_predicted_labels():
    one = analysed().false_positives[0]
    row = one.row - 1001
    assert one.text == TEXTS[row]
    assert one.true == tuple(LABELS[i] for i in np.flatnonzero(TRUE[row]))
    assert one.predicted == tuple(
        LABELS[i] for i in np.flatnonzero(predicted_labels(LOG_PROBA)[row])
    )
    assert one.label in set(one.predicted) - set(one.true)
    assert analysed(texts=False).false_positives[0].text is None


def _with_wrong_labels():
    """The first label of ten rows is taken from them, and given to the ten after these."""
    sure = -np.logaddexp(0.0, np.where(TRUE, -4.0, 4.0))
    wrong = TRUE.copy()
    for value, rows in ((0, TRUE[:, 0] == 1), (1, TRUE[:, 0] == 0)):
        wrong[np.flatnonzero(rows)[:10], 0] = value
    return sure, wrong


def test_labels_that_are_wrong_or_missing_are_found_label_by_label():
    pytest.importorskip("cleanlab", reason="needs the extra 'labels'")
    log_proba, wrong = _with_wrong_labels()
    found, sentence = find_issues_by_label(log_proba, wrong)
    assert (found == (wrong != TRUE)).all()
    assert sentence.startswith(
        "Confident learning (cleanlab), label by label, finds 20 probable label errors among 300"
        " rows and 12 labels: "
    )
    found, sentence = find_issues_by_label(log_proba, TRUE)
    assert not found.any()
    assert sentence == "cleanlab found no probable label errors among the 300 rows."
    assert find_issues_by_label(log_proba[:9], TRUE[:9])[1].startswith("9 rows of 2 labels are too")


def test_wrong_labels_are_searched_among_all_rows_that_folds_predicted():
    pytest.importorskip("cleanlab", reason="needs the extra 'labels'")
    log_proba, wrong = _with_wrong_labels()
    rows = PredictedRows(log_proba, wrong, TEXTS, list(range(N)), None, predicted_labels(log_proba))
    analysis = analysed(suspected=rows)
    assert len(analysis.suspects) == MOST_ROWS
    for one in analysis.suspects:
        assert one.label == LABELS[0]
        assert (one.label in one.true) != (one.label in one.predicted)
    assert "among 300 rows" in analysis.suspects_text


def test_curves_are_those_of_the_micro_average_and_the_most_frequent_labels():
    analysis = analysed()
    first, *others = analysis.curves
    assert first.name == "micro average"
    assert first.average_precision == pytest.approx(
        average_precision_score(TRUE.ravel(), LOG_PROBA.ravel())
    )
    support = {score.label: score.support for score in analysis.scores.per_class}
    frequent = sorted(support, key=lambda label: -support[label])[:8]
    assert [one.name for one in others] == frequent
    number = LABELS.index(others[0].name)
    precision, recall, _ = precision_recall_curve(TRUE[:, number], LOG_PROBA[:, number])
    theirs = {(round(x, 9), round(y, 9)) for x, y in zip(recall, precision, strict=True)}
    assert {(round(x, 9), round(y, 9)) for x, y in others[0].points} <= theirs
    assert others[0].points[-1][0] == 1.0
    score = analysis.scores.per_class[number]
    assert others[0].chosen == (score.recall, score.precision)


def test_every_bin_has_its_micro_f1_and_an_interval_by_groups():
    bins = unseen_bins(np.repeat([0.0, 0.5, 0.2], [180, 60, 60]))
    borne, given = TRUE.astype(bool).copy(), predicted_labels(LOG_PROBA)
    borne[240:] = False
    first, last = micro_f1_by_bin(bins, borne, given, GROUPS)
    assert (first.name, first.n, last.name, last.n) == ("none", 180, "over 25%", 60)
    expected = f1_score(borne[:180], given[:180], average="micro")
    assert first.score == pytest.approx(expected)
    assert first.interval.low < first.score < first.interval.high
    assert first.interval.method.startswith("bootstrap over 60 groups")


def test_a_temperature_of_1_is_none():
    before = calibration(LOG_PROBA, TRUE)
    analysis = analysed(temperature=1.0, before=before)
    assert analysis.temperature is analysis.before is None
    assert analysed(temperature=2.0, before=before).temperature == 2.0
