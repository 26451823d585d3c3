"""Summary of a file of word vectors, in one pass of bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wordgate.vectors.vector_file import VectorBatch, VectorFile

_FIRST_WORDS = 8


@dataclass(frozen=True)
class VectorSummary:
    r"""Facts about a file of word vectors.

    Attributes:
        format: One of `wordgate.vectors.formats.FORMATS`.
        compressed: Whether it is gzipped.
        declared: Rows that its header declares; None where the format has no header.
        rows: Rows found.
        size: Dimensions of a vector.
        standard_deviation: Of all numbers.
        mean_norm: Mean Euclidean length of the vectors.
        upper_case: Share of the rows whose word has an upper-case letter.
        duplicates: Rows whose word stood in an earlier row; reading takes the first.
        with_spaces: Rows whose word holds a space.
        not_utf8: Rows whose word is not UTF-8.
        first_words: The first words; bytes that are not UTF-8 are shown as ``\xff``.
    """

    format: str
    compressed: bool
    declared: int | None
    rows: int
    size: int
    standard_deviation: float
    mean_norm: float
    upper_case: float
    duplicates: int
    with_spaces: int
    not_utf8: int
    first_words: list[str]


@dataclass
class _Sums:
    rows: int = 0
    total: float = 0.0
    squares: float = 0.0
    norms: float = 0.0
    upper_case: int = 0
    with_spaces: int = 0
    not_utf8: int = 0
    first_words: list[str] = field(default_factory=list)
    hashes: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, block: VectorBatch) -> None:
        """Count the rows of a block in."""
        words, n = block.words, len(block.words)
        vectors = block.vectors.astype(np.float64)
        squares = np.einsum("ij,ij->i", vectors, vectors)
        self.rows += n
        self.total += float(vectors.sum())
        self.squares += float(squares.sum())
        self.norms += float(np.sqrt(squares).sum())
        self.hashes.append(np.fromiter(map(hash, words), np.int64, n))
        self.with_spaces += sum(b" " in word for word in words)
        for word in words:
            text = _text(word)
            self.not_utf8 += text is None
            self.upper_case += text is not None and any(map(str.isupper, text))
        if len(self.first_words) < _FIRST_WORDS:
            shown = [word.decode("utf-8", "backslashreplace") for word in words[:_FIRST_WORDS]]
            self.first_words = [*self.first_words, *shown][:_FIRST_WORDS]

    def distinct(self) -> int:
        """Count words that differ, by hashes of 64 bits."""
        return len(np.unique(np.concatenate(self.hashes)))


def summarize(
    file: VectorFile, watched: Callable[[Iterable[VectorBatch]], Iterable[VectorBatch]] = iter
) -> VectorSummary:
    """Read a whole file and tell what is in it.

    Args:
        file: The file.
        watched: Passes on the blocks that are read, for instance to show progress.

    Returns:
        What it holds.

    Raises:
        DataError: The file is damaged.
    """
    sums = _Sums()
    for block in watched(file.batches()):
        sums.add(block)
    numbers = sums.rows * file.dim
    mean = sums.total / numbers
    return VectorSummary(
        format=file.format,
        compressed=file.compressed,
        declared=file.count,
        rows=sums.rows,
        size=file.dim,
        standard_deviation=math.sqrt(max(0.0, sums.squares / numbers - mean**2)),
        mean_norm=sums.norms / sums.rows,
        upper_case=sums.upper_case / sums.rows,
        duplicates=sums.rows - sums.distinct(),
        with_spaces=sums.with_spaces,
        not_utf8=sums.not_utf8,
        first_words=sums.first_words,
    )


def _text(word: bytes) -> str | None:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError:
        return None
