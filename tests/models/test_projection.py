"""The table of what a recurrence adds at each word."""

import numpy as np

from wordgate.models.lstm_forward import InputProjection

WORDS, EMBEDDING, WIDTH = 1000, 12, 36


def drawn(*shape):
    return np.random.default_rng(0).normal(0.0, 0.5, shape).astype(np.float32)


def test_only_the_blocks_of_words_that_are_read_are_filled():
    embedding, weights, bias = drawn(WORDS, EMBEDDING), drawn(WIDTH, EMBEDDING), drawn(WIDTH)
    projection = InputProjection(embedding, weights, bias)
    projection.fill(np.array([3, 999]))
    filled = np.flatnonzero(projection.table.any(axis=1))
    assert filled.tolist() == [*range(16), *range(992, 1008)]  # the last block is filled up
    expected = embedding[[3, 999]] @ weights.T + bias
    assert np.abs(projection.table[[3, 999]] - expected).max() <= 1e-5
