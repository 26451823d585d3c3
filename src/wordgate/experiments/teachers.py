"""Teachers, fine-tuned or saved models, and the texts that they label for a student.

Word vectors are distilled from a teacher that is a transformer.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.folder import MANIFEST, BundleFolder
from wordgate.data.dataset import Dataset
from wordgate.data.labels import match_labels
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.errors import SettingsError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.evaluation.multilabel import log_odds
from wordgate.experiments.distill import LONGEST_WORD, further_words, write_word_vectors
from wordgate.experiments.fitting import Calibrated, fit_calibrated
from wordgate.experiments.teacher_cache import TEACHER_VECTORS, TeacherCache
from wordgate.hub import Role, locate_model
from wordgate.models.base import Model, class_log_proba
from wordgate.models.transformer import TransformerModel
from wordgate.runtime.display import shown
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress, stage
from wordgate.runtime.threads import torch_threads
from wordgate.settings import NO_TEACHER, Settings
from wordgate.storage.files import expand_home
from wordgate.text.augmentation import Augmenter, nearest_words
from wordgate.text.tokenizers import get_tokenizer
from wordgate.training.distillation import Teacher, TransferSet, ask
from wordgate.training.fitting import FitData, RunContext
from wordgate.vectors.distilling import distill_words
from wordgate.vectors.formats import open_vectors
from wordgate.vectors.pretrained import PretrainedVectors

NEIGHBOURS = 8
"""Number of words that can replace a word in a variation: its nearest neighbors."""
_TEACHER = Role("teacher", "transformer", "--teacher ", ("config.json",))
FALSE_ALARMS = 0.02
"""Maximum false positive rate of the detection of near duplicates."""


@dataclass(frozen=True)
class ModelTeacher:
    """A fitted model as a teacher, with the name given by the user.

    Attributes:
        columns: Positions of the data's labels among those of the model, in the data's order.
        fine_tuned: The fine-tuned model; None for a saved or stored model.
    """

    name: str
    model: Model
    temperature: float
    columns: tuple[int, ...]
    multilabel: bool = False
    fine_tuned: Calibrated | None = None

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes], in the order of the data's labels."""
        log_proba = self.model.log_proba(texts)
        return apply_temperature(log_proba, self.temperature, self.multilabel)[:, self.columns]

    def labelling(self, settings: Settings, device: str) -> "ModelTeacher":
        """Return the teacher for labeling many texts; a transformer on the best device."""
        if not isinstance(self.model, TransformerModel):
            return self
        from wordgate.training.device import choose_device, choose_precision

        chosen_device = choose_device(device)
        precision = choose_precision(settings.transformer.precision, chosen_device)
        network = self.model.network.in_precision(precision, chosen_device)
        return replace(self, model=replace(self.model, network=network))


@dataclass(frozen=True)
class MeanTeacher:
    """Several teachers as one: the normalized mean of their log-probabilities.

    With several labels per text, it is the mean of their logits.
    """

    teachers: Sequence[ModelTeacher]

    @property
    def name(self) -> str:
        """The names of all teachers."""
        return " + ".join(teacher.name for teacher in self.teachers)

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""
        if len(self.teachers) == 1:
            return self.teachers[0].log_proba(texts)
        multilabel = self.teachers[0].multilabel
        outputs = [teacher.log_proba(texts) for teacher in self.teachers]
        if multilabel:
            outputs = [log_odds(log_proba) for log_proba in outputs]
        return class_log_proba(np.mean(outputs, axis=0), multilabel)


@dataclass(frozen=True)
class SavedModel:
    """A saved model as a teacher, with the name given by the user.

    Attributes:
        labels: Its labels, in the order of the columns of its predictions.
        fingerprints: Fingerprints of its training texts and groups.
    """

    name: str
    labels: tuple[str, ...]
    multilabel: bool
    model: Model
    temperature: float
    fingerprints: Fingerprints

    def teacher(self, labels: Sequence[str], *, multilabel: bool = False) -> ModelTeacher:
        """Return the teacher for these labels.

        Raises:
            SettingsError: The model has other labels.
        """
        if multilabel != self.multilabel:
            own, of_data = (
                ("several labels", "one") if self.multilabel else ("one label", "several")
            )
            raise SettingsError(
                f"the teacher '{self.name}' assigns {own} to a text, but a text of the data has"
                f" {of_data}: a teacher must match the data"
            )
        known, _ = match_labels(self.labels, labels)
        if sorted(labels) != sorted(known):
            raise SettingsError(
                f"the teacher '{self.name}' has the labels {_listed(self.labels)}, and the data has"
                f" {_listed(labels)}: they must be the same"
            )
        columns = tuple(known.index(label) for label in labels)
        return ModelTeacher(self.name, self.model, self.temperature, columns, multilabel)

    def check_unseen(self, test: Dataset, train: Fingerprints) -> None:
        """Raise a `SettingsError` if the teacher was trained on test rows of its student.

        Test rows with near duplicates in the student's training rows, of which `train` has the
        fingerprints, are ignored.
        """
        # Both are estimates, so that narrow misses of one are not detected by the other.
        of_student = train.near_copies(test.texts, verified=False).found
        exact = self.fingerprints.seen_texts(test.texts) & ~of_student
        near = self.fingerprints.near_copies(test.texts, verified=False).found & ~of_student
        if not exact.any() and near.sum() <= FALSE_ALARMS * len(near):
            return
        raise SettingsError(
            f"the teacher '{self.name}' was trained on test rows of the student:"
            f" {int(exact.sum()):,} of {len(exact):,} test rows are exact duplicates of its"
            f" training rows, {int(near.sum()):,} near duplicates, so the student cannot be"
            " evaluated on them. Give a teacher that was trained on the same split (the same data,"
            " options and --seed), or one to fine-tune, such as minilm"
        )


def fit_teachers(
    saved: Mapping[str, SavedModel],
    data: FitData,
    test: Dataset,
    settings: Settings,
    folder: TeacherCache,
    context: RunContext,
) -> list[ModelTeacher]:
    """Load or fine-tune all teachers of the settings; they share the time until the deadline."""
    teachers, names = [], settings.teacher.models
    train = None
    for number, name in enumerate(names):
        if name in saved:
            with stage(context.progress, "Looking for test rows that the teacher was trained on"):
                train = train or Fingerprints.of([*data.train.texts, *data.valid.texts], None)
                saved[name].check_unseen(test, train)
            teachers.append(saved[name].teacher(data.labels, multilabel=data.multilabel))
            continue
        columns, fitted, kept = tuple(range(data.n_classes)), None, folder.teacher(number)
        if kept is not None:
            context.progress.say(f"The teacher {name}, already fine-tuned.")
        else:
            now = time.monotonic()
            deadline = now + (context.deadline - now) / (len(names) - number)
            teacher_settings = settings.updated({"transformer.model": name})
            teacher_context = replace(
                context, seed=context.seed + number, deadline=deadline, checkpoint=None
            )
            fitted = fit_calibrated("transformer", data, teacher_settings, teacher_context)
            kept = fitted.fitted.model, fitted.temperature
            folder.keep_teacher(number, *kept)
        teachers.append(ModelTeacher(name, *kept, columns, data.multilabel, fitted))
    return teachers


def load_saved(names: Sequence[str], progress: Progress) -> dict[str, SavedModel]:
    """Load the teachers that are saved models, by their names; others must be fine-tuned."""
    saved = {}
    for name in names:
        if name == NO_TEACHER or not (expand_home(name) / MANIFEST).is_file():
            continue
        with stage(progress, f"Loading the teacher {shown(name, 200)}"):
            folder = BundleFolder.open(expand_home(name))
            config = folder.config()
            saved[name] = SavedModel(
                name,
                config.labels,
                config.multilabel,
                folder.model(config),
                config.temperature,
                folder.fingerprints(),
            )
    return saved


def locate_pretrained_teachers(names: Sequence[str]) -> list[Path]:
    """Return the folders of the transformers to fine-tune; download them if necessary."""
    if names:
        require_extra("transformer", "fine-tuning a teacher")
    return [locate_model(name, _TEACHER) for name in names]


def _listed(labels: Sequence[str]) -> str:
    return f"{', '.join(sorted(labels)):.200}"


def distilled_vectors(
    teachers: Sequence[ModelTeacher],
    texts: Sequence[str],
    settings: Settings,
    folder: TeacherCache,
    context: RunContext,
) -> PretrainedVectors | None:
    """Distill word vectors from the first teacher that is a transformer; None without one.

    The words are those of the texts, and the whole words of the teacher's vocabulary, until the
    deadline of `context`.
    """
    models = {teacher.name: teacher.model for teacher in teachers}
    pairs = ((name, model) for name, model in models.items() if isinstance(model, TransformerModel))
    name, model = next(pairs, ("", None))
    if model is None:
        return None
    file = folder.path / TEACHER_VECTORS
    if not file.exists():
        import torch

        from wordgate.training.pretrained_transformer import EncoderWords

        with stage(context.progress, "Choosing the words to distill"):
            encoder = EncoderWords(name, model.encoder, model.network)
            tokenize = get_tokenizer(settings.text.tokenizer)
            counts = Counter(word for text in texts for word in tokenize(text))
            frequent = counts.most_common(settings.text.max_words)
            words = [word for word, _ in frequent if len(word) <= LONGEST_WORD]
            words += further_words(encoder.own_words(), words, tokenize)
        context.progress.begin(f"Distilling vectors of {len(words):,} words from the teacher")
        with torch_threads(torch, context.threads):
            distilled = distill_words(
                words, encoder, progress=context.progress, deadline=context.deadline
            )
        folder.path.mkdir(parents=True, exist_ok=True)
        write_word_vectors(file, "safetensors", distilled)
    return PretrainedVectors(open_vectors(file), called=f"distilled from {name}")


def make_augmenter(
    texts: Sequence[str], vectors: PretrainedVectors | None, settings: Settings, progress: Progress
) -> Augmenter:
    """Create an augmenter, which replaces words by their nearest neighbors if there are vectors.

    Only words that occur in more than one text are replaced.
    """
    tokenizer = get_tokenizer(settings.text.tokenizer)
    if vectors is None or not settings.teacher.variations:
        return Augmenter(tokenizer)
    counts = Counter(word for text in texts for word in dict.fromkeys(tokenizer(text)))
    words = [word for word, n in counts.items() if n > 1 and any(map(str.isalpha, word))]
    lookup = vectors.lookup(words, settings.vectors.spelling, progress)
    known = [word for word, is_known in zip(words, lookup.known.tolist(), strict=True) if is_known]
    with stage(progress, f"Finding the nearest neighbors of {len(known):,} words"):
        nearest = nearest_words(known, lookup.vectors[lookup.known], NEIGHBOURS)
    return Augmenter(tokenizer, nearest)


def label_texts(
    teacher: Teacher,
    transfer: TransferSet,
    test: Dataset,
    n_classes: int,
    folder: TeacherCache,
    context: RunContext,
) -> dict[str, NDArray[np.float32]]:
    """Compute a teacher's predictions for the test rows, for comparison, and the transfer set.

    The transfer set is labeled until the deadline.

    Returns:
        Log-probabilities ``test``, float32 [n_test, classes], and ``transfer``, float32 [n,
            classes], NaN for texts after the deadline.
    """
    shapes = {"transfer": (len(transfer), n_classes), "test": (len(test), n_classes)}
    answers = folder.answers(shapes)

    def keep() -> None:
        folder.keep_answers(answers)

    n_texts = len(test) + len(transfer)
    context.progress.begin(f"The teacher labels up to {n_texts:,} texts")
    try:
        of_test = replace(context, deadline=math.inf)
        ask(teacher, test.texts, np.arange(len(test)), answers["test"], of_test, keep)
        ask(teacher, transfer.texts, transfer.order, answers["transfer"], context, keep)
    finally:
        folder.keep_answers(answers, at_once=True)
    return answers
