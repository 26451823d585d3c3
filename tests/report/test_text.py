"""The report looks as scikit-learn's does, and says what it could not compute."""

import numpy as np
from sklearn import metrics as sk

from wordgate.evaluation.metrics import evaluate
from wordgate.report.text import classification_report, confusion_table


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
