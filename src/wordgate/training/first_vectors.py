"""The word vectors a training begins with: pretrained where there are some, drawn where not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.settings import Settings
from wordgate.text.vocabulary import PADDING, Vocabulary
from wordgate.training.initialisation import Floats, word_vectors
from wordgate.training.noise import stream
from wordgate.vectors.lookup import LookupResult


@dataclass(frozen=True)
class FirstVectors:
    """Word vectors before the first update.

    Attributes:
        vectors: float32 [vocabulary, embedding]; row 0, the padding, is zeros.
        pretrained: bool [vocabulary, embedding], which numbers are pretrained; None if none are.
    """

    vectors: Floats
    pretrained: NDArray[np.bool_] | None = None

    def copy(self) -> "FirstVectors":
        """Copy the vectors, which training changes."""
        return FirstVectors(self.vectors.copy(), self.pretrained)


def drawn_vectors(vocabulary: Vocabulary, settings: Settings, seed: int) -> FirstVectors:
    """Draw a vector for every word."""
    return FirstVectors(_drawn(len(vocabulary), settings.embedding_size, settings, seed))


def pretrained_vectors(
    vocabulary: Vocabulary, found: LookupResult, settings: Settings, seed: int, n_more: int = 0
) -> FirstVectors:
    """Lay pretrained vectors beside and among drawn ones, as the settings say.

    Args:
        vocabulary: The vocabulary.
        found: The vectors found for its words, in their order.
        settings: The recipe's settings; `embedding_size` is that of the pretrained vectors and
            `vectors_extra_size` together.
        seed: The run's seed.
        n_more: So many last words come from the table alone; the drawn numbers of their vectors
            are zeros, since training will see few of these words or none.
    """
    size, first = found.vectors.shape[1], vocabulary.first_id
    known = np.zeros(len(vocabulary), bool)
    known[first:] = found.known
    table = found.vectors[found.known]
    if settings.vectors_scale:
        spread = float(table.std(dtype=np.float64))
        table = table * np.float32(settings.vectors_scale / (spread or 1.0))
    vectors = _drawn(len(vocabulary), settings.embedding_size, settings, seed)
    if settings.vectors_missing == "zeros":
        vectors[~known, :size] = 0.0
    else:  # drawn with the mean and the standard deviation of each number
        standard = vectors[~known, :size] / np.float32(settings.embedding_scale)
        mean, spreads = table.mean(axis=0, dtype=np.float64), table.std(axis=0, dtype=np.float64)
        vectors[~known, :size] = mean + standard * spreads
    vectors[known, :size] = table
    vectors[len(vocabulary) - n_more :, size:] = 0.0
    vectors[PADDING] = 0.0
    pretrained = np.zeros(vectors.shape, bool)
    pretrained[known, :size] = True
    return FirstVectors(vectors, pretrained)


def _drawn(words: int, size: int, settings: Settings, seed: int) -> Floats:
    return word_vectors(stream(seed, "word vectors"), words, size, settings.embedding_scale)
