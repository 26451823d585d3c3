"""The projection table of a direction: filled when read, the same whatever was read before."""

import numpy as np
import pytest

from wordgate.models.lstm_forward import Direction, InputProjection, NumpyLSTMForward

WORDS, EMBEDDING, HIDDEN = 1000, 12, 9


@pytest.fixture
def make_lstm_forward():
    def make():
        rng = np.random.default_rng(0)

        def drawn(*shape):
            return rng.normal(0.0, 0.5, shape).astype(np.float32)

        direction = Direction(
            drawn(4 * HIDDEN, EMBEDDING), drawn(4 * HIDDEN, HIDDEN), drawn(4 * HIDDEN)
        )
        return NumpyLSTMForward(drawn(WORDS, EMBEDDING), direction)

    return make


def read(reader, ids):
    ids = np.array([ids])
    reader.prepare(ids)
    return reader.pooled_states(ids, np.array([ids.size]), ["last"])[0]


@pytest.mark.parametrize("before", [[], [999], [3], list(range(WORDS))])
def test_earlier_predictions_change_no_bit(make_lstm_forward, before):
    text, fresh, used = [3, 500, 999, 17, 16, 15], make_lstm_forward(), make_lstm_forward()
    used.prepare(np.array(before, np.int64))
    assert np.array_equal(read(used, text), read(fresh, text))


def test_a_batch_of_texts_without_words_has_zeros(make_lstm_forward):
    pooled_states = make_lstm_forward().pooled_states(
        np.zeros((2, 0), np.int64), np.zeros(2, np.int64), ["last", "max", "mean"]
    )
    assert [part.tolist() for part in pooled_states] == 3 * [[[0.0] * HIDDEN] * 2]


def test_only_the_blocks_of_words_that_are_read_are_filled():
    rng = np.random.default_rng(0)
    shapes = ((WORDS, EMBEDDING), (36, EMBEDDING), (36,))
    embedding, weights, bias = (rng.normal(0.0, 0.5, one).astype(np.float32) for one in shapes)
    projection = InputProjection(embedding, weights, bias)
    projection.fill(np.array([3, 999]))
    filled = np.flatnonzero(projection.table.any(axis=1))
    assert filled.tolist() == [*range(16), *range(992, 1008)]  # the last block is filled up
    expected = embedding[[3, 999]] @ weights.T + bias
    assert np.abs(projection.table[[3, 999]] - expected).max() <= 1e-5
