"""Column roles: text, label and group, named by options or inferred, with reasons.

Options have precedence. Roles are inferred from the names of columns first and from their values
second; if neither is conclusive, an error asks the user.
"""

from __future__ import annotations

import math
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from wordgate.data.columns import Choice, Column, Flag, given_columns
from wordgate.data.label_sets import are_truth_values
from wordgate.data.structured import refuse_structured
from wordgate.errors import DataError
from wordgate.runtime.display import counted, shown
from wordgate.tables import Cell, Records, StructuredCell
from wordgate.tables.header import (
    CLASS_NAMES,
    GROUP_NAMES,
    LABEL_NAMES,
    LABEL_VALUES,
    TEXT_NAMES,
    is_number,
    name_key,
    rank,
)

SEVERAL_NAMES = (
    "tags", "genres", "topics", "categories", "classes", "keywords", "subjects", "themes",
)  # fmt: skip
"""Names of columns of several labels per text, used as label column if there is no better one."""
_SAMPLE = 2_000
# A column with this share of numbers is numeric: a few cells may be damaged.
_MOSTLY = 0.95
_DATE = re.compile(r"(?=.{6,40}$).*(\d[-/.]\d{1,2}[-/.]\d|\d:\d\d).*")
# A second column this similar makes an inference from values ambiguous.
_NEAR_TEXT = 0.75
_NEAR_LABEL = 4
_MOST_LABELS = 100
_MOST_LABELS_SHOWN = 6
# With fewer groups a split cannot be balanced: they are entities or topics, not ids.
_FEWEST_GROUPS = 10
_FEWEST_UNNAMED_GROUPS = 50
_LARGEST_UNNAMED_GROUP = 50
_PURE = 0.9
_SPARSE = 0.1  # a column that is filled in fewer rows is not the text, if another is possible


@dataclass(frozen=True)
class _Profile:
    """Statistics of a column."""

    number: int  # 1-based
    called: str  # its name in messages
    name: str | None
    cells: list[str]  # the non-empty ones
    n_rows: int  # the number of all cells

    @cached_property
    def values(self) -> frozenset[str]:
        return frozenset(self.cells)

    @property
    def distinct(self) -> int:
        return len(self.values)

    @cached_property
    def sample(self) -> list[str]:
        return self.cells[:: max(1, len(self.cells) // _SAMPLE)]

    @cached_property
    def numeric(self) -> bool:
        return bool(self.sample) and sum(map(is_number, self.sample)) >= _MOSTLY * len(self.sample)

    @cached_property
    def dated(self) -> bool:
        """Whether the cells are dates or times."""
        dates = sum(_DATE.fullmatch(cell) is not None for cell in self.sample)
        return dates >= _MOSTLY * len(self.sample)

    @cached_property
    def structured(self) -> bool:
        """Whether most cells are lists or objects, which are not texts or labels."""
        count = sum(isinstance(cell, StructuredCell) for cell in self.sample)
        return 2 * count > len(self.sample)

    @cached_property
    def words(self) -> float:
        """Mean number of words per cell; in scripts without spaces, two characters are one word."""
        return sum(map(_words, self.sample)) / max(1, len(self.sample))

    def line(self) -> str:
        """Return a line about the column for a message that lists all columns."""
        first = dict.fromkeys(self.sample)
        examples = ", ".join(repr(shown(value, 30)) for value, _ in zip(first, range(3)))  # noqa: B905
        values = counted(self.distinct, "distinct value")
        return f"  {self.called}: {values}, such as {examples or 'none'}"

    def choice(self, role: str, reason: str) -> Choice:
        return Choice(role, self.number, self.name, reason, given=False)


def _words(cell: str) -> float:
    words = len(cell.split())
    if cell.isascii() or words > 1:
        return words
    return max(words, len(cell) / 2)


def choose_roles(
    records: Records,
    given: Mapping[str, Flag | None],
    *,
    known: dict[str, str],
    labelled: bool,
    source: str,
    usual: Mapping[str, str] | None = None,
) -> dict[str, Choice]:
    """Choose the columns of each role.

    Args:
        records: The records.
        given: The options for ``"text"``, ``"label"``, ``"group"``, ``"split"`` and ``"weight"``: a
            name, a number, or None to infer the first three; several for the text, or for labels
            with a column of 0 and 1 each; ``"none"`` for no groups.
        known: Known roles of a named data set, used if no option is given.
        labelled: Whether a label column is required.
        source: The source, for messages.
        usual: Names of the text and label columns of the training data, which are used where no
            flag is given and a single free column has the name.

    Raises:
        DataError: An option names no column, a role is ambiguous, or the texts are lists or
            objects.
    """
    if not records.columns:
        raise DataError(f"{source} has no columns: its records are empty")
    chosen = _by_flags(records, given, known, source)
    columns = [
        _Profile(i + 1, records.called(i), records.name(i), list(filter(None, column)), len(column))
        for i, column in enumerate(records.columns)
    ]
    for role, figures in (("text", _text_figures), ("label", _label_figures)):
        name = (usual or {}).get(role)
        alike = [] if name is None else _called_alike(_free(columns, chosen), name)
        if role not in chosen and len(alike) == 1:
            chosen[role] = alike[0].choice(role, f"as in training; {figures(alike[0])}")
    if "text" not in chosen:
        chosen["text"] = _infer_text(_free(columns, chosen), columns, source)
    refuse_structured(records, chosen["text"], source)
    if "label" not in chosen:
        inferred = _infer_label(_free(columns, chosen))
        if isinstance(inferred, str):
            if labelled and len(columns) == 1:
                raise _no_label(columns, source, is_delimited=records.delimited)
            if labelled:
                raise _undecided("label", inferred, columns, source)
            inferred = Choice("label", None, None, inferred, given=False)
        chosen["label"] = inferred
    if "group" not in chosen:
        labels = _labels(records, chosen["label"])
        chosen["group"] = _infer_group(_free(columns, chosen), records, labels)
    return chosen


def _free(columns: list[_Profile], chosen: dict[str, Choice]) -> list[_Profile]:
    used = {column.number for choice in chosen.values() for column in choice.columns}
    return [column for column in columns if column.number not in used]


def _called_alike(columns: list[_Profile], name: str) -> list[_Profile]:
    return [c for c in columns if c.name is not None and name_key(c.name) == name_key(name)]


def _labels(records: Records, choice: Choice) -> Sequence[Cell] | None:
    """Return the cells of the label column, or of all label columns; None if there are none."""
    columns = [records.columns[column.number - 1] for column in choice.columns]
    if len(columns) < 2:
        return columns[0] if columns else None
    return [",".join(cell or "" for cell in cells) for cells in zip(*columns, strict=True)]


def _by_flags(
    records: Records, given: Mapping[str, Flag | None], known: Mapping[str, str], source: str
) -> dict[str, Choice]:
    chosen: dict[str, Choice] = {}
    for role in ("split", "weight", "text", "label", "group"):
        flag, reason = given.get(role), "as given"
        if flag is None and role in known:
            flag, reason = known[role], "known for this data set"
        if role == "group" and isinstance(flag, str) and flag.strip().lower() == "none":
            chosen[role] = Choice(role, None, None, "switched off", given=True)
        elif flag is not None:
            indices = given_columns(records, role, flag, source)
            *before, main = [Column(index + 1, records.name(index)) for index in indices]
            is_given = reason == "as given"
            chosen[role] = Choice(role, main.number, main.name, reason, is_given, before)
    _refuse_double_use(chosen, records)
    return chosen


def _refuse_double_use(chosen: dict[str, Choice], records: Records) -> None:
    roles: dict[int, str] = {}
    for role, choice in chosen.items():
        for column in choice.columns:
            if (other := roles.setdefault(column.number, role)) != role:
                raise DataError(
                    f"{records.called(column.number - 1)} is used twice, as the {other} and as the"
                    f" {role}: name another one"
                )


def _undecided(role: str, why: str, columns: Sequence[_Profile], source: str) -> DataError:
    listing = "\n".join(column.line() for column in columns)
    remedy = f"Name one with --{role} NAME or --{role} NUMBER ({role}=... in Python)."
    binary = [
        column for column in columns if column.distinct == 2 and are_truth_values(column.values)
    ]
    if role == "label" and len(binary) > 1:
        flags = [Column(column.number, column.name).flag() for column in binary]
        if any("," in flag for flag in flags):
            flags = [str(column.number) for column in binary]
        remedy += (
            " If a text can have several labels, each of which has a column of 0 and 1, name all:"
            f" --label {shlex.quote(','.join(flags))}"
        )
    return DataError(
        f"cannot tell which column of {source} contains the {role}: {why}. Its columns"
        f" are\n{listing}\n{remedy}"
    )


def _no_label(columns: Sequence[_Profile], source: str, *, is_delimited: bool) -> DataError:
    """Return the error for a single column; in a text file the delimiter may be unusual."""
    remedy = "Labels need a column of their own"
    if is_delimited:
        remedy += (
            ": a comma, semicolon, tab or bar separates columns, or the character that a first line"
            " such as sep=~ names"
        )
    return DataError(
        f"cannot tell which column of {source} contains the label: there is only one:\n"
        f"{columns[0].line()}\n{remedy}."
    )


def _infer_text(free: list[_Profile], columns: list[_Profile], source: str) -> Choice:
    candidates = _could_be_text(free)
    if not candidates:
        raise _undecided("text", "no column contains words", columns, source)
    ranked = sorted(candidates, key=_text_score, reverse=True)
    best, others = ranked[0], ranked[1:]
    figures = _text_figures(best)
    if rank(best.name, TEXT_NAMES) is not None:
        return best.choice("text", f"by its name; {figures}")
    if others and _text_score(others[0]) > _NEAR_TEXT * _text_score(best):
        why = f"{best.called} and {others[0].called} are equally long"
        raise _undecided("text", why, columns, source)
    return best.choice("text", f"the longest texts: {figures}" if others else figures)


def _text_figures(column: _Profile) -> str:
    return f"{column.words:.1f} words on average, {counted(column.distinct, 'distinct value')}"


def _could_be_text(free: list[_Profile]) -> list[_Profile]:
    """Return the best candidates for the text: by name, then by values, then numeric ones."""
    filled = [column for column in free if column.cells and not column.numeric]
    named = [column for column in free if rank(column.name, TEXT_NAMES) is not None]
    others = [column for column in filled if not (_is_named_label(column) or column.dated)]
    plain = [column for column in others if not column.structured]
    most = [column for column in plain if len(column.cells) >= _SPARSE * column.n_rows]
    filled_named = [column for column in named if column.cells and not column.numeric]
    orders = (filled_named, most, plain, others, named, filled)
    return next(filter(None, orders), [])


def _is_named_label(column: _Profile) -> bool:
    return rank(column.name, LABEL_NAMES) is not None and _could_be_label(column)


def _text_score(column: _Profile) -> float:
    """Compute mean words times the root of the share of distinct values: texts may have copies."""
    return column.words * math.sqrt(column.distinct / max(1, len(column.cells)))


def _infer_label(free: list[_Profile]) -> Choice | str:
    """Infer the label column; return the reason in a clause if it is ambiguous.

    Names have precedence over values, and names of several labels per text come last. Among columns
    with names of labels, those with few values come first; then those with a name of classes, with
    any number of values unless they are measurements.
    """
    if not free:
        return "there is no other column"
    few = [column for column in free if _could_be_label(column)]
    named = [c for c in free if c.cells and rank(c.name, LABEL_NAMES) is not None]
    named = [column for column in named if not _could_be_label(column)]
    many = [column for column in named if not _is_measure(column)]
    clear = [column for column in many if _is_named_as_label(column) and _repeats(column)]
    classes = [column for column in many if _is_called(column, CLASS_NAMES)]
    usual = [column for column in few if len(_usual_labels(column)) > 1]
    choice = _label_by_name([*few, *clear]) or _label_by_name(classes)
    if choice is None and len(usual) == 1:
        return usual[0].choice("label", _label_figures(usual[0]))
    plain = [column for column in few if not column.structured]
    several = [column for column in free if column.cells and not column.numeric]
    choice = choice or _label_by_name(many) or _label_by_name(several, SEVERAL_NAMES)
    choice = choice or _label_by_values(plain or few, alone=len(free) == 1)
    empty = [c for c in free if not c.cells and rank(c.name, LABEL_NAMES) is not None]
    if isinstance(choice, str) and empty:
        return f"{empty[0].called} is empty"
    if isinstance(choice, str) and named and not (many or few):
        return (
            f"{named[0].called} contains {named[0].distinct:,} different numbers, which look like"
            " measurements, not classes"
        )
    return choice


def _label_by_name(
    columns: list[_Profile], names: tuple[str, ...] = LABEL_NAMES
) -> Choice | str | None:
    ranked = [(rank(column.name, names), column) for column in columns]
    named = [(place, column) for place, column in ranked if place is not None]
    if not named:
        return None
    named.sort(key=lambda pair: pair[0])
    # "label" is unambiguous; between "sentiment" and "category" only the user can choose.
    best = named[0][1]
    if len(named) == 1 or (_is_named_as_label(best) and named[0][0] < named[1][0]):
        return best.choice("label", f"by its name; {_label_figures(best)}")
    return f"{best.called} and {named[1][1].called} both could be"


def _is_named_as_label(column: _Profile) -> bool:
    return _is_called(column, LABEL_NAMES[:2])


def _is_called(column: _Profile, names: tuple[str, ...]) -> bool:
    return (column.name or "").strip().lower() in names


def _is_measure(column: _Profile) -> bool:
    """Return whether many numbers are measurements, not classes: fractions, or scores by name."""
    return column.numeric and not (
        _is_called(column, CLASS_NAMES)
        and all(float(cell).is_integer() for cell in column.sample if is_number(cell))
    )


def _label_by_values(candidates: list[_Profile], *, alone: bool) -> Choice | str:
    if alone and candidates:
        only = candidates[0]
        return only.choice("label", f"the only other column; {_label_figures(only)}")
    ranked = sorted((c for c in candidates if _repeats(c)), key=lambda c: c.distinct)
    if not ranked:
        return "no column has few values that occur often"
    best = ranked[0]
    if len(ranked) > 1 and ranked[1].distinct < _NEAR_LABEL * best.distinct:
        return f"{best.called} and {ranked[1].called} both have few values"
    return best.choice("label", f"the fewest values; {_label_figures(best)}")


def _could_be_label(column: _Profile) -> bool:
    few = column.distinct <= 20 or 2 * column.distinct <= len(column.cells)
    return 0 < column.distinct <= _MOST_LABELS and few and column.words <= 6


def _repeats(column: _Profile) -> bool:
    return column.distinct > 1 and 2 * column.distinct <= len(column.cells)


def _usual_labels(column: _Profile) -> set[str]:
    if column.distinct > _MOST_LABELS:
        return set()
    return {value.strip().lower() for value in column.values} & LABEL_VALUES


def _label_figures(column: _Profile) -> str:
    values, rows = counted(column.distinct, "distinct value"), counted(len(column.cells), "row")
    figures = f"{values} in {rows}"
    if column.distinct > _MOST_LABELS_SHOWN:
        return figures
    return f"{figures}: {', '.join(shown(value, 30) for value in sorted(column.values))}"


def _infer_group(
    free: list[_Profile], records: Records, labels: Sequence[str | None] | None
) -> Choice:
    named = [
        (place, column)
        for column in free
        if (place := rank(column.name, GROUP_NAMES)) is not None
        and _FEWEST_GROUPS <= column.distinct < len(column.cells)
    ]
    if named:
        _, best = min(named, key=lambda pair: pair[0])
        return best.choice("group", f"by its name; {_group_figures(best, records, labels)}")
    for column in sorted(free, key=lambda c: -c.distinct):
        if _has_shape_of_ids(column) and _purity(column, records, labels) >= _PURE:
            return column.choice("group", _group_figures(column, records, labels))
    return Choice("group", None, None, "no column looks like a group ID", given=False)


def _has_shape_of_ids(column: _Profile) -> bool:
    rows, distinct = len(column.cells), column.distinct
    if distinct < _FEWEST_UNNAMED_GROUPS or not 1.5 <= rows / distinct <= _LARGEST_UNNAMED_GROUP:
        return False
    fractions = column.numeric and any("." in cell for cell in column.sample)
    return column.words <= 3 and not fractions


def _purity(column: _Profile, records: Records, labels: Sequence[str | None] | None) -> float:
    """Return the share of the values on several rows that always have the same label, 0 to 1."""
    if labels is None:
        return 0.0
    first: dict[str, str] = {}
    repeated: dict[str, bool] = {}  # whether a value always has the same label
    for value, label in zip(records.columns[column.number - 1], labels, strict=True):
        if not value or not label:
            continue
        if value not in first:
            first[value] = label
        else:
            repeated[value] = repeated.get(value, True) and first[value] == label
    return 1 - list(repeated.values()).count(False) / len(repeated) if repeated else 0.0


def _group_figures(column: _Profile, records: Records, labels: Sequence[str | None] | None) -> str:
    counts = Counter(column.cells).values()
    least, most = min(counts), max(counts)
    rows = counted(most, "row")
    spread = f"each in {rows}" if least == most else f"in {least:,} to {rows} each"
    figures = f"{column.distinct:,} distinct values, {spread}"
    if labels is None or most == 1:
        return figures
    pure = _purity(column, records, labels)
    if pure == 1:
        return f"{figures}, always with one label"
    if pure == 0:
        return f"{figures}, always with several labels"
    return f"{figures}; of those in several rows, {pure:.0%} have one label only"
