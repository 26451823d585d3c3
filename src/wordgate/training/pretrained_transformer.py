"""Pretrained transformers: located, loaded without code, and applied to single words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wordgate.errors import BundleError, DataError
from wordgate.hub import Role, locate_model, quiet_loading, unloadable
from wordgate.models.transformer_network import (
    ENCODERS,
    TransformerNetwork,
    encoder_config,
    network_of,
    plain_config,
    preserve_rng_state,
)
from wordgate.settings import Settings
from wordgate.text.batches import bucketed
from wordgate.text.subwords import SubwordEncoder
from wordgate.training.rng import rng_for
from wordgate.vectors.distilling import WordOutputs

TRANSFORMER = Role("transformer", "transformer", "--set transformer.model=", ("config.json",))
"""Its name in messages, and the file by which its folder is recognized."""


def locate_transformer(settings: Settings) -> Path:
    """Find, and fetch if need be, the transformer that the settings name; see `locate_model`."""
    return locate_model(settings.transformer.model, TRANSFORMER)


def pretrained_transformer(
    name: str, n_classes: int, max_tokens: int, seed: int, *, multilabel: bool = False
) -> tuple[SubwordEncoder, TransformerNetwork]:
    """Find or download a transformer and load it, without pickles or remote code.

    Args:
        name: A folder, ``minilm``, or OWNER/NAME on the hub.
        n_classes: The number of classes of the last layer.
        max_tokens: The maximum number of subwords of a text, if the transformer supports as many.
        seed: The random seed of the last layer.
        multilabel: Whether a text may have several labels.

    Raises:
        DataError: There is none, or it can't be loaded, or it is of a kind that can't be used.
    """
    folder = locate_model(name, TRANSFORMER)
    # transformers raises the errors of its parsers and checks, of any type.
    try:
        with quiet_loading(), preserve_rng_state():
            network = _network(folder, n_classes)
            tokenizer, limit = _tokenizer(folder)
    except (BundleError, DataError) as error:
        raise _unusable(name, str(error)) from error
    except Exception as error:
        raise unloadable(name, TRANSFORMER, error) from error
    encoder = SubwordEncoder(tokenizer, min(max_tokens, network.max_length, limit))
    if encoder.vocab_size > network.vocab_size:
        raise _unusable(
            name,
            f"its tokenizer has {encoder.vocab_size:,} subwords, and its weights have"
            f" {network.vocab_size:,}",
        )
    _draw_head(network, seed)
    network.multilabel = multilabel
    return encoder, network


def _network(folder: Path, n_classes: int) -> TransformerNetwork:
    """Load the encoder, and add a last layer that is not initialized yet."""
    from transformers import AutoConfig, AutoModel

    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    described = AutoConfig.from_pretrained(folder, **local)
    if getattr(described, "quantization_config", None) is not None:
        raise DataError("its weights are quantized: use the model before quantization")
    config = plain_config(described.to_dict())
    encoder, report = AutoModel.from_pretrained(
        folder,
        config=encoder_config(config),
        use_safetensors=True,
        dtype=torch.float32,
        attn_implementation=ENCODERS[config["model_type"]],
        output_loading_info=True,
        **local,
    )
    missing = sorted(name for name in report["missing_keys"] if not name.startswith("pooler"))
    if missing:
        raise DataError(f"its weights lack '{missing[0]}' and {len(missing) - 1:,} others")
    return network_of(config, encoder, n_classes, encoder.config.pad_token_id or 0)


def _tokenizer(folder: Path) -> tuple[Any, int]:
    """Load the tokenizer, and return the maximum number of subwords that it states."""
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    backend = getattr(loaded, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise DataError("it has no tokenizer.json, and no files that can be converted to one")
    return Tokenizer.from_str(backend.to_str()), int(loaded.model_max_length)


def _draw_head(network: TransformerNetwork, seed: int) -> None:
    """Initialize the last layer as torch does, uniform within 1 / sqrt(hidden_size)."""
    head = network.modules["head"]
    drawn = rng_for(seed, "transformer head").uniform(-1.0, 1.0, tuple(head.weight.shape))  # type: ignore[arg-type]
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(drawn / head.weight.shape[1] ** 0.5))  # type: ignore[operator, index]
        head.bias.zero_()  # type: ignore[operator]


def _unusable(name: str, why: str) -> DataError:
    return DataError(f"the transformer '{name}' cannot be fine-tuned: {why}")


class EncoderWords:
    """The outputs of a fine-tuned encoder for single words; see `WordEncoder`."""

    def __init__(self, name: str, encoder: SubwordEncoder, network: TransformerNetwork):
        self.name = name
        self._encoder = encoder
        self._network = network
        self.hidden_size = network.hidden_size

    def count_subwords(self, words: Sequence[str]) -> list[int]:
        """Count the subwords of each word, special tokens included."""
        return list(self._encoder.encode(words, threads=1).lengths.tolist())

    def outputs(self, words: Sequence[str]) -> WordOutputs:
        """Average the outputs of the subwords of each word, without special tokens."""
        encoded = self._encoder.encode(words, threads=1)
        means = np.zeros((len(words), self.hidden_size), np.float32)
        known = np.zeros(len(words), np.bool_)
        special = np.array(sorted(self._encoder.special_ids()), np.int64)
        # The words of a call have equally many subwords, so there is no padding.
        for batch in bucketed(encoded, batch_size=len(words), rng=None, round_to=1):
            outputs = self._network.outputs(batch.ids, batch.lengths)
            inside: NDArray[np.bool_] = np.arange(batch.ids.shape[1]) < batch.lengths[:, None]
            pooled = WordOutputs.pooled(outputs, inside & ~np.isin(batch.ids, special))
            means[batch.rows], known[batch.rows] = pooled.means, pooled.known
        return WordOutputs(means, known)

    def own_words(self) -> list[str]:
        """Name the whole words of the tokenizer's vocabulary, in its order."""
        return self._encoder.whole_words()
