"""Fitting the family `count`, which is also the baseline of the others."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from wordgate.data.dataset import Dataset
from wordgate.models.count import CountModel
from wordgate.runtime.cpu import single_thread_environment
from wordgate.runtime.progress import stage
from wordgate.runtime.threads import choose_threads
from wordgate.settings import Settings
from wordgate.storage.sparse import stack_rows
from wordgate.text.ngram_counts import NgramCounts
from wordgate.text.ngram_vectorizer import NgramVectorizer, SparseRows
from wordgate.text.ngrams import Analyzer, text_chunks
from wordgate.training.fitting import TIME_LIMIT, FitData, Fitted, RunContext
from wordgate.training.logistic import search_regularization
from wordgate.training.weights import loss_weights

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_Counted = tuple[NgramVectorizer, NgramCounts]
_COUNTING_SHARE = 0.5
"""Maximum fraction of the time for finding and counting n-grams; the rest is for the solver."""
_PROBED_CHARACTERS = 300_000
"""Number of characters of training texts on which the time for all texts is estimated, if all have
at least ten times as many."""


def fit_count(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit n-grams of words and characters; see `wordgate.training.families.fit`. Nothing is random.

    Validation chooses the strength of regularization; with several labels per text that is one for
    all of them, by their mean log loss. A label without texts gets the probability 0, or, with
    several labels per text, always `prior_log_odds`. A second kind of n-grams is left out if it has
    not been counted in half of the time: after the few steps of the solver for which there is time
    then, it would make the model worse. If there is no time for the first kind in all texts, the
    model is fitted on as many of them as there is time for, spread evenly over all.
    """
    data.check_not_empty("word counts", "the strength of regularization")
    features = _count_ngrams(data, settings, context)
    choice = search_regularization(
        (features.of_train, features.data.train.targets),
        (features.of_valid, features.data.valid.targets),
        data.n_classes,
        settings.count.c,
        weights=loss_weights(features.data, settings.class_weight),
        progress=context.progress,
        deadline=features.deadline,
        threads=choose_threads(context.threads),
    )
    linear = choice.best.linear
    model = CountModel(
        features.vectorizers, linear.coefficients, linear.intercepts, data.multilabel
    )
    return Fitted(
        model,
        remarks=[*choice.remarks(), *features.remarks],
        engine=single_thread_environment("scipy"),
    )


@dataclass(frozen=True)
class _Features:
    """N-grams of texts, counted or weighted.

    Attributes:
        data: The texts that are used: under a time limit perhaps not all training texts.
        of_train, of_valid: float32, sparse [n, ngrams].
        deadline: The `time.monotonic()` at which the solver must end.
        remarks: Texts and n-grams for which there was no time.
    """

    data: FitData
    vectorizers: list[NgramVectorizer]
    of_train: "csr_matrix"
    of_valid: "csr_matrix"
    deadline: float
    remarks: list[str]


def _count_ngrams(data: FitData, settings: Settings, context: RunContext) -> _Features:
    """Find the n-grams of the training texts, and count them in all texts."""
    ranges: dict[Analyzer, tuple[int, int]] = {
        "words": (1, settings.count.words),
        "characters": (2, settings.count.characters),
    }
    kinds = [kind for kind, (_, longest) in ranges.items() if longest]
    min_texts, weights = settings.count.min_texts, settings.count.weights

    def count(texts: Sequence[str], kind: Analyzer, check: Callable[[], None] = _pass) -> _Counted:
        return NgramVectorizer.fit(texts, kind, ranges[kind], min_texts, weights, check)

    n_texts = len(data.train)
    with stage(context.progress, "Finding n-grams"):
        data, counted, deadline = _find_ngrams(data, kinds, count, context)
        vectorizers = [vectorizer for vectorizer, _ in counted]
    texts = data.train.texts
    sizes = " and ".join(
        f"{len(vectorizer):,} {vectorizer.analyzer.removesuffix('s')} n-grams"
        for vectorizer in vectorizers
    )
    with stage(context.progress, f"Counting {sizes} in {len(texts):,} texts"):
        of_train = _matrix_of_counts(counted)
        del counted  # and its temporary files
        of_valid = count_matrix(vectorizers, data.valid.texts)
    remarks = _late_remarks(kinds[len(vectorizers) :], len(texts), n_texts)
    # The solver needs the memory of their dictionaries.
    vectorizers = [vectorizer.copy() for vectorizer in vectorizers]
    return _Features(data, vectorizers, of_train, of_valid, deadline, remarks)


def _find_ngrams(
    data: FitData, kinds: Sequence[Analyzer], count: Callable[..., _Counted], context: RunContext
) -> tuple[FitData, list[_Counted], float]:
    """Find and count the n-grams of the training texts in a part of the time.

    Args:
        data: The texts.
        kinds: The kinds of n-grams, the most important first.
        count: Counts those of a kind in texts; a third argument raises an error when time is up.
        context: The deadline, and how many texts are predicted after the fit.

    Returns:
        The texts that there is time for, the n-grams with their counts, and the
        `time.monotonic()` at which the solver must end.
    """
    deadline = context.deadline
    pace = _Pace.of(data.train.texts, kinds, count) if deadline < math.inf else _Pace()
    deadline -= pace.predicting * context.predicted_after
    now = time.monotonic()
    limit = _TimeLimit(now + _COUNTING_SHARE * (deadline - now))
    data = replace(data, train=pace.part_in_time(data.train, limit.end - now))
    texts = data.train.texts
    counted = [*limit.first_of_all(kinds, lambda kind, check: count(texts, kind, check))]
    return data, counted, deadline


def _late_remarks(left_out: Sequence[Analyzer], n_used: int, n_texts: int) -> list[str]:
    """Describe the n-grams, and the texts of all, for which there was no time."""
    remarks = [f"{TIME_LIMIT}left no time for n-grams of {kind}." for kind in left_out]
    if n_used < n_texts:
        remarks.append(
            f"{TIME_LIMIT}left no time for the n-grams of all texts: the model was fitted on"
            f" {n_used:,} of {n_texts:,}."
        )
    return remarks


@dataclass(frozen=True)
class _Pace:
    """Time for the n-grams of a text, measured on a sample of texts; 0 if there are few texts.

    Attributes:
        counting: Seconds for finding and counting those of the first kind in a text.
        predicting: Seconds for counting those of all kinds in a text.
        n_probed: Size of the sample: the minimum number of texts to fit a model on.
    """

    counting: float = 0.0
    predicting: float = 0.0
    n_probed: int = 0

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        kinds: Sequence[Analyzer],
        count: Callable[[Sequence[str], Analyzer], _Counted],
    ) -> "_Pace":
        """Measure the time on texts at regular intervals."""
        step = sum(map(len, texts)) // _PROBED_CHARACTERS
        if step < 10:
            return cls()
        some, counting, predicting = texts[::step], list[float](), 0.0
        for kind in kinds:
            started = time.monotonic()
            vectorizer, _ = count(some, kind)
            counted = time.monotonic()
            vectorizer.transform(some)
            counting.append(counted - started)
            predicting += time.monotonic() - counted
        return cls(counting[0] / len(some), predicting / len(some), len(some))

    def part_in_time(self, train: Dataset, seconds: float) -> Dataset:
        """Return as many texts as there is time for, at regular intervals."""
        expected = self.counting * len(train)
        if expected <= max(0.0, seconds):
            return train
        n_texts = max(self.n_probed, int(len(train) * seconds / expected))
        return train.part(np.arange(n_texts) * len(train) // n_texts)


class _FitTimeoutError(Exception):
    """The time limit ended the work on a kind of n-grams."""


@dataclass(frozen=True)
class _TimeLimit:
    """The `time.monotonic()` until which further kinds of n-grams are counted, after the first."""

    end: float

    def first_of_all(
        self, kinds: Iterable[Analyzer], count: Callable[[Analyzer, Callable[[], None]], _Counted]
    ) -> Iterator[_Counted]:
        """Count the kinds in turn, without those for which there is no time."""
        with suppress(_FitTimeoutError):
            for number, kind in enumerate(kinds):
                check = self._check if number else _pass
                counted = count(kind, check)
                check()
                yield counted

    def _check(self) -> None:
        if time.monotonic() >= self.end:
            raise _FitTimeoutError


def _pass() -> None:
    """Check nothing: the first kind of n-grams has no time limit."""


def count_matrix(
    vectorizers: Sequence[NgramVectorizer],
    texts: Sequence[str],
    dtype: type[np.floating[Any]] = np.float32,
) -> "csr_matrix":
    """Compute the n-gram values of texts, sparse [n, ngrams] of a type."""
    rows = ([one.transform(part) for one in vectorizers] for part in text_chunks(texts))
    return _matrix(vectorizers, rows, dtype)


def _matrix_of_counts(counted: Sequence[_Counted]) -> "csr_matrix":
    """Return the result of `count_matrix` for the texts on which vectorizers were fitted."""
    vectorizers = [vectorizer for vectorizer, _ in counted]
    chunks = zip(*(counts.chunks() for _, counts in counted), strict=True)
    rows = (
        [one.weigh_counts(*counts) for one, counts in zip(vectorizers, chunk, strict=True)]
        for chunk in chunks
    )
    return _matrix(vectorizers, rows, np.float32)


def _matrix(
    vectorizers: Sequence[NgramVectorizer],
    chunks: Iterable[Sequence[SparseRows]],
    dtype: type[np.floating[Any]],
) -> "csr_matrix":
    """Concatenate the values of chunks of texts, those of all vectorizers in one row per text."""
    from scipy.sparse import csr_matrix, hstack

    def block(vectorizer: NgramVectorizer, rows: SparseRows) -> "csr_matrix":
        starts = np.concatenate([[0], np.cumsum(rows.lengths)]).astype(np.int32)
        data = (rows.values.astype(dtype), rows.ids.astype(np.int32), starts)
        matrix = csr_matrix(data, (len(rows.lengths), len(vectorizer)))
        matrix.sum_duplicates()
        return matrix

    joined = (hstack([*map(block, vectorizers, rows)], format="csr") for rows in chunks)
    return stack_rows(joined, sum(map(len, vectorizers)), dtype)
