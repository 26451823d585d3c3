"""Fitting a student: a teacher is fitted or loaded, labels texts, and a small model learns them."""

import hashlib
import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Required, Unpack

from wordgate.data import Table
from wordgate.errors import SettingsError
from wordgate.models.transformer import TransformerModel
from wordgate.progress import Progress
from wordgate.settings import TAUGHT, Settings
from wordgate.split.fingerprints import Fingerprints
from wordgate.text.augmentation import Augmenter, nearest_words
from wordgate.text.tokenizers import get_tokenizer
from wordgate.training.distillation import Teacher, TransferSet, answered, ask
from wordgate.training.fitting import Examples, Keeping
from wordgate.training.identity import Identity
from wordgate.vectors.block import Block
from wordgate.vectors.distilling import distill_words
from wordgate.vectors.pretrained import Pretrained
from wordgate.vectors.reading import open_vectors
from wordgate.vectors.writing import write_vectors
from wordgate.workflows.calibrating import Calibrated, fit_calibrated
from wordgate.workflows.keeping import taught_beside
from wordgate.workflows.teachers import (
    MeanTeacher,
    ModelTeacher,
    SavedModel,
    check_pretrained_teachers,
    load_saved,
)
from wordgate.workflows.teaching_folder import VECTORS, TeachingFolder
from wordgate.workflows.unlabelled import Unlabelled, read_unlabelled

NEIGHBOURS = 8
"""Words that may stand for a word in a variation: its nearest by their vectors."""
FITTING_SHARE = 0.5
"""Of the time for teaching, what fitting the teachers may take; the rest is for labelling."""
TEACHING_SHARE = 0.6
"""Of the time for everything, what teaching may take; the rest is for the student."""


@dataclass(frozen=True)
class Teaching:
    """What the students of one command have in common.

    Attributes:
        saved: The teachers that are saved models, by what the user calls them.
        unlabelled: Texts without labels; None if there are none.
        minutes: How long teaching may take for each student; None for no limit.
        folder: Where teachers and answers are kept against an interruption; None for nowhere.
        resume: Whether to go on with what is kept there.
    """

    saved: Mapping[str, SavedModel]
    unlabelled: Unlabelled | None = None
    minutes: float | None = None
    folder: Path | None = None
    resume: bool = False

    def beside(
        self,
        table: Table,
        files: Sequence[str | Path],
        progress: Progress,
        *,
        encoding: str | None = None,
    ) -> "Teaching":
        """Read the texts without labels that go with a table.

        Args:
            table: The labelled rows.
            files: The files; none for no such texts.
            progress: Where it is told how they were read.
            encoding: The files' encoding; None to find out.

        Raises:
            DataError: A file can't be read.
        """
        if not files:
            return self
        found = read_unlabelled(files, table, progress, encoding=encoding)
        progress.say(
            f"texts without labels: {len(found):,}, each once and none that is labelled, too"
        )
        return replace(self, unlabelled=found)

    def unlabelled_digest(self) -> str:
        """Give a SHA-256 that other texts without labels would change."""
        return _digest(() if self.unlabelled is None else self.unlabelled.texts)

    def check_labels(self, labels: Sequence[str]) -> None:
        """Refuse saved teachers that know other labels, before any work is done.

        Raises:
            SettingsError: One does.
        """
        for saved in self.saved.values():
            saved.teacher(labels)


@dataclass(frozen=True)
class Taught:
    """How a student was taught.

    Attributes:
        teacher: What the user calls its teacher.
        test_log_proba: float64 [n_test, classes], what the teacher says of the test rows.
        n_labelled: Training texts that the teacher was asked about.
        n_unlabelled: Texts without labels that it was asked about.
        n_left_out: Texts without labels that copy a row held out, or are of its group.
        n_variations: Variations of texts that it was asked about.
        seconds: What fitting the teacher and asking it took.
        vectors: The word vectors that were made of the teacher; None if there are others or none.
    """

    teacher: str
    test_log_proba: NDArray[np.float64]
    n_labelled: int
    n_unlabelled: int
    n_left_out: int
    n_variations: int
    seconds: float
    vectors: Pretrained | None


def as_names(value: Sequence[str | Path] | str | Path | None) -> tuple[str, ...] | None:
    """Give one name or several as a tuple; None for None."""
    if value is None:
        return None
    return tuple(map(str, [value] if isinstance(value, str | Path) else value)) or None


def prepare_teaching(
    settings: Settings | None,
    unlabelled: Sequence[str],
    minutes: float | None,
    *,
    out: str | Path | None,
    resume: bool,
) -> Teaching | None:
    """Find the teachers before any work is done.

    Args:
        settings: They name the teachers; None for a family that learns from none.
        unlabelled: Files of texts without labels.
        minutes: How long teaching may take; None for no limit.
        out: Where the student will be written; None for memory alone.
        resume: Whether to go on with a teaching that was interrupted.

    Returns:
        What the students of the command have in common; None without a teacher.

    Raises:
        SettingsError: There is no teacher, and something that only a teacher needs.
        DataError, BundleError, MissingExtraError: A teacher can't be used.
    """
    if settings is None or not settings.is_taught:
        for option, given in (("--unlabelled", unlabelled), ("--teaching-minutes", minutes)):
            if given:
                raise SettingsError(f"{option} has no effect without a teacher; see --teacher")
        return None
    if minutes is not None and not minutes > 0:
        raise SettingsError(f"teaching_minutes is {minutes}; it must be more than 0")
    saved = load_saved(settings.teacher)
    check_pretrained_teachers([name for name in settings.teacher if name not in saved])
    return Teaching(
        saved, minutes=minutes, folder=None if out is None else taught_beside(out), resume=resume
    )


def vectors_of(vectors: Pretrained | None, taught: Taught | None) -> Pretrained | None:
    """Give the word vectors that a model began with: those given, or those of its teacher."""
    return vectors if vectors is not None or taught is None else taught.vectors


class FitOptions(TypedDict, total=False):
    """The options that `fit_calibrated` and `fit_student` share; see there."""

    seed: Required[int]
    device: Required[str]
    progress: Required[Progress]
    deadline: float
    vocabulary_of: Examples | None
    vectors: Pretrained | None
    keeping: Keeping | None
    threads: int | None


def fit_model(
    family: str,
    train: Examples,
    valid: Examples,
    test: Examples,
    labels: Sequence[str],
    settings: Settings,
    teaching: Teaching | None,
    **options: Unpack[FitOptions],
) -> tuple[Calibrated, Taught | None]:
    """Fit a model, as a student where there is teaching; Args are those of `fit_student`."""
    if teaching is None or family not in TAUGHT:
        return fit_calibrated(family, train, valid, len(labels), settings, **options), None
    return fit_student(family, train, valid, test, labels, settings, teaching, **options)


def fit_student(
    family: str,
    train: Examples,
    valid: Examples,
    test: Examples,
    labels: Sequence[str],
    settings: Settings,
    teaching: Teaching,
    *,
    seed: int,
    device: str,
    progress: Progress,
    deadline: float = math.inf,
    vocabulary_of: Examples | None = None,
    vectors: Pretrained | None = None,
    keeping: Keeping | None = None,
    threads: int | None = None,
) -> tuple[Calibrated, Taught]:
    """Fit a teacher on the training rows, let it label texts, and fit a student on these.

    Args:
        family: The student's family, of `wordgate.settings.TAUGHT`.
        train: What teacher and student are fitted on.
        valid: What chooses the best epoch of both, and calibrates both.
        test: The rows that judge the student: no text without a label that copies one of them is
            used, and the teacher is asked about them at the end, to be compared with the student.
        labels: The labels by their numbers.
        settings: The recipe's settings.
        teaching: The teachers that are saved models, texts without labels, limits.
        seed: Decides all that chance decides.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Where the way is told.
        deadline: The `time.monotonic()` at which all fitting must end; `math.inf` for none.
        vocabulary_of: What the vocabulary is fitted on; None for the texts to learn.
        vectors: The student's word vectors; None to distill some from a transformer that teaches,
            or to draw them if none does.
        keeping: Where to keep the student's training; None for nowhere.
        threads: In how many threads to compute, as for `choose_threads`.

    Returns:
        The student, and how it was taught.

    Raises:
        DataError, SettingsError, BundleError, KeyboardInterrupt: As `fit_calibrated`; or a saved
            teacher knows other labels, or was trained on test rows.
    """
    started = time.monotonic()
    limit = _teaching_deadline(started, deadline, teaching.minutes)
    unlabelled = [] if teaching.unlabelled is None else teaching.unlabelled.without(valid, test)
    work = _work(train, valid, test, labels, unlabelled, settings, seed)
    with _opened(teaching, Identity(work)) as folder:
        fitting = _TeacherFitting(
            train, valid, test, labels, settings, seed, device, progress, threads
        )
        fitting_limit = started + FITTING_SHARE * (limit - started)
        fitted = fitting.teachers(teaching.saved, folder, fitting_limit)
        teachers = [each.labelling(settings, device) for each in fitted]
        own_vectors = None
        if vectors is None:
            own_vectors = _vectors_of(
                teachers, [*train.texts, *unlabelled], folder, progress, settings
            )
            vectors = own_vectors
            settings = settings if vectors is None else settings.with_vectors_of(vectors.size)
        augmenter = _augmenter([*train.texts, *unlabelled], vectors, settings, progress)
        transfer = TransferSet.of(train, unlabelled, augmenter, settings, seed)
        mean = MeanTeacher(teachers)
        answers = _answers(mean, transfer, test, len(labels), folder, progress, limit)
        taught = _account(mean, transfer, answers, teaching, unlabelled, started, own_vectors)
        progress.say(_said(taught, len(transfer)))
        calibrated = fit_calibrated(
            family,
            transfer.examples(train, answers["transfer"], settings.teacher_weight),
            valid,
            len(labels),
            settings,
            seed=seed,
            device=device,
            progress=progress,
            deadline=deadline,
            vocabulary_of=vocabulary_of,
            vectors=vectors,
            keeping=keeping,
            threads=threads,
        )
    return replace(calibrated, seconds=calibrated.seconds + taught.seconds), taught


def _teaching_deadline(started: float, deadline: float, minutes: float | None) -> float:
    limit = math.inf if minutes is None else started + 60.0 * minutes
    return min(limit, started + TEACHING_SHARE * (deadline - started))


def _work(
    train: Examples,
    valid: Examples,
    test: Examples,
    labels: Sequence[str],
    unlabelled: Sequence[str],
    settings: Settings,
    seed: int,
) -> dict[str, str]:
    """Name all that decides what a teacher is and is asked; long values are digests."""
    return {
        "data": "".join(part.digest() for part in (train, valid, test)),
        "labels": str(len(labels)),
        "texts without labels": _digest(unlabelled),
        "seed": str(seed),
        **{name: str(value) for name, value in settings.model_dump(mode="json").items()},
    }


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode(errors="surrogatepass")).hexdigest()


@contextmanager
def _opened(teaching: Teaching, identity: Identity) -> Iterator[TeachingFolder]:
    """Open the folder of a teaching, or one that goes with it."""
    if teaching.folder is None:
        with tempfile.TemporaryDirectory(prefix="wordgate-") as path:
            yield TeachingFolder(Path(path), identity, keeps=False)
        return
    folder = TeachingFolder(teaching.folder, identity)
    if not teaching.resume:
        folder.clear()
    try:
        yield folder
    except KeyboardInterrupt as interrupt:
        if not folder.path.exists() or interrupt.args:  # a message says already what is kept
            raise
        raise KeyboardInterrupt(
            f"what the teacher has taught so far is kept in {folder.path}; the same command with"
            " --resume goes on from there"
        ) from None


@dataclass(frozen=True)
class _TeacherFitting:
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
        self, saved: Mapping[str, SavedModel], folder: TeachingFolder, limit: float
    ) -> list[ModelTeacher]:
        """Load or fine-tune all teachers; these share the time until the limit."""
        found, names = [], self.settings.teacher
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
        self, name: str, number: int, folder: TeachingFolder, limit: float
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
            self.settings.model_copy(update={"transformer_model": name}),
            seed=self.seed + number,
            device=self.device,
            progress=self.progress,
            deadline=limit,
            threads=self.threads,
        )
        folder.keep_teacher(number, fitted.fitted.model, fitted.temperature)
        return ModelTeacher(name, fitted.fitted.model, fitted.temperature, columns)


def _vectors_of(
    teachers: Sequence[ModelTeacher],
    texts: Sequence[str],
    folder: TeachingFolder,
    progress: Progress,
    settings: Settings,
) -> Pretrained | None:
    """Distill word vectors from the first teacher that is a transformer; None if none is."""
    models = {each.name: each.model for each in teachers}
    found = ((name, model) for name, model in models.items() if isinstance(model, TransformerModel))
    name, model = next(found, ("", None))
    if model is None:
        return None
    file = folder.path / VECTORS
    if not file.exists():
        from wordgate.training.encoder_words import EncoderWords

        asked = EncoderWords(name, model.encoder, model.network)
        cut = get_tokenizer(settings.tokenizer)
        counts = Counter(word for text in texts for word in cut(text))
        more = (tokens[0] for word in asked.own_words() if len(tokens := cut(word)) == 1)
        words = list(dict.fromkeys([*(word for word, _ in counts.most_common()), *more]))
        progress.say(f"Distilling vectors of {len(words):,} words from the teacher.")
        made = distill_words(words, asked, progress=progress)
        count, size = made.vectors.shape
        block = Block([word.encode() for word in made.words], made.vectors)
        folder.path.mkdir(parents=True, exist_ok=True)
        write_vectors(file, [block], format="safetensors", count=count, size=size)
    return Pretrained(open_vectors(file), called=f"distilled from {name}")


def _augmenter(
    texts: Sequence[str], vectors: Pretrained | None, settings: Settings, progress: Progress
) -> Augmenter:
    """Make variations with the nearest words by the word vectors, if there are any."""
    tokenizer = get_tokenizer(settings.tokenizer)
    if vectors is None or not settings.teacher_variations:
        return Augmenter(tokenizer)
    counts = Counter(word for text in texts for word in set(tokenizer(text)))
    words = [word for word, n in counts.items() if n > 1 and any(map(str.isalpha, word))]
    found = vectors.look_up(words, settings.vectors_spelling, progress)
    known = [word for word, is_known in zip(words, found.known.tolist(), strict=True) if is_known]
    return Augmenter(tokenizer, nearest_words(known, found.vectors[found.known], NEIGHBOURS))


def _answers(
    teacher: Teacher,
    transfer: TransferSet,
    test: Examples,
    n_classes: int,
    folder: TeachingFolder,
    progress: Progress,
    limit: float,
) -> dict[str, NDArray[np.float32]]:
    """Ask the teacher about the transfer set, and about the test rows, which nobody learns."""
    shapes = {"transfer": (len(transfer), n_classes), "test": (len(test.texts), n_classes)}
    answers = folder.answers(shapes)
    try:
        for name, texts, order, until in (
            ("test", test.texts, np.arange(len(test.texts)), math.inf),
            ("transfer", transfer.texts, transfer.order, limit),
        ):
            ask(
                teacher,
                texts,
                order,
                answers[name],
                progress=progress,
                deadline=until,
                keep=lambda: folder.keep_answers(answers),
            )
    finally:
        folder.keep_answers(answers, at_once=True)
    return answers


def _account(
    teacher: Teacher,
    transfer: TransferSet,
    answers: Mapping[str, NDArray[np.float32]],
    teaching: Teaching,
    unlabelled: Sequence[str],
    started: float,
    vectors: Pretrained | None,
) -> Taught:
    asked = answered(answers["transfer"])
    n_own = transfer.n_labelled + transfer.n_unlabelled
    n_all = 0 if teaching.unlabelled is None else len(teaching.unlabelled)
    return Taught(
        teacher=teacher.name,
        test_log_proba=answers["test"].astype(np.float64),
        n_labelled=int(asked[: transfer.n_labelled].sum()),
        n_unlabelled=int(asked[transfer.n_labelled : n_own].sum()),
        n_left_out=n_all - len(unlabelled),
        n_variations=int(asked[n_own:].sum()),
        seconds=time.monotonic() - started,
        vectors=vectors,
    )


def _said(taught: Taught, n_wanted: int) -> str:
    n_asked = taught.n_labelled + taught.n_unlabelled + taught.n_variations
    parts = [f"{taught.n_labelled:,} training texts"]
    if taught.n_unlabelled or taught.n_left_out:
        left_out = (
            f" ({taught.n_left_out:,} left out, which copy rows held out)"
            if taught.n_left_out
            else ""
        )
        parts.append(f"{taught.n_unlabelled:,} without labels{left_out}")
    parts.append(f"{taught.n_variations:,} variations")
    short = f"; there was no time for {n_wanted - n_asked:,} more" if n_asked < n_wanted else ""
    return (
        f"The teacher {taught.teacher} labelled {', '.join(parts)} in {taught.seconds:.0f} s,"
        f" its own training included{short}."
    )
