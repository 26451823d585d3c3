"""Fitting the family `count`, the one that every other has to beat."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from wordgate.data.dataset import Dataset
from wordgate.models.count import CountModel
from wordgate.runtime.cpu import choose_threads, single_thread_environment
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.storage.sparse import stack_rows
from wordgate.text.ngrams import TEXTS_AT_ONCE, Analyzer, NgramVectorizer, text_chunks
from wordgate.training.fitting import TIME_LIMIT, FitData, Fitted, RunContext
from wordgate.training.logistic import search_regularization
from wordgate.training.weights import loss_weights

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Kind = TypeVar("Kind")
Result = TypeVar("Result")
_COUNTING_SHARE = 0.5
"""Maximum fraction of the time for finding and counting n-grams; the rest is for the solver."""
_PROBED_CHARACTERS = 300_000
"""Number of characters of training texts on which the time for all texts is estimated, if all have
at least ten times as many."""


def fit_count(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit words and characters, as `wordgate.training.families.fit` does; nothing is random.

    Validation chooses the strength of regularization; with several labels per text that is one for
    all of them, by their mean log loss. A label without texts gets the probability 0, or, with
    several labels per text, always `prior_log_odds`. A second kind of n-grams is left out if it has
    not been counted in half of the time: after the few steps of the solver for which there is time
    then, it would make the model worse. If there is no time for the first kind in all texts, the
    model is fitted on as many of them as there is time for, spread evenly over all.
    """
    data.check_not_empty("word counts", "the strength of regularization")
    ranges: dict[Analyzer, tuple[int, int]] = {
        "words": (1, settings.count.words),
        "characters": (2, settings.count.characters),
    }
    kinds = [kind for kind, (_, longest) in ranges.items() if longest]
    min_texts, weights = settings.count.min_texts, settings.count.weights

    def found(
        texts: Sequence[str], kind: Analyzer, check: Callable[[], None] = _pass
    ) -> NgramVectorizer:
        return NgramVectorizer.fit(texts, kind, ranges[kind], min_texts, weights, check)

    n_texts, deadline = len(data.train), context.deadline
    with stage(context.progress, "Finding n-grams"):
        is_limited = deadline < math.inf
        pace = _Pace.of(data.train.texts, kinds, found) if is_limited else _Pace()
        deadline -= pace.predicting * context.predicted_after
        now = time.monotonic()
        limit = _TimeLimit(now + _COUNTING_SHARE * (deadline - now))
        data = replace(data, train=pace.part_in_time(data.train, limit.end - now))
        train, valid = data.train, data.valid
        vectorizers = [
            *limit.first_of_all(kinds, lambda kind, check: found(train.texts, kind, check))
        ]
    sizes = " and ".join(
        f"{len(vectorizer):,} {vectorizer.analyzer.removesuffix('s')} n-grams"
        for vectorizer in vectorizers
    )
    with stage(context.progress, f"Counting {sizes} in {len(train):,} texts"):
        blocks = [
            *limit.first_of_all(
                vectorizers,
                lambda one, check: _block(one, train.texts, np.float32, check),
            )
        ]
        vectorizers = vectorizers[: len(blocks)]
        of_train = _side_by_side(blocks)
        of_valid = count_matrix(vectorizers, valid.texts)
        # The solver needs the memory of their dictionaries.
        vectorizers = [vectorizer.copy() for vectorizer in vectorizers]
    choice = search_regularization(
        (of_train, train.targets),
        (of_valid, valid.targets),
        data.n_classes,
        settings.count.c,
        weights=loss_weights(data, settings.class_weight),
        progress=context.progress,
        deadline=deadline,
        threads=choose_threads(context.threads),
    )
    linear = choice.best.linear
    late = [
        f"{TIME_LIMIT}left no time for n-grams of {kind}." for kind in kinds[len(vectorizers) :]
    ]
    if len(train) < n_texts:
        late.append(
            f"{TIME_LIMIT}left no time for the n-grams of all texts: the model was fitted on"
            f" {len(train):,} of {n_texts:,}."
        )
    return Fitted(
        CountModel(vectorizers, linear.coefficients, linear.intercepts, data.multilabel),
        remarks=[*choice.remarks(), *late],
        engine=single_thread_environment("scipy"),
    )


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
        found: Callable[[Sequence[str], Analyzer], NgramVectorizer],
    ) -> "_Pace":
        """Measure the time on texts at regular intervals."""
        step = sum(map(len, texts)) // _PROBED_CHARACTERS
        if step < 10:
            return cls()
        some, taken, counting = texts[::step], [time.monotonic()], 0.0
        for kind in kinds:
            vectorizer = found(some, kind)
            started = time.monotonic()
            vectorizer.transform(some)
            counting += time.monotonic() - started
            taken.append(time.monotonic())
        return cls((taken[1] - taken[0]) / len(some), counting / len(some), len(some))

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
    """Ends the work on all but the first kind of n-grams at a `time.monotonic()`."""

    end: float

    def first_of_all(
        self, kinds: Iterable[Kind], work: Callable[[Kind, Callable[[], None]], Result]
    ) -> Iterator[Result]:
        """Return the results of the kinds in turn, up to the one at which time is up."""
        with suppress(_FitTimeoutError):
            for number, kind in enumerate(kinds):
                yield work(kind, self._check if number else _pass)

    def _check(self) -> None:
        if time.monotonic() >= self.end:
            raise _FitTimeoutError


def _pass() -> None:
    """Let the work go on."""


def count_matrix(
    vectorizers: Sequence[NgramVectorizer],
    texts: Sequence[str],
    dtype: type[np.floating[Any]] = np.float32,
) -> "csr_matrix":
    """Lay the values of all texts side by side: sparse [n, ngrams] of the type asked for."""
    return _side_by_side([_block(one, texts, dtype) for one in vectorizers])


def _block(
    vectorizer: NgramVectorizer,
    texts: Sequence[str],
    dtype: type[np.floating[Any]],
    check: Callable[[], None] = _pass,
) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    def matrices() -> Iterator["csr_matrix"]:
        for part in text_chunks(texts):
            check()
            rows = vectorizer.transform(part)
            starts = np.concatenate([[0], np.cumsum(rows.lengths)]).astype(np.int32)
            data = (rows.values.astype(dtype), rows.ids.astype(np.int32), starts)
            matrix = csr_matrix(data, (len(part), len(vectorizer)))
            matrix.sum_duplicates()
            yield matrix

    return stack_rows(matrices(), len(vectorizer), dtype)


def _side_by_side(blocks: Sequence["csr_matrix"]) -> "csr_matrix":
    from scipy.sparse import hstack

    if len(blocks) == 1:
        return blocks[0]
    starts = range(0, blocks[0].shape[0], TEXTS_AT_ONCE)
    parts = ([one[start : start + TEXTS_AT_ONCE] for one in blocks] for start in starts)
    width = sum(one.shape[1] for one in blocks)
    joined = (hstack(part, format="csr") for part in parts)
    return stack_rows(joined, width, blocks[0].dtype.type)
