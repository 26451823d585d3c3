"""Results of folds, stored so that an interrupted comparison or training can continue."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from safetensors import SafetensorError, safe_open

from wordgate.errors import BundleError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.evaluation.comparison import COMPARED
from wordgate.evaluation.metrics import Epoch
from wordgate.experiments.fitting import ModelOutput
from wordgate.runtime.progress import Progress
from wordgate.storage.files import own_files, remove_own
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
_REMEDY = "delete it, or start over with --overwrite"
_FILE = own_files(rf"[a-z]+-(?:{'|'.join(COMPARED)})-[1-9][0-9]*\.safetensors")
_Amount = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class FoldFacts(BaseModel):
    """Facts about the fit of one model on one fold, and its costs: those of `ModelResult`.

    Attributes:
        temperature: The calibration temperature; 1 for no scaling.
        thresholds: The minimum probability of each predicted label; None if none were chosen.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    temperature: Annotated[float, Field(ge=0.01, le=100.0)]
    history: tuple[Epoch, ...]
    best_epoch: NonNegativeInt
    train_seconds: _Amount
    texts_per_second: _Amount
    megabytes: _Amount
    remarks: tuple[str, ...]
    thresholds: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...] | None


@dataclass(frozen=True)
class FoldResult:
    """Predictions of one model for the test rows of one fold.

    Attributes:
        log_proba: float64 [n_test, classes], uncalibrated log-probabilities.
        facts: How it was fitted.
    """

    log_proba: NDArray[np.float64]
    facts: FoldFacts

    def output(self, *, multilabel: bool) -> ModelOutput:
        """Return calibrated log-probabilities, with the thresholds."""
        thresholds = None if self.facts.thresholds is None else np.array(self.facts.thresholds)
        log_proba = apply_temperature(self.log_proba, self.facts.temperature, multilabel)
        return ModelOutput(log_proba, thresholds)


@dataclass
class ResultStore:
    """Stores each fold's result in a file, so that an interrupted comparison can be resumed.

    The folder is created with the first file; None stores nothing. Each difference from the
    environment of a stored result is reported once.
    """

    folder: Path | None
    progress: Progress
    what: str = "comparison"
    _reported: set[str] = field(default_factory=set)

    def save(self, name: str, result: FoldResult, fingerprint: RunFingerprint) -> None:
        """Write a result."""
        if self.folder is not None:
            file = self.folder / f"{name}.safetensors"
            content = {**fingerprint.facts(), "result": result.facts.model_dump()}
            write_resumable(file, content, {_ARRAY: result.log_proba})

    def load(
        self, name: str, fingerprint: RunFingerprint, shape: tuple[int, int]
    ) -> FoldResult | None:
        """Read a result with log-probabilities of a shape; None without one.

        Raises:
            BundleError: It is damaged, or that of a fit with another fingerprint.
        """
        if self.folder is None or not (file := self.folder / f"{name}.safetensors").exists():
            return None
        content, arrays = read_resumable(file, remedy=_REMEDY)
        try:
            result = _validated(arrays[_ARRAY], content["result"], shape)
        except CORRUPT_FILE_ERRORS as error:
            raise damaged(file, error, _REMEDY) from error
        for warning in fingerprint.check(content, self.what, self.folder):
            if warning not in self._reported:
                self.progress.say(warning)
            self._reported.add(warning)
        return result

    def clear(self) -> None:
        """Delete all results, and the folder if nothing else is in it."""
        if self.folder is not None:
            remove_own(self.folder, _is_result)


def check_folder_is_own(folder: Path) -> None:
    """Raise a `BundleError` if a folder contains other files than results of a comparison."""
    visible = folder.glob("[!.]*")  # hidden files are those of desktops and network drives
    others = sorted(file.name for file in visible if not _is_result(file))
    if others:
        raise BundleError(
            f"{folder} contains '{others[0]}', which is not part of a comparison; move it, or"
            " choose another --out"
        )


def _is_result(file: Path) -> bool:
    """Return whether a file was written by a `ResultStore`; an unreadable one counts as damaged."""
    if file.is_symlink() or not file.is_file() or not _FILE.fullmatch(file.name):
        return False
    try:
        with safe_open(file, framework="np") as stored:
            return METADATA in (stored.metadata() or {})
    except (OSError, SafetensorError):
        return True


def _validated(log_proba: NDArray[np.float64], facts: object, shape: tuple[int, int]) -> FoldResult:
    """Validate the content of a file of `ResultStore.save`."""
    if log_proba.dtype != np.float64 or log_proba.shape != shape:
        raise ValueError(f"{_ARRAY} is {log_proba.dtype} {list(log_proba.shape)}")
    if not np.isfinite(log_proba).all():
        raise ValueError(f"{_ARRAY} is not finite")
    valid = read_facts(FoldFacts, facts)
    if valid.thresholds is not None and len(valid.thresholds) != shape[1]:
        raise ValueError(f"there are {len(valid.thresholds)} thresholds of {shape[1]} labels")
    if valid.best_epoch > len(valid.history):
        raise ValueError(f"of {len(valid.history)} epochs the best is {valid.best_epoch}")
    return FoldResult(log_proba, valid)
