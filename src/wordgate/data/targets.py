"""Targets handed over in Python: the `y` of scikit-learn, as one label per text or as several."""

import numbers
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.data.label_sets import are_indicators
from wordgate.errors import DataError
from wordgate.runtime.display import unequal
from wordgate.storage.arrays import row_indices
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
            label, which may be an array, a sparse matrix, a data frame, or a list of its rows.
        n_texts: How many texts there are.

    Raises:
        DataError: It is something else, there are not as many as texts, or fewer than two labels.
    """
    matrix, labels = _matrix_or_labels(y)
    _check_number(len(labels) if matrix is None else len(matrix[0]), n_texts)
    if matrix is not None:
        targets, columns = matrix
        classes = _array(columns)
    elif labels and all(map(_is_set, labels)):
        classes, targets = _of_sets(labels)
    else:
        classes, targets = _numbered(labels)
    return GivenTargets(classes, _names(classes), targets)


def match_targets(y: Any, predicted: NDArray[np.int64], classes: NDArray[Any]) -> NDArray[np.bool_]:
    """Compare predictions with the `y` of an estimator, in any form that `read_targets` takes.

    Labels that the model does not know match nothing.

    Args:
        y: The labels.
        predicted: int64 [n], the number of each text's class; or int64 [n, classes] of 0 and 1 if a
            text can have several.
        classes: The labels [classes] that the model knows.

    Returns:
        bool [n], True where the label, or all labels, are right.

    Raises:
        DataError: `y` is in none of these forms, or in one that the model does not predict, or
            there are not as many labels as predictions.
    """
    (matrix, labels), several = _matrix_or_labels(y), predicted.ndim == 2
    _check_number(len(labels) if matrix is None else len(matrix[0]), len(predicted))
    are_sets = matrix is not None or (bool(labels) and all(map(_is_set, labels)))
    if labels and are_sets != several:
        raise DataError(
            "the model predicts several labels per text: a list of labels for each text is needed,"
            " or a column of 0 and 1 for each label"
            if several
            else "the model predicts one label per text, not several"
        )
    if matrix is not None:
        return _match_columns(matrix[0], column_names(y), predicted, classes)
    places = {label: place for place, label in enumerate(classes)}
    if not several:
        for position, label in enumerate(labels):
            _check_label(label, f"label {position + 1} of {len(labels)}")
        _check_types(labels, classes)
        known = np.array([places.get(label, -1) for label in labels], np.int64)
        return np.asarray(known == predicted)
    _check_types([*chain.from_iterable(labels)], classes)
    true = [{places.get(label, -1) for label in row} for row in labels]
    found = (set(np.flatnonzero(row).tolist()) for row in predicted)
    return np.array([a == b for a, b in zip(true, found, strict=True)], bool)


def _match_columns(
    marks: NDArray[np.int64],
    names: Sequence[Any] | None,
    predicted: NDArray[np.int64],
    classes: NDArray[Any],
) -> NDArray[np.bool_]:
    """Compare matrices of 0 and 1, by the names of the columns where they are those of labels."""
    if predicted.ndim == 1:
        raise DataError("the model predicts one label per text, not several")
    if names is not None and set(names) == set(classes):
        places = {name: place for place, name in enumerate(names)}
        marks = marks[:, [places[label] for label in classes]]
    elif marks.shape[1] != len(classes) or (names is not None and classes.dtype.kind != "i"):
        columns = f"{marks.shape[1]} columns" if names is None else ", ".join(map(str, names))
        raise DataError(
            f"a column of 0 and 1 is needed for each label of the model"
            f" ({', '.join(map(str, classes))}), not {columns}"
        )
    return np.asarray((marks == predicted).all(axis=1))


def _check_types(labels: Sequence[Any], classes: NDArray[Any]) -> None:
    """Refuse labels none of which can equal one of the model's, such as ``"1"`` and 1."""
    known, given = set(map(_kind, classes)), set(map(_kind, labels))
    if labels and not known & given:
        raise DataError(
            "the labels are of another type than those of the model:"
            f" {labels[0]!r} ({given.pop()}), not {classes.tolist()[0]!r} ({known.pop()})"
        )


def _kind(label: Any) -> str:
    if isinstance(label, str | bytes):
        return "string" if isinstance(label, str) else "bytes"
    is_number = isinstance(label, numbers.Number | np.bool_)
    return "number" if is_number else type(label).__name__


def _check_number(n_labels: int, n_texts: int) -> None:
    if n_labels != n_texts:
        raise DataError(unequal(n_texts, n_labels, "label"))


def _matrix_or_labels(y: Any) -> tuple[tuple[NDArray[np.int64], Sequence[Any]] | None, list[Any]]:
    """Read an indicator matrix and the names of its columns, or else the labels of each text."""
    if (matrix := _indicator_matrix(y)) is not None:
        return matrix, []
    labels = checked_column(y, "labels")
    if are_indicators(labels):
        marks = np.array([list(map(int, row)) for row in labels], np.int64)
        return (marks, range(marks.shape[1])), []
    return None, labels


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
    sizes = np.array([len(list(labels)) for labels in rows], np.int64)
    classes, columns = _numbered(list(chain.from_iterable(rows)))
    targets = np.zeros((len(rows), len(classes)), np.int64)
    targets[row_indices(sizes), columns] = 1
    return classes, targets


def _numbered(labels: Sequence[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct labels, sorted, and the number of each, int64 [n]."""
    for position, label in enumerate(labels):
        _check_label(label, f"label {position + 1} of {len(labels)}")
    column = _array(labels)
    if column.ndim != 1:
        raise DataError(f"one label for each text is needed, not {labels[0]!r}")
    try:
        classes, targets = np.unique(column, return_inverse=True)
    except TypeError as error:
        raise DataError(f"the labels cannot be sorted: {error}") from error
    if len(classes) < 2:
        shown = f"; all are {str(classes[0])!r}" if len(classes) else ""
        raise DataError(f"a classifier needs at least two labels{shown}")
    return classes, targets.astype(np.int64)


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
    # numpy would cut the name of a member of an enumeration of strings to the length of its value.
    labels = [str.__str__(label) if isinstance(label, str) else label for label in labels]
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
