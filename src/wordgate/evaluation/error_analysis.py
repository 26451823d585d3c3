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
from wordgate.evaluation.multilabel import given_labels
from wordgate.evaluation.selective_prediction import CoveragePoint, coverage_curve
from wordgate.text.tokenizers import SPACELESS

MOST_ROWS = 15
LONGEST_TEXT = 400
_UNSEEN_BINS = ("none", "up to 10%", "10 to 25%", "over 25%")
_UNSEEN_EDGES = (0.0, 0.10, 0.25)
_WORD = regex.compile(rf"[\w--[{SPACELESS}]]+|[{SPACELESS}]\p{{M}}*", regex.V1)


@dataclass(frozen=True)
class WordCounts:
    """The number of words of texts, and the share of them that is new to the model.

    Attributes:
        n_words: int64 [n], the words of each text.
        unseen: float64 [n], the share of them that occurs in no training text.
    """

    n_words: Ints
    unseen: Floats


@dataclass(frozen=True)
class Slice:
    """The rows of one bin.

    Attributes:
        name: The bin, in words.
        n: How many rows it holds, at least one.
        score: The share of them that is correct; with several labels per text, their micro F1.
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
        """Return the bins that hold rows: the name, the rows' positions, and the rows' groups."""
        for number, name in enumerate(self.names):
            rows = np.flatnonzero(self.number == number)
            if len(rows):
                yield name, rows, None if groups is None else [groups[row] for row in rows.tolist()]


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
class Analysis:
    """Results of error analysis that exist with one label per text and with several.

    Scores are shares of 1.

    Attributes:
        intervals: Each label's 95% intervals, in the labels' order.
        temperature: What log-probabilities are divided by, or logits with several labels per text;
            ``None`` where nothing is, or each fold has its own.
        before: Calibration before temperature scaling; ``None`` where there is none.
        after: Calibration of the probabilities that the model gives.
        by_length: Accuracy, or micro F1 with several labels per text, by the words of a text.
        by_unseen: The same by the share of a text's words that training has not seen.
        suspects_text: How wrong labels were sought and how many there are, or why none could be.
        has_texts: Whether rows come with their texts.
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
    """The errors of a model that gives a text one label.

    Attributes:
        scores: Of the test rows.
        coverage: Coverage and accuracy, by the threshold of ``--abstain-below``; empty where a
            threshold decides, since this option is then refused.
        mistakes: The errors of the highest probability, one of each group.
        suspects: The rows whose label is most probably wrong, one of each group.
    """

    scores: Scores
    coverage: Sequence[CoveragePoint]
    mistakes: Sequence[PredictedRow]
    suspects: Sequence[PredictedRow]


@dataclass(frozen=True)
class PredictedRows:
    """Rows that a model has not learned from, and its predictions for them; n of each.

    Attributes:
        log_proba: float64 [n, classes], calibrated.
        targets: int64 [n], positions of the true labels; or int64 [n, labels] of 0 and 1, several
            labels each.
        texts: The texts.
        rows: Each row's number in the user's file.
        groups: Each row's group; ``None`` takes rows for independent.
        given: int64 [n] or bool [n, labels], the class or labels that each is given by thresholds;
            ``None`` for the most probable class, or labels of a probability of 0.5 or more.
    """

    log_proba: Floats
    targets: Ints
    texts: Sequence[str]
    rows: Sequence[int]
    groups: Sequence[str] | None
    given: Ints | Bools | None = None

    @property
    def classes(self) -> Ints:
        """The class that each is given where it has one label: int64 [n]."""
        found = self.log_proba.argmax(axis=1) if self.given is None else self.given
        return np.asarray(found, np.int64)

    @property
    def given_labels(self) -> Bools:
        """The labels that each is given where it may have several: bool [n, labels]."""
        found = given_labels(self.log_proba) if self.given is None else self.given
        return np.asarray(found, np.bool_)

    def text(self, position: int) -> str:
        """Return a text, cut to 400 characters, so that a page shows it."""
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
        scores: Of the test rows; its labels are in the order of the probabilities.
        predictions: For the test rows.
        words: Their words.
        after: Calibration of these predictions.
        temperature: What the model divides log-probabilities by; 1 is as good as none, and None
            where there is none or each fold has its own.
        before: Calibration before that.
        suspected: The rows among which wrong labels are sought; None for the test rows.
        texts: Whether texts of the data may be shown.
        seed: Of the intervals' draws.

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
    surest = wrong[np.argsort(-confidence, kind="stable")]
    coverage = coverage_curve(predictions.log_proba, targets) if predictions.given is None else ()
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


def _shown(
    predictions: PredictedRows, order: Ints, labels: Sequence[str], *, texts: bool
) -> list[PredictedRow]:
    """Show the first rows of an order, one of each group: its copies would only repeat it."""
    shown, classes = [], predictions.classes
    for place in first_of_groups(order, predictions.groups):
        row = int(order[place])
        predicted = int(classes[row])
        shown.append(
            PredictedRow(
                row=predictions.rows[row],
                true=labels[int(predictions.targets[row])],
                predicted=labels[predicted],
                probability=float(np.exp(predictions.log_proba[row, predicted])),
                text=predictions.text(row) if texts else None,
            )
        )
    return shown


def first_of_groups(rows: Ints, groups: Sequence[str] | None) -> list[int]:
    """Choose what to show of an order of rows: the first of each group, and 15 at most.

    `rows`, int64 [m], may have a row more than once; `groups` are those of all rows of the data.
    The result are places in the order, rising.
    """
    first: dict[str | int, int] = {}
    for place, row in enumerate(rows.tolist()):
        first.setdefault(row if groups is None else groups[row], place)
    return list(first.values())[:MOST_ROWS]


def count_words(texts: Sequence[str], training: Iterable[str]) -> WordCounts:
    r"""Count each text's words, and the share of them that occurs in no training text.

    A word is a lower-cased run of ``\w``, or a character of a script without spaces, whatever the
    tokenizer of the model takes for one, so that models can be compared.

    Args:
        texts: The texts to count.
        training: All texts that the model learned from.
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
    """Bin rows by the words of their text, int64 [n], about as many rows in each.

    There are five bins from short to long, named like ``"8 to 12"``; fewer where many texts are
    equally long.

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
    """Bin rows by the share of their words that training has not seen: float64 [n], 0 to 1."""
    return Bins(_UNSEEN_BINS, np.searchsorted(_UNSEEN_EDGES, unseen).astype(np.int64))


def accuracy_by_bin(
    bins: Bins, correct: Bools, groups: Sequence[str] | None, *, seed: int = 0
) -> list[Slice]:
    """Find the accuracy in every bin that holds rows, with an interval that resamples groups.

    `correct`, bool [n], are the rows that were given their label.
    """
    sums = np.stack([correct, np.ones_like(correct)], axis=1).astype(np.int64)
    slices = []
    for name, rows, own in bins.parts(groups):
        interval = accuracy_interval(count_by_group(sums[rows], own), ratio, seed=seed)
        slices.append(Slice(name, len(rows), float(correct[rows].mean()), interval))
    return slices
