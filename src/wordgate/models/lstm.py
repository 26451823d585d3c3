"""The family `lstm`: a text encoder and an LSTM network."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError, SettingsError
from wordgate.models.base import (
    Arrays,
    Description,
    Model,
    check_arrays,
    encoder_of,
    missing_part,
    required,
)
from wordgate.models.lstm_forward import NUMPY, check_kernel
from wordgate.models.lstm_network import DIRECTIONS, POOLINGS, Network
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

    def with_threads(self, threads: int | None) -> "LSTMModel":
        """Give the same model, predicting in so many threads at most."""
        return replace(self, threads=threads)

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
        pooling = _checked_pooling(required(description, "pooling"))
        encoder = encoder_of(description)
        try:
            network = Network.from_arrays({n: np.asarray(a) for n, a in arrays.items()}, pooling)
        except KeyError as error:
            raise missing_part(error.args[0]) from error
        _check_shapes(network, len(encoder.vocabulary))
        return cls(encoder, network)


def with_kernel(model: Model, kernel: str) -> Model:
    """Let a kernel, of `KERNELS`, compute a model.

    Raises:
        SettingsError: There is no such kernel, it can't compute this model, or the processor lacks
            what it needs.
        MissingExtraError: It needs numba, which is not installed.
    """
    check_kernel(kernel)
    if kernel == NUMPY:
        return model
    if not isinstance(model, LSTMModel):
        raise SettingsError(
            f"kernel '{kernel}' computes models of the family 'lstm', and this one is of"
            f" '{model.family}'"
        )
    return replace(model, network=model.network.computed_by(kernel))


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
    shapes: dict[str, tuple[int, ...]] = {"embedding": (vocabulary, *embedding)}
    features = 0
    for name, direction in zip(DIRECTIONS, network.directions, strict=False):
        hidden = direction.bias.size // 4
        features += hidden * len(network.pooling)
        shapes[f"{name}.bias"] = (4 * hidden,)
        shapes[f"{name}.input_weights"] = (4 * hidden, *embedding)
        shapes[f"{name}.hidden_weights"] = (4 * hidden, hidden)
    shapes["output.bias"] = classes
    shapes["output.weights"] = (*classes, features)
    check_arrays(replace(network, int8=False).arrays(), shapes)
