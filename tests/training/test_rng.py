"""Random generators by seed, name and position, and dropout masks."""

import numpy as np
import pytest

from wordgate.training.rng import dropout_mask, rng_for


def drawn(seed, name, *position):
    return rng_for(seed, name, *position).random(4).tolist()


def test_a_generator_is_its_seed_its_name_and_its_position():
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


def test_a_generator_leaves_the_global_one_alone():
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
