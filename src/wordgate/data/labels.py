"""Labels that are one and the same, written differently, and labels that only look alike."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar
from unicodedata import category, normalize

from wordgate.tables.header import is_number
from wordgate.tables.values import name_key

_Key = TypeVar("_Key", bound=Hashable)


def join_labels(labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """Give labels that are the same one name.

    Args:
        labels: One a row.

    Returns:
        The labels, and a remark on each that stood in several forms.
    """
    forms = _by_key(labels, name_key)
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
    forms = _by_key(known, name_key)
    there = {label for same in forms.values() for label in same}
    names = {}
    for label in sorted(set(labels) - there):
        same = forms.get(name_key(label), ())
        if len(same) == 1:
            names[label] = same[0]
    remarks = [_joined(name, [label, name]) for label, name in names.items()]
    return [names.get(label, label) for label in labels], remarks


def alike_labels(labels: Iterable[str]) -> list[str]:
    """Remark on labels that count as different, and that a reader could take for the same."""
    return [
        f"the labels {' and '.join(map(repr, same))} differ in {_difference(same)} only;"
        " they count as different"
        for same in _by_key(labels, _likeness).values()
        if len(same) > 1
    ]


def _by_key(labels: Iterable[str], key: Callable[[str], _Key]) -> dict[_Key, list[str]]:
    """List the distinct labels that have a key in common, sorted."""
    found: dict[_Key, list[str]] = {}
    for label in sorted(set(labels)):
        found.setdefault(key(label), []).append(label)
    return found


def _joined(name: str, same: Sequence[str]) -> str:
    if len({normalize("NFC", label) for label in same}) == 1:
        return f"the label {name!r} stands in several Unicode forms: they count as one"
    return f"the labels {' and '.join(map(repr, same))} are the same: they count as {name!r}"


def _likeness(label: str) -> Hashable:
    """Reduce a label to what is left without case, spaces, and invisible or fancy characters."""
    visible = "".join(c for c in normalize("NFKC", label) if category(c) != "Cf")
    plain = " ".join(visible.casefold().split())
    return Decimal(plain) if is_number(plain) else plain


def _difference(same: Sequence[str]) -> str:
    if len({label.lower() for label in same}) == 1:
        return "case"
    if all(map(is_number, same)):
        return "how a number is written"
    return "case, spaces or the form of characters"
