"""Averages of word vectors: by hand, independent of other texts, damaged states refused."""

import json

import numpy as np
import pytest

from wordgate.models.average import averages
from wordgate.models.base import model_from_state
from wordgate.text.encoder import TextEncoder

TEXTS = ["a good day", "a bad day", "good good", "", "unheard of"]


def means(model, texts):
    """Average in float64, word by word, what the encoder makes of each text."""
    found = np.zeros((len(texts), model.rows.shape[1]))
    for row, text in enumerate(texts):
        ids = model.encoder.encode([text]).ids
        weights = model.weights[ids].astype(np.float64)
        if weights.sum():
            found[row] = weights @ model.rows[ids].astype(np.float64) / weights.sum()
    return found


def test_averages_by_hand():
    encoder, encoded = TextEncoder.fit(["so so no", "no", "", "so"], max_tokens=9, min_count=2)
    rows, weights = np.zeros((4, 2), np.float32), np.zeros(4, np.float32)
    rows[encoder.vocabulary.id("so")], weights[encoder.vocabulary.id("so")] = (3, 0), 1
    rows[encoder.vocabulary.id("no")], weights[encoder.vocabulary.id("no")] = (0, 6), 0.5
    found = averages(encoded, rows, weights)
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array([[2.4, 1.2], [0, 6], [0, 0], [3, 0]]))
    assert averages(encoder.encode(["so unheard", "unheard"]), rows, weights).tolist() == [
        [3, 0],
        [0, 0],
    ]


def test_words_without_weight_are_passed_over():
    encoder, encoded = TextEncoder.fit(["so no", "no"], max_tokens=9)
    rows = np.full((4, 1), 7, np.float32)
    weights = np.zeros(4, np.float32)
    weights[encoder.vocabulary.id("so")] = 0.2
    assert averages(encoded, rows, weights).tolist() == [[7], [0]]


@pytest.mark.parametrize("family", ["logreg", "mlp"])
def test_probabilities_are_those_of_the_layers_by_hand(make_average, family):
    model = make_average(family)
    features = means(model, TEXTS) + model.bias
    if family == "mlp":
        features = np.maximum(features, 0) @ model.output.weights.T + model.output.bias
    expected = features - np.log(np.exp(features).sum(axis=1, keepdims=True))
    found = model.log_proba(TEXTS)
    assert found.dtype == np.float64
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(found[3], found[4])  # nothing known is nothing known


@pytest.mark.parametrize("family", ["logreg", "mlp"])
@pytest.mark.parametrize("features", [1, 3, 64])
def test_neighbours_and_order_change_nothing(make_average, family, features):
    model = make_average(family, features, classes=3, more=[" ".join(f"w{i}" for i in range(40))])
    rng = np.random.default_rng(0)
    words = [*model.encoder.vocabulary.words, "unheard"]
    texts = [" ".join(rng.choice(words, n)) for n in rng.integers(0, 60, 600)]
    together = model.log_proba(texts)
    assert np.array_equal(model.log_proba(texts[::-1])[::-1], together)
    assert np.array_equal(np.concatenate([model.log_proba([text]) for text in texts]), together)


@pytest.mark.parametrize(("family", "columns"), [("logreg", 3), ("mlp", 2)])
def test_no_texts_give_no_rows(make_average, family, columns):
    assert make_average(family).log_proba([]).shape == (0, columns)


@pytest.mark.parametrize("family", ["logreg", "mlp"])
def test_state_makes_the_same_model_again(make_average, family):
    model = make_average(family)
    description, arrays = model.state()
    again = model_from_state(family, json.loads(json.dumps(description)), arrays)
    assert again.family == model.family == family
    assert np.array_equal(again.log_proba(TEXTS), model.log_proba(TEXTS))
    assert again.state()[0] == description
    assert set(again.state()[1]) == set(arrays)
