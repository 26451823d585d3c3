"""Data augmentation: variations of texts, for a teacher to label.

Four operations, each of which draws how strongly it changes a text:

- ``crop``: one run of the tokens, 30 to 95% of them (n-gram sampling; Tang et al. 2019,
  "Distilling task-specific knowledge from BERT into simple neural networks", arXiv 1903.12136).
- ``delete``: each token goes with a probability of 0.1 to 0.4 (random deletion; Wei and Zou 2019,
  "EDA", arXiv 1901.11196).
- ``replace``: each token that has neighbors is replaced by one of them with a probability of 0.1
  to 0.5 (EDA's synonym replacement, with near neighbors among word vectors for synonyms).
- ``join``: the first part of the text followed by the last part of another one.

Tokens are the tokenizer's, so languages without spaces are varied as others are.
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
"""Maximum characters of a text that are varied: locating tokens in longer texts is slow."""
_COSINES_AT_ONCE = 2**24  # 64 MB


@dataclass(frozen=True)
class _Segments:
    """A text cut before each of its tokens."""

    tokens: list[str]  # the tokens as the tokenizer gives them
    surfaces: list[str]  # the characters that each was made of
    gaps: list[str]  # what stands between each token and the next one, white space as a rule

    def text(self, chosen: Sequence[int], replaced: Mapping[int, str]) -> str:
        """Join some of the tokens, by their positions, with words in place of some of them.

        Between others than neighbors stands the longest of the gaps that lay between them.
        """
        parts = []
        for place, i in enumerate(chosen):
            after = chosen[place + 1] if place + 1 < len(chosen) else i + 1
            gap = max(self.gaps[i:after], key=len)
            parts.append(replaced.get(i, self.surfaces[i]) + gap)
        return "".join(parts)


@dataclass
class Augmenter:
    """Makes variations of texts.

    Args:
        tokenizer: Cuts the texts.
        neighbours: For each token that may be replaced, what may replace it; empty to replace none.
    """

    tokenizer: Tokenizer
    neighbours: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def variations(
        self, texts: Sequence[str], n: int, rng: np.random.Generator
    ) -> Iterator[tuple[int, str]]:
        """Vary texts `n` times, each as often as the others, in an order of chance.

        Texts of fewer than two tokens have no variations; nor is one given that equals its text or
        is empty, so there may be fewer than `n`. Of more texts than variations, some are varied.

        Yields:
            The position of the text that was varied, and the variation.
        """
        drawn = rng.permutation(len(texts))[:n].tolist()
        segments = {i: self._segments(texts[i]) for i in drawn}
        usable = [i for i in drawn if len(segments[i].tokens) > 1]
        if not usable:
            return
        operations = ("crop", "delete", "join", *(("replace",) if self.neighbours else ()))
        for position in _repeated(np.array(usable), n, rng):
            own = segments[position]
            operation = operations[rng.integers(len(operations))]
            if operation == "crop":
                varied = _crop(own, rng)
            elif operation == "delete":
                varied = _delete(own, rng)
            elif operation == "join":
                varied = _join(own, segments[usable[rng.integers(len(usable))]], rng)
            else:
                varied = self._replace(own, rng)
            if (varied := varied.strip()) and varied != texts[position].strip():
                yield position, varied

    def _segments(self, text: str) -> _Segments:
        text = text[:_LONGEST]
        found = tokens_with_offsets(self.tokenizer.normalizer(), text)
        ends = [*(token.start for token in found[1:]), len(text)][: len(found)]
        return _Segments(
            tokens=[token.text for token in found],
            surfaces=[text[token.start : token.end] for token in found],
            gaps=[text[token.end : end] for token, end in zip(found, ends, strict=True)],
        )

    def _replace(self, own: _Segments, rng: np.random.Generator) -> str:
        drawn = rng.random(len(own.tokens)) < rng.uniform(*REPLACE)
        replaced = {}
        for i in np.flatnonzero(drawn).tolist():
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
    """Return n positions, each once in random order, then each again in another order."""
    for start in range(0, n, len(positions)):
        yield from rng.permutation(positions)[: n - start].tolist()


def nearest_words(
    words: Sequence[str], vectors: NDArray[np.float32], k: int
) -> dict[str, list[str]]:
    """Find each word's k nearest others, the nearest first, by cosines of float32 [words, dim]."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    k = min(k, len(words) - 1)
    found: dict[str, list[str]] = {}
    if k < 1:
        return found
    at_once = max(1, _COSINES_AT_ONCE // len(words))
    for start in range(0, len(words), at_once):
        cosines = units[start : start + at_once] @ units.T
        own = np.arange(len(cosines))
        cosines[own, start + own] = -np.inf
        nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(cosines, nearest, axis=1), axis=1, kind="stable")
        for row, best in enumerate(np.take_along_axis(nearest, order, axis=1).tolist()):
            found[words[start + row]] = [words[i] for i in best]
    return found
