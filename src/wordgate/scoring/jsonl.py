"""JSON Lines in batches: the rules of `wordgate.data.jsonl`, a part at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wordgate.data.joining import joined
from wordgate.data.jsonl import json_cell, parsed_object, two_keys
from wordgate.errors import DataError
from wordgate.scoring.batch import EMPTY_TEXT, text_table
from wordgate.scoring.characters import Characters, decodes, spelled_out
from wordgate.scoring.delimited import misfits
from wordgate.scoring.windows import SHOWN_OF_LARGE, WINDOW, too_long, windows

if TYPE_CHECKING:
    import pyarrow as pa

Object = dict[str, object]
_MOST_KEYS = 1000


@dataclass
class JsonlBatch:
    """Records of a JSON Lines file: see `Batch`.

    Attributes:
        found: Each record's object; an empty one where it could not be taken apart.
        keys: The columns.
    """

    texts: list[str]
    errors: dict[int, str]
    end: int
    raws: list[str]
    found: list[Object]
    keys: Sequence[str]

    def __len__(self) -> int:
        return len(self.found)

    def cells(self) -> Iterator[Sequence[str]]:
        """Give each record's cells; lists and objects stay JSON, what is null is empty."""
        for found in self.found:
            yield [json_cell(found.get(key)) for key in self.keys]

    def objects(self) -> Iterator[dict[str, Any]]:
        """Give each record's object."""
        return iter(self.found)

    def table(self) -> pa.Table:
        """Give the columns: a key's values as strings, since they need not be of one type."""
        return text_table({key: [_or_none(found.get(key)) for found in self.found]
                           for key in self.keys})  # fmt: skip


class JsonlReader:
    """Reads a JSON Lines file from its characters: see `Reader`.

    Args:
        characters: The file, at its beginning.
        keys: The columns: all keys that its records have, or the first of them.
        texts: The keys whose values make the text.
        batch: Lines read together at most.
        encoding: Its name, for what is said of bytes that don't fit.
    """

    form = "jsonl"
    delimiter: str | None = None
    end_of_line = "\n"
    marked = False
    heading: str | None = None

    def __init__(
        self,
        characters: Characters,
        keys: Sequence[str],
        texts: Sequence[str],
        batch: int,
        encoding: str,
    ):
        self._characters = characters
        self._texts = tuple(texts)
        self._batch = batch
        self._encoding = encoding
        self.refused: frozenset[str] = frozenset()
        self.closed = False
        self.names: list[str] | None = list(keys)
        self._known = frozenset(keys)

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.names or ())

    def schema(self) -> pa.Schema:
        """Give the columns, all of them strings."""
        import pyarrow as pa

        return pa.schema([(key, pa.string()) for key in self.names or ()])

    def batches(self, start: int) -> Iterator[JsonlBatch]:
        """Give the records from a position on."""
        self._characters.skip_to(start)
        for window in windows(self._characters):
            while not (text := window.whole_lines("\n")) and window.grow():
                pass
            yield self._lines(text) if text else self._too_long()

    def _lines(self, text: str) -> JsonlBatch:
        content = text.lstrip()  # of blank lines there may be many
        # Only \n ends a line: str.splitlines would cut a text at U+2028, which JSON allows.
        lines = content.split("\n", self._batch)
        rest = lines.pop() if len(lines) > self._batch or not lines[-1] else ""
        self._characters.drop(len(text) - len(rest))
        raws = [line.strip() for line in lines]
        raws = [raw for raw in raws if raw]
        return self._as_batch(raws, fit=decodes(text))

    def _as_batch(self, raws: list[str], *, fit: bool) -> JsonlBatch:
        keys = self.names or ()
        batch = JsonlBatch([], {}, self._characters.position, raws, [], keys)
        for place, raw in enumerate(raws):
            if not fit:
                raws[place], count = spelled_out(raw, escape="\\\\")
                if count:
                    batch.errors[place] = misfits(count, self._encoding)
            self._add(batch, place)
        return batch

    def _add(self, batch: JsonlBatch, place: int) -> None:
        """Add a record to a batch that has its line."""
        found = parsed_object(batch.raws[place])
        if isinstance(found, str):
            self._refuse(batch, place, found)
            return
        if len(set(map(str.strip, found))) < len(found):
            self._refuse(batch, place, two_keys(found))
            return
        if not self.refused.isdisjoint(found):
            key = next(key for key in found if key in self.refused)
            self._refuse(batch, place, f"the record has a key '{key}' of its own")
            return
        if self.closed and not found.keys() <= self._known:
            key = next(key for key in found if key not in self._known)
            self._refuse(batch, place, f"the key '{key}' is not among the columns")
            return
        batch.found.append(found)
        if place in batch.errors:
            return
        text = self._text(found)
        if isinstance(text, _Missing):
            batch.errors[place] = f"no key '{self._texts[-1]}'"
        elif not text.strip():
            batch.errors[place] = EMPTY_TEXT
        else:
            batch.texts.append(text)

    def _text(self, found: Object) -> str | _Missing:
        *fronts, body = (_value(found, key) for key in self._texts)
        if isinstance(body, _Missing):
            return body
        if not fronts or not json_cell(body).strip():
            return json_cell(body)
        cells = ("" if isinstance(cell, _Missing) else json_cell(cell) for cell in fronts)
        return joined(cells, json_cell(body))

    def _refuse(self, batch: JsonlBatch, place: int, why: str) -> None:
        """Let a record through as an empty object, and in its error."""
        before = f"{batch.errors[place]}; " if place in batch.errors else ""
        batch.errors[place] = f"{before}{why}: {batch.raws[place]}"
        batch.raws[place] = "{}"
        batch.found.append({})

    def _too_long(self) -> JsonlBatch:
        start = spelled_out(self._characters.pending[:SHOWN_OF_LARGE])[0]
        self._characters.drop_line()
        batch = JsonlBatch([], {}, self._characters.position, [start], [], self.names or ())
        self._refuse(batch, 0, too_long())
        return batch


class _Missing:
    """What stands for a key that a record lacks."""


_MISSING = _Missing()


def _value(found: Object, key: str) -> object:
    """Look up a key; spaces around it don't count, as in data to train on."""
    if key in found:
        return found[key]
    return next((value for name, value in found.items() if name.strip() == key), _MISSING)


def _or_none(value: object) -> str | None:
    return None if value is None else json_cell(value)


def all_keys(characters: Characters, name: str) -> list[str]:
    """Collect the keys of all records, in order of first appearance.

    Raises:
        DataError: There are too many to be columns.
    """
    keys: dict[str, None] = {}
    reader = JsonlReader(characters, (), ("",), 8192, "")
    for batch in reader.batches(0):
        for found in batch.found:
            keys.update(dict.fromkeys(found))
        if len(keys) > _MOST_KEYS:
            raise DataError(
                f"the objects of '{name}' have more than {_MOST_KEYS:,} keys, too many for columns:"
                " write JSONL"
            )
    return list(keys)


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
        characters.fill(WINDOW)
        pending = characters.pending
        if any(stem in pending for stem in stems):
            found.update(name for quoted, name in wanted.items() if quoted in pending)
        if characters.ended:
            return found
        characters.drop(max(0, len(pending) - longest))
