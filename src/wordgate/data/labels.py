"""Labels that are one and the same, written differently, and labels that only look alike."""

import shlex
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar
from unicodedata import category, decimal, normalize

from wordgate.tables.header import is_number
from wordgate.tables.values import MISSING_WORDS, value_key

_Key = TypeVar("_Key", bound=Hashable)
_TRUTH = {"true": Decimal(1), "false": Decimal(0)}
_MISSING = MISSING_WORDS | {"NA", "N/A", "n/a", "#N/A", "\\N"}


def join_labels(labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give labels that are the same one name.

    Args:
        labels: One a row.

    Returns:
        The labels, and a remark on each that stood in several forms.
    """
    forms = _by_key(labels, value_key)
    names = {form: key for key, same in forms.items() if len(same) > 1 for form in same}
    if not names:
        return list(labels), []
    remarks = [_joined(key, same) for key, same in forms.items() if len(same) > 1]
    return [names.get(label, label) for label in labels], remarks


def match_labels(labels: Sequence[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Give labels the names of those that are known, where they are the same.

    Args:
        labels: One a row.
        known: The labels of a model, or of the rows it learns.

    Returns:
        The labels, and a remark on each that was given another name.
    """
    forms = _by_key(known, value_key)
    there = {label for same in forms.values() for label in same}
    names = {}
    for label in sorted(set(labels) - there):
        same = forms.get(value_key(label), ())
        if len(same) == 1:
            names[label] = same[0]
    remarks = [_joined(name, [label, name]) for label, name in names.items()]
    return [names.get(label, label) for label in labels], remarks


def join_label_sets(
    sets: Sequence[tuple[str, ...]],
) -> tuple[list[tuple[str, ...]], list[str]]:
    """Give labels that are the same one name, where a text has several.

    Args:
        sets: The labels of each row.

    Returns:
        The labels of each row, sorted and distinct, and a remark on each that stood in several
        forms.
    """
    return _named(sets, join_labels)


def match_label_sets(
    sets: Sequence[tuple[str, ...]], known: Iterable[str]
) -> tuple[list[tuple[str, ...]], list[str]]:
    """Give labels the names of those that are known, as `match_labels`, where a text has several.

    Args:
        sets: The labels of each row.
        known: The labels of a model, or of the rows it learns.
    """
    known = tuple(known)
    return _named(sets, lambda labels: match_labels(labels, known))


def _named(
    sets: Sequence[tuple[str, ...]],
    name: Callable[[Sequence[str]], tuple[list[str], list[str]]],
) -> tuple[list[tuple[str, ...]], list[str]]:
    labels = sorted({label for one in sets for label in one})
    named, remarks = name(labels)
    names = dict(zip(labels, named, strict=True))
    distinct = {one: tuple(sorted({names[label] for label in one})) for one in set(sets)}
    return [distinct[one] for one in sets], remarks


def alike_labels(labels: Iterable[str]) -> list[str]:
    """Remark on labels that count as different, and that a reader could take for the same."""
    return [
        f"the labels {' and '.join(map(repr, same))} differ only in {_difference(same)}; they are"
        " treated as different labels"
        for same in _by_key(labels, _likeness).values()
        if len(same) > 1
    ]


def missing_labels(labels: Sequence[str], advice: str = ", by --drop-label {}") -> list[str]:
    """Remark on labels by which programs write that there is none.

    Args:
        labels: One a row.
        advice: How a label is dropped; said where two labels are left without it.
    """
    counts = Counter(label for label in labels if label in _MISSING)
    said = advice if len(set(labels)) > 2 else ""
    return [
        f"the label {label!r} of {count:,} rows may mean that there is none: if so, leave them out"
        + said.format(shlex.quote(label))
        for label, count in sorted(counts.items())
    ]


def _by_key(labels: Iterable[str], key: Callable[[str], _Key]) -> dict[_Key, list[str]]:
    """List the distinct labels that have a key in common, sorted."""
    found: dict[_Key, list[str]] = {}
    for label in sorted(set(labels)):
        found.setdefault(key(label), []).append(label)
    return found


def _joined(name: str, same: Sequence[str]) -> str:
    if len({normalize("NFC", label) for label in same}) == 1:
        return f"the label {name!r} occurs in several Unicode forms, which are treated as one label"
    return f"the labels {' and '.join(map(repr, same))} are treated as one label, {name!r}"


def _likeness(label: str) -> Hashable:
    """Reduce a label to what is left without case, spaces, and invisible or fancy characters."""
    visible = (c for c in normalize("NFKC", label).replace("\u2212", "-") if category(c) != "Cf")
    digits = "".join(str(decimal(c, c)) for c in visible)
    plain = " ".join(digits.casefold().split())
    return Decimal(plain) if is_number(plain) else _TRUTH.get(plain, plain)


def _difference(same: Sequence[str]) -> str:
    if len({label.lower() for label in same}) == 1:
        return "case"
    if all(map(is_number, same)):
        return "how a number is written"
    if any(label.casefold() in _TRUTH for label in same):
        return "how a value is written"
    return "case, spaces or the form of characters"
