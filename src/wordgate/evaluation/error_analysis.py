"""Error analysis on test rows: mistakes, accuracy in slices, labels that are probably wrong."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import regex
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.intervals import Interval, accuracy_interval, count_by_group, ratio
from wordgate.evaluation.metrics import ClassIntervals, Scores, class_intervals
from wordgate.evaluation.selective_prediction import CoveragePoint
from wordgate.text.tokenizers import SPACELESS

MOST_ROWS = 15
LONGEST_TEXT = 400
MIN_LABELLED_ROWS = 20
NO_ISSUES = "cleanlab found no probable label errors among the {:,} rows."
CHECK_BY_HAND = "An inaccurate model also reports correct labels, so check the rows by hand."
_UNSEEN_BINS = ("none", "up to 10%", "10 to 25%", "over 25%")
_UNSEEN_EDGES = (0.0, 0.10, 0.25)
_WORD = regex.compile(rf"[\w--[{SPACELESS}]]+|[{SPACELESS}]\p{{M}}*", regex.V1)


@dataclass(frozen=True)
class WordCounts:
    """The number of words of texts, and the share of them that is new to the model.

    Attributes:
        n_words: int64 [n], the words of each text.
        unseen: float64 [n], the share of them that stands in no training text.
    """

    n_words: NDArray[np.int64]
    unseen: NDArray[np.float64]


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
    number: NDArray[np.int64]

    def parts(
        self, groups: Sequence[str] | None
    ) -> Iterator[tuple[str, NDArray[np.int64], list[str] | None]]:
        """Give the bins that hold rows: the name, the rows' positions, and the rows' groups."""
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
    """What is said of a model's errors on test rows, with one label per text and with several.

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
        coverage: Coverage and accuracy, by the threshold of ``--abstain-below``.
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
        given: int64 [n], the class that each is given, ``None`` for the most probable one; or bool
            [n, labels], the labels, ``None`` for those of a probability of 0.5 or more.
    """

    log_proba: NDArray[np.float64]
    targets: NDArray[np.int64]
    texts: Sequence[str]
    rows: Sequence[int]
    groups: Sequence[str] | None
    given: NDArray[np.int64] | NDArray[np.bool_] | None = None

    @property
    def classes(self) -> NDArray[np.int64]:
        """The class that each is given where it has one label: int64 [n]."""
        found = self.log_proba.argmax(axis=1) if self.given is None else self.given
        return np.asarray(found, np.int64)

    def check(self) -> None:
        """Refuse unequal numbers of probabilities, texts, row numbers, groups and labels."""
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
    predictions: PredictedRows,
    words: WordCounts,
    *,
    after: Calibration,
    coverage: Sequence[CoveragePoint],
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
    suspected, temperature, before = checked_analysis(predictions, suspected, temperature, before)
    labels = [score.label for score in scores.per_class]
    targets, groups = predictions.targets, predictions.groups
    predicted = predictions.classes
    correct = predicted == targets
    issues = find_label_issues(suspected.log_proba, suspected.targets)
    wrong = np.flatnonzero(~correct)
    surest = wrong[np.argsort(-predictions.log_proba[wrong].max(axis=1), kind="stable")]
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


def checked_analysis(
    predictions: PredictedRows,
    suspected: PredictedRows | None,
    temperature: float | None,
    before: Calibration | None,
) -> tuple[PredictedRows, float | None, Calibration | None]:
    """Check the rows of an analysis, and leave out a temperature of 1.

    Args:
        predictions: For the test rows.
        suspected: The rows among which wrong labels are sought; None for the test rows.
        temperature: That of the calibration; None for none.
        before: Calibration before that.

    Returns:
        The rows among which wrong labels are sought; the temperature and the calibration before it,
        None where there was none.

    Raises:
        DataError: There are no rows, or not as many of everything.
    """
    suspected = suspected or predictions
    for one in (predictions, suspected):
        one.check()
    return (suspected, None, None) if temperature == 1.0 else (suspected, temperature, before)


def _shown(
    predictions: PredictedRows, positions: NDArray[np.int64], labels: Sequence[str], *, texts: bool
) -> list[PredictedRow]:
    """Show the first rows of an order, one of each group: its copies would only repeat it."""
    chosen = first_of_groups(positions, predictions.groups)
    return [_predicted(predictions, int(positions[place]), labels, texts=texts) for place in chosen]


def first_of_groups(rows: NDArray[np.int64], groups: Sequence[str] | None) -> list[int]:
    """Choose what to show of an order of rows: the first of each group, and 15 at most.

    Args:
        rows: int64 [m], the rows in their order; a row may stand there more than once.
        groups: The group of each row of the data; ``None`` makes each row its own group.

    Returns:
        Places in the order, rising.
    """
    first: dict[str | int, int] = {}
    for place, row in enumerate(rows.tolist()):
        first.setdefault(row if groups is None else groups[row], place)
    return list(first.values())[:MOST_ROWS]


def _predicted(
    predictions: PredictedRows, position: int, labels: Sequence[str], *, texts: bool
) -> PredictedRow:
    log_proba = predictions.log_proba[position]
    predicted = int(predictions.classes[position])
    return PredictedRow(
        row=predictions.rows[position],
        true=labels[int(predictions.targets[position])],
        predicted=labels[predicted],
        probability=float(np.exp(log_proba[predicted])),
        text=cut_text(predictions.texts[position]) if texts else None,
    )


def cut_text(text: str) -> str:
    """Cut a text to 400 characters, so that a page shows it."""
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + "…"


@dataclass(frozen=True)
class LabelIssues:
    """Rows whose label is probably wrong.

    Attributes:
        rows: int64 [found], positions of the rows, the least believable label first.
        sentence: What was done and found, or why nothing could be.
        searched: Whether it could.
    """

    rows: NDArray[np.int64]
    sentence: str
    searched: bool = True


def find_label_issues(log_proba: NDArray[np.float64], targets: NDArray[np.int64]) -> LabelIssues:
    """Find rows whose label is probably wrong, or the reason why none can be found.

    Confident learning: Northcutt, Jiang & Chuang (2021), "Confident learning: estimating
    uncertainty in dataset labels", as cleanlab computes it.

    Labels that no row bears are left out, and the others' probabilities made to sum to 1.

    Args:
        log_proba: float64 [n, classes], of rows the model did not learn from, calibrated.
        targets: int64 [n], their labels.

    Returns:
        The rows and a sentence, or no rows and the reason.
    """
    nothing = np.zeros(0, np.int64)
    borne, number = np.unique(targets, return_inverse=True)
    if len(targets) < MIN_LABELLED_ROWS or len(borne) < 2:
        return LabelIssues(
            nothing,
            f"{len(targets):,} rows of {len(borne)} labels are too few to detect label errors; at"
            f" least {MIN_LABELLED_ROWS} rows and 2 labels are needed.",
            searched=False,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cleanlab's, on packages it could also use
            from cleanlab import filter as cleanlab_filter
    except ImportError:
        install = "pip install 'wordgate[labels]'"
        sentence = f"To detect label errors, install cleanlab: {install}"
        return LabelIssues(nothing, sentence, searched=False)
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
        sentence = f"cleanlab could not check the labels of these rows: {error}."
        return LabelIssues(nothing, sentence, searched=False)
    n, of = len(found), len(targets)
    sentence = NO_ISSUES.format(of)
    if n:
        sentence = (
            f"Confident learning (cleanlab) finds {n:,} probable label errors among {of:,} rows"
            f" ({n / of:.1%}): the model, which was not trained on these rows, gives another label"
            f" a high probability and the given one a low one. {CHECK_BY_HAND}"
        )
    return LabelIssues(np.asarray(found, dtype=np.int64), sentence)


def count_words(texts: Sequence[str], training: Iterable[str]) -> WordCounts:
    r"""Count each text's words, and the share of them that stands in no training text.

    A word is a lower-cased run of ``\w``, or a character of a script without spaces, whatever the
    tokenizer of the model takes for one, so that models can be compared.

    Args:
        texts: The texts to count, n of them.
        training: All texts that the model learned from.

    Returns:
        The words of each text, and the share of them unseen; 0 of no words.
    """
    seen = {word for text in training for word in _WORD.findall(text.lower())}
    n_words = np.zeros(len(texts), np.int64)
    unseen = np.zeros(len(texts), np.float64)
    for row, text in enumerate(texts):
        words = _WORD.findall(text.lower())
        n_words[row] = len(words)
        unseen[row] = sum(word not in seen for word in words) / max(1, len(words))
    return WordCounts(n_words, unseen)


def length_bins(n_words: NDArray[np.int64]) -> Bins:
    """Bin rows by the words of their text, about as many rows in each.

    Args:
        n_words: int64 [n].

    Returns:
        Five bins from short to long, named like ``"8 to 12"``; fewer where many are equally long.

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


def unseen_bins(unseen: NDArray[np.float64]) -> Bins:
    """Bin rows by the share of their words that training has not seen.

    Args:
        unseen: float64 [n], from 0 to 1.

    Returns:
        The bins: none, up to 10%, up to 25%, more.
    """
    return Bins(_UNSEEN_BINS, np.searchsorted(_UNSEEN_EDGES, unseen).astype(np.int64))


def accuracy_by_bin(
    bins: Bins,
    correct: NDArray[np.bool_],
    groups: Sequence[str] | None,
    *,
    seed: int = 0,
) -> list[Slice]:
    """Find the accuracy in every bin that holds rows, with an interval that resamples groups.

    Args:
        bins: The bin of each row.
        correct: bool [n], which rows were given their label.
        groups: The group of each row; ``None`` takes rows for independent.
        seed: Of the draws.

    Returns:
        The bins, in order, but for empty ones.
    """
    slices = []
    for name, rows, own in bins.parts(groups):
        adds = np.stack([correct[rows], np.ones(len(rows))], axis=1).astype(np.int64)
        interval = accuracy_interval(count_by_group(adds, own), ratio, seed=seed)
        slices.append(Slice(name, len(rows), float(correct[rows].mean()), interval))
    return slices


def _range(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"
