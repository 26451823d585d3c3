"""Explanations: the prediction after each word, and the effects of words by occlusion."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.calibration import apply_temperature
from wordgate.evaluation.multilabel import log_odds
from wordgate.models.average import AverageModel
from wordgate.models.base import Model
from wordgate.models.count import CountModel
from wordgate.models.lstm import LSTMModel
from wordgate.models.lstm_states import prefix_predictions
from wordgate.models.transformer import TransformerModel
from wordgate.prediction.decision import DecisionRule
from wordgate.prediction.explanation import ExplainedWord, Explanation, Gates, LabelExplanation
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.text.normalizer import tokens_with_offsets

Numbers = NDArray[np.float64]
_METHODS: dict[Literal["states", "prefixes"], str] = {
    "states": "The prediction after each word is computed from the hidden state of the LSTM at this"
    " word; later words have no influence on it.",
    "prefixes": "The prediction after each word is the prediction for the text up to this word.",
}
_WORDS_NAMED = 5
MOST_WORDS = 512
"""Maximum number of explained words; each takes two predictions of the text."""
_MOST_CHARACTERS = 2_000_000
"""Maximum characters of all texts that are predicted for one explanation."""
# The units that n-grams are made of: words, and sequences of other characters but spaces.
_COUNTED = re.compile(r"\w+|[^\w\s]+")


class TextWord(NamedTuple):
    """A word of a text: its token, its character offsets, and whether the model knows it."""

    word: str
    start: int
    end: int
    known: bool


@dataclass(frozen=True)
class TokenizedText:
    """A text as word ids, for LSTMs and averaged word vectors.

    Attributes:
        model: The model.
        words: The explained words, in order.
        n_words: Number of words of the text, including those beyond the length limit of the model.
        n_read: Number of words within the limit, including unknown ones.
        ids: int32 [time], the input of the model.
        positions: The position of each of `words` in `ids`; None for a word without an id.
    """

    model: LSTMModel | AverageModel
    words: Sequence[TextWord]
    n_words: int
    n_read: int
    ids: NDArray[np.int32]
    positions: Sequence[int | None]

    @property
    def from_end(self) -> bool:
        """Whether a text that is too long is truncated at its beginning."""
        return self.model.encoder.truncate == "front"

    def n_ids(self) -> list[int]:
        """Return the numbers of ids of the first 0, 1, 2 ... words."""
        has_id = [position is not None for position in self.positions]
        counts: list[int] = np.cumsum([0, *has_id]).tolist()
        return counts

    def prefix_log_proba(self) -> Numbers:
        """Predict the prefixes of 0, 1, 2 ... words: log-probabilities, [len(words) + 1, classes].

        The last row is that of the whole text only if all of its words are explained.
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
    """A text as characters, for n-gram counts and transformers; see `TokenizedText`."""

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
        """See `TokenizedText`; a word is replaced by a space."""
        text = self.text
        return self.model.log_proba([f"{text[: w.start]} {text[w.end :]}" for w in self.words])


def explainable_text(model: Model, text: str) -> TokenizedText | RawText:
    """Split a text without lone surrogates into words as a model does."""
    if isinstance(model, LSTMModel | AverageModel):
        return _tokenized(model, text)
    if isinstance(model, TransformerModel):
        found, n_words = model.encoder.words(text)
        words = [TextWord(text[start:end], start, end, known) for start, end, known in found]
    elif isinstance(model, CountModel):
        words = [TextWord(match.group().lower(), *match.span(), known=True)
                 for match in _COUNTED.finditer(text)]  # fmt: skip
        n_words = len(words)
    else:
        raise TypeError(f"{type(model).__name__} is not a type of model that can be explained")
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
    words = [
        TextWord(*token, known=token.text in encoder.vocabulary.index)
        for token in tokens[explained]
    ]
    return TokenizedText(model, words, len(tokens), end - first, read, positions)


def _window(encoder: TextEncoder, ids: Sequence[int | None]) -> tuple[int, int]:
    """Return the range of tokens that an encoder keeps: the first index, and the last one plus 1.

    Tokens without an id do not count towards the limit.
    """
    positions = [i for i, number in enumerate(ids) if number is not None]
    if len(positions) <= encoder.max_tokens:
        return 0, len(ids)
    if encoder.truncate == "front":
        return positions[-encoder.max_tokens], len(ids)
    return 0, positions[encoder.max_tokens - 1] + 1


def _is_counted(model: CountModel, word: str) -> bool:
    """Return whether the model has any n-gram of a word."""
    return any(len(vectorizer.lookup([word])[0]) > 0 for vectorizer in model.vectorizers)


def explain(
    model: Model, rule: DecisionRule, temperature: float, text: str, label: str | None = None
) -> Explanation:
    """Explain the prediction of a model for a text without lone surrogates.

    With one label per text, the predicted label is explained. With several labels per text, it is
    `label`, or the most probable one, and effects are differences of log-odds.
    """
    parsed = explainable_text(model, text)
    prefixes = _states(parsed) or _PrefixPredictions("prefixes", parsed.prefix_log_proba())
    found = (model.log_proba([text]), prefixes.log_proba, parsed.occluded_log_proba())
    whole, after, without = (apply_temperature(one, temperature, rule.multilabel) for one in found)
    proba, labels = np.exp(whole), rule.labels
    if not rule.multilabel:
        column = int(rule.columns(proba)[0])
        effects = proba - np.exp(without)
    else:
        column = int(proba[0].argmax()) if label is None else labels.index(label)
        effects = log_odds(whole) - log_odds(without)
    start, *after_words = [_by_label(row, labels) for row in np.exp(after)]
    facts: dict[str, Any] = {
        "text": text,
        "label": labels[column],
        "probability": float(proba[0, column]),
        "probabilities": _by_label(proba[0], labels),
        "course": prefixes.kind,
        "course_means": _METHODS[prefixes.kind],
        "start": start,
        "words": tuple(
            ExplainedWord(
                *word,
                probabilities=after_words[i],
                effect=float(effects[i, column]),
                effects=_by_label(effects[i], labels),
                gates=prefixes.gates.get(i),
                memory_change=prefixes.memory_change.get(i),
            )
            for i, word in enumerate(parsed.words)
        ),
        "remarks": tuple(_remarks(parsed)),
    }
    if not rule.multilabel:
        return Explanation(**facts)
    [predicted] = rule.predictions(proba)
    return LabelExplanation(
        **facts, labels=tuple(predicted or ()), threshold=(rule.thresholds or ())[column]
    )


def _by_label(row: Numbers, labels: Sequence[str]) -> dict[str, float]:
    return dict(zip(labels, row.tolist(), strict=True))


class _PrefixPredictions(NamedTuple):
    """The predictions after 0, 1, 2 ... words: `log_proba` is float64 [words + 1, classes].

    Gates and changes of the cell state are by the index of the word; empty for other models.
    """

    kind: Literal["states", "prefixes"]
    log_proba: Numbers
    gates: Mapping[int, Gates] = MappingProxyType({})
    memory_change: Mapping[int, float] = MappingProxyType({})


def _states(parsed: TokenizedText | RawText) -> _PrefixPredictions | None:
    """Return the predictions from the hidden states of an LSTM with a single direction."""
    if not isinstance(parsed, TokenizedText) or not isinstance(parsed.model, LSTMModel):
        return None
    network = parsed.model.network
    if len(network.directions) != 1:
        return None
    n_ids = parsed.n_ids()
    log_proba, states = prefix_predictions(network, parsed.ids[: n_ids[-1]])
    memory_change = states.memory_change()
    positions = {i: step for i, step in enumerate(parsed.positions) if step is not None}
    return _PrefixPredictions(
        "states",
        log_proba[n_ids],
        {i: Gates(*states.gates[step].tolist()) for i, step in positions.items()},
        {i: float(memory_change[step]) for i, step in positions.items()},
    )


def _remarks(parsed: TokenizedText | RawText) -> Iterator[str]:
    words = parsed.words
    if not words:
        yield "The model reads no words of this text: the prediction is that for an empty text."
        return
    if parsed.n_read < parsed.n_words:
        which = "last" if parsed.from_end else "first"
        yield f"The model reads the {which} {parsed.n_read:,} of {parsed.n_words:,} words."
    if len(words) < parsed.n_read:
        yield (
            f"Only the first {len(words):,} of {parsed.n_read:,} words are explained; the"
            " prediction uses all of them."
        )
    unknown = [word.word for word in words if not word.known]
    treatment = _treatment_of_unknown_words(parsed)
    if len(unknown) == len(words):
        yield f"All words are unknown to the model: the prediction is unreliable.{treatment}"
    elif unknown:
        distinct = list(dict.fromkeys(unknown))
        more = ", ..." if len(distinct) > _WORDS_NAMED else ""
        yield (
            f"{len(unknown):,} of {len(words):,} words {'is' if len(unknown) == 1 else 'are'}"
            f" unknown to the model: {', '.join(distinct[:_WORDS_NAMED])}{more}.{treatment}"
        )


def _treatment_of_unknown_words(parsed: TokenizedText | RawText) -> str:
    """Describe how the model treats unknown words."""
    if not isinstance(parsed, TokenizedText):
        return ""
    if parsed.model.encoder.vocabulary.unknown is None:
        return " It ignores unknown words."
    return " It treats all unknown words as the same word."
