"""How an explanation comes about: the verdict after every word, and without each of them."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.calibration import apply_temperature
from wordgate.models.lstm import LSTMModel
from wordgate.models.protocol import Model
from wordgate.models.states import course
from wordgate.prediction.explanation import ExplainedWord, Explanation, Gates
from wordgate.prediction.words import IdReading, TextReading, read_text

Numbers = NDArray[np.float64]

COURSE_MEANS: dict[Literal["states", "prefixes"], str] = {
    "states": "The verdict after each word is the LSTM's own, from the states it has so far while"
    " it reads the text once; no later word has a part in it.",
    "prefixes": "The verdict after each word is the model's prediction for the text up to there, as"
    " if it ended with that word.",
}
_WORDS_NAMED = 5


def explain(model: Model, labels: Sequence[str], temperature: float, text: str) -> Explanation:
    """Explain a model's verdict on a text.

    Args:
        model: Of any family.
        labels: What its columns mean.
        temperature: What its log-probabilities are divided by.
        text: Without lone surrogates.
    """
    reading = read_text(model, text)
    shown = _states(reading) or _Course("prefixes", reading.beginnings())

    def proba(log_proba: Numbers) -> Numbers:
        return np.exp(apply_temperature(log_proba, temperature))

    def by_label(row: Numbers) -> dict[str, float]:
        return dict(zip(labels, row.tolist(), strict=True))

    whole, after = proba(model.log_proba([text]))[0], proba(shown.log_proba)
    effects = whole - proba(reading.left_out())
    verdict = int(whole.argmax())
    words = [
        ExplainedWord(
            *word,
            probabilities=by_label(after[i + 1]),
            effect=float(effects[i, verdict]),
            effects=by_label(effects[i]),
            gates=shown.gates.get(i),
            memory_change=shown.memory_change.get(i),
        )
        for i, word in enumerate(reading.words)
    ]
    return Explanation(
        text=text,
        label=labels[verdict],
        probability=float(whole[verdict]),
        probabilities=by_label(whole),
        course=shown.kind,
        course_means=COURSE_MEANS[shown.kind],
        start=by_label(after[0]),
        words=tuple(words),
        remarks=tuple(_remarks(reading, text)),
    )


class _Course(NamedTuple):
    """The verdict as the text goes on.

    Attributes:
        kind: Where it comes from.
        log_proba: float64 [words + 1, classes], after 0, 1, 2 ... words.
        gates: By the number of the word, where there are any.
        memory_change: The same.
    """

    kind: Literal["states", "prefixes"]
    log_proba: Numbers
    gates: Mapping[int, Gates] = MappingProxyType({})
    memory_change: Mapping[int, float] = MappingProxyType({})


def _states(reading: IdReading | TextReading) -> _Course | None:
    """Read the states of an LSTM that has some after every word: one of a single direction."""
    if not isinstance(reading, IdReading) or not isinstance(reading.model, LSTMModel):
        return None
    network = reading.model.network
    if len(network.directions) != 1:
        return None
    n_ids = reading.n_ids()
    read = course(network, reading.ids[: n_ids[-1]])
    places = {i: place for i, place in enumerate(reading.places) if place is not None}
    return _Course(
        "states",
        read.log_proba[n_ids],
        {i: Gates(*read.gates[place].tolist()) for i, place in places.items()},
        {i: float(read.memory_change[place]) for i, place in places.items()},
    )


def _remarks(reading: IdReading | TextReading, text: str) -> Iterator[str]:
    """Say what makes a verdict doubtful, or its explanation incomplete."""
    words = reading.words
    if not words:
        what = "no words" if text.strip() else "nothing in it"
        yield f"The text has {what}: the verdict is the model's on no words at all."
        return
    if reading.n_read < reading.n_words:
        which = "last" if reading.from_end else "first"
        yield f"The model reads the {which} {reading.n_read:,} of {reading.n_words:,} words."
    if len(words) < reading.n_read:
        yield (
            f"Explained are the first {len(words):,} of {reading.n_read:,} words; the verdict is on"
            " all of them."
        )
    unknown = [word.word for word in words if not word.known]
    if len(unknown) == len(words):
        yield f"The model knows none of the words: its verdict says little.{_fate(reading)}"
    elif unknown:
        yield (
            f"{len(unknown):,} of {len(words):,} words {_are(unknown)} unknown to the model:"
            f" {_named(unknown)}.{_fate(reading)}"
        )


def _fate(reading: IdReading | TextReading) -> str:
    """Say what becomes of unknown words."""
    if not isinstance(reading, IdReading):
        return ""
    if reading.model.encoder.vocabulary.unknown is None:
        return " It passes over unknown words."
    return " All unknown words are one and the same word to it."


def _are(words: Sequence[str]) -> str:
    return "is" if len(words) == 1 else "are"


def _named(words: Sequence[str]) -> str:
    """Name a few distinct words."""
    distinct = list(dict.fromkeys(words))
    more = ", ..." if len(distinct) > _WORDS_NAMED else ""
    return ", ".join(distinct[:_WORDS_NAMED]) + more
