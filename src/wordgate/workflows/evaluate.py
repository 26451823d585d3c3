"""Judging a kept model on a file, and telling which of its rows the model knows already."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Unpack

from wordgate.bundle.folder import BundleFolder
from wordgate.data import Reading, Table, read_table
from wordgate.errors import DataError, did_you_mean
from wordgate.evaluation.metrics import Scores
from wordgate.prediction.predictor import Predictor, load
from wordgate.split.fingerprints import Fingerprints
from wordgate.training.fitting import Examples
from wordgate.workflows.judging import Exam
from wordgate.workflows.reading import ReadingOptions


@dataclass(frozen=True)
class Seen:
    """How many of the judged rows had a part in the model's training.

    Attributes:
        n: Rows judged.
        texts: Rows whose text stood in training, word for word but for case and spaces.
        near_copies: Rows whose text is a near copy of one in training, exact ones included.
        groups: Rows whose group stood in training; None if the file or the model has no groups.
        rows: Rows that are any of these.
    """

    n: int
    texts: int
    near_copies: int
    groups: int | None
    rows: int


@dataclass(frozen=True)
class Evaluation:
    """What a model came to on a file.

    Attributes:
        scores: On all rows.
        unseen: On the rows that had no part in training; None if all or none of them are.
        seen: How many rows did.
        reading: How the file was read.
        predictor: The model.
    """

    scores: Scores
    unseen: Scores | None
    seen: Seen
    reading: Reading
    predictor: Predictor


def evaluate(bundle: str | Path, data: Any, **reading: Unpack[ReadingOptions]) -> Evaluation:
    """Judge a model on labelled texts.

    Args:
        bundle: The model's folder.
        data: The path of a CSV, TSV, JSONL or Parquet file, the name of a data set, or a frame.
        **reading: How to read the data: see `ReadingOptions`.

    Raises:
        BundleError: The model can't be loaded.
        DataError: The data can't be read, or has a label that the model doesn't know.
    """
    predictor = load(bundle)
    table = read_table(data, **reading)
    exam = Exam(_examples(table, predictor.labels), predictor.labels, predictor.config.seed)
    log_proba = predictor.log_proba(table.texts)
    prints = BundleFolder.open(bundle).fingerprints()
    known, seen = _look_up(table, prints)
    unseen = None
    if 0 < seen.rows < seen.n:
        unseen = exam.part(~known).scores(log_proba[~known])
    return Evaluation(exam.scores(log_proba), unseen, seen, table.reading, predictor)


def _examples(table: Table, labels: tuple[str, ...]) -> Examples:
    numbers = {label: number for number, label in enumerate(labels)}
    given = table.labels or []
    for label in sorted(set(given) - set(labels)):
        raise DataError(
            f"the model doesn't know the label '{label}' of {given.count(label):,} rows"
            f"{did_you_mean(label, labels)}; leave them out with --drop-label '{label}'"
        )
    targets = np.array([numbers[label] for label in given], np.int64)
    return Examples(table.texts, targets, table.groups)


def _look_up(table: Table, prints: Fingerprints) -> tuple[NDArray[np.bool_], Seen]:
    texts = prints.seen_texts(table.texts)
    near = prints.near_copies(table.texts) | texts
    groups = None if table.groups is None else prints.seen_groups(table.groups)
    known = near if groups is None else near | groups
    seen = Seen(
        n=len(table.texts),
        texts=int(texts.sum()),
        near_copies=int(near.sum()),
        groups=None if groups is None else int(groups.sum()),
        rows=int(known.sum()),
    )
    return known, seen
