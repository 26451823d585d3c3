"""What teaching has come to so far, in a folder, so that no teacher is asked twice."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.models.base import Model
from wordgate.models.families import model_from_state
from wordgate.storage.resumable import (
    CORRUPT_FILE_ERRORS,
    RunFingerprint,
    damaged,
    read_resumable,
    write_resumable,
)

VECTORS = "vectors.safetensors"
_ANSWERS = "answers.safetensors"
_OWN = r"(?:teacher-[0-9]+|vectors|answers)\.safetensors"
_FILE_NAME = re.compile(rf"{_OWN}|\.{_OWN}\.new")  # a kill leaves one of the latter
_WHAT = "teaching"
_SECONDS_BETWEEN = 20.0  # two writings of all answers


@dataclass
class TeacherCache:
    """A folder with the teachers, the word vectors made of one, and all answers so far.

    Attributes:
        path: The folder.
        fingerprint: What the teaching is of: data, settings, seed; and what it runs on.
        keeps: Whether teachers and answers are written to it; the word vectors are in any case.
    """

    path: Path
    fingerprint: RunFingerprint
    keeps: bool = True
    _kept: float = field(default_factory=time.monotonic)

    def teacher(self, number: int) -> tuple[Model, float] | None:
        """Give back a teacher and its temperature; None if it isn't kept.

        Raises:
            BundleError: The file is damaged, or is of another teaching.
        """
        found = self._read(f"teacher-{number}.safetensors")
        if found is None:
            return None
        facts, arrays = found
        return model_from_state(facts["family"], facts["description"], arrays), facts["temperature"]

    def keep_teacher(self, number: int, model: Model, temperature: float) -> None:
        """Keep a teacher.

        Raises:
            BundleError: The disk refuses.
        """
        if not self.keeps:
            return
        description, arrays = model.state()
        facts = {
            "family": model.family,
            "description": dict(description),
            "temperature": temperature,
        }
        self._write(f"teacher-{number}.safetensors", facts, arrays)

    def answers(self, shapes: Mapping[str, tuple[int, int]]) -> dict[str, NDArray[np.float32]]:
        """Give the answers so far; NaN stands for what was not asked yet.

        Args:
            shapes: How many texts, and how many classes, the answers of each name are about.

        Raises:
            BundleError: The file is damaged, or is of another teaching.
        """
        found = self._read(_ANSWERS)
        if found is None:
            return {name: np.full(shape, np.nan, np.float32) for name, shape in shapes.items()}
        arrays = {name: np.array(array) for name, array in found[1].items()}
        if {name: array.shape for name, array in arrays.items()} != dict(shapes):
            raise damaged(self.path / _ANSWERS, "it has answers about other texts")
        return arrays

    def keep_answers(
        self, answers: Mapping[str, NDArray[np.float32]], *, at_once: bool = False
    ) -> None:
        """Keep the answers so far, every twenty seconds or at once.

        Raises:
            BundleError: The disk refuses.
        """
        if not self.keeps:
            return
        if at_once or time.monotonic() - self._kept >= _SECONDS_BETWEEN:
            self._write(_ANSWERS, {}, answers)
            self._kept = time.monotonic()

    def _write(self, name: str, facts: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        content = {"facts": facts, **self.fingerprint.facts()}
        write_resumable(self.path / name, content, arrays)

    def _read(self, name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]]] | None:
        file = self.path / name
        if not file.exists():
            return None
        content, arrays = read_resumable(file)
        try:
            self.fingerprint.check(content, _WHAT, self.path)
            return dict(content["facts"]), arrays
        except CORRUPT_FILE_ERRORS as error:
            raise damaged(file, error) from error


def clear_teacher_cache(folder: Path) -> None:
    """Take away what a teaching has kept, and the folder if nothing else stands in it."""
    if not folder.is_dir():
        return
    for file in list(folder.iterdir()):
        if _FILE_NAME.fullmatch(file.name) and file.is_file():
            file.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()
