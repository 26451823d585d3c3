"""The report looks like scikit-learn's, and explains undefined scores."""

import numpy as np
from sklearn import metrics as sk

from wordgate.evaluation.metrics import evaluate
from wordgate.evaluation.multilabel import evaluate_multilabel, predicted_labels
from wordgate.report.text import (
    classification_report,
    confused_labels,
    confusion_table,
    cooccurrence_table,
    headline,
    label_tables,
    scores_beside_baselines,
    threshold_table,
    verdict,
    weakest_label,
)


def _scores(true, predicted, labels):
    true = np.array(true)
    log_proba = np.log(np.eye(len(labels))[predicted] * 0.8 + 0.1)
    return evaluate(true, log_proba, labels, None)


def test_it_is_scikit_learns_report():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(3, size=90), rng.integers(3, size=90)
    labels = ("Negative", "Neutral", "Positive")
    theirs = sk.classification_report(true, predicted, target_names=labels)
    ours = classification_report(_scores(true, predicted, labels))
    assert [line.split() for line in ours.splitlines()] == [
        line.split() for line in theirs.strip("\n").splitlines()
    ]


def test_undefined_is_a_dash_and_explained():
    report = classification_report(_scores([0, 0, 2], [0, 1, 0], ("a", "b", "c")))
    assert report == (
        "             precision    recall  f1-score   support\n"
        "\n"
        "           a      0.50      0.50      0.50         2\n"
        "           b      0.00         –         –         0\n"
        "           c         –      0.00      0.00         1\n"
        "\n"
        "    accuracy                          0.33         3\n"
        "   macro avg      0.25      0.25      0.25         3\n"
        "weighted avg      0.33      0.33      0.33         3\n"
        "\n"
        "– precision: never predicted: c\n"
        "– recall, f1-score: no rows: b\n"
        "the averages are over the 2 of 3 labels with rows"
    )


def test_confusion_table():
    scores = _scores([0, 0, 1, 1, 1], [0, 1, 1, 1, 1], ("no", "a long label"))
    assert confusion_table(scores) == (
        "true \\ predicted  no  a long label\n"
        "              no   1             1\n"
        "    a long label   0             3"
    )


def test_a_confusion_matrix_wider_than_the_terminal_is_a_list_of_its_errors():
    labels = ("a first label", "a second label", "a third label")
    scores = _scores([0, 0, 1, 1, 1, 2], [0, 1, 2, 2, 1, 2], labels)
    assert label_tables(scores)[1] == label_tables(scores, 80)[1] == confusion_table(scores)
    assert (
        label_tables(scores, 50)[1]
        == confused_labels(scores)
        == (
            "true -> predicted                rows\n"
            "a second label -> a third label     2\n"
            "a first label -> a second label     1"
        )
    )
    right = _scores([0, 1, 2], [0, 1, 2], labels)
    assert label_tables(right, 50)[1] == "No row has a wrong label."


def test_columns_are_aligned_where_characters_are_wide():
    scores = _scores([0, 1, 1], [0, 1, 1], ("悪い", "good"))
    assert confusion_table(scores) == (
        "true \\ predicted  悪い  good\n            悪い     1     0\n            good     0     2"
    )
    first, second = classification_report(scores).splitlines()[2:4]
    assert (first[:11], second[:13]) == ("        悪い ", "        good ")


def test_labels_stay_on_their_lines():
    scores = _scores([0, 1, 1], [0, 0, 0], ("a\nb", "\x1b[2J,"))
    assert confusion_table(scores) == (
        "true \\ predicted  a\\nb  \\x1b[2J,\n"
        "            a\\nb     1         0\n"
        "        \\x1b[2J,     2         0"
    )
    report = classification_report(scores)
    assert report.splitlines()[2].startswith("        a\\nb ")
    assert report.endswith('never predicted: "\\u001b[2J,"')


def _several(true, proba, labels):
    return evaluate_multilabel(np.array(true), np.log(np.array(proba)), labels, None)


def test_of_several_labels_it_is_scikit_learns_report_with_two_columns_more():
    rng = np.random.default_rng(0)
    true = (rng.random((90, 3)) < 0.4).astype(int)
    log_proba = np.log(np.clip(rng.random((90, 3)) * 0.7 + true * 0.2, 0.01, 0.99))
    labels = ("anger", "joy", "sadness")
    predicted = predicted_labels(log_proba)
    theirs = sk.classification_report(
        true, predicted, target_names=labels, zero_division=0
    ).strip("\n")  # fmt: skip
    ours = classification_report(evaluate_multilabel(true, log_proba, labels, None))
    expected = [line.split() for line in theirs.splitlines() if "samples" not in line]
    found = [line.split() for line in ours.splitlines()]
    assert found[0] == [*expected[0], "avg-prec", "threshold"]
    assert [line[:5] for line in found[2:5]] == expected[2:5]
    assert [line[-1] for line in found[2:5]] == ["0.50"] * 3
    assert found[6:9] == expected[6:9]


def test_of_several_labels_undefined_is_a_dash_and_explained():
    scores = _several([[1, 0], [1, 0], [0, 0]], [[0.9, 0.6], [0.2, 0.1], [0.1, 0.1]], ("a", "b"))
    assert classification_report(scores) == (
        "             precision    recall  f1-score   support  avg-prec threshold\n"
        "\n"
        "           a      1.00      0.50      0.67         2      1.00      0.50\n"
        "           b      0.00         –         –         0         –      0.50\n"
        "\n"
        "   micro avg      0.50      0.50      0.50         2\n"
        "   macro avg      1.00      0.50      0.67         2\n"
        "weighted avg      1.00      0.50      0.67         2\n"
        "\n"
        "– recall, f1-score: no rows: b\n"
        "the averages are over the 1 of 2 labels with rows\n"
        "\n"
        "all labels correct 0.333, label ranking average precision 1.000,"
        " Hamming loss 0.333\n"
        "1 of 3 test rows have no label"
    )
    assert cooccurrence_table(scores) == ""


def test_labels_that_stand_together_are_listed_the_most_frequent_first():
    true = [[1, 1, 0], [1, 1, 1], [0, 1, 1], [0, 1, 1]]
    scores = _several(true, np.full((4, 3), 0.4), ("anger", "joy", "sadness"))
    assert cooccurrence_table(scores) == (
        "labels of one text  rows\n"
        "sadness + joy          3\n"
        "joy + anger            2\n"
        "sadness + anger        1"
    )
    assert label_tables(scores)[1] == cooccurrence_table(scores)


def test_of_several_labels_the_short_form_is_of_micro_f1(make_several):
    metrics = make_several().metrics
    interval = metrics.intervals.micro_f1
    assert headline("lstm", metrics) == (
        "Micro F1 on 300 test rows, 95% interval\n"
        f"  this model (LSTM) {metrics.micro_f1:.3f} ({interval.low:.3f} to {interval.high:.3f})"
        "   count 0.350   most frequent label set 0.350"
    )
    assert verdict("lstm", metrics) == (
        "The LSTM model is not significantly better than the count baseline (+2.0 points of micro"
        " F1, 95% interval -1.0 to +5.0, p < 0.001): --family count is simpler."
    )
    lowest = min(metrics.per_class, key=lambda one: one.recall)
    assert weakest_label(metrics) == [f"Weakest label: {lowest.label}, recall {lowest.recall:.0%}"]
    first, *_, last = scores_beside_baselines("lstm", metrics).splitlines()
    assert " ".join(first.split()) == (
        "on the test rows micro F1 95% interval accuracy macro F1 log loss"
    )
    assert last.startswith("this model (LSTM)")
    assert f"{metrics.micro_f1:.3f}" in last


def test_thresholds_are_shown_with_their_gain(make_several, make_report):
    metrics = make_several().metrics
    header, *rows = threshold_table(metrics).splitlines()
    assert " ".join(header.split()) == "label threshold F1 F1 at 0.5 points 95% interval"
    for row, label in zip(rows, metrics.thresholds.labels, strict=True):
        assert row.split()[:4] == [
            label.label,
            f"{label.threshold:.3f}",
            f"{label.test_f1:.3f}",
            f"{label.test_f1_at_half:.3f}",
        ]
    assert threshold_table(make_report().metrics) == ""
