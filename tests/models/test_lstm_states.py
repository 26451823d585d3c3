"""The states of an LSTM, word by word."""

import numpy as np
import pytest

from wordgate.models.lstm import Network
from wordgate.models.lstm_forward import Direction
from wordgate.models.lstm_states import hidden_states, prefix_predictions
from wordgate.text.encoder import EncodedTexts

POOLINGS = [("last",), ("max",), ("mean",), ("last", "max", "mean")]


def drawn_network(pooling, n_directions=1, seed=0, scale=0.7):
    rng = np.random.default_rng(seed)

    def drawn(*shape):
        return rng.normal(0.0, scale, shape).astype(np.float32)

    directions = [Direction(drawn(28, 5), drawn(28, 7), drawn(28)) for _ in range(n_directions)]
    features = 7 * len(pooling) * n_directions
    return Network(drawn(20, 5), tuple(directions), drawn(3, features), drawn(3), pooling)


def prefixes(ids):
    """The first 0, 1, 2 ... words."""
    return EncodedTexts(
        np.concatenate([ids[:n] for n in range(len(ids) + 1)]),
        np.cumsum(np.arange(-1, len(ids) + 1).clip(0), dtype=np.int64),
    )


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("scale", [0.7, 5.0])  # the second drives gates wide open and shut
def test_the_verdict_after_each_word_is_that_on_the_prefix(pooling, scale):
    network = drawn_network(pooling, scale=scale)
    ids = np.random.default_rng(1).integers(1, 20, 30).astype(np.int32)
    expected = np.exp(network.log_proba(prefixes(ids)))
    found = np.exp(prefix_predictions(network, ids)[0])
    assert found.shape == (31, 3)
    assert np.abs(found - expected).max() <= 1e-5


def test_a_text_without_words_has_the_verdict_before_any():
    network = drawn_network(("max", "mean"))
    log_proba, states = prefix_predictions(network, np.zeros(0, np.int32))
    shapes = (log_proba.shape, states.gates.shape, states.memory_change().shape)
    assert shapes == ((1, 3), (0, 3), (0,))
    expected = network.log_proba(prefixes(np.zeros(0, np.int32)))
    assert log_proba == pytest.approx(expected, abs=1e-6)


def test_two_directions_have_no_course():
    with pytest.raises(ValueError, match="bidirectional"):
        prefix_predictions(drawn_network(("max",), n_directions=2), np.array([1], np.int32))


def test_gates_and_memory_are_those_of_the_equations():
    """Two units, whose sums stand in the bias alone: gates differ by unit, memory adds up."""
    bias = np.array([0.0, 100.0, 100.0, 100.0, 1.0, -1.0, 100.0, -100.0], np.float32)
    direction = Direction(np.zeros((8, 1), np.float32), np.zeros((8, 2), np.float32), bias)
    states = hidden_states(direction, np.zeros((3, 1), np.float32))
    assert states.gates == pytest.approx(np.array([[0.75, 1.0, 0.5]] * 3))
    step = np.tanh(1.0) * np.array([0.5, -1.0])
    assert states.cell == pytest.approx(np.array([step, 2 * step, 3 * step]))
    assert states.memory_change() == pytest.approx([np.tanh(1.0) * 0.75] * 3)
    assert states.hidden[2] == pytest.approx([np.tanh(3 * step[0]), 0.0])
