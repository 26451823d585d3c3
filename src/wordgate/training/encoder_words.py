"""Vectors of single words out of the encoder of a fine-tuned transformer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wordgate.models.transformer_network import TransformerNetwork
from wordgate.text.batches import bucketed
from wordgate.text.subwords import SubwordEncoder
from wordgate.vectors.distilling import WordOutputs

_ROUND_TO = 1  # the caller gives words of as many subwords together


class EncoderWords:
    """Asks a fine-tuned encoder what it makes of single words, as `distill_words` needs it.

    Args:
        name: What the user calls the transformer.
        encoder: Cuts words into subwords.
        network: Reads the subwords.
    """

    def __init__(self, name: str, encoder: SubwordEncoder, network: TransformerNetwork):
        self.name = name
        self._encoder = encoder
        self._network = network
        self.hidden_size = network.hidden_size

    def count_subwords(self, words: Sequence[str]) -> list[int]:
        """Count the subwords that each word is cut into, those that frame it included."""
        return list(self._encoder.encode(words, threads=1).lengths.tolist())

    def outputs(self, words: Sequence[str]) -> WordOutputs:
        """Average the outputs of each word's subwords, those that frame it left out."""
        encoded = self._encoder.encode(words, threads=1)
        means = np.zeros((len(words), self.hidden_size), np.float32)
        known = np.zeros(len(words), np.bool_)
        special = np.array(sorted(self._encoder.special_ids()), np.int64)
        for batch in bucketed(encoded, batch_size=len(words), rng=None, round_to=_ROUND_TO):
            outputs = self._network.outputs(batch.ids, batch.lengths)
            inside: NDArray[np.bool_] = np.arange(batch.ids.shape[1]) < batch.lengths[:, None]
            counted = (inside & ~np.isin(batch.ids, special)).astype(np.float32)
            summed = np.einsum("wpo,wp->wo", outputs, counted)
            means[batch.rows] = summed / np.maximum(counted.sum(axis=1), 1.0)[:, None]
            known[batch.rows] = counted.any(axis=1)
        return WordOutputs(means, known)

    def own_words(self) -> list[str]:
        """Name the whole words of the tokenizer's vocabulary, in its order."""
        return self._encoder.whole_words()
