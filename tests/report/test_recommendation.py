"""The recommendation after a comparison, and what it says when differences may be chance."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from wordgate.evaluation.comparison import Comparison, ModelResult
from wordgate.evaluation.intervals import paired_difference
from wordgate.evaluation.metrics import evaluate, paired_macro_f1_difference
from wordgate.report.comparison import recommend

N = 400


def result(family, kind, n_correct):
    correct = np.arange(N) < n_correct
    log_proba = np.log(np.where(correct[:, None], [0.9, 0.1], [0.1, 0.9]))
    scores = evaluate(np.zeros(N, np.int64), log_proba, ["a", "b"], None)
    rate = 1000.0 if family == "lstm" else 9000.0
    return ModelResult(family, kind, scores, correct, log_proba, log_proba, 2.0, rate, 1.0)


def difference(one, other):
    return paired_difference(one.correct, other.correct, None)


def recommended(*results):
    families = tuple(dict.fromkeys(one.family for one in results))
    kinds = tuple(dict.fromkeys(one.kind for one in results))
    comparison = Comparison("x.csv", families, kinds, None, 0, "default", None, results)
    return recommend(comparison, difference).sentences


def test_the_best_is_recommended_where_it_is_better_by_more_than_chance():
    use, _ = recommended(result("count", "grouped", 200), result("lstm", "grouped", 260))
    assert use == (
        "Use lstm: with 0.650 accuracy on unseen groups it is the most accurate, and every simpler"
        " model is significantly worse."
    )


def test_the_simplest_is_recommended_where_the_best_may_be_luck():
    use, caution = recommended(result("count", "grouped", 259), result("lstm", "grouped", 260))
    assert use == (
        "Use count: 0.647 accuracy on unseen groups, and lstm, the most accurate with 0.650, is not"
        " significantly better (p = 1.000)."
    )
    assert caution == "It also predicts 9 times as many texts per second as lstm."


def test_the_families_that_the_tests_leave_level_are_named():
    def tied(*n_correct):
        families = ("count", "mlp", "lstm")
        results = [result(*pair) for pair in zip(families, ["grouped"] * 3, n_correct, strict=True)]
        found = Comparison("x.csv", families, ("grouped",), None, 0, "default", None, results)
        return recommend(found, difference).tied

    assert tied(200, 259, 260) == ("mlp", "lstm")
    assert tied(200, 210, 260) == ("lstm",)


def test_the_gain_of_a_random_split_is_called_memory():
    _, caution = recommended(result("count", "random", 360), result("count", "grouped", 260))
    assert caution == (
        "Do not trust the random split: the 25 points that count gains there come from memorized"
        " duplicates, which new texts do not have."
    )


@pytest.mark.parametrize("n_random", [268, 252])
def test_a_difference_between_the_splits_that_may_be_chance_is_not_called_memory(n_random):
    _, caution = recommended(result("count", "random", n_random), result("count", "grouped", 260))
    assert caution == (
        "Trust the grouped split: random and grouped differ by 2 points for count, which may be"
        " due to chance with 400 rows."
    )


def test_of_skewed_labels_macro_f1_decides():
    """Always predicting the frequent label has the higher accuracy, and the lower macro F1."""
    true = np.repeat([0, 1], [360, 40])
    wrong = np.arange(N) % 9 == 0  # 40 of the frequent label, 5 of the rare one
    predictions = {"count": np.zeros(N, np.int64), "lstm": np.where(wrong, 1 - true, true)}
    results = []
    for family, predicted in predictions.items():
        log_proba = np.log(np.eye(2)[predicted] * 0.8 + 0.1)
        scores = evaluate(true, log_proba, ["ham", "spam"], None)
        results.append(
            ModelResult(
                family, "grouped", scores, predicted == true, log_proba, log_proba, 2.0, 9.0, 1.0
            )
        )

    def macro_f1_difference(one, other):
        return paired_macro_f1_difference(
            true, predictions[one.family], predictions[other.family], 2, None
        )

    assert results[0].scores.accuracy > results[1].scores.accuracy
    families = tuple(predictions)
    comparison = Comparison("x.csv", families, ("grouped",), None, 0, "default", None, (*results,))
    use, _ = recommend(comparison, macro_f1_difference).sentences
    macro_f1 = f1_score(true, predictions["lstm"], average="macro")
    assert use == (
        f"Use lstm: with {macro_f1:.3f} macro F1 (accuracy 0.887) on unseen groups it is the model"
        " with the highest macro F1, and every simpler model is significantly worse. Labels are"
        " skewed (90% of the rows have the label ham), so models are compared by macro F1, in which"
        " every label has the same weight."
    )


@pytest.mark.parametrize("kind", ["random", "given"])
def test_a_single_model_is_not_called_the_best_of_anything(kind):
    use, _ = recommended(result("count", kind, 300))
    assert "no other model was compared" in use
