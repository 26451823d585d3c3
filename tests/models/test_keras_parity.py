"""The numpy network against Keras with the same weights."""

from pathlib import Path

import numpy as np
import pytest

from wordgate.models.lstm import Network
from wordgate.models.lstm_forward import Direction
from wordgate.text.encoder import EncodedTexts

RECORDED = Path(__file__).parents[1] / "training" / "fixtures" / "keras_lstm.npz"


@pytest.fixture(scope="module")
def recorded():
    with np.load(RECORDED) as arrays:
        return dict(arrays)


def network(recorded, when="initial"):
    def weights(name):
        return np.ascontiguousarray(recorded[f"{when}.{name}"].T)

    return Network(
        embedding=recorded[f"{when}.embedding"],
        directions=(Direction(weights("kernel"), weights("recurrent_kernel"), weights("bias")),),
        output_weights=weights("output_kernel"),
        output_bias=weights("output_bias"),
        pooling=("last",),
    )


def unpadded(ids):
    """Take the padding, which Keras masks, out of ids int32 [n, time]."""
    offsets = np.concatenate([[0], np.cumsum((ids > 0).sum(axis=1))]).astype(np.int64)
    return EncodedTexts(ids[ids > 0], offsets)


def test_probabilities_are_those_of_keras(recorded):
    ids = recorded["ids"].reshape(-1, recorded["ids"].shape[-1])
    expected = recorded["probabilities"].reshape(len(ids), -1)
    assert (ids == 0).all(axis=1).any()
    computed = np.exp(network(recorded).log_proba(unpadded(ids)))
    np.testing.assert_allclose(computed, expected, rtol=0, atol=1e-6)


def test_the_loss_is_that_of_keras(recorded):
    ids, targets = recorded["ids"][0], recorded["targets"][0]
    log_proba = network(recorded).log_proba(unpadded(ids))
    loss = -log_proba[np.arange(len(targets)), targets].mean()
    assert loss == pytest.approx(recorded["losses"][0], abs=1e-6)
