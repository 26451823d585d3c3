"""Reader of JSON Lines: one object per line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from wordgate.errors import DataError
from wordgate.runtime.display import shown
from wordgate.tables.characters import Characters, TextReader, Window
from wordgate.tables.encoding import (
    escape_undecoded,
    is_writable,
    undecoded_remark,
    without_surrogates,
)
from wordgate.tables.records import Batch, Cell, ListCell, StructuredCell

Object = dict[str, object]

_MOST_SHOWN = 40  # characters of a key
# Number of cells that any file may have; a larger file needs at least one character for each.
_FEW_CELLS = 10**6
# Lines with more brackets may be nested too deep to be written as JSON again.
_MANY_BRACKETS = 100
_MISSING = object()  # the value of a missing key
_ARRAY = re.compile(r"\s*\[\s*\{\s*[\"}]")
_TOO_DEEP = "JSON nested too deep or with a number too long"


@dataclass
class JsonlBatch(Batch):
    """Records of a JSON Lines file: the object of each, empty if it was rejected."""

    raws: list[str]
    columns: Sequence[str] = ()  # the keys that are columns so far
    parsed: list[Object] = field(default_factory=list)
    plain: bool = False  # whether no string in them has a lone surrogate

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.columns)

    def column(self, index: int) -> list[Cell]:
        """Return the cells of a column; None if the key is missing, "" if it is null or NaN."""
        key = self.columns[index]
        values = [record.get(key, _MISSING) for record in self.parsed]
        if self.plain:
            return [value if isinstance(value, str) else _cell(value) for value in values]
        return list(map(_cell, values))

    def cells(self) -> Iterator[Sequence[str | None]]:
        """Return each record's values as text: strings decoded, all others as written."""
        for place, raw in enumerate(self.raws):
            sources = {} if place in self.rejected else _value_sources(raw)
            yield [sources.get(key) for key in self.columns]


class JsonlReader(TextReader[JsonlBatch]):
    """Reads a JSON Lines file from its characters.

    Keys become columns in the order in which they first occur, while `adds_columns` is true.
    Afterwards a record with another key is rejected if the columns are `closed`. A record with a
    `refused` key is always rejected.

    Raises:
        DataError: There are no objects, or they have far too many keys.
    """

    form = "jsonl"
    blank = "{}"
    has_nulls = True

    def __init__(self, characters: Characters, name: str, encoding: str, batch: int | None):
        super().__init__(characters, name, encoding, batch)
        self.adds_columns, self.closed = True, False
        self.refused: frozenset[str] = frozenset()
        self.names: list[str] = []
        self.width, self._keys = 0, set[str]()
        self._n_objects = 0
        beginning = characters.beginning()
        self._ahead = self._first()
        self._refuse_other_json(beginning)
        self._check_keys()

    def _refuse_other_json(self, beginning: str) -> None:
        """Refuse JSON that is not one object per line, such as an array or an object of columns."""
        fault, n_lines = "", sum(map(len, self._ahead))
        if 2 * self._n_objects <= n_lines and looks_like_json_array(beginning):
            fault = "is one JSON array"
        elif not self._n_objects and beginning.lstrip().startswith("["):
            fault = "contains JSON arrays"
        elif self._n_objects == 1 and self._characters.ended and self._is_object_of_columns():
            fault = "is one JSON object of lists or objects"
        elif not self._n_objects:
            fault = str(self._no_records("JSON object")).removeprefix(f"'{self.name}' ")
        if fault:
            raise DataError(f"'{self.name}' {fault}: write one object per line (JSON Lines)")

    def _is_object_of_columns(self) -> bool:
        """Return whether all values of the only object are lists or objects."""
        only = next(record for batch in self._ahead for record in batch.parsed if record)
        return all(isinstance(value, StructuredCell | dict | list) for value in only.values())

    def fix_columns(self, keys: Iterable[str], *, closed: bool) -> None:
        """Add these keys as the last columns; `closed`: reject records with any other key."""
        self._add_columns(keys)
        self.adds_columns, self.closed = False, closed

    def _next(self, window: Window) -> JsonlBatch:
        while not (text := window.whole_lines("\n")) and window.grow():
            pass
        batch = self._lines(text) if text else self._too_long()
        self._n_objects += len(batch) - len(batch.rejected)
        if not self._characters.bounded:
            self._check_keys()
        return batch

    def _add_columns(self, keys: Iterable[str]) -> None:
        """Add the keys that are not columns yet at the end."""
        new = [key for key in dict.fromkeys(keys) if key not in self._keys]
        self.names += new
        self._keys.update(new)
        self.width = len(self.names)

    def _lines(self, text: str) -> JsonlBatch:
        content = text.lstrip()  # there may be many blank lines
        first = self._line + text.count("\n", 0, len(text) - len(content))
        # Only \n ends a line: str.splitlines would split at U+2028, which JSON strings may have.
        lines = content.split("\n", self._batch)
        rest = lines.pop() if len(lines) > self._batch or not lines[-1] else ""
        self._characters.drop(len(text) - len(rest))
        self._line = first + len(lines)
        stripped = [line.strip() for line in lines]
        numbers: Sequence[int] = range(first, first + len(lines))
        if not all(stripped):
            numbers = [first + i for i, raw in enumerate(stripped) if raw]
            stripped = list(filter(None, stripped))
        batch = JsonlBatch(stripped, numbers, self._characters.position, columns=self.names)
        batch.plain = "\\ud" not in text and "\\uD" not in text  # only escapes are surrogates
        # Each line has a bracket.
        nested = text.count("[") + text.count("{") > len(lines) + _MANY_BRACKETS
        all_decoded = not self._characters.bounded or is_writable(text)
        for place, raw in enumerate(stripped):
            if not all_decoded:
                batch.raws[place], count = escape_undecoded(raw, escape="\\\\")
                if count:
                    batch.undecoded[place] = undecoded_remark(count, self._encoding)
            record = self._object(batch.raws[place])
            if nested and not isinstance(record, str):
                record = _flat(record)
            if isinstance(record, str):
                batch.rejected[place] = record
                record = {}
            batch.parsed.append(record)
        return batch

    def _object(self, raw: str) -> Object | str:
        """Parse a record; return what is wrong with it if it is not an object."""
        record = _parsed(raw)
        if isinstance(record, str):
            return record
        if self.refused and not self.refused.isdisjoint(record):
            key = next(key for key in record if key in self.refused)
            return f"the record has a key '{key}' of its own"
        if record.keys() <= self._keys:
            return record
        named = {without_surrogates(key.strip()): value for key, value in record.items()}
        if len(named) < len(record):
            return _two_keys(record)
        if self.adds_columns:
            self._add_columns(named)
        elif self.closed and not named.keys() <= self._keys:
            key = next(key for key in named if key not in self._keys)
            return f"the key '{key}' is not among the columns"
        return named

    def _too_long(self) -> JsonlBatch:
        start, why = self._drop_too_long()
        self._line += 1
        return JsonlBatch(
            [escape_undecoded(start)[0]],
            [self._line - 1],
            self._characters.position,
            {0: why},
            columns=self.names,
            parsed=[{}],
        )

    def _check_keys(self) -> None:
        """Refuse a small file whose columns would fill the memory."""
        if self.width * self._n_objects > _FEW_CELLS + self._characters.position:
            raise DataError(
                f"the {self._n_objects:,} objects of '{self.name}' have {self.width:,} different"
                " keys, too many for columns: keep the keys that are needed"
            )


def looks_like_jsonl(text: str) -> bool:
    """Return whether the first non-blank line is a JSON object."""
    first = text.lstrip()[:65_536].partition("\n")[0]
    return first.startswith("{") and not isinstance(_parsed(first, duplicates=True), str)


def looks_like_json_array(text: str) -> bool:
    """Return whether a text begins with an array of objects, which no other value follows."""
    if not _ARRAY.match(text):
        return False
    first = text.lstrip().partition("\n")[0]
    try:
        end = _scan(first)[1]
    except (ValueError, RecursionError):  # it has further lines, or is truncated
        return True
    return not first[end:].strip()


def keys_among(characters: Characters, names: Sequence[str]) -> set[str]:
    """Return the names that occur in a text as JSON strings, and so may be keys.

    This is much faster than parsing every record, and may only return too many: values count, too.
    """
    by_string = {json.dumps(name, ensure_ascii=False): name for name in names}
    # One search for all names with the same beginning, such as those of a hundred classes.
    stems = {f'"{name.partition("_")[0]}' for name in names}
    possible: set[str] = set()
    longest = max(map(len, by_string), default=0)
    while True:
        characters.fill(characters.window)
        pending = characters.pending
        if any(stem in pending for stem in stems):
            possible.update(name for string, name in by_string.items() if string in pending)
        if characters.ended:
            return possible
        characters.drop(max(0, len(pending) - longest))


class _ObjectWithDuplicates(dict[str, object]):
    """An object that has a key more than once."""

    names: list[str]


def _as_object(pairs: list[tuple[str, object]]) -> Object:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    with_duplicates = _ObjectWithDuplicates(plain)
    with_duplicates.names = [name for name, _ in pairs]
    return with_duplicates


_decode = json.JSONDecoder(object_pairs_hook=_as_object).decode


def _parsed(content: str, *, duplicates: bool = False) -> Object | str:
    """Parse one line; return what is wrong with it if it is not an object, or has a key twice.

    `duplicates` is whether a key may occur twice.
    """
    try:
        value = _decode(content)
    except json.JSONDecodeError as error:
        return f"not valid JSON ({error.msg} at character {error.pos + 1})"
    except (ValueError, RecursionError):
        return _TOO_DEEP
    if isinstance(value, _ObjectWithDuplicates) and not duplicates:
        return _two_keys(value.names)
    return value if isinstance(value, dict) else "JSON, but not an object"


def _value_sources(raw: str) -> dict[str, str | None]:
    """Return the values of a valid object as written, strings decoded, None for null."""
    sources: dict[str, str | None] = {}
    place = _skip_whitespace(raw, 1)
    while raw[place] != "}":
        key, end = _scan(raw, place)
        start = _skip_whitespace(raw, _skip_whitespace(raw, end) + 1)  # after the colon
        value, end = _scan(raw, start)
        if value is not None:
            value = without_surrogates(value) if isinstance(value, str) else raw[start:end]
        sources[without_surrogates(key.strip())] = value
        place = _skip_whitespace(raw, end)
        if raw[place] == ",":
            place = _skip_whitespace(raw, place + 1)
    return sources


_scan = json.JSONDecoder().raw_decode


def _skip_whitespace(raw: str, place: int) -> int:
    """Return the position of the next character that is not whitespace."""
    while raw[place] in " \t\n\r":
        place += 1
    return place


def _two_keys(names: Iterable[str]) -> str:
    """Return why a record that has a key twice is rejected; spaces around a key do not count."""
    counts = Counter(without_surrogates(name.strip()) for name in names)
    return f"two keys '{shown(counts.most_common(1)[0][0], _MOST_SHOWN)}'"


def _flat(record: Object) -> Object | str:
    """Convert lists and objects to cells; return what is wrong if they are nested too deep."""
    try:
        return {key: _cell(value) if isinstance(value, dict | list) else value
                for key, value in record.items()}  # fmt: skip
    except RecursionError:
        return _TOO_DEEP


def _cell(value: object) -> Cell:
    """Convert a JSON value to a cell: lists and objects stay JSON, null and NaN are empty."""
    if isinstance(value, str):
        return without_surrogates(value)
    if value is None or value != value:  # NaN, which pandas writes for missing values
        return ""
    if value is _MISSING:
        return None
    if isinstance(value, dict | list):
        written = without_surrogates(json.dumps(value, ensure_ascii=False))
        return ListCell.of(value, written) if isinstance(value, list) else StructuredCell(written)
    return str(value)
