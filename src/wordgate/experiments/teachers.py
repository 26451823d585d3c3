"""Teachers, fine-tuned for a student or saved before, and the texts that they label for it.

A transformer that teaches also gives it word vectors.
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
from wordgate.runtime.cpu import torch_threads
from wordgate.runtime.display import shown
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress, stage
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
"""Maximum fraction of unseen rows that are taken for near duplicates by mistake."""


@dataclass(frozen=True)
class ModelTeacher:
    """A fitted model that teaches, by the name that the user calls it.

    Attributes:
        columns: Where the data's labels stand among its own, in the data's order.
        fine_tuned: What fine-tuning it came to; None for a model that was saved or kept.
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
        """Return the same teacher for labeling many texts, a transformer on the best device."""
        if not isinstance(self.model, TransformerModel):
            return self
        from wordgate.training.device import choose_device, choose_precision

        where = choose_device(device)
        precision = choose_precision(settings.transformer.precision, where)
        network = self.model.network.in_precision(precision, where)
        return replace(self, model=replace(self.model, network=network))


@dataclass(frozen=True)
class MeanTeacher:
    """Several teachers as one: the mean of their log-probabilities, brought to sum up to 1.

    Where a text may have several labels it is the mean of their logits.
    """

    teachers: Sequence[ModelTeacher]

    @property
    def name(self) -> str:
        """Name all of them."""
        return " + ".join(teacher.name for teacher in self.teachers)

    def log_proba(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Compute log-probabilities, float64 [n, classes]."""
        if len(self.teachers) == 1:
            return self.teachers[0].log_proba(texts)
        multilabel = self.teachers[0].multilabel
        found = [teacher.log_proba(texts) for teacher in self.teachers]
        if multilabel:
            found = [log_odds(log_proba) for log_proba in found]
        return class_log_proba(np.mean(found, axis=0), multilabel)


@dataclass(frozen=True)
class SavedModel:
    """A saved model that is to teach, by the name that the user calls it.

    Attributes:
        labels: Its labels, by the columns of its predictions.
        fingerprints: Of the texts and groups that it was trained on.
    """

    name: str
    labels: tuple[str, ...]
    multilabel: bool
    model: Model
    temperature: float
    fingerprints: Fingerprints

    def teacher(self, labels: Sequence[str], *, multilabel: bool = False) -> ModelTeacher:
        """Let it teach students of these labels; refuse where it knows others."""
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
        """Refuse a teacher that was trained on rows that are to test its student.

        Rows that copy rows of the student's own training, whose fingerprints `train` are, say
        nothing about the teacher's.
        """
        # Both are estimated, so that what one misses narrowly the other doesn't claim to know.
        own = train.near_copies(test.texts, verified=False).found
        exact = self.fingerprints.seen_texts(test.texts) & ~own
        near = self.fingerprints.near_copies(test.texts, verified=False).found & ~own
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
    found, names = [], settings.teacher.models
    own = None
    for number, name in enumerate(names):
        if name in saved:
            with stage(context.progress, "Looking for test rows that the teacher was trained on"):
                own = own or Fingerprints.of([*data.train.texts, *data.valid.texts], None)
                saved[name].check_unseen(test, own)
            found.append(saved[name].teacher(data.labels, multilabel=data.multilabel))
            continue
        columns, fitted, kept = tuple(range(data.n_classes)), None, folder.teacher(number)
        if kept is not None:
            context.progress.say(f"The teacher {name}, already fine-tuned.")
        else:
            now = time.monotonic()
            deadline = now + (context.deadline - now) / (len(names) - number)
            own_settings = settings.updated({"transformer.model": name})
            own_context = replace(
                context, seed=context.seed + number, deadline=deadline, checkpoint=None
            )
            fitted = fit_calibrated("transformer", data, own_settings, own_context)
            kept = fitted.fitted.model, fitted.temperature
            folder.keep_teacher(number, *kept)
        found.append(ModelTeacher(name, *kept, columns, data.multilabel, fitted))
    return found


def load_saved(names: Sequence[str], progress: Progress) -> dict[str, SavedModel]:
    """Load those teachers that are saved models, by their names; others have to be fine-tuned."""
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
    """Find, and fetch if need be, the transformers that are to be fine-tuned: their folders."""
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
    """Distill word vectors from the first teacher that is a transformer; None if none is.

    The words of the texts get one, and the whole words of the teacher's vocabulary, as far as the
    deadline of `context` allows.
    """
    models = {each.name: each.model for each in teachers}
    found = ((name, model) for name, model in models.items() if isinstance(model, TransformerModel))
    name, model = next(found, ("", None))
    if model is None:
        return None
    file = folder.path / TEACHER_VECTORS
    if not file.exists():
        import torch

        from wordgate.training.pretrained_transformer import EncoderWords

        with stage(context.progress, "Choosing the words to distill"):
            asked = EncoderWords(name, model.encoder, model.network)
            cut = get_tokenizer(settings.text.tokenizer)
            counts = Counter(word for text in texts for word in cut(text))
            frequent = counts.most_common(settings.text.max_words)
            words = [word for word, _ in frequent if len(word) <= LONGEST_WORD]
            words += further_words(asked.own_words(), words, cut)
        context.progress.begin(f"Distilling vectors of {len(words):,} words from the teacher")
        with torch_threads(torch, context.threads):
            made = distill_words(words, asked, progress=context.progress, deadline=context.deadline)
        folder.path.mkdir(parents=True, exist_ok=True)
        write_word_vectors(file, "safetensors", made)
    return PretrainedVectors(open_vectors(file), called=f"distilled from {name}")


def make_augmenter(
    texts: Sequence[str], vectors: PretrainedVectors | None, settings: Settings, progress: Progress
) -> Augmenter:
    """Make variations of texts, with the nearest words by the word vectors if there are any.

    Words that stand in more than one of the texts may be replaced.
    """
    tokenizer = get_tokenizer(settings.text.tokenizer)
    if vectors is None or not settings.teacher.variations:
        return Augmenter(tokenizer)
    counts = Counter(word for text in texts for word in dict.fromkeys(tokenizer(text)))
    words = [word for word, n in counts.items() if n > 1 and any(map(str.isalpha, word))]
    found = vectors.lookup(words, settings.vectors.spelling, progress)
    known = [word for word, is_known in zip(words, found.known.tolist(), strict=True) if is_known]
    with stage(progress, f"Finding the nearest neighbors of {len(known):,} words"):
        nearest = nearest_words(known, found.vectors[found.known], NEIGHBOURS)
    return Augmenter(tokenizer, nearest)


def label_texts(
    teacher: Teacher,
    transfer: TransferSet,
    test: Dataset,
    n_classes: int,
    folder: TeacherCache,
    context: RunContext,
) -> dict[str, NDArray[np.float32]]:
    """Ask a teacher about the test rows, which nobody learns, and about the transfer set.

    From the deadline on nothing more is asked about the transfer set.

    Returns:
        Log-probabilities ``test``, float32 [n_test, classes], and ``transfer``, float32 [n,
            classes], with NaN for what there was no time for.
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
