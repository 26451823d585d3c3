"""Evaluation of a saved model on a file, and detection of rows seen in its training."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Unpack

from wordgate.bundle.config import Config
from wordgate.bundle.folder import BundleFolder
from wordgate.data import ColumnError, ReadReport, Table, read_table
from wordgate.data.dataset import Dataset, encode_labels
from wordgate.data.label_sets import NO_SEPARATOR, separator_between
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.dedup.keys import group_keys
from wordgate.errors import DataError, did_you_mean
from wordgate.evaluation.multilabel import AnyScores, MultilabelScores
from wordgate.experiments.evaluator import Evaluator
from wordgate.experiments.fitting import ModelOutput
from wordgate.experiments.reading import (
    ReadingOptions,
    TableOptions,
    called,
    limit_rows,
    table_options,
)
from wordgate.models.lstm_forward import NUMPY
from wordgate.prediction.predictor import Predictor, load_with_progress
from wordgate.report.text import score_cells, score_header
from wordgate.runtime.display import counted, html_table, shown
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress, Silent, stage
from wordgate.runtime.threads import choose_threads, limited_blas

MOSTLY = 0.5
_MOST_LISTED = 20  # labels, in a message


@dataclass(frozen=True)
class Seen:
    """Counts of rows that were seen in the model's training.

    Attributes:
        n: Number of rows.
        texts: Rows whose text was in training or validation, apart from case, spaces and the form
            of Unicode.
        near_copies: Rows whose text is a near duplicate of a training text, including exact ones:
            an exact count for the model's own test rows, else an estimate.
        estimated: Number of these that are estimated.
        false_alarms: Expected number of false positives among the estimated ones.
        groups: Rows whose group was in training or validation; None if the file or the model has
            no groups.
        rows: Rows with any of these.
    """

    n: int
    texts: int
    near_copies: int
    estimated: int
    false_alarms: float
    groups: int | None
    rows: int


@dataclass(frozen=True)
class Evaluation:
    """A model's scores on a file.

    Attributes:
        scores: On all rows.
        unseen: On the rows that were not used in training; None if all or none of the rows are
            unseen, or if this is unknown.
        seen: How many rows were used in training; None if this is unknown, because the model was
            imported without its training texts.
        reading: How the file was read.
        predictor: The model.
        kernel: The kernel that computed the predictions, as for `wordgate.load`.
    """

    scores: AnyScores
    unseen: AnyScores | None
    seen: Seen | None
    reading: ReadReport
    predictor: Predictor
    kernel: str = NUMPY

    def __repr__(self) -> str:
        """Show the main scores."""
        known = "unknown" if self.seen is None else f"{self.seen.rows:,}"
        return f"Evaluation({_brief_scores(self.scores)}, seen_in_training={known})"

    def _repr_html_(self) -> str:
        rows = [("all rows", self.scores), ("rows unknown to the model", self.unseen)]
        return html_table(
            f"Evaluation on {Path(self.reading.source).name}",
            [(name, f"{one.n:,}", *score_cells(one)) for name, one in rows if one is not None],
            ("", "rows", *score_header(self.scores.main.name)),
        )


@dataclass(frozen=True)
class LabelledRows:
    """Labeled texts to evaluate a model on.

    Attributes:
        dataset: The texts and their classes.
        rows: Their row numbers in the data, from 1.
        known: bool [n], whether each was seen in the model's training; None if unknown.
        seen: Counts of these; None if unknown.
        reading: How they were read.
    """

    dataset: Dataset
    rows: Sequence[int]
    known: NDArray[np.bool_] | None
    seen: Seen | None
    reading: ReadReport


def evaluate(
    bundle: str | Path,
    data: Any,
    *,
    kernel: str = NUMPY,
    threads: int | None = None,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptions],
) -> Evaluation:
    """Evaluate a model on labeled texts.

    Columns with the names of the text and label columns of the training data are used, unless
    others are given. Confidence intervals resample groups; rows without a group form one with their
    exact duplicates.

    Args:
        bundle: The folder of the model.
        data: The path of a CSV, TSV, JSONL or Parquet file, the name of a data set, or a frame.
        kernel: The implementation of an LSTM or a transformer, as for `wordgate.load`.
        threads: Number of CPU threads, as for `wordgate.load`.
        progress: Shows progress; None for no output.
        **reading: How to read the data: see `ReadingOptions`.

    Raises:
        BundleError: The model cannot be loaded, or its fingerprints of the training are damaged.
        DataError: The data cannot be read, or has a label that the model does not know.
        SettingsError: The kernel does not support the model, or `threads` is out of range.
        MissingExtraError: The extra `train`, or that of the kernel, is not installed.
    """
    require_extra("train", "evaluating a model")
    shown = progress or Silent()
    predictor = load_with_progress(bundle, lambda: shown, kernel=kernel, threads=threads)
    with limited_blas(choose_threads(threads)):
        with stage(shown, f"Reading {called(data)}, and looking for rows seen during training"):
            rows = labelled_rows(bundle, predictor.config, data, **reading)
        evaluator = Evaluator(rows.dataset, predictor.labels, predictor.config.seed)
        with stage(shown, f"Predicting {counted(len(rows.dataset), 'text')}"):
            output = predicted(predictor, rows.dataset.texts)
        unseen, unknown = None, unknown_rows(rows.known)
        with stage(shown, "Evaluating, with bootstrap intervals by group"):
            scores = evaluator.scores(output)
            if unknown is not None:
                unseen = evaluator.part(unknown).scores(output.part(unknown))
    return Evaluation(scores, unseen, rows.seen, rows.reading, predictor, kernel)


def unknown_rows(known: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Return which rows were not seen in training, bool [n]; None if all, none or unknown."""
    return None if known is None or known.all() or not known.any() else ~known


def _brief_scores(scores: AnyScores) -> str:
    """Format the main scores."""
    names = ["accuracy", "macro_f1"]
    if isinstance(scores, MultilabelScores):
        names = ["micro_f1", "macro_f1"]
    values = {name: getattr(scores, name) for name in names}
    parts = (f"{k}={'None' if v is None else f'{v:.3f}'}" for k, v in values.items())
    return f"{', '.join(parts)}, n={scores.n}"


def predicted(predictor: Predictor, texts: Iterable[str]) -> ModelOutput:
    """Predict texts with a saved model and its thresholds."""
    thresholds = predictor.config.thresholds
    return ModelOutput(
        predictor.log_proba(texts), None if thresholds is None else np.array(thresholds)
    )


def labelled_rows(
    bundle: str | Path,
    config: Config,
    data: Any,
    *,
    seed: int | None = None,
    **reading: Unpack[ReadingOptions],
) -> LabelledRows:
    """Read labeled texts, and detect which of them were seen in a model's training.

    A limit samples with `seed`, or with the seed of the model.
    """
    prints = BundleFolder.open(bundle).fingerprints()
    table, options = _read(data, config, table_options(reading))
    if table.groups is None and options.get("group") is None and "group" in config.columns():
        table = _with_groups_of_training(table, data, config, options, prints)
    seed = config.seed if seed is None else seed
    table = limit_rows(table, reading.get("limit"), seed).with_labels_of(config.labels)
    dataset, known, seen = _dataset(table, config.labels, multilabel=config.multilabel), None, None
    if config.knows_training():
        known, seen = _look_up(table, prints)
    return LabelledRows(dataset, table.rows, known, seen, table.reading)


def _read(data: Any, config: Config, reading: TableOptions) -> tuple[Table, TableOptions]:
    """Read a table, and return it with its options.

    If the model was trained on several text or label columns and none are named, the same columns
    are read.
    """
    reading, form = reading.copy(), config.text_form()
    columns = config.columns().get("label", ())
    hints = {}  # by role, for the error if a column of the training is missing
    if len(columns) > 1 and reading.get("label") is None:
        reading["label"] = columns
        hints["label"] = (
            f"The model was trained on a column of 0 and 1 for each of its {len(columns)} labels:"
            " name the columns of the data, or its only column of labels, with --label"
        )
    if reading.get("text") is None and form is not None:
        reading["text"] = config.columns()["text"]
        hints["text"] = f"The model reads '{form}': name these columns of the data with --text"
    try:
        table = _read_like_training(data, config, reading)
    except ColumnError as error:
        if error.role not in hints:
            raise
        raise DataError(f"{error}\n{hints[error.role]}") from error
    reasons = {
        choice.role: choice.reason.replace("as given", "as in training", 1)
        for choice in table.reading.columns
        if choice.role in hints
    }
    return _with_reasons(table, reasons), reading


def _read_like_training(data: Any, config: Config, reading: TableOptions) -> Table:
    """Read a table, with the columns and the separator of the training unless others are given."""
    separator = config.label_separator if config.multilabel else NO_SEPARATOR
    columns = {role: names[0] for role, names in config.columns().items() if len(names) == 1}
    return read_table(
        data, min_labels=1, usual_separator=separator, usual_columns=columns, **reading
    )


def _with_reasons(table: Table, reasons: Mapping[str, str]) -> Table:
    """Add the reasons for columns that were not named by the user, by role."""
    columns = [
        replace(choice, reason=reasons[choice.role], given=False)
        if choice.role in reasons
        else choice
        for choice in table.reading.columns
    ]
    return replace(table, reading=replace(table.reading, columns=columns))


def _with_groups_of_training(
    table: Table, data: Any, config: Config, reading: TableOptions, prints: Fingerprints
) -> Table:
    """Read the group column of the training if no column was inferred as groups.

    In a file with one row per group, the ids look like any numbers. They are accepted as groups if
    most of them were in training, or if most rows whose id was in training are near duplicates of
    training texts, because numbers alone can agree by chance.
    """
    reading = reading.copy()
    reading["group"] = config.columns()["group"][0]
    try:
        grouped = _read_like_training(data, config, reading)
    except DataError:  # it has no such column, or can be read only once
        return table
    known = prints.seen_groups(grouped.named_groups() or [])
    if grouped.texts != table.texts or not known.any():
        return table
    if known.mean() < MOSTLY:
        bodies = table.bodies.select(np.flatnonzero(known))
        if prints.near_copies(bodies).found.mean() < MOSTLY:
            return table
    reason = f"the groups of {known.sum():,} of {len(grouped):,} rows were in training"
    reasons = {choice.role: choice.reason for choice in table.reading.columns if not choice.given}
    return _with_reasons(grouped, {**reasons, "group": reason})


def _dataset(table: Table, labels: tuple[str, ...], *, multilabel: bool) -> Dataset:
    """Build a data set with the label numbers of the model; one label is also a label set."""
    sets = table.label_sets
    if sets is not None and not multilabel:
        raise DataError(
            f"the texts of '{table.reading.source}' have several labels each, and the model assigns"
            f" one to each text: evaluate it on one label per text. If each cell is one label, use"
            f" --label-separator {NO_SEPARATOR}"
        )
    if multilabel and sets is None:
        sets = [(label,) for label in table.labels or []]
    given = list(chain.from_iterable(sets)) if sets is not None else table.labels or []
    unknown = sorted(set(given) - set(labels))
    if unknown:
        hint = _separator_hint(unknown, labels, multilabel=multilabel)
        counts = Counter(given)
        listed = ", ".join(
            f"'{shown(one, 60)}' ({counted(counts[one], 'row')})" for one in unknown[:_MOST_LISTED]
        )
        if len(unknown) > _MOST_LISTED:
            listed += f" and {len(unknown) - _MOST_LISTED:,} more"
        if len(unknown) == len(counts):
            remedy = " Name the label column with --label, or write the model's labels into it"
            raise DataError(
                f"the model has none of the labels of this data: {listed}; it has"
                f" {', '.join(labels):.200}.{hint or remedy}"
            )
        flags = " ".join(f"--drop-label {shlex.quote(label)}" for label in unknown)
        raise DataError(
            f"labels that the model does not have: {listed}"
            f"{f'.{hint}' if hint else did_you_mean(unknown[0], labels)}\n"
            f"To leave such rows out: {flags}"
        )
    targets = encode_labels(given if sets is None else sets, labels)
    return Dataset(table.texts, targets, _groups(table))


def _groups(table: Table) -> list[str] | None:
    """Name the group of each row: its own, or that of its exact duplicates; None without either."""
    keys = group_keys(table.bodies, table.named_groups())
    return None if table.groups is None and len(set(keys)) == len(keys) else keys


def _separator_hint(unknown: Sequence[str], labels: tuple[str, ...], *, multilabel: bool) -> str:
    """Describe an unknown label that consists of several known ones; empty without one."""
    pairs = ((label, separator_between(label, labels)) for label in unknown)
    label, separator = next((pair for pair in pairs if pair[1]), ("", None))
    if separator is None:
        return ""
    hint = f" '{shown(label, 40)}' is several labels of the model, separated by {separator!r}"
    if multilabel:
        return f"{hint}: use --label-separator {separator!r}"
    return (
        f"{hint}, and the model gives each text one: evaluate it on one label per text, or train"
        f" one for several with --label-separator {separator!r}"
    )


def _look_up(table: Table, prints: Fingerprints) -> tuple[NDArray[np.bool_], Seen]:
    near = prints.near_copies(table.bodies)
    texts = prints.seen_texts(table.bodies)
    named = table.named_groups()
    groups = None if named is None else prints.seen_groups(named)
    known = near.found | texts
    if groups is not None:
        known |= groups
    seen = Seen(
        n=len(table.texts),
        texts=int(texts.sum()),
        near_copies=int((near.found | texts).sum()),
        estimated=int(near.estimated.sum()),
        false_alarms=near.false_alarms,
        groups=None if groups is None else int(groups.sum()),
        rows=int(known.sum()),
    )
    return known, seen
