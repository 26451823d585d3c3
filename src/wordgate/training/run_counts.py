"""Which runs are worth counting, and the counts of the training texts as a sparse matrix."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from wordgate.models.block import Block, Entries, Kind, count_by_text
from wordgate.text.runs import character_runs, spaced_words, word_runs

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Weights = Literal["counts", "tfidf"]
_TEXTS_AT_ONCE = 4096


def learn_block(
    texts: Sequence[str], kind: Kind, ngrams: tuple[int, int], min_texts: int, weights: Weights
) -> Block:
    """Take the runs that stand in enough texts, sorted, so that the order of rows changes nothing.

    Args:
        texts: The training texts.
        kind: Runs of words or of characters.
        ngrams: Shortest and longest run.
        min_texts: In how many texts a run must stand.
        weights: How the block weighs a run.
    """
    count = _count_words if kind == "words" else _count_characters
    counts = count(texts, ngrams)
    vocabulary = sorted(run for run, n in counts.items() if n >= min_texts)
    if weights == "counts":
        return Block(kind, ngrams, vocabulary)
    frequencies = np.fromiter(map(counts.__getitem__, vocabulary), np.int32, len(vocabulary))
    return Block(kind, ngrams, vocabulary, frequencies, len(texts))


def count_matrix(
    blocks: Sequence[Block], texts: Sequence[str], dtype: type[np.floating[Any]] = np.float32
) -> "csr_matrix":
    """Lay the blocks' values of all texts side by side: sparse [n, runs] of the type asked for."""
    from scipy.sparse import csr_matrix, hstack, vstack

    parts = []
    for part in _parts(texts):
        sides = [_matrix(block.entries(part), len(block), dtype) for block in blocks]
        parts.append(hstack(sides, format="csr"))
    if not parts:
        return csr_matrix((0, sum(map(len, blocks))), dtype=dtype)
    return vstack(parts, format="csr")


def _matrix(entries: Entries, n_runs: int, dtype: type[np.floating[Any]]) -> "csr_matrix":
    from scipy.sparse import csr_matrix

    starts = np.concatenate([[0], np.cumsum(entries.lengths)])
    values = entries.values.astype(dtype)
    shape = (len(entries.lengths), n_runs)
    matrix = csr_matrix((values, entries.ids.astype(np.int32), starts.astype(np.int32)), shape)
    matrix.sum_duplicates()
    return matrix


def _count_words(texts: Sequence[str], ngrams: tuple[int, int]) -> Counter[str]:
    """Count in how many texts each run of words stands."""
    return Counter(run for text in texts for run in set(word_runs(text, ngrams)))


def _count_characters(texts: Sequence[str], ngrams: tuple[int, int]) -> Counter[str]:
    """Count in how many texts each run of characters stands, looking into each word once."""
    words = {word for text in texts for word in spaced_words(text)}
    every = Block(
        "characters",
        ngrams,
        sorted({run for word in words for run in character_runs(word, ngrams)}),
    )
    totals = np.zeros(len(every), np.int64)
    for part in _parts(texts):
        _, runs, _ = count_by_text(*every.known(part), len(every))
        totals += np.bincount(runs, minlength=len(every))
    return Counter(dict(zip(every.vocabulary, totals.tolist(), strict=True)))


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE))
