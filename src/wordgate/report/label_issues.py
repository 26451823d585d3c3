"""Rows whose label is probably wrong, by the model that has not learned from them.

Confident learning: Northcutt, Jiang & Chuang (2021), "Confident learning: estimating uncertainty in
dataset labels", as cleanlab computes it. The probabilities must be held out and calibrated.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_ROWS = 20
_INSTALL = "pip install 'wordgate[labels]'"


@dataclass(frozen=True)
class LabelIssues:
    """What was found.

    Attributes:
        rows: int64 [found], positions of the rows, the least believable label first.
        sentence: What was done and found, or why nothing could be.
    """

    rows: NDArray[np.int64]
    sentence: str


def find_label_issues(log_proba: NDArray[np.float64], targets: NDArray[np.int64]) -> LabelIssues:
    """Find rows whose label is probably wrong; where that can't be done, say why.

    Labels that no row bears are left out, and the others' probabilities made to sum to 1.

    Args:
        log_proba: float64 [n, classes], of rows the model did not learn from, calibrated.
        targets: int64 [n], their labels.

    Returns:
        The rows and a sentence, or no rows and the reason.
    """
    borne, number = np.unique(targets, return_inverse=True)
    if len(targets) < FEWEST_ROWS or len(borne) < 2:
        return _none(
            f"{len(targets):,} rows of {len(borne)} labels are too few to tell wrong labels"
            f" from hard texts; at least {FEWEST_ROWS} rows and 2 labels are needed."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cleanlab's, on packages it could also use
            from cleanlab import filter as cleanlab_filter
    except ImportError:
        return _none(f"To have wrong labels sought here, install cleanlab: {_INSTALL}")
    among = log_proba[:, borne]
    proba = np.exp(among - among.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = cleanlab_filter.find_label_issues(
                number.ravel(), proba, return_indices_ranked_by="self_confidence", n_jobs=1
            )
    except (ValueError, ArithmeticError, LookupError, TypeError) as error:
        return _none(f"cleanlab could not judge the labels of these rows: {error}.")
    rows = np.asarray(found, dtype=np.int64)
    return LabelIssues(rows, _sentence(len(rows), len(targets)))


def _sentence(n: int, of: int) -> str:
    if n == 0:
        return f"cleanlab found no label among the {of:,} rows that is probably wrong."
    return (
        f"Confident learning (cleanlab) suspects the label of {n:,} of {of:,} rows"
        f" ({n / of:.1%}): the model, which has not learned from them, believes in another one and"
        " hardly in theirs. A model that errs much suspects much, so this is a list to look"
        " through, not a count of wrong labels."
    )


def _none(sentence: str) -> LabelIssues:
    return LabelIssues(np.zeros(0, np.int64), sentence)
