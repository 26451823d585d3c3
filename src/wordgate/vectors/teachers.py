"""Sentence-transformers as teachers of word vectors, loaded without pickles.

Everything of torch happens inside sentence-transformers, which only distilling needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.hub import Role, locate_model, quiet_loading, unloadable
from wordgate.text.subwords import whole_words
from wordgate.vectors.distilling import WordOutputs

TEACHER = Role("teacher", "sentence-transformer", "--teacher ", ("modules.json", "config.json"))
"""What a teacher is called in messages, and what its folder is known by."""


class SentenceTeacher:
    """A sentence-transformer that is asked for what it makes of single words.

    Attributes:
        name: What the user calls it.
        hidden_size: Numbers of each output.
    """

    def __init__(self, name: str, model: Any):
        self.name = name
        self._model = model
        self._tokenizer = _tokenizer(model)
        if self._tokenizer is None:
            raise _no_transformer(name)
        self._special = np.array(self._tokenizer.all_special_ids)
        self.hidden_size = self._ask(["word"])[1].shape[2]

    def count_subwords(self, words: Sequence[str]) -> list[int]:
        """Count the subwords that each word is cut into, those that frame it included."""
        return [len(ids) for ids in self._tokenizer(list(words))["input_ids"]]

    def outputs(self, words: Sequence[str]) -> WordOutputs:
        """Pass each word through the teacher alone, and average the outputs of its subwords.

        Subwords that frame a text, as ``[CLS]`` does, have no part in it, nor have those that
        stand for whatever the teacher doesn't know.
        """
        counted, outputs = self._ask(words)
        subwords = counted.sum(axis=1)
        summed = np.einsum("wpo,wp->wo", outputs, counted.astype(np.float32))
        means = summed / np.maximum(subwords, 1)[:, None]
        return WordOutputs(means.astype(np.float32), subwords > 0)

    def own_words(self) -> list[str]:
        """Name the whole words of the teacher's vocabulary, in its order."""
        return whole_words(
            self._tokenizer.get_vocab(),
            set(self._tokenizer.all_special_tokens),
            lambda token: self._tokenizer.convert_tokens_to_string([token]),
        )

    def _ask(self, words: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Give which subwords count, bool [words, time]; and float32 [words, time, hidden_size]."""
        rows = self._model.encode(
            list(words),
            prompt="",  # a model's own prompt is for sentences
            batch_size=len(words),
            output_value=None,
            show_progress_bar=False,
        )
        if "token_embeddings" not in rows[0]:
            raise _no_transformer(self.name)
        ids = np.stack([row["input_ids"].cpu().numpy() for row in rows])
        there = np.stack([row["attention_mask"].cpu().numpy() for row in rows])
        outputs = np.stack([row["token_embeddings"].float().cpu().numpy() for row in rows])
        return (there == 1) & ~np.isin(ids, self._special), outputs


def locate_teacher(name: str | Path) -> Path:
    """Turn what the user wrote into the folder of a sentence-transformer.

    A folder wins over a name. ``OWNER/NAME`` is a model of the Hugging Face hub, unless there is a
    folder OWNER here; the hub keeps it in its own cache.

    Args:
        name: A folder; ``minilm``; or a model of the hub.

    Returns:
        The folder; it looks like a sentence-transformer, and its weights are no pickle.

    Raises:
        DataError: There is none, or the hub can't be reached.
    """
    return locate_model(name, TEACHER)


def load_teacher(folder: Path, name: str, *, precision: str = "float32") -> SentenceTeacher:
    """Load a sentence-transformer from a folder, without pickles, code of its own or the network.

    Args:
        folder: Where it lies, as `locate_teacher` gives it.
        name: What the user calls it.
        precision: What it computes in, ``float32`` or ``bfloat16``.

    Returns:
        The teacher, on the graphics card if there is one.

    Raises:
        DataError: It can't be loaded, or it is no transformer.
    """
    # The libraries below raise whatever their parsers and their checks raise.
    try:
        with quiet_loading():
            from sentence_transformers import SentenceTransformer

            model = SentenceTransformer(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True, "dtype": precision},
            )
    except Exception as error:
        raise unloadable(name, TEACHER, error) from error
    return SentenceTeacher(name, model)


def _tokenizer(model: Any) -> Any:
    """Give the tokenizer of a transformer; None for a model of another kind."""
    from transformers import PreTrainedTokenizerBase

    tokenizer = getattr(model[0], "tokenizer", None)
    return tokenizer if isinstance(tokenizer, PreTrainedTokenizerBase) else None


def _no_transformer(name: str) -> DataError:
    return DataError(
        f"the teacher '{name}' gives no output for each subword of a word: it must be a transformer"
    )
