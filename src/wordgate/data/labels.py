"""Different forms of the same label, and labels that only look similar."""

import shlex
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar
from unicodedata import decimal, normalize

import regex

from wordgate.runtime.display import counted
from wordgate.tables.header import is_number
from wordgate.tables.values import MISSING_WORDS, value_key

_Row = TypeVar("_Row", str, tuple[str, ...])  # the label of a row, or its labels, sorted
_Key = TypeVar("_Key", bound=Hashable)
_TRUTH = {"true": Decimal(1), "false": Decimal(0)}
# Format characters, variation selectors and other invisible ones.
_INVISIBLE = regex.compile(r"[\p{Cf}\p{Default_Ignorable_Code_Point}]")
_DECIMAL_COMMA = regex.compile(r"^([-+]?[0-9]+),([0-9]{1,2}|[0-9]{4,})$")
_QUOTED = regex.compile(r"""\s*(?|"(.+)"|'(.+)'|“(.+)”|‘(.+)’|«(.+)»|„(.+)“)\s*""")
_MISSING = MISSING_WORDS | {"NA", "N/A", "n/a", "\\N", "inf", "-inf", "Infinity", "-Infinity"}
# A formula of a workbook that failed: #N/A, German #NV, French #N/D, #REF!, #DIV/0!, #NAME?
_FAILED = regex.compile(r"#(?:N/?[ADV]|[\p{Lu}/0]+[!?])")


def join_labels(rows: Sequence[_Row]) -> tuple[list[_Row], list[str]]:
    """Unify the forms of the same label; also return a remark on each that has several forms."""
    several = {key: forms for key, forms in _by_key(rows, value_key).items() if len(forms) > 1}
    names = {form: key for key, forms in several.items() for form in forms}
    return _renamed(rows, names), [_unified(key, forms) for key, forms in several.items()]


def match_labels(rows: Sequence[_Row], known: Iterable[str]) -> tuple[list[_Row], list[str]]:
    """Rename labels to known ones that are the same; also return a remark on each new name."""
    known_forms = _by_key(known, value_key)
    names = {}
    for label in sorted(distinct_labels(rows).difference(*known_forms.values())):
        matches = known_forms.get(value_key(label), ())
        if len(matches) == 1:
            names[label] = matches[0]
    return _renamed(rows, names), [_unified(name, [label, name]) for label, name in names.items()]


def _renamed(rows: Sequence[_Row], names: Mapping[str, str]) -> list[_Row]:
    new: dict[_Row, _Row] = {}
    for row in set(rows):
        if isinstance(row, str):
            new[row] = names.get(row, row)
        else:
            new[row] = tuple(sorted({names.get(label, label) for label in row}))
    return [new[row] for row in rows]


def distinct_labels(rows: Iterable[str | tuple[str, ...]]) -> set[str]:
    """Return the distinct labels of rows with one label each or several."""
    distinct = set(rows)
    return {label for row in distinct for label in ((row,) if isinstance(row, str) else row)}


def alike_labels(labels: Iterable[str]) -> list[str]:
    """Return remarks on different labels that look like the same."""
    return [
        f"the labels {' and '.join(map(repr, similar))} differ only in {_difference(similar)}; they"
        " are treated as different labels"
        for similar in _by_key(labels, _similarity_key).values()
        if len(similar) > 1
    ]


def missing_labels(labels: Sequence[str], advice: str = " with --drop-label {}") -> list[str]:
    """Return remarks on labels that programs write for missing ones.

    `advice`, how to drop a label, is only given if two labels remain without it.
    """
    counts = Counter(labels)
    drop = advice if len(set(labels)) > 2 else ""
    return [
        f"the label {label!r} of {counted(count, 'row')} may mean that there is no label: if so,"
        f" leave {'it' if count == 1 else 'them'} out{drop.format(shlex.quote(label))}"
        for label, count in sorted(counts.items())
        if label in _MISSING or _FAILED.fullmatch(label)
    ]


def _by_key(
    rows: Iterable[str | tuple[str, ...]], key: Callable[[str], _Key]
) -> dict[_Key, list[str]]:
    """Return the distinct labels by key, sorted."""
    by_key: dict[_Key, list[str]] = {}
    for label in sorted(distinct_labels(rows)):
        by_key.setdefault(key(label), []).append(label)
    return by_key


def _unified(name: str, forms: Sequence[str]) -> str:
    if len({normalize("NFC", form) for form in forms}) == 1:
        return f"the label {name!r} occurs in several Unicode forms, which are treated as one label"
    return f"the labels {' and '.join(map(repr, forms))} are treated as one label, {name!r}"


def _similarity_key(label: str) -> Hashable:
    """Return a label without case, spaces, quotes and unusual characters; a number by value."""
    visible = _INVISIBLE.sub("", normalize("NFKC", label).replace("\u2212", "-"))
    digits = "".join(str(decimal(c, c)) for c in visible)
    plain = " ".join(_unquoted(digits).casefold().split())
    plain = plain.replace("i\u0307", "i").replace("\u0131", "i")  # Turkish, with a dot and without
    number = _number(plain)
    return _TRUTH.get(plain, plain) if number is None else number


def _number(label: str) -> Decimal | None:
    """Parse a number, also with a decimal comma; None for others and for ``1,000``."""
    plain = _DECIMAL_COMMA.sub(r"\1.\2", label.strip())
    return Decimal(plain) if is_number(plain) else None


def _unquoted(label: str) -> str:
    quoted = _QUOTED.fullmatch(label)
    return quoted[1] if quoted else label


def _difference(similar: Sequence[str]) -> str:
    if len({label.lower() for label in similar}) == 1:
        return "case"
    if len(set(map(_unquoted, similar))) == 1:
        return "quotes"
    if all(_number(label) is not None for label in similar):
        return "how a number is written"
    if any(label.casefold() in _TRUTH for label in similar):
        return "how a value is written"
    if any(_unquoted(label) != label for label in similar):
        return "quotes, case, spaces or Unicode forms"
    return "case, spaces or Unicode forms"
