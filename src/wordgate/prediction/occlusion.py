"""The words of a text as each family reads them; predictions for prefixes, and by occlusion."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wordgate.models.average import AverageModel
from wordgate.models.base import Model
from wordgate.models.count import CountModel
from wordgate.models.lstm import LSTMModel
from wordgate.models.transformer import TransformerModel
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.text.normalizer import Token, tokens_with_offsets

Numbers = NDArray[np.float64]

MOST_WORDS = 512
"""Words of a text that are explained at most: each costs two predictions of all of it."""
_MOST_CHARACTERS = 2_000_000
"""Of all texts that are predicted for one explanation, where models read characters."""


class TextWord(NamedTuple):
    """A word of a text: what the model makes of it, where it stands, whether it is known."""

    word: str
    start: int
    end: int
    known: bool


@dataclass(frozen=True)
class TokenizedText:
    """A text as word ids, for LSTMs and averages.

    Attributes:
        model: Predicts.
        words: The words that are explained, in order.
        n_words: How many the text has, those included that the model doesn't read.
        n_read: How many of them the model reads, or passes over as unknown.
        ids: int32 [time], all that the model reads.
        places: For each of `words` its place among `ids`; None where it has no id.
    """

    model: LSTMModel | AverageModel
    words: Sequence[TextWord]
    n_words: int
    n_read: int
    ids: NDArray[np.int32]
    positions: Sequence[int | None]

    @property
    def from_end(self) -> bool:
        """Whether the words that it reads are the last ones, where it doesn't read all."""
        return self.model.encoder.truncate == "front"

    def n_ids(self) -> list[int]:
        """Count the ids of the first 0, 1, 2 ... words."""
        has_id = [place is not None for place in self.positions]
        counts: list[int] = np.cumsum([0, *has_id]).tolist()
        return counts

    def prefix_log_proba(self) -> Numbers:
        """Predict the prefixes of 0, 1, 2 ... words: log-probabilities, [len(words) + 1, classes].

        The last row is the whole text's only if all of its words are explained.
        """
        return self._log_proba([self.ids[:n] for n in self.n_ids()])

    def occluded_log_proba(self) -> Numbers:
        """Predict the text without each of the words: log-probabilities, [len(words), classes]."""
        whole = self.ids
        return self._log_proba(
            [whole if i is None else np.delete(whole, i) for i in self.positions]
        )

    def _log_proba(self, texts: Sequence[NDArray[np.int32]]) -> Numbers:
        offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        ids = np.concatenate([np.zeros(0, np.int32), *texts])
        return self.model.log_proba_of(EncodedTexts(ids, offsets))


@dataclass(frozen=True)
class RawText:
    """A text as characters, for n-gram counts and transformers.

    Attributes:
        model: Predicts.
        text: The text.
        words: As in `TokenizedText`, like all that follow.
        n_words: How many words the text has.
        n_read: How many of them the model reads.
        from_end: Whether those are the last ones: never.
    """

    model: Model
    text: str
    words: Sequence[TextWord]
    n_words: int
    n_read: int
    from_end: bool = False

    def prefix_log_proba(self) -> Numbers:
        """See `TokenizedText`."""
        return self.model.log_proba([self.text[:end] for end in [0, *(w.end for w in self.words)]])

    def occluded_log_proba(self) -> Numbers:
        """See `TokenizedText`; a space takes the place of a word."""
        text = self.text
        return self.model.log_proba([f"{text[: w.start]} {text[w.end :]}" for w in self.words])


def explainable_text(model: Model, text: str) -> TokenizedText | RawText:
    """Take a text apart as a model does.

    Args:
        model: Of any family.
        text: Without lone surrogates.
    """
    if isinstance(model, LSTMModel | AverageModel):
        return _tokenized(model, text)
    if isinstance(model, TransformerModel):
        found, n_words = model.encoder.words(text)
        words = [TextWord(text[start:end], start, end, known) for start, end, known in found]
    else:
        words = [TextWord(match.group().lower(), *match.span(), known=True)
                 for match in _COUNTED.finditer(text)]  # fmt: skip
        n_words = len(words)
    most = min(MOST_WORDS, max(1, _MOST_CHARACTERS // (2 * len(text) + 1)))
    explained = words[:most]
    if isinstance(model, CountModel):
        explained = [word._replace(known=_is_counted(model, word.word)) for word in explained]
    return RawText(model, text, explained, n_words, len(words))


def _tokenized(model: LSTMModel | AverageModel, text: str) -> TokenizedText:
    encoder = model.encoder
    tokens = tokens_with_offsets(encoder.tokenizer.normalizer(), text)
    ids = [encoder.vocabulary.id(token.text) for token in tokens]
    first, end = _window(encoder, ids)
    read = np.array([number for number in ids[first:end] if number is not None], np.int32)
    explained = slice(first, min(end, first + MOST_WORDS))
    positions: list[int | None] = []
    n_before = 0
    for number in ids[explained]:
        positions.append(None if number is None else n_before)
        n_before += number is not None
    words = [_as_word(encoder, token) for token in tokens[explained]]
    return TokenizedText(model, words, len(tokens), end - first, read, positions)


def _as_word(encoder: TextEncoder, token: Token) -> TextWord:
    return TextWord(*token, known=token.text in encoder.vocabulary.index)


def _window(encoder: TextEncoder, ids: Sequence[int | None]) -> tuple[int, int]:
    """Find which tokens an encoder keeps: the first, and the one behind the last.

    Tokens without an id don't count towards its limit.
    """
    positions = [i for i, number in enumerate(ids) if number is not None]
    if len(positions) <= encoder.max_tokens:
        return 0, len(ids)
    if encoder.truncate == "front":
        return positions[-encoder.max_tokens], len(ids)
    return 0, positions[encoder.max_tokens - 1] + 1


# What counting sees apart: words, and what stands between them and is no space.
_COUNTED = re.compile(r"\w+|[^\w\s]+")


def _is_counted(model: CountModel, word: str) -> bool:
    """Tell whether any n-gram of a word, or inside it, was counted in training."""
    return any(len(vectorizer.lookup([word])[0]) > 0 for vectorizer in model.vectorizers)
