"""Texts as inputs of a model, and of its exported file.

Shapes: ``n`` texts, ``batch`` of them at once, ``time`` ids of the longest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.models.average import AverageModel
from wordgate.models.count import CountModel
from wordgate.models.lstm import LSTMModel
from wordgate.models.transformer import TransformerModel
from wordgate.text.encoder import EncodedTexts
from wordgate.text.ngram_counts import count_by_text
from wordgate.text.subwords import FIRST_ID
from wordgate.text.vocabulary import PADDING

Exportable = CountModel | AverageModel | LSTMModel | TransformerModel
Inputs = tuple[NDArray[Any], NDArray[Any]]
"""The two inputs of a file, in their order."""

LONGEST, LARGEST_BATCH = 200, 256
"""Maximum ids per text, and texts per batch, in the comparison of a file."""

_TRANSFORMER_BATCH = 64
"""Maximum texts per batch for a transformer; larger batches would take an hour."""


@dataclass(frozen=True)
class InputForm:
    """Encoding of texts as inputs of a file, and the texts on which it is compared.

    Attributes:
        feed: Lays texts out as the inputs of the file.
        vocabulary: How many ids there are, padding included.
        longest: How many ids a text has at most.
        largest_batch: How many texts are compared at once, at most.
        covered: Whether every id stands in one of the texts.
        vary: Changes made-up texts, none of which has an id twice.
    """

    feed: Callable[[EncodedTexts], Inputs]
    vocabulary: int
    longest: int = LONGEST
    largest_batch: int = LARGEST_BATCH
    covered: bool = True
    vary: Callable[[EncodedTexts], EncodedTexts] = lambda texts: texts


def input_form(model: Exportable) -> InputForm:
    """Return how texts come into the file of a model."""
    if isinstance(model, CountModel):
        n_ngrams = sum(map(len, model.vectorizers))
        return InputForm(ngram_inputs, n_ngrams + 1, vary=_repeated)
    if isinstance(model, TransformerModel):
        encoder = model.encoder
        return InputForm(
            subword_inputs,
            encoder.vocab_size + FIRST_ID,
            min(LONGEST, encoder.max_tokens),
            _TRANSFORMER_BATCH,
            covered=False,
        )
    if isinstance(model, AverageModel | LSTMModel):
        return InputForm(word_inputs, len(model.encoder.vocabulary))
    raise unknown_type(model)


def unknown_type(model: object) -> TypeError:
    """Make the error for a model that is none of `Exportable`."""
    return TypeError(f"{type(model).__name__} is not a type of model that can be exported")


def encode(model: Exportable, texts: Sequence[str]) -> EncodedTexts:
    """Turn texts into the ids that a model's `log_proba_of` takes."""
    return model.encode(texts) if isinstance(model, CountModel) else model.encoder.encode(texts)


def word_inputs(texts: EncodedTexts) -> Inputs:
    """Return ``ids``, int64 [batch, time], and ``lengths``, int64 [batch]."""
    return _rectangle(texts.ids, texts.lengths), texts.lengths


def subword_inputs(texts: EncodedTexts) -> Inputs:
    """Return ``input_ids``, the tokenizer's own, and ``attention_mask``, int64 [batch, time]."""
    lengths = texts.lengths
    return (
        _rectangle(texts.ids - FIRST_ID, lengths),
        _rectangle(np.ones(len(texts.ids), np.int64), lengths),
    )


def ngram_inputs(texts: EncodedTexts) -> Inputs:
    """Return ``ids``, int64 [batch, ngrams], and how often each occurs: ``counts``, float32."""
    n_ids = int(texts.ids.max(initial=0)) + 1
    rows, ids, counts = count_by_text(texts.ids.astype(np.int64), texts.lengths, n_ids)
    lengths = np.bincount(rows, minlength=len(texts))
    return _rectangle(ids, lengths), _rectangle(counts, lengths).astype(np.float32)


def _rectangle(values: NDArray[Any], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lay texts' values, [total], one below the other, padded: int64 [batch, time]."""
    inside = np.arange(lengths.max(initial=0)) < lengths[:, None]
    padded = np.full(inside.shape, PADDING, np.int64)
    padded[inside] = values
    return padded


def _repeated(texts: EncodedTexts) -> EncodedTexts:
    """Let each id occur once, twice or three times, by its number."""
    times = 1 + texts.ids % 3
    ends = np.concatenate([[0], np.cumsum(times, dtype=np.int64)])
    return EncodedTexts(texts.ids.repeat(times), ends[texts.offsets])
