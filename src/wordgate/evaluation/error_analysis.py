"""Error analysis: what a model's predictions on test rows show, and which labels may be wrong."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.metrics import ClassIntervals, Scores, class_intervals
from wordgate.evaluation.selective_prediction import CoveragePoint
from wordgate.evaluation.slices import (
    Slice,
    WordCounts,
    accuracy_by_bin,
    length_bins,
    unseen_bins,
)

MOST_ROWS = 15
LONGEST_TEXT = 400
MIN_LABELLED_ROWS = 20
_INSTALL = "pip install 'wordgate[labels]'"


@dataclass(frozen=True)
class PredictedRow:
    """A test row, and what the model predicted for it.

    Attributes:
        row: Its number in the user's file.
        true: Its label.
        predicted: The label it was given.
        probability: Of the label it was given, calibrated.
        text: The row's text, cut to 400 characters; ``None`` where texts are left out.
    """

    row: int
    true: str
    predicted: str
    probability: float
    text: str | None


@dataclass(frozen=True)
class ErrorAnalysis:
    """What a model's predictions on test rows show. Scores are shares of 1.

    Attributes:
        scores: Of the test rows.
        intervals: Each label's 95 % intervals, in the labels' order.
        temperature: What log-probabilities are divided by; ``None`` where nothing is, or each fold
            has its own.
        before: Calibration before temperature scaling; ``None`` where there is none.
        after: Calibration of the probabilities that the model gives.
        coverage: Coverage and accuracy, by the threshold of ``--abstain-below``.
        by_length: Accuracy by the words of a text.
        by_unseen: Accuracy by the share of a text's words that training has not seen.
        mistakes: The errors of the highest probability, one of each group.
        suspects: The rows whose label is most probably wrong, one of each group.
        suspects_text: How such rows were sought and how many there are, or why none could be.
        has_texts: Whether rows come with their texts.
    """

    scores: Scores
    intervals: Sequence[ClassIntervals]
    temperature: float | None
    before: Calibration | None
    after: Calibration
    coverage: Sequence[CoveragePoint]
    by_length: Sequence[Slice]
    by_unseen: Sequence[Slice]
    mistakes: Sequence[PredictedRow]
    suspects: Sequence[PredictedRow]
    suspects_text: str
    has_texts: bool


@dataclass(frozen=True)
class Predictions:
    """Rows that a model has not learned from, and its predictions for them; n of each.

    Attributes:
        log_proba: float64 [n, classes], calibrated.
        targets: int64 [n], positions of the true labels.
        texts: The texts.
        rows: Each row's number in the user's file.
        groups: Each row's group; ``None`` takes rows for independent.
    """

    log_proba: NDArray[np.float64]
    targets: NDArray[np.int64]
    texts: Sequence[str]
    rows: Sequence[int]
    groups: Sequence[str] | None

    def check(self) -> None:
        """Refuse what doesn't fit.

        Raises:
            DataError: Not as many of each.
        """
        n = len(self.targets)
        groups = n if self.groups is None else len(self.groups)
        found = (len(self.log_proba), len(self.texts), len(self.rows), groups)
        if set(found) != {n}:
            raise DataError(
                "a report needs as many probabilities, texts, row numbers and groups as labels;"
                f" there are {', '.join(f'{one:,}' for one in found)} and {n:,}"
            )


def analyse_errors(
    scores: Scores,
    predictions: Predictions,
    words: WordCounts,
    *,
    after: Calibration,
    coverage: Sequence[CoveragePoint],
    temperature: float | None = None,
    before: Calibration | None = None,
    suspected: Predictions | None = None,
    texts: bool = True,
    seed: int = 0,
) -> ErrorAnalysis:
    """Find out what a model's predictions show.

    Args:
        scores: Of the test rows; its labels are in the order of the probabilities.
        predictions: For the test rows.
        words: Their words.
        after: Calibration of these predictions.
        coverage: Their coverage and accuracy by threshold.
        temperature: What the model divides log-probabilities by; 1 is as good as none, and None
            where there is none or each fold has its own.
        before: Calibration before that.
        suspected: The rows among which wrong labels are sought; None for the test rows.
        texts: Whether texts of the data may be shown.
        seed: Of the intervals' draws.

    Raises:
        DataError: There are no rows, or not as many of everything.
    """
    if temperature == 1.0:
        temperature = before = None
    predictions.check()
    suspected = suspected or predictions
    suspected.check()
    labels = [score.label for score in scores.per_class]
    targets, groups = predictions.targets, predictions.groups
    predicted = predictions.log_proba.argmax(axis=1).astype(np.int64)
    correct = predicted == targets
    issues = find_label_issues(suspected.log_proba, suspected.targets)
    surest = _surest_first(predictions.log_proba, correct)
    return ErrorAnalysis(
        scores=scores,
        intervals=class_intervals(targets, predicted, labels, groups, seed=seed),
        temperature=temperature,
        before=before,
        after=after,
        coverage=coverage,
        by_length=accuracy_by_bin(length_bins(words.n_words), correct, groups, seed=seed),
        by_unseen=accuracy_by_bin(unseen_bins(words.unseen), correct, groups, seed=seed),
        mistakes=_shown(predictions, surest, labels, texts=texts),
        suspects=_shown(suspected, issues.rows, labels, texts=texts),
        suspects_text=issues.sentence,
        has_texts=texts,
    )


def _surest_first(log_proba: NDArray[np.float64], correct: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Order the wrong rows by the probability of the wrong answer: int64 [wrong]."""
    wrong = np.flatnonzero(~correct)
    return wrong[np.argsort(-log_proba[wrong].max(axis=1), kind="stable")]


def _shown(
    predictions: Predictions, positions: NDArray[np.int64], labels: Sequence[str], *, texts: bool
) -> list[PredictedRow]:
    """Show the first rows of an order, one of each group."""
    chosen = islice(_one_of_each_group(positions.tolist(), predictions.groups), MOST_ROWS)
    return [_predicted(predictions, position, labels, texts=texts) for position in chosen]


def _one_of_each_group(positions: Iterable[int], groups: Sequence[str] | None) -> Iterable[int]:
    """Keep the first row of each group: its copies would say the same again."""
    seen: set[str] = set()
    for position in positions:
        if groups is not None:
            if groups[position] in seen:
                continue
            seen.add(groups[position])
        yield position


def _predicted(
    predictions: Predictions, position: int, labels: Sequence[str], *, texts: bool
) -> PredictedRow:
    log_proba = predictions.log_proba[position]
    predicted = int(log_proba.argmax())
    text = predictions.texts[position]
    cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + "…"
    return PredictedRow(
        row=predictions.rows[position],
        true=labels[int(predictions.targets[position])],
        predicted=labels[predicted],
        probability=float(np.exp(log_proba[predicted])),
        text=cut if texts else None,
    )


@dataclass(frozen=True)
class LabelIssues:
    """Rows whose label is probably wrong.

    Attributes:
        rows: int64 [found], positions of the rows, the least believable label first.
        sentence: What was done and found, or why nothing could be.
    """

    rows: NDArray[np.int64]
    sentence: str


def find_label_issues(log_proba: NDArray[np.float64], targets: NDArray[np.int64]) -> LabelIssues:
    """Find rows whose label is probably wrong; where that can't be done, say why.

    Confident learning: Northcutt, Jiang & Chuang (2021), "Confident learning: estimating
    uncertainty in dataset labels", as cleanlab computes it.

    Labels that no row bears are left out, and the others' probabilities made to sum to 1.

    Args:
        log_proba: float64 [n, classes], of rows the model did not learn from, calibrated.
        targets: int64 [n], their labels.

    Returns:
        The rows and a sentence, or no rows and the reason.
    """
    borne, number = np.unique(targets, return_inverse=True)
    if len(targets) < MIN_LABELLED_ROWS or len(borne) < 2:
        return _none(
            f"{len(targets):,} rows of {len(borne)} labels are too few to tell wrong labels"
            f" from hard texts; at least {MIN_LABELLED_ROWS} rows and 2 labels are needed."
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
        return _none(f"cleanlab could not check the labels of these rows: {error}.")
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
