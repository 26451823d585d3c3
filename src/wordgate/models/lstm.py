"""The family `lstm`: a text encoder and the network that reads what it encodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError
from wordgate.models.network import DIRECTIONS, POOLINGS, Floats, Network
from wordgate.models.protocol import Arrays, Description
from wordgate.runtime.cpu import choose_threads
from wordgate.text.encoder import EncodedTexts, TextEncoder


@dataclass(frozen=True)
class LSTMModel:
    """An LSTM classifier that needs only numpy.

    Attributes:
        encoder: What turns texts into ids.
        network: What reads them.
        threads: In how many threads it predicts at most; None for what `choose_threads` chooses.
    """

    encoder: TextEncoder
    network: Network
    threads: int | None = None
    family = "lstm"

    @property
    def n_threads(self) -> int:
        """Count the threads it predicts in."""
        return choose_threads(self.threads)

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""
        return self.log_proba_of(self.encoder.encode(texts))

    def log_proba_of(self, encoded: EncodedTexts) -> NDArray[np.float64]:
        """Compute log-probabilities of texts that are ids already, float64 [n, classes]."""
        return self.network.log_proba(encoded, threads=self.threads)

    def state(self) -> tuple[Description, Arrays]:
        """Give the encoder and the kinds of pooling, and the weights by their names."""
        description = {"encoder": self.encoder.state(), "pooling": list(self.network.pooling)}
        return description, self.network.arrays()

    @classmethod
    def from_state(cls, description: Description, arrays: Arrays) -> "LSTMModel":
        """Build the model again from what `state` gave.

        Raises:
            BundleError: A part is missing, or the parts don't fit together.
        """
        encoder, pooling = _part(description, "encoder"), _part(description, "pooling")
        if not isinstance(encoder, Mapping):
            raise BundleError(
                f"the model's text encoder is {encoder!r:.80}, not an object of named fields"
            )
        network = _network(arrays, _checked_pooling(pooling))
        fitted_encoder = TextEncoder.from_state(encoder)
        _check_shapes(network, len(fitted_encoder.vocabulary))
        return cls(fitted_encoder, network)


def _part(parts: Mapping[str, Any], name: str) -> Any:
    if name not in parts:
        raise _missing(name)
    return parts[name]


def _missing(name: str) -> BundleError:
    return BundleError(f"the model has no part '{name}'; train it again")


def _network(arrays: Arrays, pooling: tuple[str, ...]) -> Network:
    try:
        return Network.from_arrays({n: np.asarray(a) for n, a in arrays.items()}, pooling)
    except KeyError as error:
        raise _missing(error.args[0]) from error


def _checked_pooling(pooling: object) -> tuple[str, ...]:
    """Refuse poolings that this version can't compute."""
    names = tuple(pooling) if isinstance(pooling, list | tuple) else ()
    unknown = [name for name in names if name not in POOLINGS]
    if unknown or not names:
        raise BundleError(
            f"the model pools by {unknown or pooling!r},"
            f" and this wordgate only by {', '.join(POOLINGS)}"
        )
    return names


def _check_shapes(network: Network, vocabulary: int) -> None:
    """Refuse weights that belong to another vocabulary or to another network."""
    embedding, classes = network.embedding.shape[-1:], network.output_bias.shape[:1] or (1,)
    expected: dict[str, tuple[Floats, tuple[int, ...]]] = {
        "embedding": (network.embedding, (vocabulary, *embedding)),
    }
    features = 0
    for name, direction in zip(DIRECTIONS, network.directions, strict=False):
        hidden = direction.bias.size // 4
        features += hidden * len(network.pooling)
        expected[f"{name}.bias"] = (direction.bias, (4 * hidden,))
        expected[f"{name}.input_weights"] = (direction.input_weights, (4 * hidden, *embedding))
        expected[f"{name}.hidden_weights"] = (direction.hidden_weights, (4 * hidden, hidden))
    expected["output.bias"] = (network.output_bias, classes)
    expected["output.weights"] = (network.output_weights, (*classes, features))
    for name, (array, shape) in expected.items():
        if array.shape != shape or array.dtype != np.float32:
            raise BundleError(
                f"the model's {name} is {array.dtype} {list(array.shape)}"
                f" where float32 {list(shape)} belongs"
            )
