"""Comparing: every family fitted on the same splits, random beside grouped, rung by rung."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from typing_extensions import Unpack

from wordgate.bundle.config import environment
from wordgate.data import Table
from wordgate.errors import BundleError, MissingExtraError, SettingsError
from wordgate.evaluation.intervals import paired_difference
from wordgate.files import check_folder, write_folder
from wordgate.models.protocol import Model
from wordgate.progress import Console, Progress
from wordgate.settings import Settings, checked_seed, reads_setting
from wordgate.split.copies import Copies, find_copies
from wordgate.training.families import (
    FAMILIES,
    NEED_VECTORS,
    ON_CPU_ALONE,
    check_device,
    check_family,
)
from wordgate.vectors.pretrained import Pretrained
from wordgate.workflows.advice import advise
from wordgate.workflows.calibrating import fit_calibrated
from wordgate.workflows.comparison_page import comparison_page
from wordgate.workflows.folds import check_n_folds
from wordgate.workflows.judging import Exam, leak_sentence
from wordgate.workflows.ladder import Comparison, Rung, Step
from wordgate.workflows.logbook import Course, Logbook
from wordgate.workflows.reading import ReadingOptions, read_parts
from wordgate.workflows.resolving import READ_VECTORS, resolve_settings, resolve_vectors
from wordgate.workflows.rounds import Round, make_rounds
from wordgate.workflows.study import Study, all_examples, make_study

FILES = ("comparison.json", "report.html")
RANDOM, GROUPED, GIVEN = "random", "grouped", "given"
_WHAT = "comparison"


@dataclass(frozen=True)
class _Terms:
    """What all rungs have in common."""

    settings: Settings
    seed: int
    device: str
    vectors: Pretrained | None
    folds: int | None
    progress: Progress


@dataclass(frozen=True)
class _Bracket:
    """A kind of split: its rounds, and the rows that are judged."""

    kind: str
    study: Study
    rounds: list[Round]
    exam: Exam


def compare(
    data: Any,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    models: Sequence[str] | None = None,
    recipe: str | Path = "default",
    settings: Mapping[str, object] | None = None,
    vectors: str | Path | None = None,
    split: Literal["grouped", "random"] | None = None,
    test_size: float | None = None,
    valid: str | Path | None = None,
    test: str | Path | None = None,
    split_column: str | None = None,
    folds: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
    watch: Callable[[Comparison], None] | None = None,
    **reading: Unpack[ReadingOptions],
) -> Comparison:
    """Fit every family on the same splits, random beside grouped, and compare them with proof.

    Args:
        data: The path of a CSV, TSV, JSONL or Parquet file, the name of a data set, or a pandas
            or polars frame.
        out: The folder for `comparison.json` and `report.html`; None keeps the result in memory.
        overwrite: Replace a comparison that is there, and begin anew where one was interrupted.
        resume: Go on with the comparison into `out` that was interrupted, after its last rung.
        models: The families, from the lowest rung up; None for all that can take part.
        recipe: The recipe's name, or the path of a ``.toml`` file like the recipes'.
        settings: Single settings that beat the recipe's.
        vectors: A file of pretrained word vectors, or the name of a public one; without, families
            that average word vectors are left out.
        split: ``grouped`` or ``random`` alone; None for both.
        test_size: The share of rows for test; else what the recipe says.
        valid: A file of the same columns for validation.
        test: A file of the same columns for test.
        split_column: A column that says ``train``, ``valid`` or ``test``.
        folds: Judge each row once, in so many folds, not the rows of one test part.
        seed: Decides the splits, the first weights, the order, the dropout, the resampling.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Where remarks go; to standard error if not given.
        watch: Called with the ladder as it stands, after every rung.
        **reading: How to read the data: see `ReadingOptions`.

    Returns:
        The ladder.

    Raises:
        WordgateError: Data, settings or destination can't be used; the message says how to mend.
    """
    told: Progress = Console() if progress is None else progress
    seed = checked_seed(seed)
    families, left_out = _families(models, vectors)
    overrides = dict(settings or {}) | ({} if test_size is None else {"test_size": test_size})
    chosen = resolve_settings(recipe, overrides, vectors, families=families)
    for family in set(families) - set(ON_CPU_ALONE):
        check_device(family, device)
    parts_given = any(part is not None for part in (valid, test, split_column))
    check_n_folds(folds, parts_given=parts_given)
    _check_split(split, parts_given=parts_given)
    _check_out(out, overwrite=overwrite, resume=resume)
    sources = read_parts(
        data,
        valid=valid,
        test=test,
        split_column=split_column,
        empty_text_as=None if chosen.empty_texts == "drop" else chosen.empty_texts,
        **reading,
    )
    told.say("\n".join([*sources.lines(), *left_out]))
    chosen, pretrained = resolve_vectors(vectors, chosen, told)
    kinds = (GIVEN,) if parts_given else (split,) if split else (RANDOM, GROUPED)
    copies = find_copies(sources.table.bodies, sources.table.groups)
    terms = _Terms(chosen, seed, device, pretrained, folds, told)
    brackets = [_bracket(sources.table, kind, copies, terms) for kind in kinds]
    logbook = _logbook(out, resume=resume)
    ladder = Comparison(
        source=sources.table.reading.source,
        families=families,
        kinds=kinds,
        folds=folds,
        seed=seed,
        recipe=str(recipe),
        vectors=None if pretrained is None else pretrained.name,
        leaks={bracket.kind: leak_sentence(bracket.study) for bracket in brackets},
        left_out=left_out,
        environment=environment("torch", "transformers", "scikit-learn"),
    )
    for family in families:
        for bracket in brackets:
            ladder = _with_rung(ladder, _run(family, bracket, terms, logbook), bracket)
            if watch is not None:
                watch(ladder)
    ladder = replace(ladder, advice=advise(ladder, brackets[-1].exam.examples.groups))
    if out is not None:
        check_folder(Path(out), _WHAT, overwrite=overwrite, check_replaceable=_check_replaceable)
        write_folder(Path(out), _WHAT, _contents(ladder))
    if logbook is not None:
        logbook.clear()
    return ladder


def _families(
    models: Sequence[str] | None, vectors: str | Path | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the families that take part, and a sentence for each that can't.

    Raises:
        SettingsError: A family that was named is unknown, or named twice.
        MissingExtraError: A family that was named needs an extra.
    """
    if models is not None:
        for family in models:
            check_family(family)
        if len(set(models)) < len(models) or not models:
            raise SettingsError(f"models are {', '.join(models) or 'none'}: name each once")
        return tuple(models), ()
    families, left_out = [], []
    for family in FAMILIES:
        try:
            check_family(family)
        except MissingExtraError as error:
            left_out.append(f"Left out: {family}. {error}.")
            continue
        if vectors is None and family in NEED_VECTORS:
            left_out.append(
                f"Left out: {family}, which averages word vectors: give some by --vectors;"
                " 'wordgate vectors distill' makes some for your own words."
            )
            continue
        families.append(family)
    return tuple(families), tuple(left_out)


def _check_split(split: str | None, *, parts_given: bool) -> None:
    if split is not None and parts_given:
        raise SettingsError(
            f"--split {split} has no effect with --valid, --test or --split-column: leave it out"
        )


def _bracket(table: Table, kind: str, copies: Copies, terms: _Terms) -> _Bracket:
    dealt = GROUPED if kind == GIVEN else kind
    settings = terms.settings.model_copy(update={"split": dealt})
    study = make_study(table, settings, terms.seed, copies)
    rounds = make_rounds(table, study, terms.folds, settings, terms.seed)
    terms.progress.say("\n".join([study.split.reason, *study.split.warnings]))
    judged = study.test
    if terms.folds is not None:
        judged = all_examples(table, study.labels, study.copies)
    return _Bracket(kind, study, rounds, Exam(judged, study.labels, terms.seed))


def _logbook(out: str | Path | None, *, resume: bool) -> Logbook | None:
    """Say where finished rounds are kept: beside `out`, as a training's checkpoint."""
    if out is None:
        return None
    logbook = Logbook(_kept_beside(out))
    if not resume:
        logbook.clear()
    logbook.begin()
    return logbook


def _identity(family: str, each: Round, terms: _Terms) -> dict[str, str]:
    """Name what decides what a family comes to in a round; a family's own settings alone."""
    vectors = "none"
    if terms.vectors is not None and family in READ_VECTORS:
        file = terms.vectors.file.path.stat()
        vectors = f"{terms.vectors.name} of {file.st_size} bytes, changed {file.st_mtime_ns}"
    settings = terms.settings.model_dump(mode="json", exclude={"split"})
    read = {name: value for name, value in settings.items() if reads_setting(family, name)}
    return {
        "data": "".join(part.digest() for part in (each.train, each.valid, each.test)),
        "word vectors": vectors,
        "seed": str(terms.seed),
        "settings": json.dumps(read, sort_keys=True),
        "versions": json.dumps(environment("torch", "transformers", "scikit-learn")),
    }


def _kept_beside(out: str | Path) -> Path:
    return Path(f"{Path(out)}.checkpoint")


def _check_out(out: str | Path | None, *, overwrite: bool, resume: bool) -> None:
    """Refuse before the work what could not be written after it.

    Raises:
        SettingsError: There is nothing that could be resumed.
        BundleError: Something stands there that may not be replaced, or a comparison was
            interrupted and nothing said what is to become of it.
    """
    if out is None:
        if resume:
            raise SettingsError("to resume a comparison, say by `out` which one")
        return
    check_folder(Path(out), _WHAT, overwrite=overwrite, check_replaceable=_check_replaceable)
    kept = _kept_beside(out)
    if resume and not kept.exists():
        raise BundleError(f"there is no {kept} to resume from; leave --resume out to begin")
    if kept.exists() and not resume and not overwrite:
        raise BundleError(
            f"a comparison into {out} was interrupted and left {kept}: go on with it by --resume,"
            " or begin anew with --overwrite"
        )


def _check_replaceable(path: Path) -> None:
    """Refuse to replace what is no comparison, or holds anything besides one."""
    there = {entry.name for entry in path.iterdir()} if path.is_dir() else {path.name}
    if there - set(FILES) or (there and FILES[0] not in there):
        raise BundleError(
            f"{path} exists and is not a wordgate comparison alone, so it won't be replaced"
        )


def _run(family: str, bracket: _Bracket, terms: _Terms, logbook: Logbook | None) -> Rung:
    """Run a family's rounds, those left out that are kept, and judge them together."""
    exam = bracket.exam
    judged = np.concatenate([each.rows for each in bracket.rounds])
    courses = []
    for number, each in enumerate(bracket.rounds, start=1):
        name = f"{bracket.kind}-{family}-{number}"
        identity = _identity(family, each, terms)
        course = None if logbook is None else logbook.kept(name, identity)
        if course is None:
            of = "" if len(bracket.rounds) == 1 else f", fold {number} of {len(bracket.rounds)}"
            terms.progress.say(f"\n{family}, {bracket.kind} split{of}")
            course = _train(family, each, bracket, terms)
            if logbook is not None:
                logbook.keep(name, course, identity)
        courses.append(course)
    # With folds the rows that are judged are all rows, in the table's order.
    log_proba = np.concatenate([course.log_proba for course in courses])[np.argsort(judged)]
    return Rung(
        family=family,
        kind=bracket.kind,
        scores=exam.scores(log_proba),
        right=exam.right(log_proba),
        train_seconds=float(np.mean([course.train_seconds for course in courses])),
        texts_per_second=float(np.mean([course.texts_per_second for course in courses])),
        megabytes=max(course.megabytes for course in courses),
        remarks=tuple(dict.fromkeys(remark for course in courses for remark in course.remarks)),
    )


def _train(family: str, each: Round, bracket: _Bracket, terms: _Terms) -> Course:
    calibrated = fit_calibrated(
        family,
        each.train,
        each.valid,
        len(bracket.study.labels),
        terms.settings,
        seed=terms.seed,
        device="auto" if family in ON_CPU_ALONE else terms.device,
        progress=terms.progress,
        vocabulary_of=bracket.study.vocabulary_of,
        vectors=terms.vectors if family in READ_VECTORS else None,
    )
    texts = each.test.texts
    calibrated.log_proba(texts[:1])  # what is made ready at the first call has no part in the rate
    started = time.perf_counter()
    log_proba = calibrated.log_proba(texts)
    rate = len(texts) / max(1e-9, time.perf_counter() - started)
    model = calibrated.fitted.model
    remarks = tuple(calibrated.fitted.remarks)
    return Course(log_proba, calibrated.seconds, rate, _megabytes(model), remarks)


def _megabytes(model: Model) -> float:
    """Add up what a bundle keeps of a model, in 10^6 bytes."""
    description, arrays = model.state()
    text = json.dumps(description, ensure_ascii=False).encode(errors="surrogatepass")
    return (len(text) + sum(array.nbytes for array in arrays.values())) / 1e6


def _with_rung(ladder: Comparison, rung: Rung, bracket: _Bracket) -> Comparison:
    """Set a rung, against the one below it."""
    ladder = replace(ladder, rungs=(*ladder.rungs, rung))
    place = ladder.families.index(rung.family)
    if not place:
        return ladder
    below = ladder.rung(ladder.families[place - 1], rung.kind)
    if below is None:
        return ladder
    groups, seed = bracket.exam.examples.groups, bracket.exam.seed
    difference = paired_difference(rung.right, below.right, groups, seed=seed)
    step = Step(rung.family, below.family, rung.kind, difference)
    return replace(ladder, steps=(*ladder.steps, step))


def _contents(ladder: Comparison) -> dict[str, bytes]:
    facts = json.dumps(ladder.to_json(), ensure_ascii=False, indent=1) + "\n"
    return {"comparison.json": facts.encode(), "report.html": comparison_page(ladder).encode()}
