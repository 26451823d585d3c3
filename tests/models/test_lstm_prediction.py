"""Prediction in numpy: against sums done by hand, and whatever shares a batch with a text."""

import math
from dataclasses import replace

import numpy as np
import pytest

from wordgate.models import lstm as network_module
from wordgate.models.lstm import LSTMModel, Network
from wordgate.models.lstm_forward import Direction
from wordgate.text.encoder import EncodedTexts, TextEncoder

POOLINGS = ("last", "max", "mean")


def random_network(rng, words, embedding=12, hidden=9, classes=3, pooling=POOLINGS):
    def drawn(*shape):
        return rng.normal(0.0, 0.5, shape).astype(np.float32)

    directions = tuple(
        Direction(drawn(4 * hidden, embedding), drawn(4 * hidden, hidden), drawn(4 * hidden))
        for _ in range(2)
    )
    features = 2 * hidden * len(pooling)
    return Network(
        drawn(words, embedding), directions, drawn(classes, features), drawn(classes), pooling
    )


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(40)]
    encoder, _ = TextEncoder.fit([" ".join(words)], max_tokens=50)
    return LSTMModel(encoder, random_network(rng, len(encoder.vocabulary)))


@pytest.fixture(scope="module")
def texts():
    """700 texts of 0 to 45 words, some of them unknown: more than two batches."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(0, 46, 700)
    return [" ".join(f"w{word}" for word in rng.integers(0, 44, length)) for length in lengths]


@pytest.fixture(scope="module")
def alone(model, texts):
    """What each text is given when it has no neighbours."""
    return np.concatenate([model.log_proba([text]) for text in texts])


@pytest.mark.parametrize("threads", [2, 3, 50])
def test_the_number_of_threads_moves_no_bit(model, texts, threads):
    one = replace(model, threads=1).log_proba(texts)
    assert np.array_equal(replace(model, threads=threads).log_proba(texts), one)


def assert_same(found, expected):
    assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    assert np.abs(np.exp(found) - np.exp(expected)).max() <= 1e-6


def test_a_direction_is_the_sum_done_by_hand():
    def sigmoid(x):
        return 1.0 / (1.0 + math.exp(-x))

    weights = {"input": (0.5, 0.3, -0.1), "forget": (-0.4, 0.2, 1.0)}
    weights |= {"cell": (0.9, -0.6, 0.05), "output": (0.7, 0.1, 0.2)}
    table = np.array(list(weights.values()), np.float32)
    direction = Direction(table[:, :1], table[:, 1:2], table[:, 2])
    vectors = [0.0, 1.5, -2.0]
    state = cell = 0.0
    states = []
    for word in (1, 2, 2):
        gates = {name: w * vectors[word] + u * state + b for name, (w, u, b) in weights.items()}
        cell = sigmoid(gates["forget"]) * cell
        cell += sigmoid(gates["input"]) * math.tanh(gates["cell"])
        state = sigmoid(gates["output"]) * math.tanh(cell)
        states.append(state)
    expected = {"last": states[-1], "max": max(states), "mean": sum(states) / 3}
    encoded = EncodedTexts(np.array([1, 2, 2], np.int32), np.array([0, 3]))
    for pooling, value in expected.items():
        network = Network(
            np.array(vectors, np.float32)[:, None],
            (direction,),
            np.array([[2.0], [0.0]], np.float32),
            np.array([0.0, 0.25], np.float32),
            (pooling,),
        )
        odds = np.diff(network.log_proba(encoded))[0, 0]
        assert odds == pytest.approx(0.25 - 2.0 * value, abs=1e-6)


def test_the_backward_direction_reads_from_the_end():
    rng = np.random.default_rng(2)
    network = random_network(rng, words=6)
    forward, backward = network.directions
    size = network.output_weights.shape[1] // 2
    one, other = network.output_weights[:, :size], network.output_weights[:, size:]
    turned = Network(
        network.embedding,
        (backward, forward),
        np.hstack([other, one]),
        network.output_bias,
        POOLINGS,
    )
    ids = np.array([1, 2, 3, 4, 5, 5, 1], np.int32)
    offsets = np.array([0, 5, 7])
    mirrored = np.array([5, 4, 3, 2, 1, 1, 5], np.int32)
    assert_same(
        turned.log_proba(EncodedTexts(mirrored, offsets)),
        network.log_proba(EncodedTexts(ids, offsets)),
    )


@pytest.mark.parametrize("batch_size", [1, 7, 256, 1000])
def test_the_batch_size_changes_nothing(model, texts, alone, batch_size, monkeypatch):
    monkeypatch.setattr(network_module, "PREDICTION_BATCH", batch_size)
    assert_same(model.log_proba(texts), alone)


@pytest.mark.parametrize("seed", range(5))
def test_neighbours_and_their_order_change_nothing(model, texts, alone, seed):
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(texts))[: rng.integers(2, len(texts))]
    assert_same(model.log_proba([texts[row] for row in chosen]), alone[chosen])


def test_padding_changes_nothing(model, texts, alone):
    longest = " ".join(["w1"] * 50)
    short = [row for row, text in enumerate(texts) if len(text.split()) < 5][:20]
    assert len(short) == 20
    beside = model.log_proba([longest, *(texts[row] for row in short)])
    assert_same(beside[1:], alone[short])


def test_a_text_without_words_is_predicted_by_the_bias_alone(model):
    bias = model.network.output_bias.astype(np.float64)
    expected = bias - np.log(np.exp(bias).sum())
    for texts in ([""], ["", " ", ""], ["w1 w2", ""]):
        assert model.log_proba(texts)[-1] == pytest.approx(expected, abs=1e-6)


def test_no_texts_give_no_rows(model):
    assert model.log_proba([]).shape == (0, 3)


def test_probabilities_are_float64_and_sum_to_one(model, texts):
    log_proba = model.log_proba(texts)
    assert log_proba.dtype == np.float64
    assert np.exp(log_proba).sum(axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-12)


def test_large_weights_overflow_nothing(model, texts):
    """With numpy's warnings as errors, as the whole suite has them."""
    network = model.network
    large = Network(
        network.embedding * 1e4,
        network.directions,
        network.output_weights * 1e6,
        network.output_bias,
        POOLINGS,
    )
    log_proba = LSTMModel(model.encoder, large).log_proba(texts)
    assert np.isfinite(log_proba).all()


def test_the_row_of_padding_is_never_read(model, texts, alone):
    embedding = model.network.embedding.copy()
    embedding[0] = np.nan
    network = Network(
        embedding,
        model.network.directions,
        model.network.output_weights,
        model.network.output_bias,
        POOLINGS,
    )
    assert_same(LSTMModel(model.encoder, network).log_proba(texts), alone)
