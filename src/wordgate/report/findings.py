"""What a model's answers on the rows that judge it show, and how that is found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.metrics import Epoch
from wordgate.errors import DataError
from wordgate.evaluation.calibration import Calibration, calibration
from wordgate.evaluation.class_intervals import ClassIntervals, class_intervals
from wordgate.evaluation.coverage import CoveragePoint, coverage_curve
from wordgate.evaluation.metrics import Scores
from wordgate.evaluation.slices import Slice, accuracy_by_bin, length_bins, unseen_bins
from wordgate.report.label_issues import find_label_issues
from wordgate.report.words import WordCounts

MOST_ROWS = 15
LONGEST_TEXT = 400


@dataclass(frozen=True)
class JudgedRow:
    """A row that judges, and what the model said of it.

    Attributes:
        row: Its number in the user's file.
        true: The label it bears.
        predicted: The label it was given.
        probability: Of the label it was given, as the model that ships tells it.
        text: The row's text, cut to 400 characters; ``None`` where texts are left out.
    """

    row: int
    true: str
    predicted: str
    probability: float
    text: str | None


@dataclass(frozen=True)
class Findings:
    """What was found. Scores are shares of 1.

    Attributes:
        scores: Of the rows that judge.
        intervals: Each label's 95 % intervals, in the labels' order.
        temperature: What log-probabilities are divided by; ``None`` where nothing is, or each fold
            has its own.
        before: How far probabilities could be believed before; ``None`` without a temperature.
        after: How far those can be believed that the model gives.
        coverage: What ``--abstain-below`` would do.
        by_length: Accuracy by the words of a text.
        by_unseen: Accuracy by the share of a text's words that training has not seen.
        mistakes: The wrong answers the model was surest of, one of each group.
        suspects: The rows whose label is least believable, one of each group.
        suspects_told: What was found of such rows in all, or why nothing could be.
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
    mistakes: Sequence[JudgedRow]
    suspects: Sequence[JudgedRow]
    suspects_told: str
    has_texts: bool


@dataclass(frozen=True)
class Learning:
    """How a model learned.

    Attributes:
        history: The epochs; none for a family that has no epochs.
        best_epoch: The number of the one that was kept, from 1; 0 without epochs.
        remarks: What a user should know about its training, where the page doesn't say it already.
    """

    history: Sequence[Epoch] = ()
    best_epoch: int = 0
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class HeldOut:
    """Rows that a model has not learned from, and what it says of them; n of each.

    Attributes:
        log_proba: float64 [n, classes], as the model that ships gives them.
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


def find(
    scores: Scores,
    judged: HeldOut,
    words: WordCounts,
    *,
    temperature: float | None = None,
    untempered: NDArray[np.float64] | None = None,
    suspected: HeldOut | None = None,
    texts: bool = True,
    seed: int = 0,
) -> Findings:
    """Find out what a model's answers show.

    Args:
        scores: Of the rows that judge; its labels are in the order of the probabilities.
        judged: The rows that judge.
        words: Their words.
        temperature: What the model divides log-probabilities by; 1 is as good as none, and None
            where there is none or each fold has its own.
        untempered: float64 [n, classes], the log-probabilities before that.
        suspected: The rows among which wrong labels are sought; None for those that judge.
        texts: Whether texts of the data may stand in the report.
        seed: Of the intervals' draws.

    Raises:
        DataError: There are no rows, or not as many of everything.
    """
    if temperature == 1.0:
        temperature = untempered = None
    judged.check()
    suspected = suspected or judged
    suspected.check()
    labels = [score.label for score in scores.per_class]
    predicted = judged.log_proba.argmax(axis=1).astype(np.int64)
    right = predicted == judged.targets
    issues = find_label_issues(suspected.log_proba, suspected.targets)
    surest = _surest_first(judged.log_proba, right)
    return Findings(
        scores=scores,
        intervals=class_intervals(judged.targets, predicted, labels, judged.groups, seed=seed),
        temperature=temperature,
        before=None if untempered is None else calibration(untempered, judged.targets),
        after=calibration(judged.log_proba, judged.targets),
        coverage=coverage_curve(judged.log_proba, judged.targets),
        by_length=accuracy_by_bin(length_bins(words.n_words), right, judged.groups, seed=seed),
        by_unseen=accuracy_by_bin(unseen_bins(words.unseen), right, judged.groups, seed=seed),
        mistakes=_shown(judged, surest, labels, texts=texts),
        suspects=_shown(suspected, issues.rows, labels, texts=texts),
        suspects_told=issues.sentence,
        has_texts=texts,
    )


def _surest_first(log_proba: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Order the wrong rows by the probability of the wrong answer: int64 [wrong]."""
    wrong = np.flatnonzero(~right)
    return wrong[np.argsort(-log_proba[wrong].max(axis=1), kind="stable")]


def _shown(
    held: HeldOut, positions: NDArray[np.int64], labels: Sequence[str], *, texts: bool
) -> list[JudgedRow]:
    """Show the first rows of an order, one of each group."""
    chosen = islice(_one_of_each_group(positions.tolist(), held.groups), MOST_ROWS)
    return [_judged(held, position, labels, texts=texts) for position in chosen]


def _one_of_each_group(positions: Iterable[int], groups: Sequence[str] | None) -> Iterable[int]:
    """Keep the first row of each group: its copies would tell the same again."""
    told: set[str] = set()
    for position in positions:
        if groups is not None:
            if groups[position] in told:
                continue
            told.add(groups[position])
        yield position


def _judged(held: HeldOut, position: int, labels: Sequence[str], *, texts: bool) -> JudgedRow:
    log_proba = held.log_proba[position]
    predicted = int(log_proba.argmax())
    text = held.texts[position]
    cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + "…"
    return JudgedRow(
        row=held.rows[position],
        true=labels[int(held.targets[position])],
        predicted=labels[predicted],
        probability=float(np.exp(log_proba[predicted])),
        text=cut if texts else None,
    )
