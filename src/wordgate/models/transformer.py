"""The family `transformer`: a pretrained tokenizer and a fine-tuned network of its subwords.

torch, transformers and tokenizers are imported with the first model of this family.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError, SettingsError
from wordgate.models.base import Arrays, Description, is_multilabel, multilabel_part, required
from wordgate.runtime.cpu import multiplies_bfloat16
from wordgate.runtime.packages import require_extra
from wordgate.runtime.threads import wait_asleep
from wordgate.text.subwords import SubwordEncoder

if TYPE_CHECKING:
    from wordgate.models.transformer_network import TransformerNetwork
    from wordgate.text.encoder import EncodedTexts

POOLING = "mean"
_TEXTS_AT_ONCE = 16_384  # encoded at once: bounds the memory


@dataclass(frozen=True)
class TransformerModel:
    """A fine-tuned transformer, which predicts on the CPU.

    Attributes:
        encoder: The text encoder.
        network: The network.
        threads: The number of threads; None for the choice of `torch_threads`.
        compute: A function that computes log-probabilities, float64 [n, classes], in place of the
            network.
    """

    encoder: SubwordEncoder
    network: TransformerNetwork
    threads: int | None = None
    compute: Callable[[EncodedTexts], NDArray[np.float64]] | None = None
    family = "transformer"

    @property
    def n_threads(self) -> int:
        """The number of threads that it predicts with."""
        return self.network.n_threads(self.threads)

    def with_threads(self, threads: int | None) -> TransformerModel:
        """Return the model with at most this number of threads."""
        return replace(self, threads=threads)

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""
        parts = [texts[i : i + _TEXTS_AT_ONCE] for i in range(0, len(texts), _TEXTS_AT_ONCE)]
        results = [
            self.log_proba_of(self.encoder.encode(part, threads=self.threads)) for part in parts
        ]
        return np.concatenate([np.zeros((0, self.network.n_classes)), *results])

    def log_proba_of(self, encoded: EncodedTexts) -> NDArray[np.float64]:
        """Compute log-probabilities of encoded texts, float64 [n, classes]."""
        if self.compute is not None:
            return self.compute(encoded)
        return self.network.log_proba(encoded, threads=self.threads)

    def in_bfloat16(self) -> TransformerModel:
        """Return the model in bfloat16: probabilities differ by about 0.005.

        Raises:
            SettingsError: The processor does not multiply bfloat16 natively.
        """
        if not multiplies_bfloat16():
            raise SettingsError(
                "kernel 'torch-bfloat16' needs a processor that multiplies bfloat16 natively"
                " (AVX512-BF16 or AMX), which this one does not; use 'numpy', which means float32,"
                " or 'onnx-int8'"
            )
        return replace(self, network=self.network.in_bfloat16())

    def state(self) -> tuple[Description, Arrays]:
        """Return tokenizer and configuration as JSON values, and the weights by their names."""
        description = {
            "config": dict(self.network.config),
            "pad_id": self.network.pad_id,
            "pooling": POOLING,
            **multilabel_part(self.network.multilabel),
            **self.encoder.state(),
        }
        return description, self.network.arrays()

    @classmethod
    def from_state(cls, description: Description, arrays: Arrays) -> TransformerModel:
        """Restore a model from its `state`, without remote code or downloads.

        Raises:
            BundleError: A part is missing, or the parts are inconsistent.
            MissingExtraError: torch, transformers or tokenizers is not installed.
        """
        require_extra("transformer", "predicting with a transformer")
        wait_asleep()
        from wordgate.models.transformer_network import TransformerNetwork

        config, pad_id = required(description, "config"), required(description, "pad_id")
        if required(description, "pooling") != POOLING:
            raise BundleError(
                f"the model pools by {description['pooling']!r:.80}, and this version of wordgate's"
                f" transformers only by {POOLING}"
            )
        if not isinstance(config, Mapping):
            raise BundleError(f"the model's config is {config!r:.80}, not an object of named parts")
        network = TransformerNetwork.from_arrays(
            config, pad_id, arrays, multilabel=is_multilabel(description)
        )
        encoder = SubwordEncoder.from_state(description)
        if encoder.vocab_size > network.vocab_size:
            raise BundleError(
                f"the model's tokenizer has {encoder.vocab_size:,} subwords, and its weights have"
                f" {network.vocab_size:,}"
            )
        if encoder.max_tokens > network.max_length:
            raise BundleError(
                f"the model's max_tokens is {encoder.max_tokens:,}, and its weights support at"
                f" most {network.max_length:,}"
            )
        return cls(encoder, network)
