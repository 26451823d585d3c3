"""The network of the family `transformer`: an encoder, mean pooling, and a linear layer.

Mean pooling is that of sentence-transformers (Reimers and Gurevych 2019), and works for all
encoders, with or without a special token for whole texts.

A network is described by data alone. transformers would load code that a configuration names:
classes of another repository (``auto_map``), kernels of the hub (``attn_implementation``,
``use_kernels``), quantizers. Here only listed types of encoders are built, each with its attention
implementation, and all configuration values that could name code are left out.

Shapes: ``batch`` texts of at most ``time`` subwords; ``hidden_size`` dimensions of the outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.errors import BundleError, WordgateError, did_you_mean
from wordgate.models.base import check_arrays
from wordgate.runtime.threads import choose_threads, torch_threads
from wordgate.text.batches import bucketed
from wordgate.text.subwords import FIRST_ID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from wordgate.models.base import Arrays
    from wordgate.text.encoder import EncodedTexts

ENCODERS = {
    "albert": "sdpa", "bert": "sdpa", "camembert": "sdpa", "deberta": "eager",
    "deberta-v2": "eager", "distilbert": "sdpa", "electra": "sdpa", "ernie": "sdpa",
    "modernbert": "sdpa", "mpnet": "eager", "rembert": "eager", "roberta": "sdpa",
    "roberta-prelayernorm": "sdpa", "roformer": "eager", "xlm-roberta": "sdpa",
    "xlm-roberta-xl": "sdpa",
}  # fmt: skip
"""Types of encoders, and their attention implementations. Padding was verified to have no effect on
the outputs of each; it has for others, such as MobileBERT and ConvBERT."""

DROPOUT = 0.1
"""Dropout rate of the pooled outputs in training, as in the heads of these encoders."""

_LEFT_OUT = frozenset(
    (
        # Names of code, and other formats of the weights.
        *("auto_map", "attn_implementation", "experts_implementation", "use_kernels"),
        *("kernel_config", "quantization_config", "compression_config", "custom_pipelines"),
        *("reference_compile", "dtype", "torch_dtype"),
        # Further outputs, and their format.
        *("output_attentions", "output_hidden_states", "return_dict", "use_return_dict"),
        # Not used by encoders.
        *("architectures", "name_or_path", "transformers_version", "tokenizer_class"),
        *("id2label", "label2id", "num_labels", "problem_type", "finetuning_task"),
        *("task_specific_params", "gradient_checkpointing"),
    )
)
_MOST_LAYERS = 1000
_BATCH_SIZE = 32  # larger ones are no faster on a processor
_ROUND_TO = 8


@dataclass(eq=False)
class TransformerNetwork:
    """An encoder with a linear layer on the mean of its outputs.

    Args:
        config: The configuration of the encoder, from `plain_config`.
        modules: ``encoder``, ``dropout`` and ``head``.
        pad_id: The encoder's id of padding.
        multilabel: Whether a text can have several labels.
    """

    config: Mapping[str, Any]
    modules: torch.nn.ModuleDict
    pad_id: int
    multilabel: bool = False

    @property
    def encoder_config(self) -> Any:
        """Return the configuration object of transformers for the encoder, with defaults."""
        return self.modules["encoder"].config

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return int(self.modules["head"].out_features)  # type: ignore[arg-type]

    @property
    def hidden_size(self) -> int:
        """The dimensions of the encoder's outputs."""
        return int(self.modules["head"].in_features)  # type: ignore[arg-type]

    @property
    def vocab_size(self) -> int:
        """The number of embeddings of subwords."""
        return int(self.modules["encoder"].get_input_embeddings().num_embeddings)  # type: ignore[operator]

    @property
    def max_length(self) -> int:
        """The maximum number of subwords of a text."""
        limits = [int(self.config.get("max_position_embeddings", 0)) or 2**31]
        for module in self._position_embeddings():
            n_reserved = 0 if module.padding_idx is None else module.padding_idx + 1
            limits.append(module.num_embeddings - n_reserved)
        return min(limits)

    @property
    def position_padding(self) -> int | None:
        """The position id of padding, after which those of RoBERTa begin; None for other models."""
        return next((module.padding_idx for module in self._position_embeddings()), None)

    @torch.inference_mode()
    def position_bias(self) -> NDArray[np.float32] | None:
        """Compute MPNet's attention bias for each relative position.

        Returns:
            float32 [2 * max_length - 1, heads], from the first to the last relative position; None
            for encoders without such a bias.
        """
        layers = getattr(self.modules["encoder"], "encoder", None)
        compute = getattr(layers, "compute_position_bias", None)
        if compute is None:
            return None
        (bias,) = compute(torch.zeros(1, self.max_length, 1))  # [heads, time, time]
        ahead, behind = bias[:, 0, :], bias[:, 1:, 0]
        return torch.cat([behind.flip(1), ahead], dim=1).T.numpy()

    def _position_embeddings(self) -> Iterator[torch.nn.Embedding]:
        for name, module in self.modules.named_modules():
            if isinstance(module, torch.nn.Embedding) and name.endswith("position_embeddings"):
                yield module

    def logits(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Compute logits.

        Args:
            ids: int64 [batch, time], the encoder's ids plus `FIRST_ID`; 0 beyond a text's length.
            lengths: int64 [batch].

        Returns:
            [batch, classes].
        """
        # A text without subwords has one of padding: attention needs at least one.
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths.clamp(min=1)[:, None]
        outputs = self._outputs(ids, mask)
        weights = mask.to(outputs.dtype)[..., None]
        mean = (outputs * weights).sum(dim=1) / weights.sum(dim=1)
        logits: torch.Tensor = self.modules["head"](self.modules["dropout"](mean))
        return logits

    @torch.inference_mode()
    def outputs(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
        """Compute the encoder's outputs for each subword, without dropout.

        Args:
            ids: int64 [batch, time], as for `logits`.
            lengths: int64 [batch], 1 or more.

        Returns:
            float32 [batch, time, hidden_size].
        """
        was_training = self.modules.training
        self.modules.eval()
        mask = torch.arange(ids.shape[1]) < torch.from_numpy(lengths)[:, None]
        device = next(self.modules.parameters()).device
        outputs = self._outputs(torch.from_numpy(ids).to(device), mask.to(device))
        self.modules.train(was_training)
        return outputs.float().cpu().numpy()

    def _outputs(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Run the encoder; mask bool [batch, time], result [batch, time, hidden_size]."""
        input_ids = torch.where(ids > 0, ids - FIRST_ID, self.pad_id)
        states: torch.Tensor = self.modules["encoder"](
            input_ids=input_ids, attention_mask=mask.long(), return_dict=True
        ).last_hidden_state
        return states

    def n_threads(self, threads: int | None) -> int:
        """Return the number of threads of `log_proba` with this argument."""
        return choose_threads(threads, at_most=torch.get_num_threads())

    def log_proba(
        self, encoded: EncodedTexts, *, threads: int | None = None
    ) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]; threads are as for `torch_threads`."""
        log_proba = np.zeros((len(encoded), self.n_classes))
        device = next(self.modules.parameters()).device
        was_training = self.modules.training
        self.modules.eval()
        with torch_threads(torch, threads), torch.inference_mode():
            for batch in bucketed(encoded, batch_size=_BATCH_SIZE, rng=None, round_to=_ROUND_TO):
                ids, lengths = torch.from_numpy(batch.ids), torch.from_numpy(batch.lengths)
                logits = self.logits(ids.to(device), lengths.to(device)).double()
                log_proba[batch.rows] = self._log_proba(logits).cpu().numpy()
        self.modules.train(was_training)
        return log_proba

    def _log_proba(self, logits: torch.Tensor) -> torch.Tensor:
        """Compute log-probabilities of logits [batch, classes]."""
        if self.multilabel:
            return torch.nn.functional.logsigmoid(logits)
        return torch.log_softmax(logits, dim=1)

    def copy(self) -> TransformerNetwork:
        """Return a copy with its own weights."""
        modules = deepcopy(self.modules)
        return TransformerNetwork(self.config, modules, self.pad_id, self.multilabel)

    def in_precision(self, precision: torch.dtype, device: torch.device) -> TransformerNetwork:
        """Return a copy for prediction on a device, with all weights in a precision.

        If the hardware supports bfloat16, it is about three times as fast as float32, and 1.5 times
        as fast as autocast, which converts the weights of each layer every time.
        """
        copied = self.copy()
        copied.modules.to(device=device, dtype=precision).eval()
        return copied

    def in_bfloat16(self) -> TransformerNetwork:
        """Return a copy in bfloat16 for prediction on the CPU."""
        return self.in_precision(torch.bfloat16, torch.device("cpu"))

    def to_cpu(self) -> TransformerNetwork:
        """Move the network to the CPU for prediction."""
        self.modules.cpu().eval()
        return self

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights by their names."""
        return {name: w.cpu().float().numpy() for name, w in self.modules.state_dict().items()}

    @classmethod
    def from_arrays(
        cls,
        config: Mapping[str, Any],
        pad_id: object,
        arrays: Arrays,
        *,
        multilabel: bool = False,
    ) -> TransformerNetwork:
        """Restore a network from its configuration and `arrays`.

        Raises:
            BundleError: The configuration is not valid, or does not fit the arrays.
        """
        if "head.weight" not in arrays or np.ndim(arrays["head.weight"]) != 2:
            raise BundleError("the model's head.weight is missing or no matrix; train it again")
        n_classes = len(arrays["head.weight"])
        config = plain_config(config)
        # First without memory: a damaged configuration may need too much.
        with torch.device("meta"):
            network = _built(config, n_classes)
        shapes = {name: tuple(w.shape) for name, w in network.modules.state_dict().items()}
        check_arrays(arrays, shapes)
        if type(pad_id) is not int or not 0 <= pad_id < network.vocab_size:
            raise BundleError(
                f"the model's pad_id is {pad_id!r:.80}, which is not one of its subwords"
            )
        network = _built(config, n_classes, pad_id)
        # A copy: the arrays of a bundle may be read-only or shared with another model.
        weights = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        network.modules.load_state_dict(weights, strict=True)
        network.multilabel = multilabel
        return network


def plain_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that a type of encoder is built from.

    Raises:
        BundleError: The type is not supported.
    """
    from transformers import AutoConfig

    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in ENCODERS:
        known = did_you_mean(str(kind)[:80], ENCODERS)
        raise BundleError(f"unsupported type of transformer {kind!r:.80}{known}")
    # Any other name would become an attribute of the configuration object, and could replace one
    # that transformers needs.
    own = AutoConfig.for_model(kind).to_dict().keys() - _LEFT_OUT
    kept = {name: config[name] for name in sorted(own & config.keys()) if name[0] != "_"}
    return {**kept, "model_type": kind}


def network_of(
    config: Mapping[str, Any], encoder: torch.nn.Module, n_classes: int, pad_id: int
) -> TransformerNetwork:
    """Build a network of an encoder, without its pooling layer, and a new linear layer.

    `config` is from `plain_config`; `pad_id` is the encoder's id of padding.
    """
    for pooling in ("pooler", "pooler_activation"):
        if hasattr(encoder, pooling):
            setattr(encoder, pooling, None)
    head = torch.nn.Linear(encoder.config.hidden_size, n_classes)  # type: ignore[union-attr, arg-type]
    parts = {"encoder": encoder, "dropout": torch.nn.Dropout(DROPOUT), "head": head}
    return TransformerNetwork(config, torch.nn.ModuleDict(parts), pad_id)


def encoder_config(config: Mapping[str, Any]) -> Any:
    """Return the configuration object of transformers for a `plain_config`."""
    from transformers import AutoConfig

    return AutoConfig.for_model(**config)


def preserve_rng_state() -> AbstractContextManager[None]:
    """Restore torch's global random state after a context: building a network changes it."""
    return torch.random.fork_rng(devices=range(torch.cuda.device_count()))


def _built(config: Mapping[str, Any], n_classes: int, pad_id: int = 0) -> TransformerNetwork:
    """Build a network from a configuration, with arbitrary weights."""
    from transformers import AutoModel

    try:
        encoder_settings = encoder_config(config)
        layers = encoder_settings.num_hidden_layers
        if not 0 < layers <= _MOST_LAYERS:
            raise ValueError(f"num_hidden_layers is {layers}")
        with preserve_rng_state():
            encoder = AutoModel.from_config(
                encoder_settings,
                trust_remote_code=False,
                attn_implementation=ENCODERS[config["model_type"]],
                dtype=torch.float32,
            )
            return network_of(config, encoder, n_classes, pad_id)
    except WordgateError:
        raise
    except Exception as error:  # transformers and torch raise many classes for invalid values
        raise BundleError(f"the model's config cannot be used: {error!s:.200}") from error
