"""Distillation: teachers are fitted or loaded and label texts, on which a student is fitted."""

import hashlib
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.arguments import real_number
from wordgate.bundle.config import Config, environment
from wordgate.data import Table
from wordgate.data.dataset import Dataset
from wordgate.errors import SettingsError
from wordgate.experiments.fitting import Calibrated, fit_calibrated
from wordgate.experiments.reading import DataSource
from wordgate.experiments.resuming import telling_what_is_kept
from wordgate.experiments.splits import Fold
from wordgate.experiments.teacher_cache import TeacherCache, clear_teacher_cache
from wordgate.experiments.teachers import (
    MeanTeacher,
    SavedModel,
    distilled_vectors,
    fit_teachers,
    label_texts,
    load_saved,
    locate_pretrained_teachers,
    make_augmenter,
)
from wordgate.experiments.unlabelled import Unlabelled, read_unlabelled
from wordgate.families import FAMILIES
from wordgate.runtime.progress import Progress, stage
from wordgate.settings import Settings
from wordgate.storage.files import expand_home
from wordgate.storage.resumable import VECTORS, RunFingerprint, as_it_is
from wordgate.training.distillation import TransferSet, answered
from wordgate.training.fitting import FitData, RunContext, run_config
from wordgate.training.weights import class_weights, lstm_class_weight
from wordgate.vectors.pretrained import PretrainedVectors

FITTING_SHARE = 0.5
"""Maximum fraction of the teaching time for fitting the teachers; the rest is for labeling."""
TEACHER_FILES = "files of the teachers"
"""In the fingerprint of what is kept: teachers of the same name may have been trained again."""
TEACHING_SHARE = 0.6
"""Maximum fraction of the total time for teaching; the rest is for the student."""


@dataclass(frozen=True)
class TeacherConfig:
    """Teachers and limits that the students of one command have in common.

    Attributes:
        saved: The teachers that are saved models, by their names in the command.
        teacher_files: A digest of the files of the teachers.
        unlabelled: Texts without labels; None if there are none.
        minutes: Time limit for teaching each student; None for no limit.
        folder: Where teachers and predictions are stored for a resumption; None for nowhere.
        resume: Whether to resume with the content of the folder.
    """

    saved: Mapping[str, SavedModel]
    teacher_files: str
    unlabelled: Unlabelled | None = None
    minutes: float | None = None
    folder: Path | None = None
    resume: bool = False

    def beside(self, table: Table, source: DataSource, progress: Progress) -> "TeacherConfig":
        """Read the texts without labels for a table, if there are any."""
        if not source.unlabelled:
            return self
        encoding = source.options.get("encoding")
        found = read_unlabelled(source.unlabelled, table, progress, encoding=encoding)
        progress.say(f"texts without labels: {len(found):,}, duplicates and labeled texts left out")
        return replace(self, unlabelled=found)

    def facts(self) -> dict[str, str]:
        """List what determines the teaching besides settings and seed."""
        return {
            TEACHER_FILES: self.teacher_files,
            "texts without labels": _digest(self.unlabelled.texts if self.unlabelled else ()),
            "teaching minutes": str(self.minutes),
        }

    def check_labels(self, labels: Sequence[str], *, multilabel: bool = False) -> None:
        """Refuse saved teachers that know other labels, before any work is done."""
        for saved in self.saved.values():
            saved.teacher(labels, multilabel=multilabel)


@dataclass(frozen=True)
class DistillationResult:
    """A teacher's predictions, and facts about the distillation.

    Attributes:
        teacher: The name of the teacher.
        test_log_proba: float64 [n_test, classes], the teacher's predictions for the test rows.
        n_labelled: Training texts that the teacher labeled.
        n_unlabelled: Texts without labels that it labeled.
        n_variations: Variations of texts that it labeled.
        n_late: Texts for which there was no time.
        n_left_out: Texts without labels that copy a validation or test row, or are of its group.
        seconds: Seconds of fitting the teacher and of its predictions.
        vectors: Word vectors distilled from the teacher; None if others were given, or none.
        fine_tuned: The fine-tuned teachers by their names, without saved models.
    """

    teacher: str
    test_log_proba: NDArray[np.float64]
    n_labelled: int
    n_unlabelled: int
    n_variations: int
    n_late: int
    n_left_out: int
    seconds: float
    vectors: PretrainedVectors | None
    fine_tuned: Mapping[str, Calibrated]

    def sentence(self) -> str:
        """Describe the texts that were labeled or left out, and the time."""
        parts = [f"{self.n_labelled:,} training texts"]
        if self.n_unlabelled or self.n_left_out:
            parts.append(f"{self.n_unlabelled:,} without labels")
        if self.n_left_out:
            parts[-1] += f" ({self.n_left_out:,} duplicates of validation or test rows left out)"
        parts.append(f"{self.n_variations:,} variations")
        late = f"; there was no time for {self.n_late:,} more" if self.n_late else ""
        return (
            f"The teacher {self.teacher} labeled {', '.join(parts)} in {self.seconds:.0f} s,"
            f" including its own training{late}."
        )


def teacher_config(
    settings: Settings | None,
    minutes: float | None,
    *,
    has_unlabelled: bool,
    progress: Progress,
    folder: Path | None = None,
    resume: bool = False,
) -> TeacherConfig | None:
    """Find the teachers that the settings name before any work is done; None without a teacher.

    `settings` are None for a family that can't be taught. Teachers and predictions are stored in
    `folder`.
    """
    if settings is None or not settings.teacher.is_given:
        given = {"--unlabelled": has_unlabelled, "--teaching-minutes": minutes}
        for option, value in given.items():
            if value:
                raise SettingsError(f"{option} has no effect without a teacher; see --teacher")
        return None
    if minutes is not None:
        real_number(minutes, "teaching_minutes", "a number above 0", lambda number: number > 0)
    saved = load_saved(settings.teacher.models, progress)
    others = [name for name in settings.teacher.models if name not in saved]
    folders = [*(expand_home(name) for name in saved), *locate_pretrained_teachers(others)]
    files = _digest([as_it_is(of_teacher) for of_teacher in folders])
    return TeacherConfig(saved, files, minutes=minutes, folder=folder, resume=resume)


@dataclass(frozen=True)
class ModelPlan:
    """A model that is to be fitted.

    Attributes:
        vectors: Pretrained word vectors; None for random ones, or for those distilled from a
            transformer that teaches it.
        teaching: Its teachers; None for none.
        recipe: The name of the recipe in `config.json`.
    """

    family: str
    settings: Settings
    vectors: PretrainedVectors | None = None
    teaching: TeacherConfig | None = None
    recipe: str = ""

    def vectors_with(self, taught: DistillationResult | None) -> PretrainedVectors | None:
        """Return its pretrained word vectors: those given, or those of its teacher."""
        return self.vectors if self.vectors is not None or taught is None else taught.vectors

    def config(self, model: Calibrated, taught: DistillationResult | None, **run: Any) -> Config:
        """Return the content of `config.json`; `run` are its fields about the run."""
        vectors, fitted, thresholds = self.vectors_with(taught), model.fitted, model.thresholds
        return Config(
            family=self.family,
            settings=(fitted.settings or self.settings).model_dump(mode="json"),
            set_by_user=tuple(sorted(self.settings.set_by_user)),
            recipe=self.recipe,
            vectors=None if vectors is None else vectors.name,
            temperature=model.temperature,
            multilabel=model.multilabel,
            thresholds=None if thresholds is None else thresholds.tolist(),
            environment=environment("torch", "scikit-learn") | dict(fitted.engine),
            **run,
        )


def fit_model(
    plan: ModelPlan, fold: Fold, context: RunContext
) -> tuple[Calibrated, DistillationResult | None]:
    """Fit a model; with teaching, fit a teacher first, which labels texts for it.

    No text without a label that copies a test row is used. The teacher predicts the test rows, too,
    to be compared with the student.

    Returns:
        The model, and the result of the distillation; None without one.
    """
    data, teaching = fold.fit_data(plan.vectors), plan.teaching
    if teaching is None or not FAMILIES[plan.family].can_be_taught:
        return fit_calibrated(plan.family, data, plan.settings, context), None
    started, unlabelled = time.monotonic(), []
    if teaching.unlabelled is not None:
        unlabelled = teaching.unlabelled.without(fold.valid, fold.test)
    run = _fingerprint(plan, teaching, fold, unlabelled, context)
    with _opened(teaching, run, context.started) as folder:
        data, settings, taught = _teach(
            plan, teaching, data, fold.test, unlabelled, folder, context, started
        )
        calibrated = fit_calibrated(plan.family, data, settings, context)
    fitted = replace(
        calibrated.fitted,
        settings=calibrated.fitted.settings or settings,
        earlier_wall_seconds=max(
            calibrated.fitted.earlier_wall_seconds, folder.earlier_wall_seconds
        ),
    )
    seconds = calibrated.seconds + taught.seconds
    return replace(calibrated, fitted=fitted, seconds=seconds), taught


def _fingerprint(
    plan: ModelPlan,
    teaching: TeacherConfig,
    fold: Fold,
    unlabelled: Sequence[str],
    context: RunContext,
) -> RunFingerprint:
    """List everything that determines the result of a teaching."""
    others = {
        "texts without labels": _digest(unlabelled),
        VECTORS: "the teacher's" if plan.vectors is None else as_it_is(plan.vectors.file.path),
        TEACHER_FILES: teaching.teacher_files,
    }
    parts = (fold.train, fold.valid, fold.test)
    return RunFingerprint(run_config(parts, len(fold.labels), plan.settings, context.seed, others))


def _teach(
    plan: ModelPlan,
    teaching: TeacherConfig,
    data: FitData,
    test: Dataset,
    unlabelled: Sequence[str],
    folder: TeacherCache,
    context: RunContext,
    started: float,
) -> tuple[FitData, Settings, DistillationResult]:
    """Let teachers label texts; return the student's data and settings, and the result."""
    settings = plan.settings
    limit = math.inf if teaching.minutes is None else started + 60.0 * teaching.minutes
    limit = min(limit, started + TEACHING_SHARE * (context.deadline - started))
    until = started + FITTING_SHARE * (limit - started)
    fitting = replace(context, deadline=until, predicted_after=0)
    labelling = replace(context, deadline=limit)
    own_teachers = fit_teachers(teaching.saved, data, test, settings, folder, fitting)
    teachers = [each.labelling(settings, context.device) for each in own_teachers]
    own, vectors, texts = None, data.vectors, [*data.train.texts, *unlabelled]
    if vectors is None:
        vectors = own = distilled_vectors(teachers, texts, settings, folder, labelling)
        settings = settings if own is None else settings.with_vectors_of(own.dim)
    augmenter = make_augmenter(texts, vectors, settings, context.progress)
    with stage(context.progress, "Making variations of the texts"):
        transfer = TransferSet.of(data.train, unlabelled, augmenter, settings, context.seed)
    teacher = MeanTeacher(teachers)
    answers = label_texts(teacher, transfer, test, data.n_classes, folder, labelling)
    taught = DistillationResult(
        teacher=teacher.name,
        test_log_proba=answers["test"].astype(np.float64),
        **_label_counts(transfer, answered(answers["transfer"])),
        n_left_out=len(teaching.unlabelled or ()) - len(unlabelled),
        seconds=folder.earlier_seconds + time.monotonic() - started,
        vectors=own,
        fine_tuned={each.name: each.fine_tuned for each in own_teachers if each.fine_tuned},
    )
    context.progress.say(taught.sentence())
    learned = transfer.dataset(
        data.train,
        answers["transfer"],
        settings.teacher.weight,
        class_weights(data, _class_weight(plan.family, data, settings)),
    )
    return replace(data, train=learned, vectors=vectors), settings, taught


def _label_counts(transfer: TransferSet, labelled: NDArray[np.bool_]) -> dict[str, int]:
    """Count the texts of each kind that the teacher labeled, bool [n], and those it did not."""
    kinds = np.split(labelled, [transfer.n_labelled, transfer.n_own])
    names = ("n_labelled", "n_unlabelled", "n_variations")
    counts = {name: int(kind.sum()) for name, kind in zip(names, kinds, strict=True)}
    return {**counts, "n_late": int((~labelled).sum())}


def _class_weight(family: str, data: FitData, settings: Settings) -> str | Mapping[str, float]:
    if family == "lstm":
        return lstm_class_weight(settings, multilabel=data.multilabel)
    return settings.class_weight


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()


@contextmanager
def _opened(
    teaching: TeacherConfig, fingerprint: RunFingerprint, started: float
) -> Iterator[TeacherCache]:
    """Open the folder of a teaching, or a temporary one; the command began at `started`."""
    if teaching.folder is None:
        with tempfile.TemporaryDirectory(prefix="wordgate-") as path:
            yield TeacherCache(Path(path), fingerprint, started, keeps=False)
        return
    folder = TeacherCache(teaching.folder, fingerprint, started)
    if not teaching.resume:
        clear_teacher_cache(folder.path)
    with telling_what_is_kept(folder.path, "the teacher's predictions so far are"):
        yield folder
