"""Storage of interrupted runs: results of folds, a teacher and its predictions."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from safetensors import SafetensorError, safe_open

from wordgate.bundle.folder import BundleFolder
from wordgate.errors import BundleError, SettingsError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.evaluation.comparison import COMPARED
from wordgate.evaluation.metrics import Epoch
from wordgate.experiments.fitting import ModelOutput
from wordgate.families import FAMILIES
from wordgate.models.base import Model, model_from_state
from wordgate.runtime.progress import Progress, Silent
from wordgate.storage.files import remove, remove_own
from wordgate.storage.resumable import (
    CORRUPT_FILE_ERRORS,
    METADATA,
    RunFingerprint,
    damaged,
    read_facts,
    read_resumable,
    write_resumable,
)
from wordgate.training.fitting import TIME_LIMIT, CheckpointConfig

TEACHER_VECTORS = "vectors.safetensors"
_ANSWERS = "answers.safetensors"
_ARRAY = "log_proba"
_REMEDY = "delete it, or start over with --overwrite"
_SECONDS_BETWEEN = 20.0  # two writings of all answers
_Amount = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


def _own_files(name: str) -> re.Pattern[str]:
    """Match the files of a name, and what a kill leaves of one that is written."""
    return re.compile(rf"{name}\.safetensors|\.{name}\.safetensors\.new")


_RESULT_FILE = _own_files(rf"[a-z]+-(?:{'|'.join(COMPARED)})-[1-9][0-9]*")
_TEACHER_FILE = _own_files(r"(?:teacher-[0-9]+|vectors|answers)")
_FINISHED = "finished"
"""Marks a folder whose student has been written; its other files can be deleted."""


@dataclass(frozen=True)
class KeptTraining:
    """Where a training is kept until its model is written; None where nothing is kept.

    Attributes:
        baseline: Of the model that it has to beat, not to be fitted on every resumption.
        teaching: The folder of its teachers; None for a family that learns from none.
    """

    checkpoint: CheckpointConfig | None = None
    baseline: CheckpointConfig | None = None
    teaching: Path | None = None

    @classmethod
    def beside(
        cls, out: Path | None, family: str, *, resume: bool, overwrite: bool
    ) -> "KeptTraining":
        """Choose the places, and refuse to pass over a training that was interrupted.

        With `overwrite` what is kept stays until something newer is.
        """
        if resume and not FAMILIES[family].can_resume:
            resumable = ", ".join(known.name for known in FAMILIES.values() if known.can_resume)
            raise SettingsError(
                f"--resume has no effect: a {family} model is fitted in one step; only {resumable}"
                " models have checkpoints"
            )
        if resume and out is None:
            raise SettingsError("give the folder of the training run to resume as `out`")
        if out is None or not FAMILIES[family].can_resume:
            return cls()
        file, baseline = kept_beside(out, "checkpoint"), kept_beside(out, "baseline")
        teaching = kept_beside(out, "teaching") if FAMILIES[family].can_be_taught else None
        check_place(file, "training", folder=False)
        if teaching is not None and not file.exists() and _is_over(teaching):
            clear_teacher_cache(teaching)
        check_place(baseline, "baseline", folder=True)
        if teaching is not None:
            check_place(teaching, "teaching", folder=True)
        places = [one for one in (file, baseline, teaching) if one is not None and one.exists()]
        kept = places[0] if places else file
        check_resume(out, kept, "training", resume=resume, overwrite=overwrite)
        checkpoint = CheckpointConfig(file, resume and file.exists())
        return cls(checkpoint, CheckpointConfig(baseline, resume), teaching)

    def clear(self) -> None:
        """Delete what is kept, which a kill in between leaves as something to be deleted."""
        if self.baseline is not None:
            ResultStore(self.baseline.file, Silent()).clear()
        if self.teaching is not None and self.teaching.is_dir():
            with suppress(OSError):  # the model is written: that this fails is no reason to say so
                (self.teaching / _FINISHED).touch()
        if self.checkpoint is not None:  # after the baseline, which would block a new training
            remove(self.checkpoint.beside.file)
            remove(self.checkpoint.file)
        if self.teaching is not None:  # after the checkpoint, which would be of no use without
            clear_teacher_cache(self.teaching)


def kept_beside(
    out: str | Path, what: Literal["checkpoint", "baseline", "teaching", "search"]
) -> Path:
    """Name where something of a run into a folder is kept: ``model`` has ``model.checkpoint``."""
    return Path(f"{Path(out)}.{what}")


def is_complete(model: Path, kept: Path) -> bool:
    """Return whether a model is what a saved training came to at its very end.

    The seconds that its epochs took are those of no other. A model that the time limit made is not
    the end, and before the first epoch is over nothing can be told.
    """
    from wordgate.training.checkpoint import kept_histories

    try:
        histories = kept_histories(kept)
        metrics = BundleFolder.open(model).metrics()
        if metrics is None or any(remark.startswith(TIME_LIMIT) for remark in metrics.remarks):
            return False
        made = [asdict(each) for each in metrics.history]
        return any(epochs and made[: len(epochs)] == epochs for epochs in histories)
    except (BundleError, OSError, SafetensorError, *CORRUPT_FILE_ERRORS):
        return False


def check_place(kept: Path, what: str, *, folder: bool) -> None:
    """Refuse what stands where a run, such as a training, would be kept and can't be that."""
    kind = "folder" if folder else "file"
    if kept.exists() and not (kept.is_dir() if folder else kept.is_file()):
        raise BundleError(
            f"{kept} is not a {kind}, but a {what} is kept in a {kind} of this name; move it, or"
            " choose another --out"
        )


def check_resume(out: Path, kept: Path, what: str, *, resume: bool, overwrite: bool) -> None:
    """Refuse where nothing said what becomes of a kept run that is to make `out`, or none is."""
    if resume and not kept.exists():
        raise BundleError(f"there is no {kept} to resume from; leave out --resume to start")
    if kept.exists() and not resume and not overwrite:
        raise BundleError(
            f"a {what} into {out} was interrupted and left {kept}: continue it with --resume, or"
            " start over with --overwrite"
        )
    if resume and not overwrite and os.path.lexists(out):
        raise BundleError(
            f"both {out} and {kept} exist: if the {what} was stopped just after it had written"
            f" {out}, that is complete, and you can delete {kept}; if it was to replace {out}, add"
            " --overwrite"
        )


@contextmanager
def telling_what_is_kept(kept: Path | None, what: str) -> Iterator[None]:
    """On an interruption, report how to resume the run, unless the message says so already."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if kept is None or not kept.exists() or interrupt.args:
            raise
        raise KeyboardInterrupt(
            f"{what} kept in {kept}; run the same command with --resume to continue"
        ) from None


class FoldFacts(BaseModel):
    """Facts about the fit of one model on one fold, and its costs.

    Attributes:
        temperature: The calibration temperature; 1 leaves log-probabilities as they are.
        history: The epochs; empty for a family without epochs.
        best_epoch: The epoch that was kept, from 1; 0 without epochs.
        train_seconds: Time of fitting.
        texts_per_second: Rate of prediction, from strings.
        megabytes: Size of the model, in 10^6 bytes.
        remarks: What a user should know about this fit.
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
            remove_own(self.folder, _is_result, _FINISHED)


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
    if file.is_symlink() or not file.is_file() or not _RESULT_FILE.fullmatch(file.name):
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


@dataclass
class TeacherCache:
    """A folder with the teachers, the word vectors made of one, and all predictions so far.

    Attributes:
        fingerprint: What the teaching is of: data, settings, seed; and what it runs on.
        started: The `time.monotonic()` at which the command began.
        keeps: Whether teachers and predictions are written to it; the word vectors are in any case.
        earlier_seconds: What teaching took in commands that were interrupted.
        earlier_wall_seconds: What these commands took.
    """

    path: Path
    fingerprint: RunFingerprint
    started: float = field(default_factory=time.monotonic)
    keeps: bool = True
    earlier_seconds: float = 0.0
    earlier_wall_seconds: float = 0.0
    _opened: float = field(default_factory=time.monotonic)
    _kept: float = field(default_factory=time.monotonic)

    def teacher(self, number: int) -> tuple[Model, float] | None:
        """Return a teacher and its temperature; None if it isn't kept."""
        if (found := self._read(f"teacher-{number}.safetensors")) is None:
            return None
        facts, arrays = found
        return model_from_state(facts["family"], facts["description"], arrays), facts["temperature"]

    def keep_teacher(self, number: int, model: Model, temperature: float) -> None:
        """Keep a teacher."""
        description, arrays = model.state()
        facts = {
            "family": model.family,
            "description": dict(description),
            "temperature": temperature,
        }
        self._write(f"teacher-{number}.safetensors", facts, arrays)

    def answers(self, shapes: Mapping[str, tuple[int, int]]) -> dict[str, NDArray[np.float32]]:
        """Return the predictions so far, of these shapes; NaN stands for what was not asked yet."""
        found = self._read(_ANSWERS)
        if found is None:
            return {name: np.full(shape, np.nan, np.float32) for name, shape in shapes.items()}
        arrays = {name: np.array(array) for name, array in found[1].items()}
        if {name: array.shape for name, array in arrays.items()} != dict(shapes):
            raise damaged(self.path / _ANSWERS, "it has predictions for other texts")
        return arrays

    def keep_answers(
        self, answers: Mapping[str, NDArray[np.float32]], *, at_once: bool = False
    ) -> None:
        """Keep the predictions so far, every twenty seconds or at once."""
        if at_once or time.monotonic() - self._kept >= _SECONDS_BETWEEN:
            self._write(_ANSWERS, {}, answers)
            self._kept = time.monotonic()

    def _write(self, name: str, facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        if not self.keeps:
            return
        now = time.monotonic()
        spent = {
            "seconds": self.earlier_seconds + now - self._opened,
            "wall_seconds": self.earlier_wall_seconds + now - self.started,
        }
        content = {"facts": facts, "spent": spent, **self.fingerprint.facts()}
        write_resumable(self.path / name, content, arrays)

    def _read(self, name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        file = self.path / name
        if not file.exists():
            return None
        content, arrays = read_resumable(file)
        try:
            self.fingerprint.check(content, "teaching", self.path)
            spent = content["spent"]
            self.earlier_seconds = max(self.earlier_seconds, float(spent["seconds"]))
            self.earlier_wall_seconds = max(self.earlier_wall_seconds, float(spent["wall_seconds"]))
            return dict(content["facts"]), arrays
        except CORRUPT_FILE_ERRORS as error:
            raise damaged(file, error) from error


def clear_teacher_cache(folder: Path) -> None:
    """Delete what a teaching has kept, and the folder if nothing else is in it."""
    remove_own(folder, _is_of_teaching, _FINISHED)


def _is_over(folder: Path) -> bool:
    """Return whether a teaching is over, or nothing of it was kept; a kill left its folder."""
    return folder.is_dir() and ((folder / _FINISHED).is_file() or not any(folder.iterdir()))


def _is_of_teaching(file: Path) -> bool:
    known = file.name == _FINISHED or _TEACHER_FILE.fullmatch(file.name)
    return bool(known) and file.is_file()
