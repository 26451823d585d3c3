"""Several labels per text: each has a probability of its own, in every family and kernel."""

import json
from dataclasses import replace

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.models.average import AverageModel, OutputLayer
from wordgate.models.base import class_log_proba, log_sigmoid, log_softmax, model_from_state
from wordgate.models.count import CountModel
from wordgate.models.lstm import LSTMModel, Network, with_kernel
from wordgate.models.lstm_forward import KERNELS, Direction
from wordgate.models.lstm_states import prefix_predictions
from wordgate.text.encoder import TextEncoder
from wordgate.text.ngram_vectorizer import NgramVectorizer

TEXTS = ["a good day", "a bad day", "good good", "", "unheard of"]
LABELS = 3


def drawn(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def made_encoder():
    return TextEncoder.fit(TEXTS[:2], max_tokens=9)[0]


def count(*, multilabel):
    vectorizer = NgramVectorizer("words", (1, 1), ["a", "bad", "good"], None, 0)
    rng = np.random.default_rng(0)
    return CountModel([vectorizer], drawn(rng, 3, LABELS), rng.normal(size=LABELS), multilabel)


def logreg(*, multilabel):
    rng, encoder = np.random.default_rng(0), made_encoder()
    size = len(encoder.vocabulary)
    weights = np.r_[0, 0, np.ones(size - 2)].astype(np.float32)
    layers = (drawn(rng, size, LABELS), weights, drawn(rng, LABELS))
    return AverageModel(encoder, *layers, multilabel=multilabel)


def mlp(*, multilabel):
    rng = np.random.default_rng(1)
    output = OutputLayer(drawn(rng, LABELS, LABELS), drawn(rng, LABELS))
    return replace(logreg(multilabel=multilabel), output=output)


def lstm(*, multilabel):
    rng, encoder = np.random.default_rng(0), made_encoder()
    directions = (Direction(drawn(rng, 32, 5), drawn(rng, 32, 8), drawn(rng, 32)),)
    embedding = drawn(rng, len(encoder.vocabulary), 5)
    output = (drawn(rng, LABELS, 8), drawn(rng, LABELS))
    network = Network(embedding, directions, *output, ("max",), multilabel=multilabel)
    return LSTMModel(encoder, network)


def lstm_in_int8(*, multilabel):
    model = lstm(multilabel=multilabel)
    return replace(model, network=model.network.in_int8())


def logreg_in_int8(*, multilabel):
    return logreg(multilabel=multilabel).in_int8()


def transformer(*, multilabel):
    pytest.importorskip("transformers", reason="needs the extra 'transformer'")
    from wordgate.models.transformer import TransformerModel
    from wordgate.training.pretrained_transformer import pretrained_transformer

    loaded = pretrained_transformer(str(transformer.folder), LABELS, 16, 0, multilabel=multilabel)
    return TransformerModel(*loaded)


@pytest.fixture(
    params=[count, logreg, logreg_in_int8, mlp, lstm, lstm_in_int8, transformer],
    ids=lambda make: make.__name__,
)
def make(request):
    if request.param is transformer:
        transformer.folder = request.getfixturevalue("tiny_transformer")
    return request.param


def differences(logits):
    return logits[:, 1:] - logits[:, :-1]


def test_each_label_has_the_sigmoid_of_its_own_score(make):
    """The scores are those of one label per text, of which softmax keeps the differences."""
    log_proba = make(multilabel=True).log_proba(TEXTS)
    assert (log_proba.shape, log_proba.dtype) == ((5, LABELS), np.float64)
    log_odds = log_proba - np.log(-np.expm1(log_proba))
    expected = differences(make(multilabel=False).log_proba(TEXTS))
    assert differences(log_odds) == pytest.approx(expected, abs=1e-5)
    assert np.abs(np.exp(log_proba).sum(axis=1) - 1.0).max() > 0.05


def test_the_same_model_again_from_its_state_by_way_of_json(make):
    model = make(multilabel=True)
    description, arrays = model.state()
    assert description["multilabel"] is True
    again = model_from_state(model.family, json.loads(json.dumps(description)), arrays)
    assert np.array_equal(again.log_proba(TEXTS), model.log_proba(TEXTS))
    assert again.state()[0] == description


def test_a_model_of_one_label_a_text_says_nothing_of_several(make):
    description, arrays = (model := make(multilabel=False)).state()
    assert "multilabel" not in description
    explicit = model_from_state(model.family, {**description, "multilabel": False}, arrays)
    assert np.array_equal(explicit.log_proba(TEXTS), model.log_proba(TEXTS))


def test_a_description_that_says_neither_yes_nor_no_is_refused(make):
    description, arrays = (model := make(multilabel=True)).state()
    message = "^the model's multilabel is 'yes'; it must be true or false$"
    with pytest.raises(BundleError, match=message):
        model_from_state(model.family, {**description, "multilabel": "yes"}, arrays)


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_gives_each_label_its_own_probability(kernel):
    pytest.importorskip("numba", reason="needs the extra 'numba'")
    model = lstm(multilabel=True)
    if kernel == "numba-int8":
        from wordgate.models.lstm_ir import best_layout

        if best_layout(int8=True) is None:
            pytest.skip("this processor has no instruction for int8")
    found = with_kernel(model, kernel).log_proba(TEXTS)
    tolerance = 0.1 if kernel == "numba-int8" else 1e-5
    assert found == pytest.approx(model.log_proba(TEXTS), abs=tolerance)


def test_the_probabilities_after_each_word_are_those_of_the_prefixes():
    model = lstm(multilabel=True)
    ids = model.encoder.encode(["a good bad day"]).ids
    found, _ = prefix_predictions(model.network, ids)
    beginnings = ["", "a", "a good", "a good bad", "a good bad day"]
    assert found == pytest.approx(model.log_proba(beginnings), abs=1e-5)


def test_log_sigmoid_is_exact_and_finite():
    scores = np.array([[-800.0, -40.0, -1.0], [0.0, 1.0, 40.0]], np.float32)
    found = log_sigmoid(scores)
    expected = [
        [-800.0, -40.0, -np.log1p(np.exp(1.0))],
        [np.log(0.5), -np.log1p(np.exp(-1.0)), -np.log1p(np.exp(-40.0))],
    ]
    assert found.dtype == np.float64
    assert found == pytest.approx(np.array(expected), rel=1e-12, abs=1e-300)
    assert np.exp(found[1, 0]) == 0.5


def test_several_labels_choose_between_sigmoid_and_softmax():
    scores = np.random.default_rng(0).normal(size=(4, 3))
    assert np.array_equal(class_log_proba(scores, True), log_sigmoid(scores))
    assert np.array_equal(class_log_proba(scores, False), log_softmax(scores))
