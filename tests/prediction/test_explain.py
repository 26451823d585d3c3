"""Explanations: the prediction after every word, and the effect of each word."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wordgate
from wordgate.errors import DataError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.models.average import AverageModel
from wordgate.models.lstm import LSTMModel, Network
from wordgate.models.lstm_forward import Direction
from wordgate.prediction.decision import DecisionRule
from wordgate.prediction.explaining import MOST_WORDS, explain, explainable_text
from wordgate.text.encoder import TextEncoder

FAMILIES = ("count", "logreg", "mlp", "lstm")
TEXT = "We LOVE this lamp, number 7!!!!! from zumbaro &amp; the office"
LABELS = ("bad", "good", "odd")


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    return wordgate.load(request.getfixturevalue(f"{request.param}_model").folder)


@pytest.fixture(scope="module")
def lstm(lstm_model):
    return wordgate.load(lstm_model.folder)


def made_lstm(*, pooling=("last",), n_directions=1, scale=1.0, n_words=20, **encoder):
    """An LSTM of drawn weights that knows w0, w1, ..."""
    rng = np.random.default_rng(3)

    def drawn(*shape):
        return rng.normal(0.0, scale, shape).astype(np.float32)

    encoder, _ = TextEncoder.fit([f"w{i}" for i in range(n_words)], **{"max_tokens": 9, **encoder})
    directions = tuple(
        Direction(drawn(20, 4), drawn(20, 5), drawn(20)) for _ in range(n_directions)
    )
    features = 5 * len(pooling) * n_directions
    vectors = drawn(len(encoder.vocabulary), 4)
    network = Network(vectors, directions, drawn(3, features), drawn(3), pooling)
    return LSTMModel(encoder, network)


def explained(model, text, temperature=1.0):
    return explain(model, DecisionRule(LABELS), temperature, text)


def shares(found):
    return np.array([list(one.values()) for one in found])


def test_the_verdict_is_that_of_predict(model):
    found = model.explain(TEXT)
    proba = model.predict_proba([TEXT])[0]
    assert list(found.probabilities.values()) == proba.tolist()
    assert found.label == model.predict([TEXT])[0]
    assert found.probability == proba.max()


def test_the_course_goes_from_no_word_to_the_verdict(model):
    found = model.explain(TEXT)
    nothing = apply_temperature(model._model.log_proba([""]), model.config.temperature)
    assert shares([found.start])[0] == pytest.approx(np.exp(nothing)[0], abs=1e-6)
    last = found.words[-1].probabilities
    assert last == pytest.approx(dict(found.probabilities), abs=1e-5)


def test_the_verdict_after_a_word_is_that_on_the_text_up_to_it(model):
    found = model.explain(TEXT)
    ends = model.predict_proba([TEXT[: word.end] for word in found.words])
    assert shares(word.probabilities for word in found.words) == pytest.approx(ends, abs=1e-5)
    assert found.course == ("states" if model.config.family == "lstm" else "prefixes")
    assert ("hidden state" in found.course_means) == (found.course == "states")


def test_an_effect_is_the_decrease_of_the_probability_without_the_word(model):
    found = model.explain(TEXT)
    without = model.predict_proba(
        [f"{TEXT[: word.start]} {TEXT[word.end :]}" for word in found.words]
    )
    effects = shares(word.effects for word in found.words)
    expected = model.predict_proba([TEXT]) - without
    assert effects == pytest.approx(expected, abs=1e-6)
    assert [word.effect for word in found.words] == effects[:, list(found.probabilities).index(
        found.label)].tolist()  # fmt: skip


def test_words_are_the_models_own_and_stand_where_they_say(lstm, count_model):
    found = lstm.explain(TEXT)
    read, stands = (
        "we love this lamp , number 7 !!! from",
        "We LOVE this lamp , number 7 !!!!! from",
    )
    assert [word.word for word in found.words][:9] == read.split()
    assert [TEXT[word.start : word.end] for word in found.words][:9] == stands.split()
    assert [(word.word, TEXT[word.start : word.end]) for word in found.words][9:11] == [
        ("zumbaro", "zumbaro"),
        ("&", "&amp;"),
    ]
    counted = wordgate.load(count_model.folder).explain("We LOVE it :-)")
    assert [(word.word, word.start) for word in counted.words] == [
        ("we", 0), ("love", 3), ("it", 8), (":-)", 11),
    ]  # fmt: skip


def test_unknown_words_are_marked_and_named(lstm):
    found = lstm.explain("we zumbaro this zumbaro lamp")
    assert [word.known for word in found.words] == [True, False, True, False, True]
    assert found.remarks == (
        "2 of 5 words are unknown to the model: zumbaro. It treats all unknown words as the same"
        " word.",
    )


def test_a_text_of_unknown_words_is_reported(lstm):
    assert lstm.explain("zumbaro zandvoria").remarks == (
        "All words are unknown to the model: the prediction is unreliable. It treats all unknown"
        " words as the same word.",
    )


@pytest.mark.parametrize("text", ["\u0301", " \u0301\n"])
def test_a_text_without_words_is_reported(lstm, text):
    found = lstm.explain(text)
    assert (found.words, found.start) == ((), pytest.approx(dict(found.probabilities), abs=1e-6))
    assert found.remarks == (
        "The model reads no words of this text: the prediction is that for an empty text.",
    )


@pytest.mark.parametrize("pooling", [("last",), ("max", "mean")])
def test_probabilities_are_calibrated(pooling):
    model = made_lstm(pooling=pooling)
    text = "w1 w2 w3"
    plain, scaled = explained(model, text), explained(model, text, 2.5)
    logarithms = np.log(shares([w.probabilities for w in plain.words])) / 2.5
    expected = np.exp(logarithms) / np.exp(logarithms).sum(axis=1, keepdims=True)
    assert shares(w.probabilities for w in scaled.words) == pytest.approx(expected)
    assert scaled.label == plain.label


def test_gates_and_memory_are_the_lstms():
    found = explained(made_lstm(), "w1 w2")
    for word in found.words:
        gates = (word.gates.input, word.gates.forget, word.gates.output)
        assert all(0.0 < gate < 1.0 for gate in gates)
        assert word.memory_change > 0.0


def test_two_directions_are_explained_by_prefixes():
    model = made_lstm(n_directions=2, pooling=("last", "max"))
    found = explained(model, "w1 w2 w3")
    assert found.course == "prefixes"
    assert [(word.gates, word.memory_change) for word in found.words] == [(None, None)] * 3
    expected = np.exp(model.log_proba(["w1", "w1 w2", "w1 w2 w3"]))
    assert shares(w.probabilities for w in found.words) == pytest.approx(expected, abs=1e-6)


def test_words_that_are_passed_over_change_nothing():
    found = explained(made_lstm(unknown=False), "w1 zumbaro w2")
    first, passed_over, _ = found.words
    assert not passed_over.known
    assert passed_over.probabilities == first.probabilities
    assert passed_over.effect == pytest.approx(0.0, abs=1e-6)
    assert (passed_over.gates, passed_over.memory_change) == (None, None)
    assert found.remarks == (
        "1 of 3 words is unknown to the model: zumbaro. It ignores unknown words.",
    )


@pytest.mark.parametrize(
    ("settings", "expected", "remark"),
    [
        ({}, "w3 x w4 w5", "The model reads the first 4 of 6 words."),
        ({"truncate": "front"}, "w4 w5 w6 x", "The model reads the last 4 of 6 words."),
        ({"unknown": False}, "w3 x w4 w5 w6", None),
        ({"unknown": False, "max_tokens": 2}, "w3 x w4", "The model reads the first 3 of 6 words."),
        (
            {"unknown": False, "max_tokens": 2, "truncate": "front"},
            "w5 w6 x",
            "The model reads the last 3 of 6 words.",
        ),
    ],
)
def test_words_beyond_the_limit_are_left_out_and_reported(settings, expected, remark):
    text = "w3 x w4 w5 w6 x" if "front" in settings.values() else "w3 x w4 w5 w6 w7"
    text = "w3 x w4 w5 w6" if remark is None else text
    found = explained(made_lstm(**{"max_tokens": 4, **settings}), text)
    assert " ".join(word.word for word in found.words) == expected
    assert [text[word.start : word.end] for word in found.words] == expected.split()
    cut = [one for one in found.remarks if one.startswith("The model reads")]
    assert cut == ([] if remark is None else [remark])
    last = found.words[-1].probabilities
    assert last == pytest.approx(dict(found.probabilities), abs=1e-5)


def test_very_long_texts_are_explained_in_part():
    found = explained(made_lstm(max_tokens=2000), "w1 " * 1000)
    assert len(found.words) == MOST_WORDS
    assert found.remarks == (
        "Only the first 512 of 1,000 words are explained; the prediction uses all of them.",
    )


def test_a_long_text_of_counts_ends_soon(count_model):
    found = wordgate.load(count_model.folder).explain("We love it " * 10_000)
    assert 0 < len(found.words) < 100
    assert "of 30,000 words are explained; the prediction uses all of them." in found.remarks[0]


def test_json_has_what_the_api_promises(lstm):
    found = json.loads(json.dumps(lstm.explain("We love \ud83d it").to_json()))
    assert list(found) == [
        "text", "label", "probability", "probabilities", "course", "course_means", "start",
        "words", "remarks",
    ]  # fmt: skip
    assert list(found["words"][0]) == [
        "word", "start", "end", "known", "probabilities", "effect", "effects", "gates",
        "memory_change",
    ]  # fmt: skip
    assert list(found["words"][0]["gates"]) == ["input", "forget", "output"]
    assert found["text"] == "We love \ufffd it"
    assert isinstance(found["remarks"], list)


def test_explaining_needs_no_torch(lstm_model):
    code = (
        "import sys, wordgate\n"
        f"found = wordgate.load({str(lstm_model.folder)!r}).explain('We love it')\n"
        "print(isinstance(found, wordgate.Explanation), '</svg>' in found._repr_html_())\n"
        "print([name for name in ('torch', 'sklearn', 'scipy', 'rich') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["True True", "[]"]


def test_anything_but_a_text_is_refused(lstm):
    with pytest.raises(DataError) as caught:
        lstm.explain(["a text"])
    assert str(caught.value) == "explain takes one text, not ['a text'] (list)"


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=40) | st.text("wW1 23,!&;x", max_size=40))
def test_any_text_is_explained(text):
    for model in (made_lstm(), made_lstm(unknown=False, max_tokens=3), made_average()):
        clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        found = explained(model, clean)
        before = 0
        for word in found.words:
            assert before <= word.start < word.end <= len(clean)
            before = word.end
        ends = [found.start, *(word.probabilities for word in found.words)]
        assert shares(ends)[-1] == pytest.approx(shares([found.probabilities])[0], abs=1e-5)


def made_average():
    encoder, _ = TextEncoder.fit([f"w{i}" for i in range(9)], max_tokens=6)
    rows = np.random.default_rng(0).normal(size=(len(encoder.vocabulary), 3)).astype(np.float32)
    return AverageModel(encoder, rows, np.ones(len(rows), np.float32), np.zeros(3, np.float32))


class Tags(HTMLParser):
    """Checks that tags are closed in order, and gathers what there is."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.attributes, self.data = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)


@pytest.mark.parametrize(
    "text",
    [
        "\u0301",
        "We love it",
        "<script>alert(1)</script> & \"x\" onload='y'",
        "<b> " * 60,
        "{x} { lamp {} }",
        "we \u202e lamp",
    ],
)
def test_a_notebook_shows_it_with_everything_escaped(lstm, text):
    tags = Tags()
    page = lstm.explain(text)._repr_html_()
    tags.feed(page)
    assert tags.open == []
    assert tags.seen <= {
        "div", "p", "b", "span", "svg", "polyline", "line", "text", "details", "summary", "table",
        "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert not any(name.startswith("on") or name in ("src", "href") for name in tags.attributes)
    assert "\u202e" not in page
    if text != "\u0301":
        assert text.replace("\u202e", "") in "".join(tags.data)


def test_a_notebook_marks_for_and_against_without_colours(lstm):
    found = lstm.explain("We love this lamp and hate that kettle")
    page = found._repr_html_()
    lines = re.findall(r"border-bottom:2px (solid|dotted)", page)
    assert lines == ["solid" if word.effect > 0 else "dotted" for word in found.words]


def test_a_model_of_an_unknown_type_is_not_explained_as_another():
    with pytest.raises(TypeError, match="SimpleNamespace is not a type of model that can be expl"):
        explainable_text(SimpleNamespace(family="count"), "a lamp")
