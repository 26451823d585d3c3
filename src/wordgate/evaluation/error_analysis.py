"""Error analysis on test rows: mistakes, accuracy in slices, labels that are probably wrong."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import regex

from wordgate.errors import DataError
from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.intervals import (
    Bools,
    Floats,
    Interval,
    Ints,
    accuracy_interval,
    count_by_group,
    ratio,
)
from wordgate.evaluation.label_issues import find_label_issues
from wordgate.evaluation.metrics import ClassIntervals, Scores, class_intervals
from wordgate.evaluation.multilabel import predicted_labels
from wordgate.evaluation.selective_prediction import CoveragePoint, coverage_curve
from wordgate.text.tokenizers import SPACELESS

MOST_ROWS = 15
LONGEST_TEXT = 400
_UNSEEN_BINS = ("none", "up to 10%", "10 to 25%", "over 25%")
_UNSEEN_EDGES = (0.0, 0.10, 0.25)
_WORD = regex.compile(rf"[\w--[{SPACELESS}]]+|[{SPACELESS}]\p{{M}}*", regex.V1)


@dataclass(frozen=True)
class WordCounts:
    """The number of words of each text, and the fraction of them that training texts lack.

    Attributes:
        n_words: int64 [n].
        unseen: float64 [n], the fraction of words that occur in no training text.
    """

    n_words: Ints
    unseen: Floats


@dataclass(frozen=True)
class Slice:
    """The rows of one bin.

    Attributes:
        name: The name of the bin.
        n: Number of rows, at least one.
        score: Accuracy; with several labels per text, micro F1.
        interval: The 95% interval of that score.
    """

    name: str
    n: int
    score: float
    interval: Interval


@dataclass(frozen=True)
class Bins:
    """The bin of each row.

    Attributes:
        names: The bins, in order.
        number: int64 [n], the position of each row's bin in ``names``.
    """

    names: tuple[str, ...]
    number: Ints

    def parts(self, groups: Sequence[str] | None) -> Iterator[tuple[str, Ints, list[str] | None]]:
        """Return name, row positions and groups of each bin that is not empty."""
        for number, name in enumerate(self.names):
            rows = np.flatnonzero(self.number == number)
            if len(rows):
                yield name, rows, None if groups is None else [groups[row] for row in rows.tolist()]


@dataclass(frozen=True)
class PredictedRow:
    """A test row and its prediction.

    Attributes:
        row: Its number in the user's file.
        true: The true label.
        predicted: The predicted label.
        probability: The calibrated probability of the predicted label.
        text: The text, truncated to 400 characters; None if texts are left out.
    """

    row: int
    true: str
    predicted: str
    probability: float
    text: str | None


@dataclass(frozen=True)
class Analysis:
    """Results of an error analysis for one label per text and for several; scores from 0 to 1.

    Attributes:
        intervals: The 95% intervals of each label, in the labels' order.
        temperature: The divisor of the log-probabilities, or of the logits with several labels per
            text; None without scaling, or if each fold has its own.
        before: Calibration before temperature scaling; None without scaling.
        after: Calibration of the model's probabilities.
        by_length: Accuracy, or micro F1 with several labels per text, by the number of words.
        by_unseen: The same by the fraction of words that occur in no training text.
        suspects_text: How label errors were detected and how many there are, or why they were not.
        has_texts: Whether rows have their texts.
    """

    intervals: Sequence[ClassIntervals]
    temperature: float | None
    before: Calibration | None
    after: Calibration
    by_length: Sequence[Slice]
    by_unseen: Sequence[Slice]
    suspects_text: str
    has_texts: bool


@dataclass(frozen=True)
class ErrorAnalysis(Analysis):
    """Error analysis of a model with one label per text.

    Attributes:
        scores: The scores on the test rows.
        coverage: Coverage and accuracy by the threshold of ``--abstain-below``; empty for a model
            with a decision threshold, which refuses this option.
        mistakes: The errors with the highest probability, one per group.
        suspects: The rows whose label is most probably wrong, one per group.
    """

    scores: Scores
    coverage: Sequence[CoveragePoint]
    mistakes: Sequence[PredictedRow]
    suspects: Sequence[PredictedRow]


@dataclass(frozen=True)
class PredictedRows:
    """Rows that a model was not trained on, with its predictions.

    Attributes:
        log_proba: float64 [n, classes], calibrated.
        targets: int64 [n], positions of the true labels; or int64 [n, labels] of 0 and 1, several
            labels each.
        texts: The texts.
        rows: Each row's number in the user's file.
        groups: Each row's group; None if rows are independent.
        decisions: int64 [n] or bool [n, labels], the classes or labels predicted by thresholds;
            None for the most probable class, or the labels with a probability of at least 0.5.
    """

    log_proba: Floats
    targets: Ints
    texts: Sequence[str]
    rows: Sequence[int]
    groups: Sequence[str] | None
    decisions: Ints | Bools | None = None

    @property
    def classes(self) -> Ints:
        """The predicted classes with one label per text: int64 [n]."""
        classes = self.log_proba.argmax(axis=1) if self.decisions is None else self.decisions
        return np.asarray(classes, np.int64)

    @property
    def labels(self) -> Bools:
        """The predicted labels with several labels per text: bool [n, labels]."""
        labels = predicted_labels(self.log_proba) if self.decisions is None else self.decisions
        return np.asarray(labels, np.bool_)

    def text(self, position: int) -> str:
        """Return a text, truncated to 400 characters."""
        text = self.texts[position]
        return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + "…"


def analyse_errors(
    scores: Scores,
    predictions: PredictedRows,
    words: WordCounts,
    *,
    after: Calibration,
    temperature: float | None = None,
    before: Calibration | None = None,
    suspected: PredictedRows | None = None,
    texts: bool = True,
    seed: int = 0,
) -> ErrorAnalysis:
    """Analyze a model's predictions.

    Args:
        scores: The scores on the test rows; labels in the order of the probabilities.
        predictions: The predictions for the test rows.
        words: The words of the test rows.
        after: Calibration of these predictions.
        temperature: The divisor of the log-probabilities; 1 or None without scaling, and None if
            each fold has its own.
        before: Calibration before temperature scaling.
        suspected: The rows in which label errors are detected; None for the test rows.
        texts: Whether to include the texts of rows.
        seed: Random seed of the resampling.

    Raises:
        DataError: There are no rows.
    """
    if temperature == 1.0:
        temperature = before = None
    suspected = suspected or predictions
    labels = [score.label for score in scores.per_class]
    targets, predicted, groups = predictions.targets, predictions.classes, predictions.groups
    correct = predicted == targets
    issues = find_label_issues(suspected.log_proba, suspected.targets)
    wrong = np.flatnonzero(~correct)
    confidence = predictions.log_proba[wrong, predicted[wrong]]
    by_confidence = wrong[np.argsort(-confidence, kind="stable")]
    coverage = (
        coverage_curve(predictions.log_proba, targets) if predictions.decisions is None else ()
    )
    return ErrorAnalysis(
        scores=scores,
        intervals=class_intervals(targets, predicted, labels, groups, seed=seed),
        temperature=temperature,
        before=before,
        after=after,
        coverage=coverage,
        by_length=accuracy_by_bin(length_bins(words.n_words), correct, groups, seed=seed),
        by_unseen=accuracy_by_bin(unseen_bins(words.unseen), correct, groups, seed=seed),
        mistakes=_first_rows(predictions, by_confidence, labels, texts=texts),
        suspects=_first_rows(suspected, issues.rows, labels, texts=texts),
        suspects_text=issues.sentence,
        has_texts=texts,
    )


def _first_rows(
    predictions: PredictedRows, order: Ints, labels: Sequence[str], *, texts: bool
) -> list[PredictedRow]:
    """Return the first rows of an order, one per group: its duplicates would only repeat it."""
    rows, classes = [], predictions.classes
    for position in first_of_groups(order, predictions.groups):
        row = int(order[position])
        predicted = int(classes[row])
        rows.append(
            PredictedRow(
                row=predictions.rows[row],
                true=labels[int(predictions.targets[row])],
                predicted=labels[predicted],
                probability=float(np.exp(predictions.log_proba[row, predicted])),
                text=predictions.text(row) if texts else None,
            )
        )
    return rows


def first_of_groups(rows: Ints, groups: Sequence[str] | None) -> list[int]:
    """Return the positions in `rows` of the first row of each group, at most 15, ascending.

    `rows`, int64 [m], may contain a row more than once; `groups` are those of all rows of the data.
    """
    first: dict[str | int, int] = {}
    for position, row in enumerate(rows.tolist()):
        first.setdefault(row if groups is None else groups[row], position)
    return list(first.values())[:MOST_ROWS]


def count_words(texts: Sequence[str], training: Iterable[str]) -> WordCounts:
    r"""Count each text's words, and compute the fraction of them that occur in no training text.

    A word is a lower-cased run of ``\w``, or a character of a script without spaces. It does not
    depend on the tokenizer of the model, so that models can be compared.

    Args:
        texts: The texts to count.
        training: The training texts.
    """
    seen = {word for text in training for word in _WORD.findall(text.lower())}
    n_words = np.zeros(len(texts), np.int64)
    unseen = np.zeros(len(texts), np.float64)
    for row, text in enumerate(texts):
        words = _WORD.findall(text.lower())
        n_words[row] = len(words)
        unseen[row] = sum(word not in seen for word in words) / max(1, len(words))
    return WordCounts(n_words, unseen)


def length_bins(n_words: Ints) -> Bins:
    """Bin rows by the number of words of their text, int64 [n], into bins of about equal size.

    There are five bins, from short to long, named like ``"8 to 12"``; fewer if many texts have the
    same length.

    Raises:
        DataError: There are no rows.
    """
    if len(n_words) == 0:
        raise DataError("there are no rows to evaluate")
    cuts = np.quantile(n_words, np.arange(1, 5) / 5, method="lower").astype(np.int64)
    upper = [int(cut) for cut in np.unique(cuts) if cut < n_words.max()]
    lower = [int(n_words.min()), *(cut + 1 for cut in upper)]
    names = [_range(low, high) for low, high in zip(lower, upper, strict=False)]
    last = lower[-1]
    names.append(f"over {last - 1}" if upper else _range(last, int(n_words.max())))
    return Bins(tuple(names), np.searchsorted(upper, n_words).astype(np.int64))


def _range(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def unseen_bins(unseen: Floats) -> Bins:
    """Bin rows by the fraction of words that occur in no training text: float64 [n], 0 to 1."""
    return Bins(_UNSEEN_BINS, np.searchsorted(_UNSEEN_EDGES, unseen).astype(np.int64))


def accuracy_by_bin(
    bins: Bins, correct: Bools, groups: Sequence[str] | None, *, seed: int = 0
) -> list[Slice]:
    """Compute the accuracy in each bin that is not empty, with an interval that resamples groups.

    `correct`, bool [n], is whether each row was classified correctly.
    """
    sums = np.stack([correct, np.ones_like(correct)], axis=1).astype(np.int64)
    slices = []
    for name, rows, bin_groups in bins.parts(groups):
        interval = accuracy_interval(count_by_group(sums[rows], bin_groups), ratio, seed=seed)
        slices.append(Slice(name, len(rows), float(correct[rows].mean()), interval))
    return slices
