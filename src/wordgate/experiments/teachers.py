"""Teachers: models that label texts for a student, fine-tuned for it or saved before."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.folder import MANIFEST, BundleFolder
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.errors import SettingsError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.experiments.calibrating import Calibrated, fit_calibrated
from wordgate.experiments.teacher_cache import TeacherCache
from wordgate.hub import Role, locate_model
from wordgate.models.base import Model, log_softmax
from wordgate.models.transformer import TransformerModel
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress
from wordgate.settings import NO_TEACHER, Settings
from wordgate.training.fitting import Examples

_TEACHER = Role("teacher", "transformer", "--teacher ", ("config.json",))
FALSE_ALARMS = 0.02
"""The share of unseen rows that fingerprints take for near copies and that are none, at most."""


@dataclass(frozen=True)
class ModelTeacher:
    """A fitted model that teaches.

    Attributes:
        name: What the user calls it.
        model: The model.
        temperature: What its log-probabilities are divided by.
        columns: Where the data's labels stand among its own, in the data's order.
        fine_tuned: What fine-tuning it came to; None for a model that was saved or kept.
    """

    name: str
    model: Model
    temperature: float
    columns: tuple[int, ...]
    fine_tuned: Calibrated | None = None

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes], in the order of the data's labels."""
        return apply_temperature(self.model.log_proba(texts), self.temperature)[:, self.columns]

    def labelling(self, settings: Settings, device: str) -> "ModelTeacher":
        """Give the same teacher to label many texts: a transformer computes where it is fastest.

        Args:
            settings: `precision` says what it may compute in.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        """
        if not isinstance(self.model, TransformerModel):
            return self
        from wordgate.training.device import choose_device, choose_precision

        where = choose_device(device)
        precision = choose_precision(settings.transformer.precision, where)
        network = self.model.network.in_precision(precision, where)
        return replace(self, model=replace(self.model, network=network))


@dataclass(frozen=True)
class MeanTeacher:
    """Several teachers as one: the mean of their log-probabilities, brought to sum up to 1."""

    teachers: Sequence[ModelTeacher]

    @property
    def name(self) -> str:
        """Name all of them."""
        return " + ".join(teacher.name for teacher in self.teachers)

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""
        if len(self.teachers) == 1:
            return self.teachers[0].log_proba(texts)
        summed = sum(teacher.log_proba(texts) for teacher in self.teachers)
        return log_softmax(np.asarray(summed) / len(self.teachers))


@dataclass(frozen=True)
class SavedModel:
    """A saved model that is to teach.

    Attributes:
        name: What the user calls it.
        labels: Its labels, by the columns of its answers.
        model: The model.
        temperature: What its log-probabilities are divided by.
        fingerprints: Of the texts and groups that it was trained on.
    """

    name: str
    labels: tuple[str, ...]
    model: Model
    temperature: float
    fingerprints: Fingerprints

    def teacher(self, labels: Sequence[str]) -> ModelTeacher:
        """Let it teach students of these labels.

        Raises:
            SettingsError: Its labels are others.
        """
        if set(labels) != set(self.labels):
            raise SettingsError(
                f"the teacher '{self.name}' knows the labels {_listed(self.labels)}, and the data"
                f" has {_listed(labels)}: a teacher must know the same"
            )
        columns = tuple(self.labels.index(label) for label in labels)
        return ModelTeacher(self.name, self.model, self.temperature, columns)

    def check_unseen(self, test: Examples, train: Fingerprints) -> None:
        """Refuse a teacher that was trained on rows that are to test its student.

        Rows that copy rows of the student's own training say nothing about the teacher's.

        Args:
            test: The test rows.
            train: Fingerprints of the student's training and validation rows.

        Raises:
            SettingsError: It was, as far as the fingerprints tell.
        """
        own = train.near_copies(test.texts)
        exact = self.fingerprints.seen_texts(test.texts) & ~own
        near = self.fingerprints.near_copies(test.texts) & ~own
        if not exact.any() and near.sum() <= FALSE_ALARMS * len(near):
            return
        raise SettingsError(
            f"the teacher '{self.name}' was trained on rows that test the student:"
            f" {int(exact.sum()):,} of {len(exact):,} test rows are among its own word for word,"
            f" {int(near.sum()):,} with near copies; what it taught could not be judged on them."
            " Give a teacher that was trained on the same split (the same data, options and"
            " --seed), or one to fine-tune, such as minilm"
        )


@dataclass(frozen=True)
class TeacherTrainer:
    """What teachers are fitted on, and how."""

    train: Examples
    valid: Examples
    test: Examples
    labels: Sequence[str]
    settings: Settings
    seed: int
    device: str
    progress: Progress
    threads: int | None

    def teachers(
        self, saved: Mapping[str, SavedModel], folder: TeacherCache, limit: float
    ) -> list[ModelTeacher]:
        """Load or fine-tune all teachers; these share the time until the limit."""
        found, names = [], self.settings.teacher.models
        own = None
        for number, name in enumerate(names):
            if name in saved:
                own = own or Fingerprints.of([*self.train.texts, *self.valid.texts], None)
                saved[name].check_unseen(self.test, own)
                found.append(saved[name].teacher(self.labels))
                continue
            now = time.monotonic()
            share = (limit - now) / (len(names) - number)
            found.append(self._fine_tuned(name, number, folder, now + share))
        return found

    def _fine_tuned(
        self, name: str, number: int, folder: TeacherCache, limit: float
    ) -> ModelTeacher:
        columns = tuple(range(len(self.labels)))
        kept = folder.teacher(number)
        if kept is not None:
            self.progress.say(f"The teacher {name}, as it was fine-tuned before.")
            return ModelTeacher(name, *kept, columns)
        fitted = fit_calibrated(
            "transformer",
            self.train,
            self.valid,
            len(self.labels),
            self.settings.updated({"transformer.model": name}),
            seed=self.seed + number,
            device=self.device,
            progress=self.progress,
            deadline=limit,
            threads=self.threads,
        )
        folder.keep_teacher(number, fitted.fitted.model, fitted.temperature)
        return ModelTeacher(name, fitted.fitted.model, fitted.temperature, columns, fitted)


def load_saved(names: Sequence[str]) -> dict[str, SavedModel]:
    """Load those teachers that are saved models.

    Args:
        names: All teachers, as the user calls them.

    Returns:
        The saved models by their names; other teachers have to be fine-tuned.

    Raises:
        BundleError: One is damaged.
        MissingExtraError: A saved transformer needs an extra.
    """
    saved = {}
    for name in names:
        if name == NO_TEACHER or not (Path(name).expanduser() / MANIFEST).is_file():
            continue
        folder = BundleFolder.open(Path(name).expanduser())
        config = folder.config()
        saved[name] = SavedModel(
            name, config.labels, folder.model(config), config.temperature, folder.fingerprints()
        )
    return saved


def check_pretrained_teachers(names: Sequence[str]) -> None:
    """Find, and fetch if need be, the transformers that are to be fine-tuned, before any work.

    Raises:
        DataError: There is none, or it can't be fetched.
        MissingExtraError: The extra `transformer` is not installed.
    """
    if not names:
        return
    require_extra("transformer", "fine-tuning a teacher")
    for name in names:
        locate_model(name, _TEACHER)


def _listed(labels: Sequence[str]) -> str:
    return f"{', '.join(sorted(labels)):.200}"
