"""Random generators, and random dropout masks, weights and word vectors.

Each generator is made from the seed of the run, a name and a position; none is global. So a run can
be resumed at any update, and a change of one use of randomness affects no other. All draws are by
numpy, so that they are equal on every device.
"""

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.models.base import Floats
from wordgate.settings import Settings
from wordgate.text.vocabulary import PADDING, Vocabulary
from wordgate.vectors.lookup import LookupResult


def rng_for(seed: int, name: str, *position: int) -> np.random.Generator:
    """Make the generator of one purpose, such as "dropout", at a place, such as an epoch."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *position])


def dropout_mask(rng: np.random.Generator, shape: tuple[int, ...], rate: float) -> Floats:
    """Draw an inverted dropout mask: 0 with probability `rate`, else 1 / (1 - rate).

    Source: Srivastava et al. 2014, scaled at training time so that prediction needs none.
    """
    kept = rng.random(shape, dtype=np.float32) >= rate
    return kept.astype(np.float32) / np.float32(1.0 - rate)


def glorot_uniform(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """Draw float32 [rows, columns] (Glorot & Bengio 2010)."""
    limit = np.sqrt(6.0 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)


def orthogonal(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """Draw float32 [rows, columns], rows >= columns, of orthonormal columns (Saxe et al. 2014)."""
    basis, triangle = np.linalg.qr(rng.normal(size=(rows, columns)))
    return (basis * np.sign(np.diag(triangle))).astype(np.float32)


def forget_gate_bias(hidden: int) -> Floats:
    """Return float32 [4 * hidden], 1 for the forget gate, else 0 (Jozefowicz et al. 2015)."""
    bias = np.zeros(4 * hidden, np.float32)
    bias[hidden : 2 * hidden] = 1.0
    return bias


def word_vectors(rng: np.random.Generator, words: int, size: int, scale: float) -> Floats:
    """Draw float32 [words, size] from a normal distribution; row 0, the padding, is zeros."""
    vectors = rng.normal(0.0, scale, (words, size)).astype(np.float32)
    vectors[0] = 0.0
    return vectors


@dataclass(frozen=True)
class EmbeddingInit:
    """Word vectors before the first update, and which of their numbers are pretrained."""

    vectors: Floats  # float32 [vocabulary, embedding]; row 0, the padding, is zeros
    pretrained: NDArray[np.bool_] | None = None  # [vocabulary, embedding]; None if none are

    def digest(self) -> str:
        """Return a SHA-256 of the vectors."""
        content = hashlib.sha256(self.vectors.data)
        if self.pretrained is not None:
            content.update(self.pretrained.data)
        return content.hexdigest()

    def copy(self) -> "EmbeddingInit":
        """Copy the vectors, which training changes."""
        return EmbeddingInit(self.vectors.copy(), self.pretrained)


def random_embeddings(vocabulary: Vocabulary, settings: Settings, seed: int) -> EmbeddingInit:
    """Draw a vector for every word."""
    return EmbeddingInit(_drawn(len(vocabulary), settings.lstm.embedding_size, settings, seed))


def pretrained_embeddings(
    vocabulary: Vocabulary, found: LookupResult, settings: Settings, seed: int, n_more: int = 0
) -> EmbeddingInit:
    """Combine pretrained vectors with random ones, as the settings say.

    Args:
        vocabulary: The vocabulary.
        found: The vectors found for its words, in their order.
        settings: The recipe's settings; `lstm.embedding_size` is that of the pretrained vectors and
            `lstm.vectors_extra_size` together.
        seed: The run's seed.
        n_more: The number of last words that are only in the file of vectors; the random numbers of
            their vectors are zeros, since few or none of these words occur in training.
    """
    size, first = found.vectors.shape[1], vocabulary.first_id
    known = np.zeros(len(vocabulary), bool)
    known[first:] = found.known
    table = found.vectors[found.known]
    if settings.lstm.vectors_scale:
        spread = float(table.std(dtype=np.float64))
        table = table * np.float32(settings.lstm.vectors_scale / (spread or 1.0))
    vectors = _drawn(len(vocabulary), settings.lstm.embedding_size, settings, seed)
    if settings.lstm.vectors_missing == "zeros":
        vectors[~known, :size] = 0.0
    else:  # drawn with the mean and the standard deviation of each number
        standard = vectors[~known, :size] / np.float32(settings.lstm.embedding_scale)
        mean, spreads = table.mean(axis=0, dtype=np.float64), table.std(axis=0, dtype=np.float64)
        vectors[~known, :size] = mean + standard * spreads
    vectors[known, :size] = table
    vectors[len(vocabulary) - n_more :, size:] = 0.0
    vectors[PADDING] = 0.0
    pretrained = np.zeros(vectors.shape, bool)
    pretrained[known, :size] = True
    return EmbeddingInit(vectors, pretrained)


def _drawn(words: int, size: int, settings: Settings, seed: int) -> Floats:
    return word_vectors(rng_for(seed, "word vectors"), words, size, settings.lstm.embedding_scale)
