"""The family `lstm`: a text encoder and an LSTM network, with predictions in numpy.

Shapes: ``batch`` texts, ``time`` words, ``embedding`` dimensions of a word vector, ``hidden`` units
of a state, ``features`` after pooling (hidden x directions x poolings), ``classes`` labels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError, SettingsError
from wordgate.models.base import (
    Arrays,
    Description,
    Floats,
    Model,
    check_arrays,
    class_log_proba,
    encoder_of,
    is_multilabel,
    multilabel_part,
    required,
)
from wordgate.models.int8 import int8_arrays, restore_int8, round_to_int8
from wordgate.models.lstm_forward import (
    NUMPY,
    ArrayT,
    Direction,
    LSTMWeights,
    NumpyLSTMForward,
    check_kernel,
)
from wordgate.runtime.parallel import parallel_for, part_size
from wordgate.runtime.threads import SINGLE_THREADED_BLAS, choose_threads
from wordgate.text.batches import PaddedBatch, bucketed
from wordgate.text.encoder import EncodedTexts, TextEncoder

if TYPE_CHECKING:
    from wordgate.models.lstm_compiled import CompiledLSTMForward

PREDICTION_BATCH = 512
_SMALLEST_BATCH, _FEWEST_BATCHES = 128, 4  # so that several threads share a few hundred texts
_PART = 1024
"""Maximum texts that a thread of compiled code encodes and predicts together: enough for batches of
similar lengths, and few enough that threads end at about the same time."""
POOLINGS = ("last", "max", "mean")
DIRECTIONS = ("forward", "backward")


@dataclass(frozen=True)
class Network:
    """Word vectors, one or two LSTMs, and a linear layer on their pooled states.

    Attributes:
        embedding: float32 [vocabulary, embedding]; row 0 is padding and not used.
        directions: The forward LSTM, and the backward one if there is one.
        output_weights: float32 [classes, features].
        output_bias: float32 [classes].
        pooling: Kinds of pooling over time, of `POOLINGS`, in this order.
        int8: Whether word vectors are stored in int8; they are then rounded by `round_to_int8`.
        kernel: The implementation, of `KERNELS`.
        multilabel: Whether a text can have several labels.
    """

    embedding: Floats
    directions: tuple[Direction, ...]
    output_weights: Floats
    output_bias: Floats
    pooling: tuple[str, ...]
    int8: bool = False
    kernel: str = NUMPY
    multilabel: bool = False

    @classmethod
    def from_arrays(
        cls,
        arrays: Arrays,
        pooling: tuple[str, ...],
        *,
        int8: bool = False,
        multilabel: bool = False,
    ) -> "Network":
        """Build a network from its arrays, after `restore_int8`.

        Raises:
            BundleError: An array is missing.
        """
        both = any(name.startswith("backward.") for name in arrays)
        directions = tuple(
            Direction(
                input_weights=required(arrays, f"{name}.input_weights"),
                hidden_weights=required(arrays, f"{name}.hidden_weights"),
                bias=required(arrays, f"{name}.bias"),
            )
            for name in DIRECTIONS[: 1 + both]
        )
        return cls(
            embedding=required(arrays, "embedding"),
            directions=directions,
            output_weights=required(arrays, "output.weights"),
            output_bias=required(arrays, "output.bias"),
            pooling=pooling,
            int8=int8,
            multilabel=multilabel,
        )

    def in_int8(self) -> "Network":
        """Return the same network with word vectors that int8 can store."""
        return replace(self, embedding=round_to_int8(self.embedding), int8=True)

    def computed_by(self, kernel: str) -> "Network":
        """Return the same network, computed by another kernel; see `with_kernel` for errors."""
        network = replace(self, kernel=kernel)
        network._forward_passes  # noqa: B018 - an unsupported kernel fails here
        return network

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by their names."""
        return {
            **int8_arrays("embedding", self.embedding, int8=self.int8),
            **named_layers(self.directions, self.output_weights, self.output_bias),
        }

    def log_proba(
        self, encoded: EncodedTexts, *, threads: int | None = None
    ) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]; threads are as for `choose_threads`.

        The result for a text does not depend on other texts, padding or the number of threads.
        """
        logits = np.zeros((len(encoded), len(self.output_bias)), np.float64)

        def score(batch: PaddedBatch) -> None:
            logits[batch.rows] = self._logits(batch)

        with SINGLE_THREADED_BLAS:
            for one in self._forward_passes:
                one.prepare(encoded.ids)
            batches = bucketed(encoded, batch_size=_batch_size(len(encoded)), rng=None)
            parallel_for(score, batches, threads=threads)
        return class_log_proba(logits, self.multilabel)

    @cached_property
    def _forward_passes(self) -> "tuple[NumpyLSTMForward | CompiledLSTMForward, ...]":
        check_kernel(self.kernel)
        if self.kernel == NUMPY:
            return tuple(NumpyLSTMForward(self.embedding, each) for each in self.directions)
        from wordgate.models.lstm_compiled import CompiledLSTMForward, layout_for

        layout = layout_for(self.kernel)
        return tuple(CompiledLSTMForward(self.embedding, each, layout) for each in self.directions)

    def _logits(self, batch: PaddedBatch) -> Floats:
        """Compute the logits of a batch, longest text first: float32 [batch, classes]."""
        lengths = batch.lengths
        ids = batch.ids[:, : lengths[0]]
        forward, *backward = self._forward_passes
        pooled = forward.pooled_states(ids, lengths, self.pooling)
        for one in backward:
            pooled += one.pooled_states(_reversed(ids, lengths), lengths, self.pooling)
        # Unlike BLAS, einsum gives bit-identical results for any batch size.
        logits: Floats = np.einsum("bf,cf->bc", np.hstack(pooled), self.output_weights)
        return logits + self.output_bias


def _batch_size(n_texts: int) -> int:
    """Choose a batch size by the number of texts alone: it affects the last bits of results."""
    return min(PREDICTION_BATCH, max(_SMALLEST_BATCH, -(-n_texts // _FEWEST_BATCHES)))


def named_layers(
    directions: Sequence[LSTMWeights[ArrayT]], output_weights: ArrayT, output_bias: ArrayT
) -> dict[str, ArrayT]:
    """Return all weights but the word vectors, by their names in checkpoints and models."""
    named = {"output.weights": output_weights, "output.bias": output_bias}
    for name, direction in zip(DIRECTIONS, directions, strict=False):
        named |= {f"{name}.{own}": array for own, array in vars(direction).items()}
    return named


def _reversed(ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Reverse the tokens of each row, and keep padding at the end."""
    steps = np.arange(ids.shape[1])
    backwards = np.maximum(lengths[:, None] - 1 - steps, 0)
    return np.take_along_axis(ids, backwards, axis=1)


@dataclass(frozen=True)
class LSTMModel:
    """An LSTM classifier that needs only numpy.

    Attributes:
        encoder: Converts texts to ids.
        network: The network.
        threads: Maximum number of threads of predictions; None for `choose_threads` to choose.
    """

    encoder: TextEncoder
    network: Network
    threads: int | None = None
    family = "lstm"

    @property
    def n_threads(self) -> int:
        """The number of threads of predictions."""
        return choose_threads(self.threads)

    def with_threads(self, threads: int | None) -> "LSTMModel":
        """Return the same model with this maximum number of threads."""
        return replace(self, threads=threads)

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes].

        With compiled code, each thread encodes and predicts a part of the texts. With numpy,
        encoding holds the GIL, so all texts are encoded first.
        """
        encode = self._compiled_encode
        if encode is None:
            return self.log_proba_of(self.encoder.encode(texts))
        log_proba = np.zeros((len(texts), len(self.network.output_bias)), np.float64)

        def predict(rows: slice) -> None:
            log_proba[rows] = self.network.log_proba(encode(texts[rows]), threads=1)

        size = part_size(len(texts), self.threads, _PART)
        parts = (slice(start, start + size) for start in range(0, len(texts), size))
        with SINGLE_THREADED_BLAS:
            parallel_for(predict, parts, threads=self.threads)
        return log_proba

    @cached_property
    def _compiled_encode(self) -> Callable[[Sequence[str]], EncodedTexts] | None:
        """The compiled encoder, if the kernel of the network is compiled, too."""
        if self.network.kernel == NUMPY:
            return None
        from wordgate.text.compiled_encoder import CompiledEncoder

        return CompiledEncoder(self.encoder).encode

    def log_proba_of(self, encoded: EncodedTexts) -> NDArray[np.float64]:
        """Compute log-probabilities of encoded texts, float64 [n, classes]."""
        return self.network.log_proba(encoded, threads=self.threads)

    def state(self) -> tuple[Description, Arrays]:
        """Return encoder and pooling as JSON values, and the weights by their names."""
        description = {
            "encoder": self.encoder.state(),
            "pooling": list(self.network.pooling),
            **multilabel_part(self.network.multilabel),
        }
        return description, self.network.arrays()

    @classmethod
    def from_state(cls, description: Description, arrays: Arrays) -> "LSTMModel":
        """Rebuild a model from its `state`.

        Raises:
            BundleError: A part is missing, or the parts do not match.
        """
        pooling = _checked_pooling(required(description, "pooling"))
        encoder = encoder_of(description)
        multilabel = is_multilabel(description)
        arrays, int8 = restore_int8("embedding", arrays)
        network = Network.from_arrays(arrays, pooling, int8=int8, multilabel=multilabel)
        check_arrays(arrays, _shapes(network, len(encoder.vocabulary)))
        return cls(encoder, network)


def with_kernel(model: Model, kernel: str) -> Model:
    """Return the same model with a kernel of `KERNELS`.

    Raises:
        SettingsError: The kernel does not support this model or this processor.
        MissingExtraError: The kernel needs numba, which is not installed.
    """
    if kernel == NUMPY:
        return model
    if not isinstance(model, LSTMModel):
        raise SettingsError(
            f"kernel '{kernel}' is for lstm models, and this is a {model.family} model"
        )
    return replace(model, network=model.network.computed_by(kernel))


def _checked_pooling(pooling: object) -> tuple[str, ...]:
    """Refuse kinds of pooling that this version does not have."""
    names = tuple(pooling) if isinstance(pooling, list | tuple) else ()
    unknown = [name for name in names if name not in POOLINGS]
    if unknown or not names:
        raise BundleError(
            f"the model pools by {unknown or pooling!r},"
            f" and this version of wordgate only by {', '.join(POOLINGS)}"
        )
    return names


def _shapes(network: Network, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """Return the expected shapes of all arrays."""
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
    return shapes
