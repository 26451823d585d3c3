"""One kind of split in a comparison: its rounds, and running families through them."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wordgate.data import Table
from wordgate.evaluation.calibration import apply_temperature
from wordgate.evaluation.comparison import TAUGHT_LSTM, ModelResult, family_of
from wordgate.evaluation.slices import WordCounts, count_words
from wordgate.models.protocol import Model
from wordgate.progress import Progress
from wordgate.settings import Settings, reads_setting
from wordgate.split.copies import Copies
from wordgate.training.families import ON_CPU_ALONE, engine_of
from wordgate.training.identity import VECTORS, Identity
from wordgate.vectors.pretrained import Pretrained
from wordgate.workflows.calibrating import Calibrated
from wordgate.workflows.logbook import Course, Logbook
from wordgate.workflows.metrics import Evaluator, split_facts
from wordgate.workflows.resolving import READ_VECTORS
from wordgate.workflows.rounds import Round, make_rounds
from wordgate.workflows.study import Study, all_examples, make_study
from wordgate.workflows.teaching import Taught, Teaching, fit_model

RANDOM, GROUPED, GIVEN = "random", "grouped", "given"


@dataclass(frozen=True)
class Terms:
    """What all models of a comparison have in common.

    Attributes:
        settings: The recipe's settings.
        seed: Decides all that chance decides.
        device: Where those compute that can choose.
        vectors: The word vectors; None if there are none.
        folds: In how many folds each row is judged once; None for one test part.
        progress: Where the way is told.
        transformer: The folder of the one to fine-tune; None if none is.
        threads: In how many threads those compute that can choose, as for `choose_threads`.
        taught: The settings of `TAUGHT_LSTM`; None if it takes no part.
        teaching: How it is taught; None if it takes no part.
        as_teacher: Rounds of ``transformer`` that are over since the same model was fine-tuned as
            a teacher, by their names; run before it, a taught LSTM fills them in.
    """

    settings: Settings
    seed: int
    device: str
    vectors: Pretrained | None
    folds: int | None
    progress: Progress
    transformer: Path | None = None
    threads: int | None = None
    taught: Settings | None = None
    teaching: Teaching | None = None
    as_teacher: dict[str, Course] = field(default_factory=dict)

    def settings_of(self, family: str) -> Settings:
        """Give a family the settings of its recipe."""
        return self.taught if family == TAUGHT_LSTM and self.taught is not None else self.settings

    def device_of(self, family: str) -> str:
        """Say where a family is to compute."""
        return "auto" if family in ON_CPU_ALONE else self.device

    def vectors_of(self, family: str) -> Pretrained | None:
        """Give the word vectors to a family that reads some."""
        return self.vectors if family_of(family) in READ_VECTORS else None


@dataclass(frozen=True)
class Bracket:
    """A kind of split.

    Attributes:
        kind: ``random``, ``grouped`` or ``given``.
        study: How the rows were cut; with folds, which copies there are.
        rounds: Who learns, who chooses and who judges, each time.
        evaluator: All rows that judge, in the table's order.
        rows: int64 [n], where they stand in the table.
    """

    kind: str
    study: Study
    rounds: list[Round]
    evaluator: Evaluator
    rows: NDArray[np.int64]

    def joined(self, parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Bring what the rounds gave, float64 [n of a round, ...] each, to the order of `rows`."""
        judged = np.concatenate([each.rows for each in self.rounds])
        return np.concatenate(parts)[np.argsort(judged)]

    def words(self) -> WordCounts:
        """Count the words of the rows that judge, and those new to the models judged by them."""
        counted = [count_words(each.test.texts, each.train.texts) for each in self.rounds]
        n_words = self.joined([one.n_words.astype(np.float64) for one in counted])
        return WordCounts(n_words.astype(np.int64), self.joined([one.unseen for one in counted]))

    def leak(self) -> str:
        """Say how many of the rows that judge could be known from training."""
        split = split_facts(self.study)
        place = "" if len(self.rounds) == 1 else "One ordinary split in place of the folds, "
        return f"{place}{split.kind} split: {split.leakage()}"


def make_bracket(table: Table, kind: str, copies: Copies, terms: Terms) -> Bracket:
    """Cut the rows.

    Args:
        table: The rows.
        kind: ``random``, ``grouped``, or ``given`` where the table itself names the parts.
        copies: Which rows copy which.
        terms: How to cut.

    Raises:
        DataError: The rows can't be cut so.
    """
    dealt = GROUPED if kind == GIVEN else kind
    settings = terms.settings.model_copy(update={"split": dealt})
    study = make_study(table, settings, terms.seed, copies)
    rounds = make_rounds(table, study, terms.folds, settings, terms.seed)
    terms.progress.say("\n".join([study.split.reason, *study.split.warnings]))
    examples = all_examples(table, study.labels, study.copies)
    rows = np.sort(np.concatenate([each.rows for each in rounds]))
    return Bracket(
        kind, study, rounds, Evaluator(examples.part(rows), study.labels, terms.seed), rows
    )


def run_family(family: str, bracket: Bracket, terms: Terms, logbook: Logbook | None) -> ModelResult:
    """Run a family's rounds, those left out that are kept, and judge them together."""
    courses = [
        _course(family, number, bracket, terms, logbook) for number in range(len(bracket.rounds))
    ]
    uncalibrated = bracket.joined([course.log_proba for course in courses])
    log_proba = bracket.joined(
        [apply_temperature(course.log_proba, course.temperature) for course in courses]
    )
    alone = courses[0] if len(courses) == 1 else None
    return ModelResult(
        family=family,
        kind=bracket.kind,
        scores=bracket.evaluator.scores(log_proba),
        correct=bracket.evaluator.correct(log_proba),
        log_proba=log_proba,
        uncalibrated=uncalibrated,
        temperature=None if alone is None else alone.temperature,
        history=() if alone is None else alone.history,
        best_epoch=0 if alone is None else alone.best_epoch,
        train_seconds=float(np.mean([course.train_seconds for course in courses])),
        texts_per_second=float(np.mean([course.texts_per_second for course in courses])),
        megabytes=max(course.megabytes for course in courses),
        remarks=tuple(dict.fromkeys(remark for course in courses for remark in course.remarks)),
    )


def _course(
    family: str, number: int, bracket: Bracket, terms: Terms, logbook: Logbook | None
) -> Course:
    """Run one round, numbered from 0, or give what is kept of it."""
    each, n_rounds = bracket.rounds[number], len(bracket.rounds)
    name, identity = _name(bracket.kind, family, number), _identity(family, each, terms)
    shape = len(each.test.texts), len(bracket.study.labels)
    kept = None if logbook is None else logbook.kept(name, identity, shape)
    if kept is not None and name not in terms.as_teacher:
        return kept
    of = "" if n_rounds == 1 else f", fold {number + 1} of {n_rounds}"
    terms.progress.say(f"\n{family}, {bracket.kind} split{of}")
    as_teacher = terms.as_teacher.pop(name, None)
    if as_teacher is not None:
        terms.progress.say("Fine-tuned before, as the teacher of the taught LSTM.")
        return as_teacher
    calibrated, taught = _fit(family, each, bracket.study, terms)
    course = _course_of(calibrated, each.test.texts)
    _keep(logbook, name, course, identity)
    teacher = None if taught is None else _same_as_compared(taught, terms)
    if teacher is not None:
        name, identity = (
            _name(bracket.kind, "transformer", number),
            _identity("transformer", each, terms),
        )
        terms.as_teacher[name] = _course_of(teacher, each.test.texts)
        _keep(logbook, name, terms.as_teacher[name], identity)
    return course


def _keep(logbook: Logbook | None, name: str, course: Course, identity: Identity) -> None:
    if logbook is not None:
        logbook.keep(name, course, identity)


def _name(kind: str, family: str, number: int) -> str:
    return f"{kind}-{family}-{number + 1}"


def _same_as_compared(taught: Taught, terms: Terms) -> Calibrated | None:
    """Give the teacher that is the model that ``transformer`` would fine-tune; None if none is."""
    if terms.transformer is None or terms.taught is None or terms.teaching is None:
        return None
    own, name = terms.settings, terms.settings.transformer_model
    as_taught = terms.taught.model_copy(update={"transformer_model": name})
    same_settings = _read_by("transformer", own) == _read_by("transformer", as_taught)
    same_seed_and_time = terms.taught.teacher[0] == name and terms.teaching.minutes is None
    return taught.fine_tuned.get(name) if same_settings and same_seed_and_time else None


def _fit(family: str, each: Round, study: Study, terms: Terms) -> tuple[Calibrated, Taught | None]:
    return fit_model(
        family_of(family),
        each.train,
        each.valid,
        each.test,
        study.labels,
        terms.settings_of(family),
        terms.teaching if family == TAUGHT_LSTM else None,
        seed=terms.seed,
        device=terms.device_of(family),
        progress=terms.progress,
        vocabulary_of=study.vocabulary_of,
        vectors=terms.vectors_of(family),
        threads=terms.threads,
    )


def _course_of(calibrated: Calibrated, texts: Sequence[str]) -> Course:
    """Let a fitted model predict the texts that judge it."""
    fitted = calibrated.fitted
    fitted.model.log_proba(texts[:1])  # what is made ready at the first call is no part of the rate
    started = time.perf_counter()
    log_proba = fitted.model.log_proba(texts)
    rate = len(texts) / max(1e-9, time.perf_counter() - started)
    return Course(
        log_proba=log_proba,
        temperature=calibrated.temperature,
        history=tuple(fitted.history),
        best_epoch=fitted.best_epoch,
        train_seconds=calibrated.seconds,
        texts_per_second=rate,
        megabytes=_megabytes(fitted.model),
        remarks=tuple(fitted.remarks),
    )


def _identity(family: str, each: Round, terms: Terms) -> Identity:
    """Name what decides what a family comes to in a round; a family's own settings alone."""
    vectors = terms.vectors_of(family)
    settings = terms.settings_of(family)
    readers = ("lstm", "transformer") if family == TAUGHT_LSTM else (family,)
    read = {name: value for reader in readers for name, value in _read_by(reader, settings).items()}
    work = {
        "data": "".join(part.digest() for part in (each.train, each.valid, each.test)),
        VECTORS: "none" if vectors is None else _as_it_is(vectors.file.path),
        "seed": str(terms.seed),
        **{name: str(value) for name, value in read.items()},
    }
    if family == "transformer" and terms.transformer is not None:
        work["transformer"] = _as_it_is(terms.transformer)
    if family == TAUGHT_LSTM and terms.teaching is not None:
        work["texts without labels"] = terms.teaching.unlabelled_digest()
        work["teaching minutes"] = str(terms.teaching.minutes)
    device = terms.device_of(family)
    engine = engine_of(family_of(family), settings, device, threads=terms.threads)
    return Identity(work, engine)


def _read_by(family: str, settings: Settings) -> dict[str, object]:
    """Give the settings that a family reads; the split is what a comparison varies."""
    dumped = settings.model_dump(mode="json", exclude={"split"}).items()
    return {name: value for name, value in dumped if reads_setting(family, name)}


def _as_it_is(path: Path) -> str:
    """Give a SHA-256 that another file, or another file in a folder, would change.

    Names, sizes and times tell that: what is read may be large.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    facts = [(str(file), file.stat()) for file in files if file.is_file()]
    listed = [[name, there.st_size, there.st_mtime_ns] for name, there in facts]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def _megabytes(model: Model) -> float:
    """Add up what a bundle keeps of a model, in 10^6 bytes."""
    description, arrays = model.state()
    text = json.dumps(description, ensure_ascii=False).encode(errors="surrogatepass")
    return (len(text) + sum(array.nbytes for array in arrays.values())) / 1e6
