"""Explanations: the prediction after every word, and each word's effect on the verdict."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.calibration import apply_temperature
from wordgate.models.base import Model
from wordgate.models.lstm import LSTMModel, prefix_predictions
from wordgate.prediction.occlusion import RawText, TokenizedText, explainable_text

Numbers = NDArray[np.float64]

_COURSE_MEANS: dict[Literal["states", "prefixes"], str] = {
    "states": "The verdict after each word is the LSTM's own, from the states it has so far while"
    " it reads the text once; no later word has a part in it.",
    "prefixes": "The verdict after each word is the model's prediction for the text up to there, as"
    " if it ended with that word.",
}
_WORDS_NAMED = 5


@dataclass(frozen=True)
class Gates:
    """How far an LSTM's gates stood open at a word: means over the hidden units, 0 to 1.

    Attributes:
        input: How much of the word was let into the memory.
        forget: How much of the memory before it was kept.
        output: How much of the memory was shown.
    """

    input: float
    forget: float
    output: float


@dataclass(frozen=True)
class ExplainedWord:
    """A word as the model reads it.

    Attributes:
        word: The model's own token: perhaps lower-cased, a class such as ``<url>``, shortened.
        start: Offset in the text of the first character it was made of, in code points.
        end: Offset behind the last one.
        known: Whether the model learned anything of it.
        probabilities: By label, the verdict after reading up to and with this word.
        effect: How much the probability of the whole text's verdict falls when the word is left
            out: above 0 the word speaks for the verdict, below 0 against it.
        effects: The same for every label.
        gates: An LSTM's gates at this word; None where there are none.
        memory_change: How much the word changed an LSTM's memory: the mean over its hidden units
            of the cell state's absolute change; None where there is none.
    """

    word: str
    start: int
    end: int
    known: bool
    probabilities: Mapping[str, float]
    effect: float
    effects: Mapping[str, float]
    gates: Gates | None = None
    memory_change: float | None = None


@dataclass(frozen=True)
class Explanation:
    """Why a text was given its label, word by word.

    In a notebook it shows itself.

    Attributes:
        text: The text.
        label: The verdict.
        probability: Its probability.
        probabilities: By label, those of `Predictor.predict_proba`.
        course: Where the words' probabilities come from: ``states``, those of an LSTM while it
            read the text once; or ``prefixes``, predictions for each beginning of the text.
        course_means: The same in a sentence.
        start: By label, the verdict before any word.
        words: The model's words in order; their spans ascend and don't overlap.
        remarks: What a reader should know, such as unknown words or a text cut short.
    """

    text: str
    label: str
    probability: float
    probabilities: Mapping[str, float]
    course: Literal["states", "prefixes"]
    course_means: str
    start: Mapping[str, float]
    words: tuple[ExplainedWord, ...]
    remarks: tuple[str, ...]

    def likely_first(self) -> list[tuple[str, float]]:
        """Order the labels and their probabilities, the verdict first."""
        return sorted(self.probabilities.items(), key=lambda one: (one[0] != self.label, -one[1]))

    def to_json(self) -> dict[str, Any]:
        """Give the same in types that JSON has."""
        return {**asdict(self), "words": list(map(asdict, self.words)), "remarks": [*self.remarks]}

    def _repr_html_(self) -> str:
        from wordgate.prediction.explanation_html import html_of

        return html_of(self)


def explain(model: Model, labels: Sequence[str], temperature: float, text: str) -> Explanation:
    """Explain a model's verdict on a text.

    Args:
        model: Of any family.
        labels: What its columns mean.
        temperature: What its log-probabilities are divided by.
        text: Without lone surrogates.
    """
    parsed = explainable_text(model, text)
    shown = _states(parsed) or _Trajectory("prefixes", parsed.prefix_log_proba())

    def proba(log_proba: Numbers) -> Numbers:
        return np.exp(apply_temperature(log_proba, temperature))

    def by_label(row: Numbers) -> dict[str, float]:
        return dict(zip(labels, row.tolist(), strict=True))

    whole, after = proba(model.log_proba([text]))[0], proba(shown.log_proba)
    effects = whole - proba(parsed.occluded_log_proba())
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
        for i, word in enumerate(parsed.words)
    ]
    return Explanation(
        text=text,
        label=labels[verdict],
        probability=float(whole[verdict]),
        probabilities=by_label(whole),
        course=shown.kind,
        course_means=_COURSE_MEANS[shown.kind],
        start=by_label(after[0]),
        words=tuple(words),
        remarks=tuple(_remarks(parsed, text)),
    )


class _Trajectory(NamedTuple):
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


def _states(parsed: TokenizedText | RawText) -> _Trajectory | None:
    """Read the states of an LSTM that has some after every word: one of a single direction."""
    if not isinstance(parsed, TokenizedText) or not isinstance(parsed.model, LSTMModel):
        return None
    network = parsed.model.network
    if len(network.directions) != 1:
        return None
    n_ids = parsed.n_ids()
    read = prefix_predictions(network, parsed.ids[: n_ids[-1]])
    positions = {i: place for i, place in enumerate(parsed.positions) if place is not None}
    return _Trajectory(
        "states",
        read.log_proba[n_ids],
        {i: Gates(*read.gates[place].tolist()) for i, place in positions.items()},
        {i: float(read.memory_change[place]) for i, place in positions.items()},
    )


def _remarks(parsed: TokenizedText | RawText, text: str) -> Iterator[str]:
    """Say what makes a verdict doubtful, or its explanation incomplete."""
    words = parsed.words
    if not words:
        what = "no words" if text.strip() else "nothing in it"
        yield f"The text has {what}: the verdict is the model's on no words at all."
        return
    if parsed.n_read < parsed.n_words:
        which = "last" if parsed.from_end else "first"
        yield f"The model reads the {which} {parsed.n_read:,} of {parsed.n_words:,} words."
    if len(words) < parsed.n_read:
        yield (
            f"Explained are the first {len(words):,} of {parsed.n_read:,} words; the verdict is on"
            " all of them."
        )
    unknown = [word.word for word in words if not word.known]
    if len(unknown) == len(words):
        yield f"The model knows none of the words: its verdict says little.{_fate(parsed)}"
    elif unknown:
        yield (
            f"{len(unknown):,} of {len(words):,} words {_are(unknown)} unknown to the model:"
            f" {_named(unknown)}.{_fate(parsed)}"
        )


def _fate(parsed: TokenizedText | RawText) -> str:
    """Say what becomes of unknown words."""
    if not isinstance(parsed, TokenizedText):
        return ""
    if parsed.model.encoder.vocabulary.unknown is None:
        return " It passes over unknown words."
    return " All unknown words are one and the same word to it."


def _are(words: Sequence[str]) -> str:
    return "is" if len(words) == 1 else "are"


def _named(words: Sequence[str]) -> str:
    """Name a few distinct words."""
    distinct = list(dict.fromkeys(words))
    more = ", ..." if len(distinct) > _WORDS_NAMED else ""
    return ", ".join(distinct[:_WORDS_NAMED]) + more
