"""Teachers and their predictions so far, stored so that a distillation can be resumed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.models.base import Model, model_from_state
from wordgate.storage.files import own_files, remove_own
from wordgate.storage.resumable import (
    CORRUPT_FILE_ERRORS,
    RunFingerprint,
    damaged,
    read_resumable,
    write_resumable,
)

TEACHER_VECTORS = "vectors.safetensors"
FINISHED = "finished"
"""Marks a folder whose student has been written; its other files can be deleted."""
_ANSWERS = "answers.safetensors"
_SECONDS_BETWEEN = 20.0  # between two writes of all predictions
_FILE = own_files(r"(?:teacher-[0-9]+|vectors|answers)\.safetensors")


@dataclass
class TeacherCache:
    """A folder with the teachers, the word vectors made of one, and all predictions so far.

    Attributes:
        path: The folder.
        fingerprint: Data, settings, seed and environment of the distillation.
        started: The `time.monotonic()` at which the command started.
        keeps: Whether teachers and predictions are stored; word vectors always are.
        earlier_seconds: Duration of teaching in interrupted commands.
        earlier_wall_seconds: Duration of these commands.
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
        """Return a teacher and its temperature; None if it is not stored."""
        if (content := self._read(f"teacher-{number}.safetensors")) is None:
            return None
        facts, arrays = content
        return model_from_state(facts["family"], facts["description"], arrays), facts["temperature"]

    def keep_teacher(self, number: int, model: Model, temperature: float) -> None:
        """Store a teacher."""
        description, arrays = model.state()
        facts = {
            "family": model.family,
            "description": dict(description),
            "temperature": temperature,
        }
        self._write(f"teacher-{number}.safetensors", facts, arrays)

    def answers(self, shapes: Mapping[str, tuple[int, int]]) -> dict[str, NDArray[np.float32]]:
        """Return the predictions so far, of these shapes; NaN for missing predictions."""
        content = self._read(_ANSWERS)
        if content is None:
            return {name: np.full(shape, np.nan, np.float32) for name, shape in shapes.items()}
        arrays = {name: np.array(array) for name, array in content[1].items()}
        if {name: array.shape for name, array in arrays.items()} != dict(shapes):
            raise damaged(self.path / _ANSWERS, "it has predictions for other texts")
        return arrays

    def keep_answers(
        self, answers: Mapping[str, NDArray[np.float32]], *, at_once: bool = False
    ) -> None:
        """Store the predictions so far, every twenty seconds or at once."""
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
    """Delete the files of a distillation, and the folder if it is empty then."""
    remove_own(folder, _is_of_teaching, FINISHED)


def is_over(folder: Path) -> bool:
    """Return whether a folder is that of a finished distillation, or empty."""
    return folder.is_dir() and ((folder / FINISHED).is_file() or not any(folder.iterdir()))


def _is_of_teaching(file: Path) -> bool:
    known = file.name == FINISHED or _FILE.fullmatch(file.name)
    return bool(known) and file.is_file()
