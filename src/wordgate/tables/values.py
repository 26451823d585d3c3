"""Columns as arguments in Python: lists, arrays, Series, tables of one column, mappings.

All functions with texts, labels or groups as arguments convert them by this module.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from unicodedata import normalize

import numpy as np

from wordgate.errors import DataError
from wordgate.runtime.display import brief, shown, unequal
from wordgate.tables.encoding import without_surrogates

EMPTY_TEXT = "the text is empty"

MISSING_WORDS = frozenset(("nan", "NaN", "NAN", "NaT", "<NA>", "None", "null", "NULL"))
"""Strings that programs write for missing values."""

_WHOLE = re.compile(r"([-+]?[0-9]+)\.0")
_TRUTH = {form: word for word in ("True", "False") for form in (word, word.lower(), word.upper())}
_NAMES_SHOWN = 5
# White space, controls, and what Unicode calls default ignorable, such as zero-width spaces.
_INVISIBLE = re.compile(
    "[\\s\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f"
    "\\u202a-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\U000e0000-\\U000e0fff]*"
)


def is_empty(text: str) -> bool:
    """Return whether a text has only whitespace and invisible characters.

    Such texts have no label in training, evaluation and prediction.
    """
    return _INVISIBLE.fullmatch(text) is not None


def is_missing(value: Any) -> bool:
    """Return whether a value is missing: None, masked, or different from itself (NaN, NaT, NA)."""
    try:
        return value is None or value is np.ma.masked or bool(value != value)
    except (TypeError, ValueError, ArithmeticError):  # pandas.NA, several values, a signalling NaN
        return True


def value_key(name: str) -> str:
    """Return a key that is equal for names of the same label or group.

    Two names are the same if they differ only in their Unicode form (NFC and NFD), in the case of a
    boolean (``True``, ``true``, ``TRUE`` in Python, JSON and Excel), or in a zero fraction: ``1.0``
    for ``1``. Other trailing zeros count: ``1.10`` and ``1.1`` may be versions or codes.
    """
    composed = normalize("NFC", name)
    whole = _WHOLE.fullmatch(composed)
    return whole[1] if whole else _TRUTH.get(composed, composed)


def group_name(group: Any) -> str:
    """Return the name of a group: its `value_key`, since ids may be fractions in some files.

    It is "" if the group is missing, blank or one of `MISSING_WORDS`.
    """
    name = "" if is_missing(group) else str(group).strip()
    return "" if name in MISSING_WORDS else value_key(name)


def checked_texts(texts: Any, *, may_be_empty: bool = False) -> list[str]:
    """Return a list of valid texts.

    Args:
        texts: One text, or a column as for `checked_column`. Lone surrogates, which no encoding can
            write, are replaced as in files.
        may_be_empty: Whether empty texts are accepted.

    Raises:
        DataError: It is not a column, contains anything but strings, or a text is empty.
    """
    listed = [texts] if isinstance(texts, str) else checked_column(texts, "texts")
    for position, text in enumerate(listed, 1):
        if not isinstance(text, str):
            fault = f"is {brief(text)} ({type(text).__name__}), not a string"
        elif may_be_empty or not is_empty(text):
            continue
        else:
            fault = empty_fault(text)
        raise DataError(f"text {position:,} of {len(listed):,} {fault}")
    return [without_surrogates(text) for text in listed]


def empty_fault(text: str) -> str:
    """Describe what is wrong with a text that `is_empty`, to follow its name in a sentence."""
    content = "whitespace" if text.isspace() else "invisible characters"
    fault = f"contains only {content}" if text else "is empty"
    return f"{fault}, so it cannot have a label: leave it out"


def checked_groups(groups: Any, n_texts: int) -> list[str] | None:
    """Return the name of each text's group, of a column as for `checked_column`; None for None.

    Raises:
        DataError: It is not a column, or has another length.
    """
    if groups is None:
        return None
    listed = checked_column(groups, "groups")
    if len(listed) != n_texts:
        raise DataError(unequal(n_texts, len(listed), "group"))
    return list(map(group_name, listed))


def checked_column(values: Any, what: str) -> list[Any]:
    """Return a list of the values of a column.

    Args:
        values: A list or another iterable; an array of one dimension, or of two with one column; a
            pandas, polars or Arrow column; or a data frame, data set or mapping with one column.
        what: What it must contain, in the plural, for messages.

    Raises:
        DataError: It is something else.
    """
    if hasattr(values, "collect"):
        raise DataError("this data frame is lazy: collect() it first")
    names = column_names(values)
    if names is not None:
        if len(names) != 1:
            raise DataError(
                f"a column of {what} is needed, not the {len(names):,} columns of a"
                f" {type(values).__name__}{_listed(names)}: give one of them, such as data['text']"
            )
        return checked_column(values[names[0]], what)
    if isinstance(values, str | bytes | set | frozenset) or not isinstance(values, Iterable):
        order = ", which has no order" if isinstance(values, set | frozenset) else ""
        raise DataError(f"a list of {what} is needed, not {brief(values)}{order}")
    return _items(values, what)


def _items(values: Any, what: str) -> list[Any]:
    """Return a list of an iterable, which may be an array of zero, one or two dimensions."""
    shape: tuple[int, ...] = getattr(values, "shape", (1,))
    if shape == ():
        return [values.item()]
    if len(shape) > 1:
        if len(shape) != 2 or shape[1] != 1:
            lengths = " x ".join(map(str, shape))
            raise DataError(f"a column of {what} is needed, not an array of {lengths} values")
        values = values[:, 0]
    # These convert the items to Python objects, unlike list() of Arrow and Polars columns.
    to_list = getattr(values, "to_pylist", None) or getattr(values, "to_list", None)
    return list(values if to_list is None else to_list())


def column_names(values: Any) -> list[Any] | None:
    """Return the column names of a data frame, data set or mapping; None for anything else."""
    if isinstance(values, Mapping):
        return list(values)
    fields = getattr(getattr(values, "dtype", None), "names", None)
    if fields is not None:  # a structured array
        return list(fields)
    for attribute in ("column_names", "columns"):
        names = getattr(values, attribute, None)
        if names is not None and not callable(names):
            return list(names)
    return None


def columns_by_name(data: Any) -> dict[str, list[Any]] | None:
    """Return the columns of a mapping, a data set, a list of records, or a column of texts.

    Args:
        data: An object with named columns; a list of mappings, whose keys are the columns; or a
            column, which gets the name ``text``.

    Returns:
        Lists of equal length, with None for a missing key; None for any other object.

    Raises:
        DataError: It has several tables, or columns of different lengths.
    """
    names = column_names(data)
    if names is not None:
        return _columns(data, names)
    if isinstance(data, str | bytes | set | frozenset) or not isinstance(data, Iterable):
        return None
    records = checked_column(data, "rows")
    if records and all(isinstance(record, Mapping) for record in records):
        keys = dict.fromkeys(str(key) for record in records for key in record)
        by_key = [{str(key): value for key, value in record.items()} for record in records]
        return {key: [record.get(key) for record in by_key] for key in keys}
    if records and all(isinstance(record, str) or is_missing(record) for record in records):
        return {"text": records}
    return None


def _columns(data: Any, names: list[Any]) -> dict[str, list[Any]]:
    if duplicates := [name for name, count in Counter(map(str, names)).items() if count > 1]:
        raise DataError(
            f"two columns of this {type(data).__name__} are called '{shown(duplicates[0], 30)}':"
            " give each a name of its own"
        )
    columns = {}
    for name in names:
        column = data[name]
        if column_names(column) is not None:
            raise DataError(
                f"this {type(data).__name__} contains {len(names):,} tables{_listed(names)}: give"
                f" one of them, such as data[{names[0]!r}]"
            )
        columns[str(name)] = checked_column(column, "values")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{shown(name, 30)} {length:,}" for name, length in lengths.items())
        raise DataError(f"the columns have different lengths: {listed}")
    return columns


def _listed(names: list[Any]) -> str:
    if not names:
        return ""
    more = ", ..." if len(names) > _NAMES_SHOWN else ""
    return f" ({', '.join(shown(str(name), 30) for name in names[:_NAMES_SHOWN])}{more})"
