"""Small random models, and the errors for damaged ones."""

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.models.average import AverageModel, OutputLayer
from wordgate.models.base import model_from_state
from wordgate.models.lstm import LSTMModel, Network
from wordgate.models.lstm_forward import Direction
from wordgate.text.encoder import TextEncoder

TEXTS = ["a good day", "a bad day"]  # four words, besides padding and the unknown one


def drawn(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def an_lstm(directions=2, pooling=("last", "max")):
    rng = np.random.default_rng(0)
    encoder, _ = TextEncoder.fit(TEXTS, max_tokens=9)
    network = Network(
        drawn(rng, 6, 5),
        tuple(
            Direction(drawn(rng, 12, 5), drawn(rng, 12, 3), drawn(rng, 12))
            for _ in range(directions)
        ),
        drawn(rng, 2, 3 * directions * len(pooling)),
        drawn(rng, 2),
        pooling,
    )
    return LSTMModel(encoder, network)


def an_average(family="mlp", features=3, classes=2, more=()):
    rng = np.random.default_rng(0)
    encoder, _ = TextEncoder.fit([*TEXTS, *more], max_tokens=50)
    size = len(encoder.vocabulary)
    weights = rng.uniform(0.1, 1, size).astype(np.float32)
    weights[:2] = 0
    output = OutputLayer(drawn(rng, classes, features), drawn(rng, classes))
    return AverageModel(
        encoder, drawn(rng, size, features), weights, drawn(rng, features),
        output if family == "mlp" else None,
    )  # fmt: skip


@pytest.fixture
def make_lstm():
    return an_lstm


@pytest.fixture
def make_average():
    return an_average


@pytest.fixture
def refusal():
    """Change the state of a model, or of a family's, and give what it is refused with."""

    def call(model, description=None, arrays=None, without=()):
        if isinstance(model, str):
            model = an_lstm() if model == "lstm" else an_average(model)
        changes = ((description or {}), (arrays or {}))
        parts = [{**own, **changed} for own, changed in zip(model.state(), changes, strict=True)]
        for part in parts:
            for name in without:
                part.pop(name, None)
        with pytest.raises(BundleError) as error:
            model_from_state(model.family, *parts)
        return str(error.value)

    return call
