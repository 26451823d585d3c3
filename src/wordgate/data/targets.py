"""Targets as arguments in Python: the `y` of scikit-learn, with one label per text or several."""

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
_INDICATORS = "each such column must contain 1 if the text has the label, and 0 if not"


@dataclass(frozen=True)
class GivenTargets:
    """Targets of texts, and their classes.

    Attributes:
        classes: The labels [classes] in their own type, sorted; or the names of the columns of an
            indicator matrix, or their numbers from 0.
        names: The labels as strings, as in saved models and over HTTP.
        targets: int64 [n], the index of each text's label; or int64 [n, classes] of 0 and 1 if a
            text can have several labels.
    """

    classes: NDArray[Any]
    names: list[str]
    targets: NDArray[np.int64]


def read_targets(y: Any, n_texts: int) -> GivenTargets:
    """Convert the `y` of an estimator to targets.

    Args:
        y: One label per text, in a column as for `checked_column`; or several: a list, tuple or set
            of labels for each text, or an indicator matrix of 0 and 1 with a column for each label,
            which may be an array, a sparse matrix, a data frame, or a list of its rows.
        n_texts: The number of texts.

    Raises:
        DataError: It is something else, has another length, or fewer than two labels.
    """
    matrix, labels = _matrix_or_labels(y)
    _check_number(len(labels) if matrix is None else len(matrix[0]), n_texts)
    if matrix is not None:
        targets, columns = matrix
        classes = _array(columns)
    elif labels and all(map(_is_set, labels)):
        classes, targets = _encode_sets(labels)
    else:
        classes, targets = _encode(labels)
    return GivenTargets(classes, _names(classes), targets)


def match_targets(y: Any, predicted: NDArray[np.int64], classes: NDArray[Any]) -> NDArray[np.bool_]:
    """Compare predictions with the `y` of an estimator, in any form as for `read_targets`.

    Labels that the model does not have are different from every prediction.

    Args:
        y: The labels.
        predicted: int64 [n], the index of each text's class; or int64 [n, classes] of 0 and 1 if a
            text can have several.
        classes: The labels [classes] of the model.

    Returns:
        bool [n], whether the label, or all labels, are correct.

    Raises:
        DataError: `y` is in none of these forms, in one that the model does not predict, or has
            another length.
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
    index = {label: i for i, label in enumerate(classes)}
    if not several:
        for position, label in enumerate(labels):
            _check_label(label, f"label {position + 1} of {len(labels)}")
        _check_types(labels, classes)
        targets = np.array([index.get(label, -1) for label in labels], np.int64)
        return np.asarray(targets == predicted)
    _check_types([*chain.from_iterable(labels)], classes)
    true_sets = ({index.get(label, -1) for label in row} for row in labels)
    predicted_sets = (set(np.flatnonzero(row).tolist()) for row in predicted)
    return np.array([a == b for a, b in zip(true_sets, predicted_sets, strict=True)], bool)


def _match_columns(
    matrix: NDArray[np.int64],
    names: Sequence[Any] | None,
    predicted: NDArray[np.int64],
    classes: NDArray[Any],
) -> NDArray[np.bool_]:
    """Compare indicator matrices, by the names of the columns if these are the labels."""
    if predicted.ndim == 1:
        raise DataError("the model predicts one label per text, not several")
    if names is not None and set(names) == set(classes):
        index = {name: i for i, name in enumerate(names)}
        matrix = matrix[:, [index[label] for label in classes]]
    elif matrix.shape[1] != len(classes) or (names is not None and classes.dtype.kind != "i"):
        columns = f"{matrix.shape[1]} columns" if names is None else ", ".join(map(str, names))
        raise DataError(
            f"a column of 0 and 1 is needed for each label of the model"
            f" ({', '.join(map(str, classes))}), not {columns}"
        )
    return np.asarray((matrix == predicted).all(axis=1))


def _check_types(labels: Sequence[Any], classes: NDArray[Any]) -> None:
    """Refuse labels of another type than those of the model, such as ``"1"`` for 1."""
    expected, given = set(map(_kind, classes)), set(map(_kind, labels))
    if labels and not expected & given:
        raise DataError(
            "the labels are of another type than those of the model:"
            f" {labels[0]!r} ({given.pop()}), not {classes.tolist()[0]!r} ({expected.pop()})"
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
    """Return an indicator matrix and the names of its columns, or else the labels of each text."""
    if (matrix := _indicator_matrix(y)) is not None:
        return matrix, []
    labels = checked_column(y, "labels")
    if are_indicators(labels):
        rows = np.array([list(map(int, row)) for row in labels], np.int64)
        return (rows, range(rows.shape[1])), []
    return None, labels


def _indicator_matrix(y: Any) -> tuple[NDArray[np.int64], Sequence[Any]] | None:
    """Convert a matrix or a frame of several columns of 0 and 1; return None for anything else."""
    names = column_names(y)
    if names is not None and len(names) > 1:
        values = np.column_stack([np.asarray(checked_column(y[name], "labels")) for name in names])
    elif getattr(y, "ndim", 0) == 2 and y.shape[1] > 1:
        values = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
        names = list(range(values.shape[1]))
    else:
        return None
    try:
        matrix = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{len(names)} columns of labels do not contain numbers: {_INDICATORS}"
        ) from error
    invalid = np.argwhere(~np.isin(matrix, (0.0, 1.0)))
    if len(invalid):
        row, column = invalid[0]
        raise DataError(
            f"the labels contain {values[row, column]} in row {row + 1}, column {names[column]!r}:"
            f" {_INDICATORS}"
        )
    return matrix.astype(np.int64), names


def _encode_sets(rows: Sequence[Iterable[Any]]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct labels, sorted, and an indicator matrix, int64 [n, classes]."""
    for position, labels in enumerate(rows):
        for label in labels:
            _check_label(label, f"a label of text {position + 1}")
    sizes = np.array([len(list(labels)) for labels in rows], np.int64)
    classes, columns = _encode(list(chain.from_iterable(rows)))
    targets = np.zeros((len(rows), len(classes)), np.int64)
    targets[row_indices(sizes), columns] = 1
    return classes, targets


def _encode(labels: Sequence[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct labels, sorted, and the index of each text's label, int64 [n]."""
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
        column = np.asarray(labels, object)  # numpy would convert numbers among words to strings
    return column


def _names(classes: NDArray[Any]) -> list[str]:
    """Return the labels as strings, as in saved models and over HTTP."""
    by_name: dict[str, Any] = {}
    for label in classes:
        is_bytes = isinstance(label, bytes)
        text = label.decode("utf-8", "backslashreplace") if is_bytes else str(label)
        name = without_surrogates(text)
        if name in by_name:
            raise DataError(
                f"the labels {by_name[name]!r} and {label!r} are written alike, as '{name}': give"
                " one of them another name"
            )
        by_name[name] = label
    return list(by_name)
