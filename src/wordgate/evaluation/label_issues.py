"""Labels that are probably wrong: confident learning, as cleanlab computes it.

Northcutt, Jiang & Chuang (2021), "Confident learning: estimating uncertainty in dataset labels".
"""

import warnings
from dataclasses import dataclass

import numpy as np

from wordgate.evaluation.intervals import Bools, Floats, Ints
from wordgate.evaluation.multilabel import log_complement

MIN_LABELLED_ROWS = 20
_NO_ISSUES = "cleanlab found no probable label errors among the {:,} rows."
_CHECK_BY_HAND = "An inaccurate model also flags correct labels, so check the rows by hand."


@dataclass(frozen=True)
class LabelIssues:
    """Rows whose label is probably wrong.

    Attributes:
        rows: int64 [found], positions of the rows, the least believable label first.
        sentence: What was done and found, or why nothing could be.
        searched: Whether it could.
    """

    rows: Ints
    sentence: str
    searched: bool = True


def find_label_issues(log_proba: Floats, targets: Ints) -> LabelIssues:
    """Find rows whose label is probably wrong, or the reason why none can be found.

    Labels that no row has are left out, and the others' probabilities made to sum to 1.

    Args:
        log_proba: float64 [n, classes], of rows the model did not learn from, calibrated.
        targets: int64 [n], their labels.
    """
    borne, number = np.unique(targets, return_inverse=True)
    if len(targets) < MIN_LABELLED_ROWS or len(borne) < 2:
        return _not_searched(
            f"{len(targets):,} rows of {len(borne)} labels are too few to detect label errors; at"
            f" least {MIN_LABELLED_ROWS} rows and 2 labels are needed."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cleanlab's, on packages it could also use
            from cleanlab import filter as cleanlab_filter
    except ImportError:
        install = "pip install 'wordgate[labels]'"
        return _not_searched(f"To detect label errors, install cleanlab: {install}")
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
        return _not_searched(f"cleanlab could not check the labels of these rows: {error}.")
    n, of = len(found), len(targets)
    sentence = _NO_ISSUES.format(of)
    if n:
        sentence = (
            f"Confident learning (cleanlab) finds {n:,} probable label errors among {of:,} rows"
            f" ({n / of:.1%}): the model, which was not trained on these rows, gives another label"
            f" a high probability and the given one a low one. {_CHECK_BY_HAND}"
        )
    return LabelIssues(np.asarray(found, dtype=np.int64), sentence)


def _not_searched(reason: str) -> LabelIssues:
    return LabelIssues(np.zeros(0, np.int64), reason, searched=False)


def find_issues_by_label(log_proba: Floats, targets: Ints) -> tuple[Bools, str]:
    """Find labels that rows probably have or lack wrongly, each label by itself.

    Args:
        log_proba: float64 [n, labels], of rows the model did not learn from, calibrated.
        targets: int64 [n, labels] of 0 and 1.

    Returns:
        bool [n, labels], and a sentence on what was done and found, or why nothing could be.
    """
    found = [
        find_label_issues(np.stack([log_complement(own), own], axis=1), borne)
        for own, borne in zip(log_proba.T, targets.T, strict=True)
    ]
    wrong = np.zeros(targets.shape, np.bool_)
    for number, one in enumerate(found):
        wrong[one.rows, number] = True
    n_searched, n = sum(one.searched for one in found), int(wrong.sum())
    if not n_searched:
        return wrong, found[0].sentence
    if not n:
        return wrong, _NO_ISSUES.format(len(targets))
    return wrong, (
        f"Confident learning (cleanlab), label by label, finds {n:,} probable label errors among"
        f" {len(targets):,} rows and {n_searched:,} labels: the model, which was not trained on"
        " these rows, gives a label a high probability in a row that lacks it, or a low one in a"
        f" row that has it. {_CHECK_BY_HAND}"
    )
