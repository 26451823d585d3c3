"""Detection of label errors with cleanlab (confident learning).

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
        rows: int64 [issues], positions of the rows, the least probable label first.
        sentence: A summary, or why label errors could not be detected.
        searched: Whether they could be detected.
    """

    rows: Ints
    sentence: str
    searched: bool = True


def find_label_issues(log_proba: Floats, targets: Ints) -> LabelIssues:
    """Find rows whose label is probably wrong.

    Labels without rows are left out, and the probabilities of the others normalized.

    Args:
        log_proba: float64 [n, classes], calibrated, of rows the model was not trained on.
        targets: int64 [n], their labels.
    """
    labels, codes = np.unique(targets, return_inverse=True)
    if len(targets) < MIN_LABELLED_ROWS or len(labels) < 2:
        return _not_searched(
            f"{len(targets):,} rows of {len(labels)} labels are too few to detect label errors; at"
            f" least {MIN_LABELLED_ROWS} rows and 2 labels are needed."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cleanlab's, on packages it could also use
            from cleanlab import filter as cleanlab_filter
    except ImportError:
        install = "pip install 'wordgate[labels]'"
        return _not_searched(f"To detect label errors, install cleanlab: {install}")
    columns = log_proba[:, labels]
    proba = np.exp(columns - columns.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = cleanlab_filter.find_label_issues(
                codes.ravel(), proba, return_indices_ranked_by="self_confidence", n_jobs=1
            )
    except (ValueError, ArithmeticError, LookupError, TypeError) as error:
        return _not_searched(f"cleanlab could not check the labels of these rows: {error}.")
    n, n_rows = len(rows), len(targets)
    sentence = _NO_ISSUES.format(n_rows)
    if n:
        sentence = (
            f"Confident learning (cleanlab) finds {n:,} probable label errors among {n_rows:,} rows"
            f" ({n / n_rows:.1%}): the model, which was not trained on these rows, gives another"
            f" label a high probability and the given one a low one. {_CHECK_BY_HAND}"
        )
    return LabelIssues(np.asarray(rows, dtype=np.int64), sentence)


def _not_searched(reason: str) -> LabelIssues:
    return LabelIssues(np.zeros(0, np.int64), reason, searched=False)


def find_issues_by_label(log_proba: Floats, targets: Ints) -> tuple[Bools, str]:
    """Find labels that are probably wrong or missing in a row, separately for each label.

    Args:
        log_proba: float64 [n, labels], calibrated, of rows the model was not trained on.
        targets: int64 [n, labels] of 0 and 1.

    Returns:
        bool [n, labels], and a summary, or why label errors could not be detected.
    """
    by_label = [
        find_label_issues(np.stack([log_complement(column), column], axis=1), has_label)
        for column, has_label in zip(log_proba.T, targets.T, strict=True)
    ]
    wrong = np.zeros(targets.shape, np.bool_)
    for label, issues in enumerate(by_label):
        wrong[issues.rows, label] = True
    n_searched, n = sum(issues.searched for issues in by_label), int(wrong.sum())
    if not n_searched:
        return wrong, by_label[0].sentence
    if not n:
        return wrong, _NO_ISSUES.format(len(targets))
    return wrong, (
        f"Confident learning (cleanlab), label by label, finds {n:,} probable label errors among"
        f" {len(targets):,} rows and {n_searched:,} labels: the model, which was not trained on"
        " these rows, gives a label a high probability in a row that lacks it, or a low one in a"
        f" row that has it. {_CHECK_BY_HAND}"
    )
