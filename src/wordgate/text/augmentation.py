"""Data augmentation: variations of texts, for a teacher to label.

Four operations, each with a random strength:

- ``crop``: 30 to 95% of the tokens, consecutive ones (n-gram sampling; Tang et al. 2019,
  "Distilling task-specific knowledge from BERT into simple neural networks", arXiv 1903.12136).
- ``delete``: each token is deleted with a probability of 0.1 to 0.4 (random deletion; Wei and Zou
  2019, "EDA", arXiv 1901.11196).
- ``replace``: each token that has neighbors is replaced by one of them with a probability of 0.1
  to 0.5 (synonym replacement of EDA, with near neighbors among word vectors as synonyms).
- ``join``: the first part of the text followed by the last part of another one.

Tokens are those of the tokenizer, so that languages without spaces are supported.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wordgate.text.normalizer import tokens_with_offsets
from wordgate.text.tokenizers import Tokenizer

CROP = (0.3, 0.95)
DELETE = (0.1, 0.4)
REPLACE = (0.1, 0.5)
JOIN = (0.3, 0.7)
_LONGEST = 2000
"""Maximum characters of a text that are used: finding the offsets of more tokens is slow."""
_COSINES_AT_ONCE = 2**24  # 64 MB


@dataclass(frozen=True)
class _Segments:
    """A text, split into tokens and the gaps between them."""

    tokens: list[str]  # as the tokenizer returns them
    surfaces: list[str]  # the characters of each token in the text
    gaps: list[str]  # the characters between each token and the next one, usually whitespace

    def text(self, chosen: Sequence[int], replaced: Mapping[int, str]) -> str:
        """Join the tokens at some positions, some of them replaced by other words.

        Between tokens that were not neighbors is the longest of the gaps between them.
        """
        parts = []
        for place, i in enumerate(chosen):
            after = chosen[place + 1] if place + 1 < len(chosen) else i + 1
            gap = max(self.gaps[i:after], key=len)
            parts.append(replaced.get(i, self.surfaces[i]) + gap)
        return "".join(parts)


@dataclass
class Augmenter:
    """Generates variations of texts.

    Args:
        tokenizer: The tokenizer.
        neighbours: The possible replacements of tokens; empty for no replacements.
    """

    tokenizer: Tokenizer
    neighbours: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def variations(
        self, texts: Sequence[str], n: int, rng: np.random.Generator
    ) -> Iterator[tuple[int, str]]:
        """Generate `n` variations, equally many of each text, in random order.

        There may be fewer: texts of fewer than two tokens have no variations, and variations that
        are empty or equal to their text are left out. Of more than `n` texts, a sample is used.

        Yields:
            The position of the text, and the variation.
        """
        sample = rng.permutation(len(texts))[:n].tolist()
        segments = {i: self._segments(texts[i]) for i in sample}
        usable = [i for i in sample if len(segments[i].tokens) > 1]
        if not usable:
            return
        operations = ("crop", "delete", "join", *(("replace",) if self.neighbours else ()))
        for position in _repeated(np.array(usable), n, rng):
            own = segments[position]
            operation = operations[rng.integers(len(operations))]
            if operation == "join":
                varied = _join(own, segments[usable[rng.integers(len(usable))]], rng)
            else:
                vary = {"crop": _crop, "delete": _delete, "replace": self._replace}[operation]
                varied = vary(own, rng)
            if (varied := varied.strip()) and varied != texts[position].strip():
                yield position, varied

    def _segments(self, text: str) -> _Segments:
        text = text[:_LONGEST]
        tokens = tokens_with_offsets(self.tokenizer.normalizer(), text)
        ends = [*(token.start for token in tokens[1:]), len(text)][: len(tokens)]
        return _Segments(
            tokens=[token.text for token in tokens],
            surfaces=[text[token.start : token.end] for token in tokens],
            gaps=[text[token.end : end] for token, end in zip(tokens, ends, strict=True)],
        )

    def _replace(self, own: _Segments, rng: np.random.Generator) -> str:
        mask = rng.random(len(own.tokens)) < rng.uniform(*REPLACE)
        replaced = {}
        for i in np.flatnonzero(mask).tolist():
            if choices := self.neighbours.get(own.tokens[i]):
                replaced[i] = choices[int(rng.integers(len(choices)))]
        return own.text(range(len(own.tokens)), replaced)


def _crop(own: _Segments, rng: np.random.Generator) -> str:
    n = len(own.tokens)
    length = min(n - 1, max(1, round(n * rng.uniform(*CROP))))
    start = int(rng.integers(n - length + 1))
    return own.text(range(start, start + length), {})


def _delete(own: _Segments, rng: np.random.Generator) -> str:
    kept = rng.random(len(own.tokens)) >= rng.uniform(*DELETE)
    return own.text(np.flatnonzero(kept).tolist(), {})


def _join(own: _Segments, other: _Segments, rng: np.random.Generator) -> str:
    first = max(1, round(len(own.tokens) * rng.uniform(*JOIN)))
    second = min(len(other.tokens) - 1, round(len(other.tokens) * rng.uniform(*JOIN)))
    before = own.text(range(first), {})
    after = other.text(range(second, len(other.tokens)), {})
    spaced = any(gap.isspace() for gap in (*own.gaps[:-1], *other.gaps[:-1]))
    return f"{before.rstrip()} {after}" if spaced else before + after


def _repeated(positions: NDArray[np.int64], n: int, rng: np.random.Generator) -> Iterator[int]:
    """Yield n positions: all of them in random order, then again in another order, and so on."""
    for start in range(0, n, len(positions)):
        yield from rng.permutation(positions)[: n - start].tolist()


def nearest_words(
    words: Sequence[str], vectors: NDArray[np.float32], k: int
) -> dict[str, list[str]]:
    """Return the k nearest other words of each word, by the cosine of vectors [words, dim]."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    k = min(k, len(words) - 1)
    neighbours: dict[str, list[str]] = {}
    if k < 1:
        return neighbours
    at_once = max(1, _COSINES_AT_ONCE // len(words))
    for start in range(0, len(words), at_once):
        cosines = units[start : start + at_once] @ units.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -np.inf
        nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(cosines, nearest, axis=1), axis=1, kind="stable")
        for row, best in enumerate(np.take_along_axis(nearest, order, axis=1).tolist()):
            neighbours[words[start + row]] = [words[i] for i in best]
    return neighbours
