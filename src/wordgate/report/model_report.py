"""All that the report on one model tells, as plain values, and how they are found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.metrics import Baseline, Metrics
from wordgate.errors import DataError
from wordgate.evaluation.calibration import Calibration, calibration
from wordgate.evaluation.class_intervals import ClassIntervals, class_intervals
from wordgate.evaluation.coverage import CoveragePoint, coverage_curve
from wordgate.evaluation.slices import Slice, accuracy_by_bin, length_bins, unseen_bins
from wordgate.report.figures import Section
from wordgate.report.label_issues import find_label_issues
from wordgate.report.words import count_words

MOST_ROWS = 15
LONGEST_TEXT = 400


@dataclass(frozen=True)
class Told:
    """What the page says that is not computed from the test rows.

    Attributes:
        title: Names the model, like ``"lstm on tweets.csv"``.
        verdict: What it is worth, in one sentence.
        sentences: More of that: what it began with, what a user should know about the run.
        audit: What was found in the data, by subject.
        measured: How it was measured: one sentence each.
        versions: What computed, by name: (``"torch"``, ``"2.13.0"``).
    """

    title: str
    verdict: str
    sentences: Sequence[str] = ()
    audit: Sequence[Section] = ()
    measured: Sequence[str] = ()
    versions: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class JudgedRow:
    """A test row, and what the model said of it.

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
class ModelReport:
    """The report on one model. Scores are on the test rows, as shares of 1.

    Attributes:
        told: Title, verdict and all else in words.
        metrics: What stands in the bundle's `metrics.json`.
        intervals: Each label's 95 % intervals, in the labels' order.
        temperature: What log-probabilities are divided by; ``None`` where nothing is.
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

    told: Told
    metrics: Metrics
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

    def baselines(self) -> list[tuple[str, Baseline]]:
        """Name what the model has to beat."""
        both = self.metrics.baselines
        return [
            ("word counts + logistic regression", both.count),
            ("always the most frequent label", both.majority),
        ]


@dataclass(frozen=True)
class HeldOut:
    """The rows a model is judged on, and what it says of them; n of each.

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


def model_report(
    told: Told,
    metrics: Metrics,
    test: HeldOut,
    training_texts: Iterable[str],
    *,
    temperature: float | None = None,
    untempered: NDArray[np.float64] | None = None,
    texts: bool = True,
    seed: int = 0,
) -> ModelReport:
    """Compute all that the report on one model tells.

    Args:
        told: What is said in words.
        metrics: What stands in `metrics.json`; its labels are in the order of the probabilities.
        test: The test rows.
        training_texts: All texts the model learned from, to tell which words are new to it.
        temperature: What the model divides log-probabilities by, if it does.
        untempered: float64 [n, classes], the log-probabilities before that.
        texts: Whether texts of the data may stand in the report.
        seed: Of the intervals' draws.

    Returns:
        The report.

    Raises:
        DataError: There are no rows, or not as many of everything.
    """
    test.check()
    labels = [score.label for score in metrics.per_class]
    predicted = test.log_proba.argmax(axis=1).astype(np.int64)
    right = predicted == test.targets
    n_words, unseen = count_words(test.texts, training_texts)
    issues = find_label_issues(test.log_proba, test.targets)

    def shown(positions: NDArray[np.int64]) -> list[JudgedRow]:
        chosen = islice(_one_of_each_group(positions.tolist(), test.groups), MOST_ROWS)
        return [_judged(test, position, labels, texts=texts) for position in chosen]

    return ModelReport(
        told=told,
        metrics=metrics,
        intervals=class_intervals(test.targets, predicted, labels, test.groups, seed=seed),
        temperature=temperature,
        before=None if untempered is None else calibration(untempered, test.targets),
        after=calibration(test.log_proba, test.targets),
        coverage=coverage_curve(test.log_proba, test.targets),
        by_length=accuracy_by_bin(length_bins(n_words), right, test.groups, seed=seed),
        by_unseen=accuracy_by_bin(unseen_bins(unseen), right, test.groups, seed=seed),
        mistakes=shown(_surest_first(test.log_proba, right)),
        suspects=shown(issues.rows),
        suspects_told=issues.sentence,
        has_texts=texts,
    )


def _surest_first(log_proba: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Order the wrong rows by the probability of the wrong answer: int64 [wrong]."""
    wrong = np.flatnonzero(~right)
    return wrong[np.argsort(-log_proba[wrong].max(axis=1), kind="stable")]


def _one_of_each_group(positions: Iterable[int], groups: Sequence[str] | None) -> Iterable[int]:
    """Keep the first row of each group: its copies would tell the same again."""
    told: set[str] = set()
    for position in positions:
        if groups is not None:
            if groups[position] in told:
                continue
            told.add(groups[position])
        yield position


def _judged(test: HeldOut, position: int, labels: Sequence[str], *, texts: bool) -> JudgedRow:
    log_proba = test.log_proba[position]
    predicted = int(log_proba.argmax())
    text = test.texts[position]
    cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + "…"
    return JudgedRow(
        row=test.rows[position],
        true=labels[int(test.targets[position])],
        predicted=labels[predicted],
        probability=float(np.exp(log_proba[predicted])),
        text=cut if texts else None,
    )
