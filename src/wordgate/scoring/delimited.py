"""CSV and its kin in batches: the rules of `wordgate.data.delimited`, a part at a time."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from wordgate.data.delimited import (
    NO_DELIMITER,
    SENTINEL,
    fields_of_any_length,
    other_width,
    parsed_line,
    without_nul,
)
from wordgate.data.joining import joined
from wordgate.data.records import Records
from wordgate.scoring.batch import EMPTY_TEXT, text_table
from wordgate.scoring.characters import Characters, decodes, spelled_out
from wordgate.scoring.names import own_names
from wordgate.scoring.windows import LARGEST_RECORD, SHOWN_OF_LARGE, Window, too_long, windows

if TYPE_CHECKING:
    import pyarrow as pa

# Before, Python's csv module stops at NUL.
_NUL_IS_READ = sys.version_info >= (3, 11)


@dataclass
class DelimitedBatch:
    """Records of a CSV file: see `Batch`.

    Attributes:
        fields: Each record's cells; None where it has not as many as there are columns.
        names: The columns' names, each its own.
    """

    texts: list[str]
    errors: dict[int, str]
    end: int
    raws: list[str]
    fields: list[list[str] | None]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.fields)

    def cells(self) -> Iterator[Sequence[str]]:
        """Give each record's cells."""
        none = [""] * len(self.names)
        return (none if fields is None else fields for fields in self.fields)

    def objects(self) -> Iterator[dict[str, Any]]:
        """Give each record's cells by their names."""
        names = self.names
        return (
            {} if fields is None else dict(zip(names, fields, strict=True))
            for fields in self.fields
        )

    def table(self) -> pa.Table:
        """Give the columns."""
        none: list[str | None] = [None] * len(self.names)
        rows = [none if fields is None else fields for fields in self.fields]
        return text_table({name: [row[i] for row in rows] for i, name in enumerate(self.names)})


@dataclass(frozen=True)
class _Part:
    """Whole records from the beginning of a text.

    Attributes:
        records: Their cells.
        raws: As they stood, without the ends of their lines.
        length: Characters they take.
        looked_at: Characters that were looked at.
        given_up: What is wrong with those that have no cells, by their places.
    """

    records: list[list[str]]
    raws: list[str]
    length: int
    looked_at: int
    given_up: Mapping[int, str] = field(default_factory=dict)


class DelimitedReader:
    """Reads a CSV file from its characters: see `Reader`.

    Args:
        characters: The file, at its beginning.
        records: What was read of its beginning: delimiter, header, columns.
        texts: The columns that make the text, from 0.
        batch: Lines read together at most.
        encoding: Its name, for what is said of bytes that don't fit.
    """

    def __init__(
        self,
        characters: Characters,
        records: Records,
        texts: Sequence[int],
        batch: int,
        encoding: str,
    ):
        self._characters = characters
        self._texts = tuple(texts)
        self._batch = batch
        self._encoding = encoding
        self._dialect = records.delimiter or NO_DELIMITER
        self.delimiter = records.delimiter
        self.form = records.format
        names = records.names
        self.names = None if names is None else [spelled_out(name)[0] for name in names]
        self.width = len(records.columns)
        self.end_of_line = "\r\n" if _first_line(characters.pending).endswith("\r\n") else "\n"
        self.heading, self._body = self._header() if records.header else (None, 0)
        self._own_names = own_names(self.names, self.width)

    @property
    def marked(self) -> bool:
        """Whether the file began with a byte-order mark."""
        return self._characters.marked

    def schema(self) -> pa.Schema:
        """Give the columns, all of them strings."""
        import pyarrow as pa

        return pa.schema([(name, pa.string()) for name in self._own_names])

    def batches(self, start: int) -> Iterator[DelimitedBatch]:
        """Give the records from a position on."""
        self._characters.skip_to(max(start, self._body))
        for window in windows(self._characters):
            yield self._next(window)

    def _next(self, window: Window) -> DelimitedBatch:
        """Take the next records: those of the window's first lines, or at least one.

        A record that is longer is looked for in more and more lines, then in more characters.
        """
        lines = self._batch
        while True:
            text = window.whole_lines("\n", "\r")
            part = self._blank_part(text) or self._part(text, lines)
            if part.length:
                self._characters.drop(part.length)
                return self._as_batch(part)
            if part.looked_at < len(text):
                lines *= 2
            elif not window.grow():
                return self._given_up(text, ended=window.at_end) if text else self._too_long()

    def _header(self) -> tuple[str | None, int]:
        """Give the header as it stood, and where it ends."""
        text, nul = _readable(self._characters.pending)
        lines = list(io.StringIO(text, newline=""))
        before = 0
        with fields_of_any_length():
            reader = csv.reader(chain(lines, (SENTINEL,)), delimiter=self._dialect)
            for record in reader:
                end = reader.line_num
                if end > len(lines):
                    break
                if record not in ([], [""]):
                    raw = _with_nul("".join(lines[before:end]).rstrip("\r\n"), nul)
                    return spelled_out(raw)[0], sum(map(len, lines[:end]))
                before = end
        return None, 0

    def _blank_part(self, text: str) -> _Part | None:
        """Take all blank lines of the beginning at once, where they are no records."""
        length = len(text) - len(text.lstrip("\r\n"))
        return _Part([], [], length, length) if length and self.width > 1 else None

    def _part(self, text: str, most_lines: int) -> _Part:
        text, nul = _readable(text)
        lines = list(islice(io.StringIO(text, newline=""), most_lines))
        records: list[list[str]] = []
        ends: list[int] = []
        with fields_of_any_length():
            reader = csv.reader(chain(lines, (SENTINEL,)), delimiter=self._dialect)
            for record in reader:
                records.append(record)
                ends.append(reader.line_num)
        records.pop()  # the sentinel, or what swallowed it
        ends.pop()
        last = ends[-1] if ends else 0
        raws = _raws(lines, ends)
        if nul is not None:
            records = [[_with_nul(cell, nul) for cell in record] for record in records]
            raws = [_with_nul(raw, nul) for raw in raws]
        records, raws = self._without_blank(records, raws)
        looked_at = sum(map(len, lines))
        length = looked_at if last == len(lines) else sum(map(len, lines[:last]))
        return _Part(records, raws, length, looked_at)

    def _without_blank(
        self, records: list[list[str]], raws: list[str]
    ) -> tuple[list[list[str]], list[str]]:
        """Leave out blank lines; where there is one column only, they are empty texts."""
        if all(records):
            return records, raws
        if self.width == 1:
            return [record or [""] for record in records], raws
        kept = [i for i, record in enumerate(records) if record]
        return [records[i] for i in kept], [raws[i] for i in kept]

    def _as_batch(self, part: _Part) -> DelimitedBatch:
        batch = DelimitedBatch([], {}, self._characters.position, part.raws, [], self._own_names)
        if not decodes("".join(part.raws)):
            self._spell_out(part, batch)
        elif (
            not part.given_up
            and len(self._texts) == 1
            and {self.width}.issuperset(map(len, part.records))
        ):
            texts = [record[self._texts[0]] for record in part.records]
            if all(map(str.strip, texts)):  # as nearly always
                return replace(batch, texts=texts, fields=[*part.records])
        width, single = self.width, self._texts[-1]
        joins = len(self._texts) > 1
        for place, record in enumerate(part.records):
            if place in part.given_up or len(record) != width:
                why = part.given_up.get(place) or other_width(len(record), width)
                self._refuse(batch, place, why)
                continue
            batch.fields.append(record)
            if place in batch.errors:
                continue
            text = record[single]
            if not text.strip():
                batch.errors[place] = EMPTY_TEXT
            elif joins:
                batch.texts.append(joined((record[i] for i in self._texts[:-1]), text))
            else:
                batch.texts.append(text)
        return batch

    def _spell_out(self, part: _Part, batch: DelimitedBatch) -> None:
        for place, raw in enumerate(part.raws):
            part.raws[place], count = spelled_out(raw)
            if count:
                part.records[place][:] = [spelled_out(cell)[0] for cell in part.records[place]]
                batch.errors[place] = misfits(count, self._encoding)

    def _refuse(self, batch: DelimitedBatch, place: int, why: str) -> None:
        """Let a record through without cells, and in its error."""
        before = f"{batch.errors[place]}; " if place in batch.errors else ""
        batch.errors[place] = f"{before}{why}: {batch.raws[place]}"
        batch.raws[place] = self._dialect * (self.width - 1)
        batch.fields.append(None)

    def _given_up(self, text: str, *, ended: bool) -> DelimitedBatch:
        """Pass over a line whose quote is stray, and go on after it.

        Whatever quote is opened later in the text, and not closed on its line, is stray, too: the
        first would have been closed in the same place. So the next lines are parsed one by one.
        """
        text, nul = _readable(text)
        records: list[list[str]] = []
        raws: list[str] = []
        passed = 0
        given_up: dict[int, str] = {}
        for line in islice(io.StringIO(text, newline=""), self._batch):
            with fields_of_any_length():
                record = parsed_line(line, self._dialect)
            if record is None:
                given_up[len(records)] = _unclosed(LARGEST_RECORD - passed, ended=ended)
            passed += len(line)
            if record == [] and self.width > 1:
                continue
            records.append([_with_nul(cell, nul) for cell in record or [""]])
            raws.append(_with_nul(line.rstrip("\r\n"), nul))
        self._characters.drop(passed)
        return self._as_batch(_Part(records, raws, passed, passed, given_up))

    def _too_long(self) -> DelimitedBatch:
        start = self._characters.pending[:SHOWN_OF_LARGE]
        self._characters.drop_line()
        return self._alone(too_long(), start)

    def _alone(self, why: str, raw: str) -> DelimitedBatch:
        position = self._characters.position
        batch = DelimitedBatch([], {}, position, [spelled_out(raw)[0]], [], self._own_names)
        self._refuse(batch, 0, why)
        return batch


def _readable(text: str) -> tuple[str, str | None]:
    """Put a stand-in for NUL where this Python's csv module can't read it."""
    return (text, None) if _NUL_IS_READ else without_nul(text)


def _with_nul(text: str, nul: str | None) -> str:
    return text if nul is None else text.replace(nul, "\0")


def _unclosed(count: int, *, ended: bool) -> str:
    within = "never closed" if ended else f"not closed in {count:,} characters"
    return f"a quote is opened and {within}"


def misfits(count: int, encoding: str) -> str:
    r"""Say that bytes could not be decoded, and how they are written."""
    what = "a byte is" if count == 1 else f"{count:,} bytes are"
    return rf"{what} not {encoding}, and written as \x and two digits"


def _raws(lines: list[str], ends: list[int]) -> list[str]:
    if len(ends) == len(lines):  # a line a record
        return [line.rstrip("\r\n") for line in lines]
    starts = [0, *ends][: len(ends)]
    return [
        "".join(lines[start:end]).rstrip("\r\n") for start, end in zip(starts, ends, strict=True)
    ]


def _first_line(text: str) -> str:
    return io.StringIO(text, newline="").readline()
