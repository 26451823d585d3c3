"""Fitting the family `count`: the plain baseline of every training, and the tuned one."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wordgate.data.dataset import Dataset
from wordgate.errors import DataError
from wordgate.models.count import ABSENT_LOGIT, CountModel
from wordgate.runtime.cpu import single_thread_environment
from wordgate.runtime.progress import stage
from wordgate.settings import Settings
from wordgate.text.ngrams import Analyzer, NgramVectorizer, SparseRows, text_chunks, word_ngrams
from wordgate.training.fitting import FitData, Fitted, RunContext
from wordgate.training.logistic import search_regularization

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Chosen on validation tweets of which no copy stood in training: accuracy 0.643 at C = 0.01,
# 0.649 at 0.03, 0.650 at 0.1, 0.648 at 0.3. More steps than these moved it by 0.0003 in twice the
# time.
DEFAULT_C = 0.1
_MOST_STEPS = 60


def fit_count(
    train: Dataset,
    n_classes: int,
    *,
    ngrams: tuple[int, int] = (1, 3),
    min_count: int = 2,
    C: float = DEFAULT_C,  # noqa: N803 - the name it has in scikit-learn and in the literature
) -> CountModel:
    """Fit the baseline that a model which reads word order has to beat.

    Args:
        train: The training set.
        n_classes: How many classes there are; one without texts gets the probability 0.
        ngrams: Shortest and longest n-gram of words to count.
        min_count: An n-gram that occurs fewer times than this in all the texts is not counted.
        C: Inverse strength of the L2 penalty.

    Returns:
        The fitted model.

    Raises:
        DataError: There are no texts.
    """
    if not len(train):
        raise DataError("there are no texts to fit word counts on")
    texts, targets = train.texts, train.targets
    totals = Counter(ngram for text in texts for ngram in word_ngrams(text, ngrams))
    # Sorted, so that the order of rows changes nothing.
    vocabulary = sorted(ngram for ngram, total in totals.items() if total >= min_count)
    intercepts, present = np.full(n_classes, ABSENT_LOGIT), np.unique(targets)
    if len(present) == 1 or not vocabulary:  # the frequencies of the classes are all there is
        intercepts[present] = np.log(np.bincount(targets)[present] / len(targets))
        unread = NgramVectorizer("words", ngrams, [])
        return CountModel([unread], np.zeros((0, n_classes)), intercepts)
    vectorizer = NgramVectorizer("words", ngrams, vocabulary)
    coefficients = np.zeros((len(vocabulary), n_classes))
    counts = count_matrix([vectorizer], texts, np.float64)
    coefficients[:, present], intercepts[present] = _logistic_regression(counts, targets, C)
    return CountModel([vectorizer], coefficients, intercepts)


def fit_tuned_count(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit words and characters as the settings say; validation chooses the strength.

    Nothing in it is random.

    Args:
        data: What n-grams, weights and coefficients are learned from; a label without texts gets
            the probability 0.
        settings: The recipe's settings, of which those of the table ``count`` matter.
        context: Where progress is reported, and the deadline.

    Returns:
        The model of the best strength.

    Raises:
        DataError: There are no texts to fit on, or none to choose by.
    """
    data.check_not_empty("word counts", "the strength of regularisation")
    train, valid = data.train, data.valid
    with stage(context.progress, "Finding n-grams"):
        vectorizers = _vectorizers(train.texts, settings)
    sizes = " and ".join(
        f"{len(vectorizer):,} n-grams of {vectorizer.analyzer}" for vectorizer in vectorizers
    )
    with stage(context.progress, f"Counting {sizes} in {len(train):,} texts"):
        of_train, of_valid = (count_matrix(vectorizers, part.texts) for part in (train, valid))
    choice = search_regularization(
        (of_train, train.targets),
        (of_valid, valid.targets),
        data.n_classes,
        settings.count.c,
        progress=context.progress,
        deadline=context.deadline,
    )
    linear = choice.best.linear
    model = CountModel(vectorizers, linear.coefficients, linear.intercepts)
    return Fitted(model, remarks=choice.remarks(), engine=single_thread_environment("scipy"))


def _vectorizers(texts: Sequence[str], settings: Settings) -> list[NgramVectorizer]:
    """Learn the n-grams that the settings ask for."""
    asked: dict[Analyzer, tuple[int, int]] = {
        "words": (1, settings.count.words),
        "characters": (2, settings.count.characters),
    }
    return [
        NgramVectorizer.fit(texts, kind, ngrams, settings.count.min_texts, settings.count.weights)
        for kind, ngrams in asked.items()
        if ngrams[1]
    ]


def _logistic_regression(
    counts: "csr_matrix", targets: np.ndarray, c: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit, and give coefficients, float64 [ngrams, present classes], and intercepts."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    model = LogisticRegression(C=c, max_iter=_MOST_STEPS)
    # Vectors this short gain nothing from threads and lose much where cores are shared.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        # A fit cut short is a little more regularised than asked for: fit for a baseline.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(counts, targets)
    coefficients, intercepts = model.coef_.T, model.intercept_
    if len(model.classes_) == 2:  # scikit-learn keeps the second of two classes alone
        coefficients = np.hstack([np.zeros_like(coefficients), coefficients])
        intercepts = np.array([0.0, intercepts[0]])
    return coefficients, intercepts


def count_matrix(
    vectorizers: Sequence[NgramVectorizer],
    texts: Sequence[str],
    dtype: type[np.floating[Any]] = np.float32,
) -> "csr_matrix":
    """Lay the values of all texts side by side: sparse [n, ngrams] of the type asked for."""
    from scipy.sparse import csr_matrix, hstack, vstack

    parts = []
    for part in text_chunks(texts):
        sides = [
            _matrix(vectorizer.transform(part), len(vectorizer), dtype)
            for vectorizer in vectorizers
        ]
        parts.append(hstack(sides, format="csr"))
    if not parts:
        return csr_matrix((0, sum(map(len, vectorizers))), dtype=dtype)
    return vstack(parts, format="csr")


def _matrix(rows: SparseRows, n_ngrams: int, dtype: type[np.floating[Any]]) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    starts = np.concatenate([[0], np.cumsum(rows.lengths)])
    values = rows.values.astype(dtype)
    shape = (len(rows.lengths), n_ngrams)
    matrix = csr_matrix((values, rows.ids.astype(np.int32), starts.astype(np.int32)), shape)
    matrix.sum_duplicates()
    return matrix
