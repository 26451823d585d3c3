"""Several labels per text: predictions and explanations of saved models."""

import json

import numpy as np
import pytest

import wordgate
from wordgate.bundle.config import Config
from wordgate.errors import SettingsError
from wordgate.prediction.predictor import Predictor

TEXTS = ["so cheap", "cheap and fast", "a lamp", "broken"]


@pytest.fixture(scope="module")
def model(topics_model):
    return wordgate.load(topics_model)


def test_a_text_has_the_labels_at_or_above_their_thresholds(model):
    assert model.predict(TEXTS) == [["price"], ["price", "speed"], [], ["quality"]]
    assert model.predict("a lamp") == [[]]
    assert model.predict([]) == []
    assert model.multilabel
    assert model.thresholds == {"price": 0.4, "quality": 0.4, "speed": 0.4}
    assert "['price', 'quality', 'speed'], multilabel" in repr(model)


def test_thresholds_can_be_chosen_anew(model):
    proba = model.predict_proba(TEXTS)
    assert proba.shape == (4, 3)
    for threshold in (0.01, 0.3, 0.9, {"speed": 0.999}):
        values = [threshold if isinstance(threshold, float) else threshold.get(label, 0.4)
                  for label in model.labels]  # fmt: skip
        given = model.predict(TEXTS, threshold=threshold)
        assert [set(labels) for labels in given] == [
            {model.labels[i] for i in np.flatnonzero(row >= values)} for row in proba
        ]
    assert [len(labels) for labels in model.predict(TEXTS, top=2)] == [2, 2, 2, 2]
    assert model.predict("cheap and fast", top=1) == [["price"]]


def test_options_for_one_label_per_text_are_refused(model, count_model):
    with pytest.raises(SettingsError, match=r"^abstain_below applies only to models of one label "):
        model.predict(TEXTS, abstain_below=0.5)
    with pytest.raises(SettingsError, match=r"^label applies only to multi-label models"):
        wordgate.load(count_model.folder).explain("We love it", label="good")


class Fixed:
    """A model whose labels have the same log-odds whatever the text."""

    family, n_threads = "count", 1

    def __init__(self, *log_odds):
        self.log_odds = np.array(log_odds)

    def log_proba(self, texts):
        return np.tile(-np.logaddexp(0.0, -self.log_odds), (len(texts), 1))


def test_the_temperature_divides_each_labels_log_odds():
    log_odds = np.array([-800.0, -40.0, -3.0, 0.0, 0.5, 30.0, 500.0])
    config = Config(
        family="count", labels=tuple("abcdefg"), seed=0, recipe="none", settings={}, data={},
        environment={}, temperature=2.5, multilabel=True,
    )  # fmt: skip
    predictor = Predictor(Fixed(*log_odds), config)
    (row,) = predictor.log_proba(["a text"])
    assert row == pytest.approx(-np.logaddexp(0.0, -log_odds / 2.5), rel=1e-12, abs=1e-300)
    assert predictor.predict(["a text"]) == [["g", "f", "e", "d"]]


def odds(p):
    return np.log(p) - np.log1p(-p)


@pytest.mark.parametrize("family", ["count", "logreg", "lstm"])
def test_an_effect_is_the_decrease_of_a_labels_log_odds(as_multilabel, model_of, family):
    model = wordgate.load(as_multilabel(model_of(family).folder, temperature=1.5))
    text = "We love this lamp"
    for label in (None, "bad", "good"):
        found = model.explain(text, label=label)
        (whole,) = model.predict_proba([text])
        assert found.label == (label or model.labels[whole.argmax()])
        column = model.labels.index(found.label)
        assert found.probability == pytest.approx(whole[column])
        assert list(found.labels) == model.predict([text])[0]
        assert found.threshold == 0.5
        (without,) = model.predict_proba(
            ["We this lamp" if family != "count" else "We   this lamp"]
        )
        love = found.words[1]
        expected = odds(whole) - odds(without)
        assert love.effect == pytest.approx(expected[column], abs=1e-5)
        assert list(love.effects.values()) == pytest.approx(expected, abs=1e-5)
        assert found.words[-1].probabilities == pytest.approx(found.probabilities, abs=1e-6)


def test_an_explanation_is_json_and_shows_itself(model):
    found = model.explain("cheap and fast, no lamp")
    reported = json.loads(json.dumps(found.to_json()))
    assert reported["label"] == "price"
    assert reported["labels"] == ["price", "speed"]
    assert reported["effect_unit"] == "log-odds"
    assert reported["threshold"] == 0.4
    page = found._repr_html_()
    assert "its log-odds fall without them" in page
    assert "(not predicted: quality 0." in page
    assert "Explained label: price, which is predicted; its probability is 0." in page
    other = model.explain("cheap and fast, no lamp", label="quality")
    assert "Explained label: quality, which is not predicted" in other._repr_html_()
    assert "no label" in model.explain("a lamp")._repr_html_()
    assert "<br>" not in page  # which would be closed, and so be two


def test_a_label_that_is_none_can_not_be_explained(model):
    with pytest.raises(SettingsError) as error:
        model.explain("cheap", label="prize")
    assert str(error.value) == (
        "label is 'prize', and the model's labels are ['price', 'quality', 'speed']; did you mean"
        " 'price'?"
    )


def test_of_two_labels_with_a_threshold_that_one_is_the_verdict(model_of):
    one = wordgate.load(model_of("count").folder)
    (row,) = one.predict_proba(["We love it"])
    config = one.config.model_copy(update={"thresholds": [float(row[1]) / 2, 1 - row[1] / 2]})
    below = Predictor(one._model, config)
    assert one.predict("We love it") == ["good"]
    assert below.predict("We love it") == (["good"] if row[1] >= 1 - row[1] / 2 else ["bad"])
    assert below.explain("We love it").label == below.predict("We love it")[0]
