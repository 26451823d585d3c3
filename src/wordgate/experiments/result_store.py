"""Results of the folds of a comparison, stored so that an interrupted one can be resumed."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from safetensors import SafetensorError, safe_open

from wordgate.errors import BundleError
from wordgate.evaluation.comparison import COMPARED
from wordgate.evaluation.metrics import Epoch
from wordgate.runtime.progress import Progress
from wordgate.storage.resumable import (
    CORRUPT_FILE_ERRORS,
    METADATA,
    RunFingerprint,
    damaged,
    read_facts,
    read_resumable,
    write_resumable,
)

_ARRAY = "log_proba"
_REMEDY = "delete it, or begin anew with --overwrite"
_NAME = rf"[a-z]+-(?:{'|'.join(COMPARED)})-[1-9][0-9]*\.safetensors"
_FILE_NAME = re.compile(rf"{_NAME}|\.{_NAME}\.new")  # a kill leaves one of the latter
_Amount = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


@dataclass(frozen=True)
class FoldResult:
    """Predictions and cost of one model on the test rows of one fold.

    Attributes:
        log_proba: float64 [n_test, classes], uncalibrated log-probabilities.
        temperature: Their calibration temperature; 1 leaves them as they are.
        history: The epochs; empty for a family without epochs.
        best_epoch: The epoch that was kept, from 1; 0 without epochs.
        train_seconds: Time of fitting.
        texts_per_second: Rate of prediction, from strings.
        megabytes: Size of the model, in 10^6 bytes.
        remarks: What a user should know about this fit.
    """

    log_proba: NDArray[np.float64]
    temperature: float
    history: tuple[Epoch, ...]
    best_epoch: int
    train_seconds: float
    texts_per_second: float
    megabytes: float
    remarks: tuple[str, ...] = ()


class ResultStore:
    """Stores each fold's result in a file, so that an interrupted comparison can be resumed.

    Args:
        folder: The folder of the files; it is made with the first one.
        progress: Where differences between then and now are reported, each once.
    """

    def __init__(self, folder: Path, progress: Progress):
        self.folder = folder
        self._progress = progress
        self._reported: set[str] = set()

    def save(self, name: str, result: FoldResult, fingerprint: RunFingerprint) -> None:
        """Write a result.

        Raises:
            BundleError: It can't be written.
        """
        facts = {key: value for key, value in asdict(result).items() if key != _ARRAY}
        content = {**fingerprint.facts(), "result": facts}
        write_resumable(self._file(name), content, {_ARRAY: result.log_proba})

    def load(
        self, name: str, fingerprint: RunFingerprint, shape: tuple[int, int]
    ) -> FoldResult | None:
        """Read a result; None if there is none of that name.

        Args:
            name: The name it was saved under.
            fingerprint: The fit that it must be of.
            shape: Shape of its log-probabilities: rows and classes.

        Raises:
            BundleError: It is of another comparison, or damaged.
        """
        file = self._file(name)
        if not file.exists():
            return None
        content, arrays = read_resumable(file, remedy=_REMEDY)
        try:
            result = _validated(arrays[_ARRAY], content["result"], shape)
        except CORRUPT_FILE_ERRORS as error:
            raise damaged(file, error, _REMEDY) from error
        for warning in fingerprint.check(content, "comparison", self.folder):
            if warning not in self._reported:
                self._progress.say(warning)
            self._reported.add(warning)
        return result

    def clear(self) -> None:
        """Delete all results, and the folder if nothing else is in it."""
        if not self.folder.is_dir():
            return
        for file in list(self.folder.iterdir()):
            if _is_own(file):
                file.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


def check_folder_is_own(folder: Path) -> None:
    """Refuse a folder with anything but the results of a comparison in it.

    Raises:
        BundleError: There is another file.
    """
    seen = folder.glob("[!.]*")  # what is hidden, a desktop or a network drive has left
    others = sorted(file.name for file in seen if not _is_own(file))
    if others:
        raise BundleError(
            f"{folder} holds '{others[0]}', which no comparison has written; move that away, or"
            " choose another --out"
        )


def _is_own(file: Path) -> bool:
    """Tell whether a `ResultStore` wrote a file; an unreadable one is half written or damaged."""
    if file.is_symlink() or not file.is_file() or not _FILE_NAME.fullmatch(file.name):
        return False
    try:
        with safe_open(file, framework="np") as stored:
            return METADATA in (stored.metadata() or {})
    except (OSError, SafetensorError):
        return True


class _StoredResult(BaseModel):
    """A result without its log-probabilities, as read from a file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    temperature: Annotated[float, Field(ge=0.01, le=100.0)]
    history: tuple[Epoch, ...]
    best_epoch: NonNegativeInt
    train_seconds: _Amount
    texts_per_second: _Amount
    megabytes: _Amount
    remarks: tuple[str, ...]


def _validated(log_proba: NDArray[np.float64], facts: object, shape: tuple[int, int]) -> FoldResult:
    """Build a result from the content of its file.

    Raises:
        ValueError: It is not what `ResultStore.save` wrote.
    """
    if log_proba.dtype != np.float64 or log_proba.shape != shape:
        raise ValueError(f"{_ARRAY} is {log_proba.dtype} {list(log_proba.shape)}")
    if not np.isfinite(log_proba).all():
        raise ValueError(f"{_ARRAY} is not finite")
    kept = read_facts(_StoredResult, facts)
    if kept.best_epoch > len(kept.history):
        raise ValueError(f"of {len(kept.history)} epochs the best is {kept.best_epoch}")
    return FoldResult(log_proba=log_proba, **dict(kept))
