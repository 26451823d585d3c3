"""What an explanation holds: the verdict after every word of a text, and what each does to it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


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
