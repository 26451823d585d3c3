"""Word vectors distilled from a sentence encoder.

The vector of a word is the mean of a teacher's outputs for the subwords of the word alone, reduced
to the first principal components of all words. Only the words themselves are used, no sentences and
no labels, so that the test rows have no effect except by their words.

A teacher is a sentence-transformer, loaded without pickles. torch is only used inside
sentence-transformers.

Shapes: n words, hidden_size dimensions of the teacher's outputs, dim dimensions of a vector.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wordgate.arguments import whole_number
from wordgate.errors import DataError, SettingsError
from wordgate.hub import Role, quiet_loading, unloadable
from wordgate.runtime.progress import Progress, stage
from wordgate.text.subwords import whole_words

DEFAULT_DIM = 300
SPREAD = 0.1  # the root mean square of the values of all vectors
_AT_ONCE = 128  # words: larger batches are not faster
_ROWS_AT_ONCE = 4096  # in float64
_NO_VARIANCE = 1e-10  # of the squared norm of an output: rounding errors of equal outputs


@dataclass(frozen=True)
class WordOutputs:
    """Outputs of a teacher for words.

    Attributes:
        means: float32 [n, hidden_size], the mean output of each word's subwords.
        known: bool [n], False if all subwords of a word are unknown.
    """

    means: NDArray[np.float32]
    known: NDArray[np.bool_]

    @classmethod
    def pooled(cls, outputs: NDArray[np.float32], counted: NDArray[np.bool_]) -> WordOutputs:
        """Average the outputs of each word's subwords.

        Args:
            outputs: float32 [n, time, hidden_size].
            counted: bool [n, time], False for special tokens, unknown tokens and padding.
        """
        subwords = counted.sum(axis=1)
        summed = np.einsum("nth,nt->nh", outputs, counted.astype(np.float32))
        means = summed / np.maximum(subwords, 1).astype(np.float32)[:, None]
        return cls(means, subwords > 0)


class WordEncoder(Protocol):
    """A model that encodes single words."""

    name: str
    hidden_size: int

    def count_subwords(self, words: Sequence[str]) -> list[int]:
        """Return the number of subwords of each word."""

    def outputs(self, words: Sequence[str]) -> WordOutputs:
        """Compute the outputs for each word alone."""


@dataclass(frozen=True)
class WordVectors:
    """Words with their vectors.

    Attributes:
        words: The words, in the order of the arguments.
        vectors: float32 [n, dim], with root mean square `SPREAD`.
        unknown: Words without a vector, all of whose subwords are unknown.
        variance: The explained variance of the components, 0 to 1.
    """

    words: list[str]
    vectors: NDArray[np.float32]
    unknown: list[str]
    variance: float


def distill_words(
    words: Sequence[str],
    teacher: WordEncoder,
    *,
    dim: int | None = None,
    progress: Progress,
    deadline: float = math.inf,
) -> WordVectors:
    """Distill vectors of words from a teacher.

    Args:
        words: The words, each once.
        teacher: The model.
        dim: Dimensions of a vector; None for 300, or fewer if there are not as many components.
        progress: Receives the progress.
        deadline: The `time.monotonic()` at which encoding stops; then the first words are encoded
            first, each with others of as many subwords.

    Raises:
        SettingsError: `dim` is below 1, or above the number of components.
        DataError: There are fewer than two words, or the outputs are not finite or all equal.
    """
    if dim is not None:  # checked before the work
        whole_number(dim, "size", "a whole number of at least 1")
        if dim > teacher.hidden_size:
            raise SettingsError(
                f"size is {dim}, but the outputs of the teacher '{teacher.name}' have"
                f" {teacher.hidden_size} dimensions: use 1 to {teacher.hidden_size}"
            )
    outputs = _encode(words, teacher, progress, deadline)
    known = np.flatnonzero(outputs.known).tolist()
    most = min(teacher.hidden_size, len(known) - 1)
    if most < 1:
        raise DataError(
            f"the teacher '{teacher.name}' knows {len(known)} of {len(words):,} words: at least two"
            " words are needed"
        )
    if dim is not None and dim > most:
        raise SettingsError(
            f"size is {dim}, but {len(known):,} words give {most} components at most"
        )
    means = outputs.means[known]
    if means.var(axis=0).sum() <= _NO_VARIANCE * np.square(means).sum(axis=1).max():
        raise DataError(f"the teacher '{teacher.name}' has the same output for every word")
    with stage(progress, "Finding their principal components"):
        vectors, variance = _principal_components(means, dim or min(DEFAULT_DIM, most))
    return WordVectors(
        words=[words[i] for i in known],
        vectors=vectors,
        unknown=[words[i] for i in np.flatnonzero(~outputs.known).tolist()],
        variance=variance,
    )


def _encode(
    words: Sequence[str], teacher: WordEncoder, progress: Progress, deadline: float
) -> WordOutputs:
    """Encode all words in batches with equal numbers of subwords, the longest words first."""
    subwords = teacher.count_subwords(words)
    order = sorted(range(len(words)), key=lambda i: -subwords[i])
    batches = [order[i : i + _AT_ONCE] for i in range(0, len(order), _AT_ONCE)]
    if deadline < math.inf:
        batches.sort(key=min)  # the first words are the texts' most frequent
    means = np.zeros((len(words), teacher.hidden_size), np.float32)
    known = np.zeros(len(words), np.bool_)
    done = 0
    with progress.bar(len(batches)) as bar:
        for batch in batches:
            outputs = teacher.outputs([words[i] for i in batch])
            invalid = ~np.isfinite(outputs.means).all(axis=1)
            if invalid.any():
                word = words[batch[int(invalid.argmax())]]
                raise DataError(
                    f"the teacher '{teacher.name}' outputs values that are not finite for the word"
                    f" '{word}': its weights are damaged"
                )
            means[batch], known[batch] = outputs.means, outputs.known
            done += len(batch)
            bar.advance(f"{done:,} of {len(words):,} words")
            if time.monotonic() >= deadline:
                break
    if done < len(words):
        missing = len(words) - done
        progress.say(f"The time limit left {missing:,} of {len(words):,} words without a vector")
    return WordOutputs(means, known)


def _principal_components(rows: NDArray[np.float32], dim: int) -> tuple[NDArray[np.float32], float]:
    """Compute the first principal components, float32 [n, dim], and their explained variance."""
    mean = rows.mean(axis=0, dtype=np.float64)
    covariance = sum(block.T @ block for block in _centered(rows, mean)) / len(rows)
    variances, directions = np.linalg.eigh(covariance)
    explained, components = variances[::-1][:dim], directions[:, ::-1][:, :dim]
    # The sign of a direction is arbitrary: this rule makes it the same on all machines.
    components = components * np.sign(components[np.abs(components).argmax(axis=0), np.arange(dim)])
    components = components * (SPREAD / np.sqrt(explained.mean()))
    vectors = np.concatenate(
        [(block @ components).astype(np.float32) for block in _centered(rows, mean)]
    )
    return vectors, min(1.0, float(explained.sum() / variances.sum()))


def _centered(
    rows: NDArray[np.float32], mean: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Yield blocks of rows minus their mean, float64 [m, hidden_size]."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE] - mean


TEACHER = Role("teacher", "sentence-transformer", "--teacher ", ("modules.json", "config.json"))
"""The teacher in messages, and the files by which its folder is recognized."""


class SentenceTeacher:
    """A sentence-transformer as an encoder of single words.

    Attributes:
        name: Its name in messages.
        hidden_size: Dimensions of an output.
    """

    def __init__(self, name: str, model: Any):
        from transformers import PreTrainedTokenizerBase

        self.name = name
        self._model = model
        self._tokenizer: Any = getattr(model[0], "tokenizer", None)
        if not isinstance(self._tokenizer, PreTrainedTokenizerBase):
            raise _no_transformer(name)
        self._special = np.array(self._tokenizer.all_special_ids)
        self.hidden_size = self._encode(["word"])[1].shape[2]

    def count_subwords(self, words: Sequence[str]) -> list[int]:
        """Return the number of subwords of each word, special tokens included."""
        return [len(ids) for ids in self._tokenizer(list(words))["input_ids"]]

    def outputs(self, words: Sequence[str]) -> WordOutputs:
        """Compute the mean output of the subwords of each word alone."""
        counted, outputs = self._encode(words)
        return WordOutputs.pooled(outputs, counted)

    def own_words(self) -> list[str]:
        """Return the whole words of the teacher's vocabulary, in its order."""
        return whole_words(
            self._tokenizer.get_vocab(),
            set(self._tokenizer.all_special_tokens),
            lambda token: self._tokenizer.convert_tokens_to_string([token]),
        )

    def _encode(self, words: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return the subword mask, bool [words, time], and float32 [words, time, hidden_size]."""
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
        mask = np.stack([row["attention_mask"].cpu().numpy() for row in rows])
        outputs = np.stack([row["token_embeddings"].float().cpu().numpy() for row in rows])
        return (mask == 1) & ~np.isin(ids, self._special), outputs


def load_teacher(folder: Path, name: str, *, precision: str = "float32") -> SentenceTeacher:
    """Load a sentence-transformer from a folder, without pickles, remote code or the network.

    It computes on the GPU if there is one, in the precision ``float32`` or ``bfloat16``. `name` is
    its name in messages.

    Raises:
        DataError: It cannot be loaded, or is not a transformer.
    """
    # The libraries raise errors of many classes.
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


def _no_transformer(name: str) -> DataError:
    return DataError(
        f"the teacher '{name}' gives no output for each subword of a word: it must be a transformer"
    )
