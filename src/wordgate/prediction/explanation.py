"""Explanations, and their display in a notebook, without scripts or downloads.

Notebooks are light or dark and don't say which. So all text has the notebook's own color, words
have washes that let either shine through, and lines have colors that stand out on both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from markupsafe import Markup
from pydantic import ConfigDict, Field

from wordgate.runtime.display import counted, signed
from wordgate.svg import TEXT_SIZE, element, fitted, picture, plain

Share = Annotated[float, Field(ge=0, le=1)]
"""A probability, or another number from 0 to 1."""
_EXACT = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)
# Of the JSON Schema that a server gives of an explanation.

FOR, AGAINST = (38, 120, 190), (214, 110, 20)
"""Colors (RGB) of words that support the prediction, and that oppose it."""
_STRONGEST_WASH = 0.5
_LEAST_SCALE = 0.1  # the effect that has the strongest wash, if no word has more
_LINES = ("#3a8bd0", "#d9782a", "#8a8f98")
"""Colors of the predicted label and of the most probable other labels."""
_DASHES = (None, "6 3", "2 3")
_HEIGHT, _PLOT, _TOP, _LEFT = 210.0, 130.0, 10.0, 34.0
_RIGHT, _WIDTH, _LABEL_ROOM = 560.0, 700.0, 64.0
_CLOSE = "margin:.2em 0"
_MOST_NAMED = 40  # words whose names have room below the chart


@dataclass(frozen=True)
class Gates:
    """The gates of an LSTM at a word, from 0 (closed) to 1 (open): means over the hidden units.

    Attributes:
        input: Input gate: how much of the word is added to the cell state.
        forget: Forget gate: how much of the previous cell state is kept.
        output: Output gate: how much of the cell state is passed on.
    """

    __pydantic_config__ = _EXACT

    input: Share
    forget: Share
    output: Share


@dataclass(frozen=True)
class ExplainedWord:
    """A word as the model reads it.

    Attributes:
        word: The model's own token: perhaps lower-cased, a class such as ``<url>``, shortened.
        start: Offset in the text of the first character it was made of, in code points.
        end: Offset behind the last one.
        known: Whether the word is in the vocabulary of the model.
        probabilities: The probability of each label after this word.
        effect: Attribution by occlusion: how much the probability of the predicted label falls
            when the word is left out, or its log-odds if a text can have several labels. A positive
            word supports the prediction.
        effects: The same for every label.
        gates: An LSTM's gates at this word; None where there are none.
        memory_change: How much the word changed an LSTM's memory: the mean over its hidden units
            of the cell state's absolute change; None where there is none.
    """

    __pydantic_config__ = _EXACT

    word: str
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]
    known: bool
    probabilities: Mapping[str, Share]
    effect: float
    effects: Mapping[str, float]
    gates: Gates | None = None
    memory_change: float | None = None


@dataclass(frozen=True)
class Explanation:
    """Explanation of a prediction, word by word. A notebook displays it as HTML.

    The effect of a word is its attribution by occlusion, as in Li, Monroe & Jurafsky (2016),
    "Understanding neural networks through representation erasure".

    Attributes:
        text: The text.
        label: The predicted label.
        probability: Its probability.
        probabilities: The probability of each label, as from `Predictor.predict_proba`.
        course: How the probabilities after each word were computed: from the hidden states of an
            LSTM (``states``), or by predicting each prefix of the text (``prefixes``).
        course_means: The same in a sentence.
        start: The probability of each label before the first word.
        words: The tokens of the model, in order, each with `word`, `start` and `end` (offsets in
            the text, in code points), `known`, `probabilities`, `effect`, `effects`, `gates`
            (`input`, `forget` and `output`, means over the hidden units) and `memory_change` (mean
            absolute change of the cell state). The last two are None unless the model is an LSTM.
        remarks: Remarks, such as unknown words or a truncated text.
    """

    __pydantic_config__ = _EXACT

    text: str
    label: str
    probability: Share
    probabilities: Mapping[str, Share]
    course: Literal["states", "prefixes"]
    course_means: str
    start: Mapping[str, Share]
    words: tuple[ExplainedWord, ...]
    remarks: tuple[str, ...]

    effect_means: ClassVar[Literal["probability", "log-odds"]] = "probability"
    """Quantity of which an effect is a difference."""
    effect_scale: ClassVar[float] = 1.0
    """Size of an effect that corresponds to 1 on the scale of probabilities."""

    def ranked(self) -> list[tuple[str, float]]:
        """Return the labels with their probabilities, the most probable first."""
        return sorted(self.probabilities.items(), key=lambda one: (one[0] != self.label, -one[1]))

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON values."""
        return {**asdict(self), "words": list(map(asdict, self.words)), "remarks": [*self.remarks]}

    def _repr_html_(self) -> str:
        return str(_html(self))


@dataclass(frozen=True)
class LabelExplanation(Explanation):
    """Why a text is given one of several labels, or why not, word by word.

    The label is `label`, given or not; an effect is how much its log-odds fall without the word:
    the natural logarithm of p / (1 - p).

    Attributes:
        labels: The labels that the text is given, the most probable first.
        threshold: The probability from which on the explained label is given.
        effect_unit: What `effect` and `effects` of a word are a change of.
    """

    labels: tuple[str, ...]
    threshold: Share
    effect_unit: Literal["log-odds"] = "log-odds"

    effect_means: ClassVar[Literal["probability", "log-odds"]] = "log-odds"
    effect_scale: ClassVar[float] = 5.0  # near 0.5 the log-odds change 4 to 5 times as fast

    def given_and_others(self) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
        """Return the labels that the text has, and the others, each with its probability."""
        ranked = sorted(self.probabilities.items(), key=lambda one: -one[1])
        return (
            [(label, share) for label, share in ranked if label in self.labels],
            [(label, share) for label, share in ranked if label not in self.labels],
        )

    def verdict(self) -> str:
        """Describe whether the explained label is given, and why."""
        given = "predicted" if self.label in self.labels else "not predicted"
        return (
            f"Explained label: {self.label}, which is {given}; its probability is"
            f" {self.probability:.3f}, its threshold {self.threshold:.3g}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the same in types that JSON has."""
        return {**super().to_json(), "labels": [*self.labels]}


def _html(explanation: Explanation) -> Markup:
    """Render an explanation: prediction, colored words, chart, remarks, and a folded table."""
    quiet = "margin:.2em 0;opacity:.75;font-size:.9em"
    parts = [_verdict(explanation)]
    if explanation.words:
        parts += [
            _sentence(explanation),
            element("p", _legend(explanation), style=quiet),
            _chart(explanation),
            element("p", explanation.course_means, style=quiet),
        ]
    parts += [element("p", f"Note: {plain(one)}", style=_CLOSE) for one in explanation.remarks]
    if explanation.words:
        parts.append(_table(explanation))
    return element("div", *parts, style="max-width:46em;line-height:1.5")


def _verdict(explanation: Explanation) -> Markup:
    if isinstance(explanation, LabelExplanation):
        return _labels(explanation)
    first, *others = [f"{plain(label)} {share:.3f}" for label, share in explanation.ranked()]
    return element("p", element("b", first), " · ".join(["", *others]), style=_CLOSE)


def _labels(explanation: LabelExplanation) -> Markup:
    given, others = (
        [f"{plain(label)} {share:.3f}" for label, share in shares]
        for shares in explanation.given_and_others()
    )
    shown = element("b", " · ".join(given) or "no label")
    not_given = f" (not predicted: {', '.join(others)})" if others else ""
    labels = element("p", shown, not_given, style=_CLOSE)
    return labels + element("p", plain(explanation.verdict()), style=_CLOSE)


def _sentence(explanation: Explanation) -> Markup:
    """Write the text, with the background of each word colored by its effect."""
    text, done = explanation.text, 0
    least = _LEAST_SCALE * explanation.effect_scale
    scale = max([least, *(abs(word.effect) for word in explanation.words)])
    parts: list[str] = []
    for word in explanation.words:
        parts += [plain(text[done : word.start]), _word(explanation, word, scale)]
        done = word.end
    style = "margin:.5em 0;font-size:1.15em;line-height:1.9;white-space:pre-wrap"
    return element("p", *parts, plain(text[done:]), style=style, dir="auto")


def _word(explanation: Explanation, word: ExplainedWord, scale: float) -> Markup:
    red, green, blue = FOR if word.effect > 0 else AGAINST
    wash = _STRONGEST_WASH * abs(word.effect) / scale
    line = "solid" if word.effect > 0 else "dotted"  # for those who don't see the colours
    under = f"border-bottom:2px {line} rgba({red},{green},{blue},{min(1.0, 2 * wash):.2f});"
    style = f"background:rgba({red},{green},{blue},{wash:.2f});{under}border-radius:2px"
    share = f"P({plain(explanation.label)}) {word.probabilities[explanation.label]:.3f}"
    title = f"{plain(word.word)}: {signed(word.effect, 3)}; {share}{_unknown(word)}"
    shown = plain(explanation.text[word.start : word.end])
    return element("span", shown, title=title, style=style)


def _legend(explanation: Explanation) -> str:
    label = plain(explanation.label)
    fall = "probability falls" if explanation.effect_means == "probability" else "log-odds fall"
    return (
        f"Underlined: words that support {label}; its {fall} without them. Dotted: words that"
        " oppose it."
    )


def _chart(explanation: Explanation) -> Markup:
    """Draw the probabilities of the most probable labels before the first word and after each."""
    n = len(explanation.words)
    labels = [label for label, _ in explanation.ranked()[: len(_LINES)]]
    xs = [_LEFT + (_RIGHT - _LEFT) * i / max(1, n) for i in range(n + 1)]
    parts = [_grid(share) for share in (0.0, 0.5, 1.0)]
    series = [
        [row[label] for row in (explanation.start, *(w.probabilities for w in explanation.words))]
        for label in labels
    ]
    for shares, colour, dashes in reversed(list(zip(series, _LINES, _DASHES, strict=False))):
        points = " ".join(f"{x:.1f},{_y(share):.1f}" for x, share in zip(xs, shares, strict=True))
        parts.append(
            element("polyline", points=points, fill="none", stroke=colour, stroke_width=2.0,
                    stroke_dasharray=dashes, stroke_linejoin="round")
        )  # fmt: skip
    ends = _apart([_y(shares[-1]) for shares in series])
    for label, y, colour in zip(labels, ends, _LINES, strict=False):
        name = fitted(label, _WIDTH - _RIGHT - 8.0)
        parts.append(_text(name, _RIGHT + 8.0, y + 4.0, fill=colour, font_weight=600))
    named = explanation.words if n <= _MOST_NAMED else ()
    below = _TOP + _PLOT + 14.0
    for word, x in zip(named, xs[1:], strict=False):
        name, turned = fitted(word.word, 1.3 * _LABEL_ROOM), f"rotate(-45 {x:.1f} {below:.1f})"
        parts.append(_text(name, x, below, text_anchor="end", transform=turned))
    label_text = (
        f"The probabilities of {', '.join(map(plain, labels))} after each of {counted(n, 'word')}"
    )
    height = _HEIGHT if named else _TOP + _PLOT + 10.0
    return picture(parts, width=_WIDTH, height=height, label=label_text)


def _grid(share: float) -> Markup:
    y = _y(share)
    rule = element("line", x1=_LEFT, y1=y, x2=_RIGHT, y2=y, stroke="currentColor", opacity="0.25")
    return rule + _text(f"{share:.1f}", _LEFT - 8.0, y + 4.0, text_anchor="end")


def _text(content: str, x: float, y: float, **attributes: object) -> Markup:
    given = {"fill": "currentColor", "font_size": TEXT_SIZE, "font_family": "sans-serif"}
    return element("text", content, x=x, y=y, **{**given, **attributes})


def _y(share: float) -> float:
    return _TOP + _PLOT * (1.0 - share)


def _apart(ys: Sequence[float]) -> list[float]:
    """Move labels down until none covers another."""
    moved = list(ys)
    order = sorted(range(len(ys)), key=ys.__getitem__)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + TEXT_SIZE + 1.0)
    return moved


def _table(explanation: Explanation) -> Markup:
    """Write a folded table of all values of each word."""
    has_gates = any(word.gates is not None for word in explanation.words)
    head = ["word", "effect", *(f"P({plain(label)})" for label in explanation.probabilities)]
    head += ["input gate", "forget gate", "output gate", "memory change"] if has_gates else []
    rows = [_row([f"{plain(word.word)}{_unknown(word)}", signed(word.effect, 3),
                  *(f"{share:.3f}" for share in word.probabilities.values()),
                  *(_states(word) if has_gates else ())])
            for word in explanation.words]  # fmt: skip
    table = element("table", element("thead", _row(head, "th")), element("tbody", *rows))
    return element("details", element("summary", "Word by word"), table)


def _states(word: ExplainedWord) -> list[str]:
    if word.gates is None or word.memory_change is None:
        return 4 * ["-"]
    gates = word.gates
    return [f"{x:.2f}" for x in (gates.input, gates.forget, gates.output, word.memory_change)]


def _row(cells: Sequence[str], kind: str = "td") -> Markup:
    return element("tr", *(element(kind, cell) for cell in cells))


def _unknown(word: ExplainedWord) -> str:
    return "" if word.known else " (unknown)"
