"""Results of folds, stored so that an interrupted comparison or training goes on after the last."""

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
        temperature: The calibration temperature; 1 leaves log-probabilities as they are.
        thresholds: The least probability at which each label is given; None if none were chosen.
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
        chosen = None if self.facts.thresholds is None else np.array(self.facts.thresholds)
        log_proba = apply_temperature(self.log_proba, self.facts.temperature, multilabel)
        return ModelOutput(log_proba, chosen)


@dataclass
class ResultStore:
    """Stores each fold's result in a file, so that an interrupted comparison can be resumed.

    The folder is made with the first file; None keeps nothing. Differences between then and now are
    reported, each once, by what the results are of.
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
        """Read a result, log-probabilities of `shape`; None if there is none of that name.

        One that is damaged, or of another fit than `fingerprint`, is refused.
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
    """Refuse a folder with anything but the results of a comparison in it."""
    seen = folder.glob("[!.]*")  # what is hidden, a desktop or a network drive has left
    others = sorted(file.name for file in seen if not _is_result(file))
    if others:
        raise BundleError(
            f"{folder} contains '{others[0]}', which is not part of a comparison; move it, or"
            " choose another --out"
        )


def _is_result(file: Path) -> bool:
    """Return whether a `ResultStore` wrote a file; an unreadable one is half written or damaged."""
    if file.is_symlink() or not file.is_file() or not _FILE.fullmatch(file.name):
        return False
    try:
        with safe_open(file, framework="np") as stored:
            return METADATA in (stored.metadata() or {})
    except (OSError, SafetensorError):
        return True


def _validated(log_proba: NDArray[np.float64], facts: object, shape: tuple[int, int]) -> FoldResult:
    """Build a result from the content of its file, as `ResultStore.save` wrote it."""
    if log_proba.dtype != np.float64 or log_proba.shape != shape:
        raise ValueError(f"{_ARRAY} is {log_proba.dtype} {list(log_proba.shape)}")
    if not np.isfinite(log_proba).all():
        raise ValueError(f"{_ARRAY} is not finite")
    kept = read_facts(FoldFacts, facts)
    if kept.thresholds is not None and len(kept.thresholds) != shape[1]:
        raise ValueError(f"there are {len(kept.thresholds)} thresholds of {shape[1]} labels")
    if kept.best_epoch > len(kept.history):
        raise ValueError(f"of {len(kept.history)} epochs the best is {kept.best_epoch}")
    return FoldResult(log_proba, kept)
