"""Labels that are one and the same, written differently, and labels that only look alike."""

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
# Format characters, variation selectors and others that show nothing.
_INVISIBLE = regex.compile(r"[\p{Cf}\p{Default_Ignorable_Code_Point}]")
_DECIMAL_COMMA = regex.compile(r"^([-+]?[0-9]+),([0-9]{1,2}|[0-9]{4,})$")
_QUOTED = regex.compile(r"""\s*(?|"(.+)"|'(.+)'|“(.+)”|‘(.+)’|«(.+)»|„(.+)“)\s*""")
_MISSING = MISSING_WORDS | {"NA", "N/A", "n/a", "\\N", "inf", "-inf", "Infinity", "-Infinity"}
# A formula of a workbook that failed: #N/A, German #NV, French #N/D, #REF!, #DIV/0!, #NAME?
_FAILED = regex.compile(r"#(?:N/?[ADV]|[\p{Lu}/0]+[!?])")


def join_labels(rows: Sequence[_Row]) -> tuple[list[_Row], list[str]]:
    """Unify labels that are the same, and return a remark on each that has several forms."""
    several = {key: same for key, same in _by_key(rows, value_key).items() if len(same) > 1}
    names = {form: key for key, same in several.items() for form in same}
    return _renamed(rows, names), [_joined(key, same) for key, same in several.items()]


def match_labels(rows: Sequence[_Row], known: Iterable[str]) -> tuple[list[_Row], list[str]]:
    """Rename labels to known ones that are the same, and return a remark on each new name."""
    forms = _by_key(known, value_key)
    names = {}
    for label in sorted(distinct_labels(rows).difference(*forms.values())):
        same = forms.get(value_key(label), ())
        if len(same) == 1:
            names[label] = same[0]
    return _renamed(rows, names), [_joined(name, [label, name]) for label, name in names.items()]


def _renamed(rows: Sequence[_Row], names: Mapping[str, str]) -> list[_Row]:
    new: dict[_Row, _Row] = {}
    for row in set(rows):
        if isinstance(row, str):
            new[row] = names.get(row, row)
        else:
            new[row] = tuple(sorted({names.get(label, label) for label in row}))
    return [new[row] for row in rows]


def distinct_labels(rows: Iterable[str | tuple[str, ...]]) -> set[str]:
    """Collect the labels of rows, of which each has one or several."""
    distinct = set(rows)
    return {label for row in distinct for label in ((row,) if isinstance(row, str) else row)}


def alike_labels(labels: Iterable[str]) -> list[str]:
    """Remark on labels that count as different, and that a reader could take for the same."""
    return [
        f"the labels {' and '.join(map(repr, same))} differ only in {_difference(same)}; they are"
        " treated as different labels"
        for same in _by_key(labels, _likeness).values()
        if len(same) > 1
    ]


def missing_labels(labels: Sequence[str], advice: str = " with --drop-label {}") -> list[str]:
    """Remark on labels by which programs write that there is none.

    `advice`, how a label is dropped, is only said where two labels are left without it.
    """
    counts = Counter(labels)
    said = advice if len(set(labels)) > 2 else ""
    return [
        f"the label {label!r} of {counted(count, 'row')} may mean that there is no label: if so,"
        f" leave {'it' if count == 1 else 'them'} out{said.format(shlex.quote(label))}"
        for label, count in sorted(counts.items())
        if label in _MISSING or _FAILED.fullmatch(label)
    ]


def _by_key(
    rows: Iterable[str | tuple[str, ...]], key: Callable[[str], _Key]
) -> dict[_Key, list[str]]:
    """List the distinct labels that have a key in common, sorted."""
    found: dict[_Key, list[str]] = {}
    for label in sorted(distinct_labels(rows)):
        found.setdefault(key(label), []).append(label)
    return found


def _joined(name: str, same: Sequence[str]) -> str:
    if len({normalize("NFC", label) for label in same}) == 1:
        return f"the label {name!r} occurs in several Unicode forms, which are treated as one label"
    return f"the labels {' and '.join(map(repr, same))} are treated as one label, {name!r}"


def _likeness(label: str) -> Hashable:
    """Reduce a label to what is left without case, spaces, quotes, and unusual characters."""
    visible = _INVISIBLE.sub("", normalize("NFKC", label).replace("\u2212", "-"))
    digits = "".join(str(decimal(c, c)) for c in visible)
    plain = " ".join(_unquoted(digits).casefold().split())
    plain = plain.replace("i\u0307", "i").replace("\u0131", "i")  # Turkish, with a dot and without
    number = _number(plain)
    return _TRUTH.get(plain, plain) if number is None else number


def _number(label: str) -> Decimal | None:
    """Read a number, also one with a decimal comma; not ``1,000``, which may be a thousand."""
    plain = _DECIMAL_COMMA.sub(r"\1.\2", label.strip())
    return Decimal(plain) if is_number(plain) else None


def _unquoted(label: str) -> str:
    quoted = _QUOTED.fullmatch(label)
    return quoted[1] if quoted else label


def _difference(same: Sequence[str]) -> str:
    if len({label.lower() for label in same}) == 1:
        return "case"
    if len(set(map(_unquoted, same))) == 1:
        return "quotes"
    if all(_number(label) is not None for label in same):
        return "how a number is written"
    if any(label.casefold() in _TRUTH for label in same):
        return "how a value is written"
    if any(_unquoted(label) != label for label in same):
        return "quotes, case, spaces or Unicode forms"
    return "case, spaces or Unicode forms"
