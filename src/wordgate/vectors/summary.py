"""Summary of a file of word vectors, computed in one pass in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

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
        declared: Number of rows in the header; None if the format has no header.
        rows: Number of rows.
        size: Dimensions of a vector.
        standard_deviation: Of all numbers.
        mean_norm: Mean Euclidean length of the vectors.
        upper_case: Share of the rows whose word has an upper-case letter.
        duplicates: Rows whose word is in an earlier row; the first is used.
        with_spaces: Rows whose word contains a space.
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


def summarize(
    file: VectorFile, watched: Callable[[Iterable[VectorBatch]], Iterable[VectorBatch]] = iter
) -> VectorSummary:
    """Read and describe a whole file; `watched` wraps its batches, for example to show progress.

    Raises:
        DataError: The file is damaged.
    """
    rows = upper_case = with_spaces = not_utf8 = 0
    total = squared = norms = 0.0
    first_words: list[str] = []
    hashes: list[NDArray[np.int64]] = []  # of 64 bits: words that differ are counted by them
    for block in watched(file.batches()):
        vectors = block.vectors.astype(np.float64)
        squares = np.einsum("ij,ij->i", vectors, vectors)
        rows += len(block.words)
        total += float(vectors.sum())
        squared += float(squares.sum())
        norms += float(np.sqrt(squares).sum())
        hashes.append(np.fromiter(map(hash, block.words), np.int64, len(block.words)))
        for word in block.words:
            with_spaces += b" " in word
            if len(first_words) < _FIRST_WORDS:
                first_words.append(word.decode("utf-8", "backslashreplace"))
            try:
                upper_case += any(map(str.isupper, word.decode("utf-8")))
            except UnicodeDecodeError:
                not_utf8 += 1
    mean = total / (rows * file.dim)
    return VectorSummary(
        format=file.format,
        compressed=file.compressed,
        declared=file.count,
        rows=rows,
        size=file.dim,
        standard_deviation=math.sqrt(max(0.0, squared / (rows * file.dim) - mean**2)),
        mean_norm=norms / rows,
        upper_case=upper_case / rows,
        duplicates=rows - len(np.unique(np.concatenate(hashes))),
        with_spaces=with_spaces,
        not_utf8=not_utf8,
        first_words=first_words,
    )
