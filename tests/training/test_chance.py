"""Where chance comes from: streams, dropout masks and the weights to begin with."""

import numpy as np
import pytest

from wordgate.training import initialisation
from wordgate.training.noise import dropout_mask, stream


def drawn(seed, name, *position):
    return stream(seed, name, *position).random(4).tolist()


def test_a_stream_is_its_seed_its_name_and_its_position():
    assert drawn(3, "order", 1, 2) == drawn(3, "order", 1, 2)
    others = [
        drawn(4, "order", 1, 2),
        drawn(3, "dropout", 1, 2),
        drawn(3, "order", 2, 2),
        drawn(3, "order", 1, 3),
        drawn(3, "order", 2, 1),
        drawn(2**32 + 3, "order", 1, 2),
    ]
    assert all(other != drawn(3, "order", 1, 2) for other in others)


def test_a_stream_leaves_the_global_one_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    drawn(0, "order", 0)
    assert np.random.get_state()[1].tolist() == before


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_a_dropout_mask_keeps_the_mean(rate):
    mask = dropout_mask(np.random.default_rng(0), (200, 500), rate)
    assert mask.dtype == np.float32
    assert np.unique(mask) == pytest.approx([0.0, 1.0 / (1.0 - rate)])
    assert (mask == 0.0).mean() == pytest.approx(rate, abs=0.01)
    assert mask.mean(dtype=np.float64) == pytest.approx(1.0, abs=0.03)


def test_orthogonal_columns_are_orthonormal():
    columns = initialisation.orthogonal(np.random.default_rng(0), 20, 5)
    assert columns.dtype == np.float32
    assert columns.T @ columns == pytest.approx(np.eye(5), abs=1e-6)


def test_glorot_uniform_fills_its_range():
    drawn = initialisation.glorot_uniform(np.random.default_rng(0), 300, 100)
    limit = (6.0 / 400) ** 0.5
    assert drawn.dtype == np.float32
    assert 0.99 * limit < np.abs(drawn).max() <= limit
    assert drawn.std() == pytest.approx(limit / 3**0.5, rel=0.02)


def test_the_forget_gate_begins_open():
    assert initialisation.forget_gate_bias(2).tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_word_vectors_have_the_scale_asked_for_and_padding_none():
    vectors = initialisation.word_vectors(np.random.default_rng(0), 500, 40, 0.1)
    assert vectors.dtype == np.float32
    assert not vectors[0].any()
    assert vectors[1:].std() == pytest.approx(0.1, rel=0.02)
