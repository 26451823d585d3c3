"""Word vectors distilled from a sentence encoder.

A word's vector is what a teacher makes of the word alone: the average of its subwords' outputs. All
of them together are centred and turned to their principal components, of which the first are kept.
Nothing enters but the words themselves: no sentence that they stand in, no label. A row held out
for test can leave no trace but that its words exist.

A teacher is a sentence-transformer, loaded without pickles; everything of torch happens inside
sentence-transformers, which only distilling needs.

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
SPREAD = 0.1  # the root mean square of all numbers of the vectors
_AT_ONCE = 128  # words: larger batches are no faster
_ROWS_AT_ONCE = 4096  # in float64
_NO_VARIANCE = 1e-10  # of the squared length of an output: what float32 makes of equal outputs


@dataclass(frozen=True)
class WordOutputs:
    """Outputs of a teacher for words.

    Attributes:
        means: float32 [n, hidden_size], the average output of each word's subwords.
        known: bool [n], False where the teacher knows no subword of a word.
    """

    means: NDArray[np.float32]
    known: NDArray[np.bool_]

    @classmethod
    def pooled(cls, outputs: NDArray[np.float32], counted: NDArray[np.bool_]) -> WordOutputs:
        """Average the outputs, float32 [n, time, hidden_size], of each word's subwords.

        Those are not counted, bool [n, time], that frame a text, as ``[CLS]`` does, stand for
        whatever the teacher doesn't know, or pad.
        """
        subwords = counted.sum(axis=1)
        summed = np.einsum("nth,nt->nh", outputs, counted.astype(np.float32))
        means = summed / np.maximum(subwords, 1).astype(np.float32)[:, None]
        return cls(means, subwords > 0)


class WordEncoder(Protocol):
    """A model that can be asked what it makes of single words."""

    name: str
    hidden_size: int

    def count_subwords(self, words: Sequence[str]) -> list[int]:
        """Count the subwords that each word is cut into: what it costs."""

    def outputs(self, words: Sequence[str]) -> WordOutputs:
        """Pass each word through the teacher alone."""


@dataclass(frozen=True)
class WordVectors:
    """Words that have vectors.

    Attributes:
        words: The words, in the order they were given in.
        vectors: float32 [n, dim], of root mean square `SPREAD`.
        unknown: Words left out, since the teacher knows no subword of them.
        variance: The share of the outputs' variance that the vectors keep.
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
    """Return each word a vector.

    Args:
        words: The words, each once.
        teacher: The model to ask.
        dim: Dimensions of a vector; None for 300, or for as many as there can be.
        progress: Shows how far it is.
        deadline: The `time.monotonic()` from which on no further words are asked about; the first
            words go first then, each with others of as many subwords.

    Raises:
        SettingsError: The size is below 1, or above what teacher and words can give.
        DataError: There are fewer than two words, or the teacher gives numbers that are no use.
    """
    if dim is not None:  # before the work, not after it
        whole_number(dim, "size", "a whole number of at least 1")
        if dim > teacher.hidden_size:
            raise SettingsError(
                f"size is {dim}, but the outputs of the teacher '{teacher.name}' have"
                f" {teacher.hidden_size} dimensions: use 1 to {teacher.hidden_size}"
            )
    outputs = _ask(words, teacher, progress, deadline)
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


def _ask(
    words: Sequence[str], teacher: WordEncoder, progress: Progress, deadline: float
) -> WordOutputs:
    """Pass all words through the teacher; words of as many subwords together, the longest first."""
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
            wrong = ~np.isfinite(outputs.means).all(axis=1)
            if wrong.any():
                word = words[batch[int(wrong.argmax())]]
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
        left = len(words) - done
        progress.say(f"The time limit left {left:,} of {len(words):,} words without a vector")
    return WordOutputs(means, known)


def _principal_components(rows: NDArray[np.float32], dim: int) -> tuple[NDArray[np.float32], float]:
    """Keep the directions of most variance: float32 [n, dim], and the share of it that is kept."""
    centre = rows.mean(axis=0, dtype=np.float64)
    covariance = sum(block.T @ block for block in _centred(rows, centre)) / len(rows)
    variances, directions = np.linalg.eigh(covariance)
    kept, chosen = variances[::-1][:dim], directions[:, ::-1][:, :dim]
    # A direction and its opposite are as good: this rule makes them the same everywhere.
    chosen = chosen * np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(dim)])
    chosen = chosen * (SPREAD / np.sqrt(kept.mean()))
    vectors = np.concatenate(
        [(block @ chosen).astype(np.float32) for block in _centred(rows, centre)]
    )
    return vectors, min(1.0, float(kept.sum() / variances.sum()))


def _centred(
    rows: NDArray[np.float32], centre: NDArray[np.float64]
) -> Iterator[NDArray[np.float64]]:
    """Return the rows less their centre, float64 [m, hidden_size], a block at a time."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        yield rows[start : start + _ROWS_AT_ONCE] - centre


TEACHER = Role("teacher", "sentence-transformer", "--teacher ", ("modules.json", "config.json"))
"""Name of a teacher in messages, and the files by which its folder is recognized."""


class SentenceTeacher:
    """A sentence-transformer that is asked for what it makes of single words.

    Attributes:
        name: What the user calls it.
        hidden_size: Numbers of each output.
    """

    def __init__(self, name: str, model: Any):
        from transformers import PreTrainedTokenizerBase

        self.name = name
        self._model = model
        self._tokenizer: Any = getattr(model[0], "tokenizer", None)
        if not isinstance(self._tokenizer, PreTrainedTokenizerBase):
            raise _no_transformer(name)
        self._special = np.array(self._tokenizer.all_special_ids)
        self.hidden_size = self._ask(["word"])[1].shape[2]

    def count_subwords(self, words: Sequence[str]) -> list[int]:
        """Count the subwords that each word is cut into, those that frame it included."""
        return [len(ids) for ids in self._tokenizer(list(words))["input_ids"]]

    def outputs(self, words: Sequence[str]) -> WordOutputs:
        """Pass each word through the teacher alone, and average the outputs of its subwords."""
        counted, outputs = self._ask(words)
        return WordOutputs.pooled(outputs, counted)

    def own_words(self) -> list[str]:
        """Name the whole words of the teacher's vocabulary, in its order."""
        return whole_words(
            self._tokenizer.get_vocab(),
            set(self._tokenizer.all_special_tokens),
            lambda token: self._tokenizer.convert_tokens_to_string([token]),
        )

    def _ask(self, words: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
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
        there = np.stack([row["attention_mask"].cpu().numpy() for row in rows])
        outputs = np.stack([row["token_embeddings"].float().cpu().numpy() for row in rows])
        return (there == 1) & ~np.isin(ids, self._special), outputs


def load_teacher(folder: Path, name: str, *, precision: str = "float32") -> SentenceTeacher:
    """Load a sentence-transformer from a folder, without pickles, code of its own or the network.

    It computes on the graphics card if there is one, in the precision ``float32`` or ``bfloat16``;
    messages call it by the name that the user gave.

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


def _no_transformer(name: str) -> DataError:
    return DataError(
        f"the teacher '{name}' gives no output for each subword of a word: it must be a transformer"
    )
