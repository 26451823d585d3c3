"""The advice at the end of a ladder: plain, and only as bold as the evidence."""

import numpy as np
import pytest

from wordgate.evaluation.metrics import evaluate
from wordgate.workflows.advice import advise
from wordgate.workflows.ladder import Answers, Comparison, Rung

N = 400


def rung(family, kind, n_right):
    right = np.arange(N) < n_right
    log_proba = np.log(np.where(right[:, None], [0.9, 0.1], [0.1, 0.9]))
    scores = evaluate(np.zeros(N, np.int64), log_proba, ["a", "b"], None, n_resamples=50)
    rate = 1000.0 if family == "lstm" else 9000.0
    return Rung(family, kind, scores, right, Answers(log_proba, log_proba), 2.0, rate, 1.0, ())


def ladder(*rungs):
    families = tuple(dict.fromkeys(one.family for one in rungs))
    kinds = tuple(dict.fromkeys(one.kind for one in rungs))
    return Comparison("x.csv", families, kinds, None, 0, "default", None, rungs)


def advised(*rungs):
    return advise(ladder(*rungs), None).sentences


def test_the_best_is_advised_where_it_is_better_by_more_than_chance():
    use, _ = advise(
        ladder(rung("count", "grouped", 200), rung("lstm", "grouped", 260)), None
    ).sentences
    assert use == (
        "Use lstm: with 0.650 accuracy on groups it has never seen it is the most accurate, and"
        " every simpler model is worse by more than chance."
    )


def test_the_simplest_is_advised_where_the_best_may_be_luck():
    use, beware = advise(
        ladder(rung("count", "grouped", 259), rung("lstm", "grouped", 260)), None
    ).sentences
    assert use == (
        "Use count: 0.647 accuracy on groups it has never seen, and lstm, the most accurate with"
        " 0.650, is not better by more than chance (p = 1.00)."
    )
    assert beware == "It also predicts 9 times as many texts a second as lstm."


def test_what_a_random_split_adds_is_called_memory():
    _, beware = advise(
        ladder(rung("count", "random", 360), rung("count", "grouped", 260)), None
    ).sentences
    assert beware == (
        "Don't believe the random split: the 25 points that count gains there are memory of copies,"
        " which new texts don't have."
    )


@pytest.mark.parametrize("n_random", [268, 252])
def test_a_difference_between_the_splits_that_may_be_chance_is_not_called_memory(n_random):
    _, beware = advised(rung("count", "random", n_random), rung("count", "grouped", 260))
    assert beware == (
        "Believe the grouped split: random and grouped differ by 2 points for count, which on 400"
        " rows may be chance."
    )


@pytest.mark.parametrize("kind", ["random", "given"])
def test_a_single_rung_is_not_called_the_best_of_anything(kind):
    use, _ = advised(rung("count", kind, 300))
    assert "there was nothing to compare it with" in use
