"""Targets handed over in Python: the `y` of scikit-learn, as one label per text or as several."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.values import checked_column, column_names, is_empty, is_missing

_SETS = (list, tuple, set, frozenset, np.ndarray)
_MARKS = "each such column must contain 1 if the text has the label, and 0 if not"


@dataclass(frozen=True)
class GivenTargets:
    """Labels and what was given of them.

    Attributes:
        classes: The labels [classes], of the type they were given as, sorted; the names of the
            columns of an indicator matrix, or their numbers from 0.
        names: The labels as they are written in a folder and answered over HTTP.
        targets: int64 [n], the number of each text's label; or int64 [n, classes] of 0 and 1, 1
            for each label that a text has, where it may have several.
    """

    classes: NDArray[Any]
    names: list[str]
    targets: NDArray[np.int64]


def read_targets(y: Any, n_texts: int) -> GivenTargets:
    """Understand the `y` of an estimator.

    Args:
        y: One label per text, in a column as `checked_column` takes it; or several: a list, tuple
            or set of labels for each text, or an indicator matrix of 0 and 1 with a column for each
            label, which may be an array, a sparse matrix or a data frame.
        n_texts: How many texts there are.

    Raises:
        DataError: It is something else, there are not as many as texts, or fewer than two labels.
    """
    matrix = _indicator_matrix(y)
    labels = checked_column(y, "labels") if matrix is None else []
    n_labels = len(labels) if matrix is None else len(matrix[0])
    if n_labels != n_texts:
        raise DataError(f"there are {n_texts:,} texts but {n_labels:,} labels")
    if matrix is not None:
        targets, columns = matrix
        classes = _array(columns)
    elif labels and all(map(_is_set, labels)):
        classes, targets = _of_sets(labels)
    else:
        classes, targets = _numbered(labels)
    return GivenTargets(classes, _names(classes), targets)


def _indicator_matrix(y: Any) -> tuple[NDArray[np.int64], Sequence[Any]] | None:
    """Read a matrix or a frame of several columns of 0 and 1; None where it is neither."""
    names = column_names(y)
    if names is not None and len(names) > 1:
        values = np.column_stack([np.asarray(checked_column(y[name], "labels")) for name in names])
    elif getattr(y, "ndim", 0) == 2 and y.shape[1] > 1:
        values = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        names = list(range(values.shape[1]))
    else:
        return None
    try:
        marks = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{len(names)} columns of labels do not contain numbers: {_MARKS}"
        ) from error
    wrong = np.argwhere(~np.isin(marks, (0.0, 1.0)))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"the labels contain {values[row, column]} in row {row + 1}, column {names[column]!r}:"
            f" {_MARKS}"
        )
    return marks.astype(np.int64), names


def _of_sets(rows: Sequence[Iterable[Any]]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Number the labels of texts that may have several: int64 [n, classes] of 0 and 1."""
    for position, labels in enumerate(rows):
        for label in labels:
            _check_label(label, f"a label of text {position + 1}")
    sizes = [len(list(labels)) for labels in rows]
    classes, numbers = _numbered(list(chain.from_iterable(rows)))
    targets = np.zeros((len(rows), len(classes)), np.int64)
    targets[np.repeat(np.arange(len(rows)), sizes), numbers] = 1
    return classes, targets


def _numbered(labels: Sequence[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Give the distinct labels, sorted, and the number of each, int64 [n]."""
    for position, label in enumerate(labels):
        _check_label(label, f"label {position + 1} of {len(labels)}")
    column = _array(labels)
    if column.ndim != 1:
        raise DataError(f"one label for each text is needed, not {labels[0]!r}")
    try:
        classes, numbers = np.unique(column, return_inverse=True)
    except TypeError as error:
        raise DataError(f"the labels cannot be sorted: {error}") from error
    if len(classes) < 2:
        shown = f"; all are {str(classes[0])!r}" if len(classes) else ""
        raise DataError(f"a classifier needs at least two labels{shown}")
    return classes, numbers.astype(np.int64)


def _is_set(value: Any) -> bool:
    return isinstance(value, _SETS) and value is not np.ma.masked


def _check_label(label: Any, called: str) -> None:
    if isinstance(label, dict) or _is_set(label):
        raise DataError(
            f"a label must be a string or a number, and several labels per text a list of these for"
            f" every text; {called} is {label!r}"
        )
    if is_missing(label) or (isinstance(label, str) and is_empty(label)):
        plain = label.item() if isinstance(label, np.generic) else label
        raise DataError(f"{called} is {plain!r}, which is not a label")


def _array(labels: Sequence[Any]) -> NDArray[Any]:
    column = np.asarray(labels)
    if column.dtype.kind == "U" and not all(isinstance(label, str) for label in labels):
        column = np.asarray(labels, object)  # words and numbers, which numpy would make words of
    return column


def _names(classes: NDArray[Any]) -> list[str]:
    """Name the labels as they are written in a folder and answered over HTTP."""
    written: dict[str, Any] = {}
    for label in classes:
        is_bytes = isinstance(label, bytes)
        text = label.decode("utf-8", "backslashreplace") if is_bytes else str(label)
        name = without_surrogates(text)
        if name in written:
            raise DataError(
                f"the labels {written[name]!r} and {label!r} are written alike, as '{name}': give"
                " one of them another name"
            )
        written[name] = label
    return list(written)
