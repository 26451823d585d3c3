"""The family `lstm`: a text encoder and the network that reads what it encodes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError
from wordgate.models.network import Direction, Floats, Network
from wordgate.models.protocol import Arrays, Description
from wordgate.text.encoder import TextEncoder

_DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class LSTMModel:
    """An LSTM classifier that needs only numpy."""

    encoder: TextEncoder
    network: Network
    family = "lstm"

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""
        return self.network.log_proba(self.encoder.encode(texts))

    def state(self) -> tuple[Description, Arrays]:
        """Give the encoder and the kinds of pooling, and the weights by their names."""
        network = self.network
        arrays = {
            "embedding": network.embedding,
            "output.weights": network.output_weights,
            "output.bias": network.output_bias,
        }
        for name, direction in zip(_DIRECTIONS, network.directions, strict=False):
            arrays[f"{name}.input_weights"] = direction.input_weights
            arrays[f"{name}.hidden_weights"] = direction.hidden_weights
            arrays[f"{name}.bias"] = direction.bias
        return {"encoder": self.encoder.state(), "pooling": list(network.pooling)}, arrays

    @classmethod
    def from_state(cls, description: Description, arrays: Arrays) -> "LSTMModel":
        """Build the model again from what `state` gave.

        Raises:
            BundleError: A part is missing, or the parts don't fit together.
        """
        try:
            encoder = TextEncoder.from_state(description["encoder"])
            pooling = tuple(description["pooling"])
            found = [name for name in _DIRECTIONS if f"{name}.bias" in arrays]
            network = Network(
                embedding=arrays["embedding"],
                directions=tuple(_direction(name, arrays) for name in found),
                output_weights=arrays["output.weights"],
                output_bias=arrays["output.bias"],
                pooling=pooling,
            )
        except KeyError as error:
            raise BundleError(f"the model has no part {error}; train it again") from error
        _check_fit(encoder, network)
        return cls(encoder, network)


def _direction(name: str, arrays: Arrays) -> Direction:
    return Direction(
        input_weights=arrays[f"{name}.input_weights"],
        hidden_weights=arrays[f"{name}.hidden_weights"],
        bias=arrays[f"{name}.bias"],
    )


def _check_fit(encoder: TextEncoder, network: Network) -> None:
    """Refuse weights that belong to another vocabulary or to another network."""
    embedding = network.embedding.shape[-1]
    classes = len(network.output_bias)
    expected: dict[str, tuple[Floats, tuple[int, ...]]] = {
        "embedding": (network.embedding, (len(encoder.vocabulary), embedding)),
    }
    features = 0
    for name, direction in zip(_DIRECTIONS, network.directions, strict=False):
        hidden = direction.hidden_weights.shape[-1]
        features += hidden * len(network.pooling)
        expected[f"{name}.input_weights"] = (direction.input_weights, (4 * hidden, embedding))
        expected[f"{name}.hidden_weights"] = (direction.hidden_weights, (4 * hidden, hidden))
        expected[f"{name}.bias"] = (direction.bias, (4 * hidden,))
    expected["output.weights"] = (network.output_weights, (classes, features))
    for name, (array, shape) in expected.items():
        if array.shape != shape or array.dtype != np.float32:
            raise BundleError(
                f"the model's {name} is {array.dtype} {list(array.shape)}"
                f" where float32 {list(shape)} belongs"
            )
    unknown = set(network.pooling) - {"last", "max", "mean"}
    if unknown or not network.directions:
        raise BundleError(f"the model pools by {sorted(unknown)}, which this wordgate doesn't know")
