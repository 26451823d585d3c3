"""JSON Lines: one object a line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from wordgate.errors import DataError
from wordgate.runtime.display import shown
from wordgate.tables.characters import Characters, TextReader, Window
from wordgate.tables.encoding import is_writable, misfits, spelled_out, without_surrogates
from wordgate.tables.records import Batch, Cell, ListCell, StructuredCell

Object = dict[str, object]

_MOST_SHOWN = 40  # characters of a key
# Cells that any file may have; beyond, a character each, or a small file would fill the memory.
_FEW_CELLS = 10**6
# Lines that have no more brackets are not nested too deep to be written again.
_MANY_BRACKETS = 100
_MISSING = object()  # stands for a key that a record lacks
_ARRAY = re.compile(r"\s*\[\s*\{\s*[\"}]")
_TOO_DEEP = "JSON nested too deep or with a number too long"


@dataclass
class JsonlBatch(Batch):
    """Records of a JSON Lines file: each record's object, an empty one where it was rejected."""

    raws: list[str]
    columns: Sequence[str] = ()  # the keys that are columns, by now
    found: list[Object] = field(default_factory=list)
    plain: bool = False  # whether no string of them holds a lone surrogate

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.columns)

    def column(self, index: int) -> list[Cell]:
        """Return the cells of a column; None if the key is missing, "" if it is null or NaN."""
        key = self.columns[index]
        values = [found.get(key, _MISSING) for found in self.found]
        if self.plain:
            return [value if isinstance(value, str) else _cell(value) for value in values]
        return list(map(_cell, values))

    def cells(self) -> Iterator[Sequence[str | None]]:
        """Return each record's values as text: strings as they are, all others as they stood."""
        for place, raw in enumerate(self.raws):
            found = {} if place in self.rejected else _as_it_stood(raw)
            yield [found.get(key) for key in self.columns]


class JsonlReader(TextReader[JsonlBatch]):
    """Reads a JSON Lines file from its characters.

    Keys become columns in the order in which they are met, as long as the reader `learns`. Then a
    record with a further key is rejected if it is `closed`, and always one with a `refused` key.

    Raises:
        DataError: There are no objects, or they have far too many keys.
    """

    form = "jsonl"
    blank = "{}"
    has_nulls = True

    def __init__(self, characters: Characters, name: str, encoding: str, batch: int | None):
        super().__init__(characters, name, encoding, batch)
        self.learns, self.closed = True, False
        self.refused: frozenset[str] = frozenset()
        self.names: list[str] = []
        self.width, self._keys = 0, set[str]()
        self._n_objects = 0
        beginning = characters.beginning()
        self._ahead = self._first()
        self._refuse_other_json(beginning)
        self._check_keys()

    def _refuse_other_json(self, beginning: str) -> None:
        """Refuse JSON that is not an object a line, such as an array or an object of columns."""
        what, n_lines = "", sum(map(len, self._ahead))
        if 2 * self._n_objects <= n_lines and looks_like_json_array(beginning):
            what = "is one JSON array"
        elif not self._n_objects and beginning.lstrip().startswith("["):
            what = "contains JSON arrays"
        elif self._n_objects == 1 and self._characters.ended and self._is_of_columns():
            what = "is one JSON object of lists or objects"
        elif not self._n_objects:
            what = str(self._no_records("JSON object")).removeprefix(f"'{self.name}' ")
        if what:
            raise DataError(f"'{self.name}' {what}: write one object per line (JSON Lines)")

    def _is_of_columns(self) -> bool:
        """Return whether the only object has values of lists and objects alone."""
        found = next(found for batch in self._ahead for found in batch.found if found)
        return all(isinstance(value, StructuredCell | dict | list) for value in found.values())

    def know(self, keys: Iterable[str], *, closed: bool) -> None:
        """Let these keys be columns, too, and learn no more; `closed`: reject further ones."""
        self._learn(keys)
        self.learns, self.closed = False, closed

    def _next(self, window: Window) -> JsonlBatch:
        while not (text := window.whole_lines("\n")) and window.grow():
            pass
        batch = self._lines(text) if text else self._too_long()
        self._n_objects += len(batch) - len(batch.rejected)
        if not self._characters.bounded:
            self._check_keys()
        return batch

    def _learn(self, keys: Iterable[str]) -> None:
        """Make columns of keys that are none yet, at the end."""
        new = [key for key in dict.fromkeys(keys) if key not in self._keys]
        self.names += new
        self._keys.update(new)
        self.width = len(self.names)

    def _lines(self, text: str) -> JsonlBatch:
        content = text.lstrip()  # of blank lines there may be many
        first = self._line + text.count("\n", 0, len(text) - len(content))
        # Only \n ends a line: str.splitlines would cut a text at U+2028, which JSON allows.
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
        batch.plain = "\\ud" not in text and "\\uD" not in text  # but as an escape, none is here
        # Each line has a bracket.
        nested = text.count("[") + text.count("{") > len(lines) + _MANY_BRACKETS
        fit = not self._characters.bounded or is_writable(text)
        for place, raw in enumerate(stripped):
            if not fit:
                batch.raws[place], count = spelled_out(raw, escape="\\\\")
                if count:
                    batch.misfits[place] = misfits(count, self._encoding)
            found = self._object(batch.raws[place])
            if nested and not isinstance(found, str):
                found = _flat(found)
            if isinstance(found, str):
                batch.rejected[place] = found
                found = {}
            batch.found.append(found)
        return batch

    def _object(self, raw: str) -> Object | str:
        """Take a record apart; where it is none, return what is wrong with it."""
        found = _parsed(raw)
        if isinstance(found, str):
            return found
        if self.refused and not self.refused.isdisjoint(found):
            key = next(key for key in found if key in self.refused)
            return f"the record has a key '{key}' of its own"
        if found.keys() <= self._keys:
            return found
        named = {without_surrogates(key.strip()): value for key, value in found.items()}
        if len(named) < len(found):
            return _two_keys(found)
        if self.learns:
            self._learn(named)
        elif self.closed and not named.keys() <= self._keys:
            key = next(key for key in named if key not in self._keys)
            return f"the key '{key}' is not among the columns"
        return named

    def _too_long(self) -> JsonlBatch:
        start, why = self._drop_too_long()
        self._line += 1
        return JsonlBatch(
            [spelled_out(start)[0]],
            [self._line - 1],
            self._characters.position,
            {0: why},
            columns=self.names,
            found=[{}],
        )

    def _check_keys(self) -> None:
        """Refuse a small file that would fill the memory, as columns."""
        if self.width * self._n_objects > _FEW_CELLS + self._characters.position:
            raise DataError(
                f"the {self._n_objects:,} objects of '{self.name}' have {self.width:,} different"
                " keys, too many for columns: keep the keys that are needed"
            )


def looks_like_jsonl(text: str) -> bool:
    """Return whether the first line that isn't blank is a JSON object."""
    first = text.lstrip()[:65_536].partition("\n")[0]
    return first.startswith("{") and not isinstance(_parsed(first, twice=True), str)


def looks_like_json_array(text: str) -> bool:
    """Return whether a text begins as an array of objects, with nothing behind it."""
    if not _ARRAY.match(text):
        return False
    first = text.lstrip().partition("\n")[0]
    try:
        end = _scan(first)[1]
    except (ValueError, RecursionError):  # it goes on in further lines, or is cut
        return True
    return not first[end:].strip()


def keys_among(characters: Characters, names: Sequence[str]) -> set[str]:
    """Find those names that stand in a text as strings of JSON, and may be keys.

    Much faster than taking every record apart, and at worst too careful: a value counts, too.
    """
    wanted = {json.dumps(name, ensure_ascii=False): name for name in names}
    # One search serves all names that begin alike, such as those of a hundred classes.
    stems = {f'"{name.partition("_")[0]}' for name in names}
    found: set[str] = set()
    longest = max(map(len, wanted), default=0)
    while True:
        characters.fill(characters.window)
        pending = characters.pending
        if any(stem in pending for stem in stems):
            found.update(name for quoted, name in wanted.items() if quoted in pending)
        if characters.ended:
            return found
        characters.drop(max(0, len(pending) - longest))


class _Repeating(dict[str, object]):
    """An object that has a key more than once."""

    names: list[str]


def _as_object(pairs: list[tuple[str, object]]) -> Object:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeating = _Repeating(found)
    repeating.names = [name for name, _ in pairs]
    return repeating


_decode = json.JSONDecoder(object_pairs_hook=_as_object).decode


def _parsed(content: str, *, twice: bool = False) -> Object | str:
    """Parse one line; where it is no object, or has a key twice, return what is wrong with it."""
    try:
        value = _decode(content)
    except json.JSONDecodeError as error:
        return f"not valid JSON ({error.msg} at character {error.pos + 1})"
    except (ValueError, RecursionError):
        return _TOO_DEEP
    if isinstance(value, _Repeating) and not twice:
        return _two_keys(value.names)
    return value if isinstance(value, dict) else "JSON, but not an object"


def _as_it_stood(raw: str) -> dict[str, str | None]:
    """Return the values of an object that can be parsed, None for null; see `JsonlBatch.cells`."""
    found: dict[str, str | None] = {}
    place = _blanks(raw, 1)
    while raw[place] != "}":
        key, end = _scan(raw, place)
        start = _blanks(raw, _blanks(raw, end) + 1)  # after the colon
        value, end = _scan(raw, start)
        if value is not None:
            value = without_surrogates(value) if isinstance(value, str) else raw[start:end]
        found[without_surrogates(key.strip())] = value
        place = _blanks(raw, end)
        if raw[place] == ",":
            place = _blanks(raw, place + 1)
    return found


_scan = json.JSONDecoder().raw_decode


def _blanks(raw: str, place: int) -> int:
    """Pass over whitespace."""
    while raw[place] in " \t\n\r":
        place += 1
    return place


def _two_keys(names: Iterable[str]) -> str:
    """Return why a record is rejected that has a key twice, spaces around it apart."""
    counts = Counter(without_surrogates(name.strip()) for name in names)
    return f"two keys '{shown(counts.most_common(1)[0][0], _MOST_SHOWN)}'"


def _flat(found: Object) -> Object | str:
    """Make cells of lists and objects, which may be nested too deep for that."""
    try:
        return {key: _cell(value) if isinstance(value, dict | list) else value
                for key, value in found.items()}  # fmt: skip
    except RecursionError:
        return _TOO_DEEP


def _cell(value: object) -> Cell:
    """Make a cell of a JSON value: lists and objects stay JSON, null and NaN are empty."""
    if isinstance(value, str):
        return without_surrogates(value)
    if value is None or value != value:  # NaN, as pandas writes what it misses
        return ""
    if value is _MISSING:
        return None
    if isinstance(value, dict | list):
        written = without_surrogates(json.dumps(value, ensure_ascii=False))
        return ListCell.of(value, written) if isinstance(value, list) else StructuredCell(written)
    return str(value)
