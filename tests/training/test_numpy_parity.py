"""torch and numpy compute the same probabilities."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wordgate.models.lstm import Network
from wordgate.models.lstm_forward import Direction
from wordgate.text.batches import bucketed
from wordgate.text.encoder import EncodedTexts
from wordgate.training import recurrent

POOLINGS = [("last",), ("max",), ("mean",), ("last", "max"), ("mean", "max", "last")]


def drawn_network(rng, pooling, directions):
    words, embedding, hidden, classes = rng.integers(2, 40, 4)

    def drawn(*shape):
        return rng.normal(0.0, 0.4, shape).astype(np.float32)

    return Network(
        drawn(words, embedding),
        tuple(
            Direction(drawn(4 * hidden, embedding), drawn(4 * hidden, hidden), drawn(4 * hidden))
            for _ in range(directions)
        ),
        drawn(classes, hidden * directions * len(pooling)),
        drawn(classes),
        pooling,
    )


def drawn_texts(rng, words):
    lengths = rng.integers(0, 30, rng.integers(1, 50))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return EncodedTexts(rng.integers(1, words, offsets[-1]).astype(np.int32), offsets)


def torch_log_proba(network, encoded):
    """Score by the engine without masks, in batches of 16."""
    directions = tuple(
        recurrent.DirectionWeights(*map(torch.tensor, (d.input_weights, d.hidden_weights, d.bias)))
        for d in network.directions
    )
    weights = recurrent.Weights(
        directions, torch.tensor(network.output_weights), torch.tensor(network.output_bias)
    )
    nothing = [None] * len(directions)
    found = np.empty((len(encoded), len(network.output_bias)))
    for batch in bucketed(encoded, batch_size=16, rng=None):
        scores = recurrent.logits(
            torch.tensor(network.embedding),
            torch.tensor(batch.ids),
            torch.tensor(batch.lengths),
            weights,
            network.pooling,
            recurrent.Masks(nothing, nothing, None),
        )
        found[batch.rows] = (
            torch.nn.functional.logsigmoid(scores.double())
            if network.multilabel
            else torch.log_softmax(scores.double(), dim=1)
        )
    return found


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("pooling", POOLINGS, ids="+".join)
def test_torch_and_numpy_agree(pooling, directions):
    rng = np.random.default_rng([directions, *map(len, pooling)])
    for _ in range(8):
        network = drawn_network(rng, pooling, directions)
        encoded = drawn_texts(rng, len(network.embedding))
        for each in (network, replace(network, multilabel=True)):
            expected = torch_log_proba(each, encoded)
            assert each.log_proba(encoded) == pytest.approx(expected, abs=1e-5)
