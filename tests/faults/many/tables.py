"""Generates tables with known contents, and reads and scores each.

A table's maker knows its records, the line each begins on, and which of them can't be used; nothing
of wordgate's own reading has a part in that.
"""

import csv
import gzip
import io
import json
import random
import re
from dataclasses import dataclass

import parts
import pyarrow as pa
from pyarrow import parquet

import wordgate
from wordgate.data import read_table
from wordgate.errors import WordgateError
from wordgate.runtime.progress import Silent
from wordgate.scoring import scoring
from wordgate.tables.values import is_empty

WORDS = ["We love", "We hate", "the lamp", "a kettle", "it's", "so-so", "never", "👍🏽", "naïve",
         "日本", "Straße", "नमस्ते", "\u200fעברית", "a\u0301"]  # fmt: skip
ODD = ["4e492493924924", "1e999", "nan", "NULL", "None", "=1+1", "-", "٣", "9" * 5000, "0x10", " ",
       "\u2028", "\x85", "\ufeff", "a\u2028b", "'", "\\", "\\N", "#", "//", "{", "[", "{}", "\x0b",
       "\x0c", "text", "label", "a" * 3000, "end", "\ufdd0", "\ufffd", "\u0000"]  # fmt: skip
LATIN = ["café", "naïve ", "50 €", "Straße ", "it’s", "plain"]
NO_OBJECTS = ["{", "[1]", "3", '"text"', "null", '{"text": }', "\u200b", "nul\0", "[" * 2000,
              '{"text": ' + "9" * 5000 + "}", "{'text': 'a'}", '{"text": "a\tb"}',
              '{"text": "a", "text": "b"}', '{" text": "a", "text ": "b"}']  # fmt: skip
SPECIAL = [",", ";", "\t", "|", '"', '""', "\n", "\r\n", "\r", "\0", '",', ',"']
AS_JSON_HAS_IT = {"True": "true", "": "NaN", "inf": "Infinity"}
BROKEN = "\ue000"  # stands for a byte that is no text
ENDS = ["\n", "\r\n", "\r"]
LINE = re.compile("\r\n|\r|\n")


@dataclass
class Row:
    """A record that a maker wrote: the line it begins on, and what is wrong with it."""

    line: int
    text: str | None = None
    label: str | None = None
    malformed: bool = False
    broken: bool = False  # it holds a byte that is no text
    structured: bool = False  # its text is a list or an object
    literal: "Row | None" = None  # what it is where a quote that nothing closes is a character


@dataclass
class Made:
    """A file and what is known of it."""

    name: str
    raw: bytes
    rows: list[Row]
    flags: dict
    exact: bool = True  # False where not even the maker knows what damage made of it
    blanks: int = 0  # lines without anything, which are texts where there is one column
    width: int = 2
    delimiter: str = ","
    text_at: int = 0

    @property
    def promises(self):
        """Whether it is no mistake: most of its texts are none but lists or objects."""
        structured = sum(row.structured for row in self.rows)
        return self.exact and 2 * structured <= sum(bool(row.text) for row in self.rows)

    @property
    def good(self):
        return [row for row in self.rows if not row.malformed]


def make(rng):
    kind = rng.choices(["csv", "jsonl", "parquet", "damaged"], [70, 14, 6, 10])[0]
    if kind == "damaged":
        return damaged(make(rng), rng)
    return {
        "csv": lambda rng: CsvMaker(rng).made(),
        "jsonl": make_jsonl,
        "parquet": make_parquet,
    }[kind](rng)


def damaged(made, rng):
    raw = bytearray(made.raw)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(raw) + 1)
        way = rng.randrange(4)
        if way == 0 and place < len(raw):
            raw[place] = rng.randrange(256)
        elif way == 1:
            raw[place:place] = rng.choice(
                [b'"', b"\0", b"\r", b"\n", b",", b"\xff", b"\x80", b"\xef\xbb\xbf", b"\xff\xfe",
                 b"{", b"\x1f\x8b", b'""', b',"', b"\t" * 9, b"\x1a", bytes(300)]
            )  # fmt: skip
        elif way == 2:
            del raw[place : place + rng.randint(1, 40)]
        elif rng.random() < 0.3:
            del raw[place:]
    return Made(made.name, bytes(raw), [], made.flags, exact=False, delimiter=made.delimiter)


def words(rng, most=4, of=WORDS):
    return " ".join(rng.choice(of) for _ in range(rng.randint(1, most)))


class Lines:
    """Writes records, and counts the lines they take."""

    def __init__(self, rng):
        self.rng, self.parts, self.line = rng, [], 1

    def add(self, record, end):
        # A \r before a \n would make one end of two.
        if self.parts and self.parts[-1].endswith("\r") and (record + end).startswith("\n"):
            record, end = record, "\r" if record == "" else end
        line = self.line
        self.line += len(LINE.findall(record)) + 1
        self.parts.append(record + end)
        return line


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


class CsvMaker:
    """Makes a CSV file: most of its records are whole, some are ragged, some hold odd cells."""

    def __init__(self, rng):
        self.rng = rng
        self.delimiter = rng.choice([",", ",", ";", "\t", "|"])
        self.width, self.n = rng.choice([1, 2, 2, 3, 4]), rng.randint(6, 24)
        self.encoding = rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"])
        self.ends = rng.choice([["\n"], ["\r\n"], ["\r"], ENDS])
        self.words = LATIN if self.encoding == "cp1252" else WORDS
        at = rng.sample(range(self.width), min(2, self.width))
        self.text_at, self.label_at = at[0], at[1] if self.width > 1 else None
        self.lines, self.blanks = Lines(rng), 0
        self.choose_odd_rows()

    def choose_odd_rows(self):
        rng, n, several = self.rng, self.n, self.width > 1
        self.odd = set(rng.sample(range(n), n // 4))  # fewer than would move the delimiter
        self.ragged = self.stray = self.broken = None
        if several and rng.random() < 0.5:
            self.ragged = set(rng.sample(range(1, n), n // 5))
        if several and rng.random() < 0.25:
            self.stray = rng.randrange(n // 2, n)  # opens a quote; no quote follows it
        elif self.encoding == "utf-8" and rng.random() < 0.15:
            self.broken = rng.randrange(n)

    def made(self):
        rng, header = self.rng, self.rng.random() < 0.7
        flags = {"text": self.text_at + 1, "label": (self.label_at or 0) + 1}
        if header:
            self.add_header()
            flags = {"text": "text", "label": "label"}
        if self.width == 1:
            flags = {"text": flags["text"], "labelled": False}
        rows = [self.add_row(i) for i in range(self.n)]
        raw = "".join(self.lines.parts).encode(self.encoding)
        raw = raw if self.broken is None else raw.replace(BROKEN.encode(), b"\xff")
        if rng.random() < 0.1:
            raw = gzip.compress(raw, 1, mtime=0)
        name = "table.tsv" if self.delimiter == "\t" else "table.csv"
        delimiter = self.delimiter if self.width > 1 else ","  # which is what one column gets
        return Made(
            name, raw, rows, flags, True, self.blanks, self.width, delimiter, self.text_at
        )  # fmt: skip

    def add_header(self):
        names = [f"c{i}" for i in range(self.width)]
        names[self.text_at] = "text"
        if self.label_at is not None:
            names[self.label_at] = "label"
        self.lines.add(self.delimiter.join(names), self.rng.choice(self.ends))

    def add_row(self, i):
        rng = self.rng
        if i and rng.random() < 0.05:
            self.lines.add("", rng.choice(self.ends))
            self.blanks += 1
        cells = self.cells(i)
        row = Row(0, cells[self.text_at], None if self.label_at is None else cells[self.label_at])
        written = [self.written(cell, i) for cell in cells]
        if i == self.stray:
            written[-1], row.malformed = '"' + rng.choice(self.words), True
            read = [*cells[:-1], written[-1]]
            label = None if self.label_at is None else read[self.label_at]
            row.literal = Row(0, read[self.text_at], label)
        elif i == self.broken:
            written[self.text_at] = BROKEN + "日本" * 10
            row.broken, row.text = True, None
        elif self.ragged and i in self.ragged:
            written, row.malformed = self.of_other_width(written), True
        end = "" if i == self.n - 1 and rng.random() < 0.3 else rng.choice(self.ends)
        row.line = self.lines.add(self.delimiter.join(written), end)
        return row

    def cells(self, i):
        rng = self.rng
        cells = [words(rng, of=self.words) for _ in range(self.width)]
        if self.label_at is not None:
            cells[self.label_at] = ["good", "bad"][i % 2] if rng.random() < 0.95 else " "
        if i in self.odd:
            cells[self.text_at] = odd_cell(rng, self.encoding, plain=self.is_after_stray(i))
        if i == 0:
            # There the one would be a byte-order mark, and the other JSON.
            cells[0] = cells[0].lstrip("\ufeff").replace("{}", "{_}")
        return cells

    def written(self, cell, i):
        at_whim = self.rng.random() < 0.2 and not self.is_after_stray(i)
        special = any(c in cell for c in '"\r\n' + self.delimiter)
        return quoted(cell) if at_whim or special or (not cell and self.width == 1) else cell

    def is_after_stray(self, i):
        return self.stray is not None and i >= self.stray

    def of_other_width(self, written):
        shorter = written[:-1]
        # An empty cell alone would be a blank line, which is no record.
        if shorter == [""] or self.rng.random() < 0.5:
            return written + ["x"] * self.rng.randint(1, 3)
        return shorter


def odd_cell(rng, encoding, *, plain):
    if rng.random() < 0.15:
        return ""
    pool = [cell for cell in ODD if encoding != "cp1252" or writable(cell)]
    cell = rng.choice(pool)
    if not plain and rng.random() < 0.5:
        extra = rng.choice([",", ";", "\t", "|", '"', '""', "\n", "\r\n", "\r", "\0", '",', ',"'])
        cell = rng.choice([cell + extra, extra + cell, cell + extra + cell[:50]])
    return cell


def writable(cell):
    try:
        cell.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def make_jsonl(rng):
    rows, lines = [], []
    n, label_there = rng.randint(3, 20), rng.random() < 0.7
    for i in range(n):
        if rng.random() < 0.1:
            lines.append(rng.choice(["", " ", "\t", "\r"]))
        value = words(rng) if rng.random() < 0.7 else odd_value(rng)
        found = {"text": value} | ({"label": ["good", "bad"][i % 2]} if label_there else {})
        row = Row(0, shown_value(value), found.get("label"))
        row.structured = row.malformed = isinstance(value, dict | list)
        lone = "\ud800" in row.text or "\udc00" in row.text
        line = json.dumps(found, ensure_ascii=lone or rng.random() < 0.5)
        way = rng.random()
        if i and way < 0.08:
            line = rng.choice([*NO_OBJECTS, line[:-1], line + line])
            row.malformed = True
        elif i and way < 0.12:
            line, row.malformed = '{"other": 1, "label": "good"}', True
        elif way < 0.2:
            line = rng.choice([" ", "\t"]) + line + rng.choice([" ", "\r"])
        row.line = len(lines) + 1
        rows.append(row)
        lines.append(line)
    content = "\n".join(lines) + rng.choice(["", "\n", "\n\n"])
    raw = content.encode(rng.choice(["utf-8", "utf-8-sig", "utf-16"]))
    flags = {"text": "text"} | ({"label": "label"} if label_there else {"labelled": False})
    if rng.random() < 0.1:
        raw = gzip.compress(raw, 1, mtime=0)
    return Made("table.jsonl", raw, rows, flags)


def odd_value(rng):
    return rng.choice(
        [*ODD, "", None, 1, 1.5, True, [1, "a"], {"a": {"b": None}}, float("nan"), float("inf"),
         10**100, "\ud800", "a\udc00b", "a\nb", 'say "hi"', ",;|\t", "\0"]
    )  # fmt: skip


def shown_value(value):
    if value is None or value != value:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return value if isinstance(value, str) else str(value)


def make_parquet(rng):
    n = rng.randint(3, 30)
    rows = [Row(i + 1, None if rng.random() < 0.1 else words(rng)) for i in range(n)]
    for i, row in enumerate(rows):
        row.text, row.label = row.text or "", ["good", "bad"][i % 2]
    columns = {
        "text": pa.array([row.text or None for row in rows], rng.choice(
            [pa.string(), pa.large_string()])),
        "label": pa.array([row.label for row in rows]).dictionary_encode(),
        "more": rng.choice([
            pa.array(range(n)), pa.array([float("nan")] * n), pa.array([[1]] * n),
            pa.array([{"a": i} for i in range(n)]), pa.array([b"\xc3\xa9"] * n),
            pa.array([10**9] * n, pa.timestamp("ns", "UTC")), pa.array([True, None] * n)[:n],
            pa.array([1] * n, pa.duration("us")), pa.array([None] * n),
            pa.array([1] * n, pa.decimal128(5, 2)), pa.array([1] * n, pa.date32()),
        ]),
    }  # fmt: skip
    stream = io.BytesIO()
    parquet.write_table(
        pa.table(columns), stream, row_group_size=rng.choice([3, 1000]),
        compression=rng.choice(["snappy", "none", "gzip", "zstd"]),
    )  # fmt: skip
    return Made("table.parquet", stream.getvalue(), rows, {"text": "text", "label": "label"})


# What must hold


def read(made, path):
    """Read a table as data to train on; every record must be used, dropped or malformed."""
    try:
        table = read_table(path, **made.flags, min_labels=0)
    except WordgateError as error:
        refuse(error, made.promises and any(is_usable(row, made) for row in made.rows))
        return "a sentence"
    reading = table.reading
    left_out = sum(reading.dropped.values()) + len(reading.malformed)
    assert reading.n_read == len(table) + left_out, reading
    assert len(table.texts) == len(table.labels or table.texts) == len(table.rows)
    json.dumps(reading.to_json())
    "\n".join(reading.lines()).encode()
    if not made.exact:
        return "a table"
    take_literal_quotes(made, reading)
    rows = made.rows[1:] if heads(made, reading) else made.rows
    assert reading.n_read == len(rows), f"{reading.n_read} records, and {len(rows)} were written"
    assert sorted(m.line for m in reading.malformed) == [r.line for r in rows if r.malformed]
    wanted = [i for i, row in enumerate(rows, start=1) if is_usable(row, made)]
    assert table.rows == wanted, f"rows {table.rows} where {wanted} can be used"
    for text, number in zip(table.texts, table.rows, strict=True):
        expected = rows[number - 1].text
        assert expected is None or text == without_lone(expected), (text, expected)
    return "a table"


def take_literal_quotes(made, reading):
    """A quote that nothing closes is a character where nothing else is quoted, or of tabs."""
    packed = made.raw.startswith(b"\x1f\x8b")
    raw = gzip.decompress(made.raw) if packed else made.raw
    for row in made.rows:
        if row.literal is not None and row.line not in [m.line for m in reading.malformed]:
            assert raw.count(b'"') == 1 or made.delimiter == "\t"
            row.text, row.label, row.malformed = row.literal.text, row.literal.label, False


def heads(made, reading):
    """Tell whether the first record was taken for a header that its maker knows nothing of."""
    return bool(reading.header) and made.flags["text"] != "text"


def is_usable(row, made):
    if row.malformed or (row.text is not None and is_empty(row.text)):
        return False
    return not made.flags.get("labelled", True) or bool((row.label or "").strip())


def refuse(error, in_vain):
    """See that a refusal says something, and is none of a table that can be used."""
    if in_vain or not str(error):
        raise AssertionError(f"refused, though rows can be used: {error}")


def without_lone(text):
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def scored(made, path, bundle, out):
    """Score a table; every record must be in the result, with an answer or an error."""
    try:
        counts = wordgate.score(
            bundle, path, out, text=made.flags["text"], overwrite=True, progress=Silent(), batch=7
        )
    except WordgateError as error:
        refuse(error, made.promises and any(is_text(row) for row in made.rows))
        return "no result"
    assert counts.rows == counts.scored + counts.errors
    if not made.exact and out.suffix in (".csv", ".tsv"):
        return "a result"  # whose delimiter nobody knows
    written = result_rows(out, made.delimiter)
    named = len(written) - counts.rows
    assert named in (0, 1), f"{len(written)} records were written for {counts.rows}"
    if not made.exact:
        return "a result"
    rows = made.rows
    lost = len(rows) + made.blanks * (made.width == 1) - counts.rows
    may_head = made.flags["text"] != "text" and (named or out.suffix in (".jsonl", ".parquet"))
    assert lost == 0 or (lost == 1 and may_head), f"{counts.rows} of {len(rows)} records"
    failed = sum(not is_text(row) for row in rows[lost:]) + made.blanks * (made.width == 1)
    assert counts.errors == failed, f"{counts.errors} errors where {failed} are"
    check_places(rows[lost:], written[named:], made)
    return "a result"


def check_places(rows, written, made):
    """See that each record's text, and its answer or error, stand in its own place of the result.

    Blank lines of a single column are texts that nobody counted the places of.
    """
    if made.blanks and made.width == 1:
        rows = [row for row in rows if row.text != ""]
        written = [cells for cells in written if text_of(cells, made) != ""]
    for number, (row, cells) in enumerate(zip(rows, written, strict=True), start=1):
        assert bool(cells[-1]) != is_text(row), (number, row, cells)
        if row.malformed or row.broken:
            continue
        text, expected = text_of(cells, made), without_lone(row.text)
        may_be = (expected, AS_JSON_HAS_IT.get(expected))  # which is right for what is no string
        assert text in may_be, f"record {number} holds {text!r}, not {row.text!r}"


def text_of(cells, made):
    return without_lone(shown_value(cells[made.text_at]))


def is_text(row):
    return not row.malformed and not row.broken and not is_empty(row.text or "")


def result_rows(out, delimiter):
    """Give the values of each record of a result, those that were added last."""
    if out.suffix == ".parquet":
        return [list(row.values()) for row in parquet.read_table(out).to_pylist()]
    with out.open(encoding="utf-8-sig", newline="") as stream:
        if out.suffix == ".jsonl":
            lines = stream.read().split("\n")
            return [list(json.loads(line).values()) for line in lines if line]
        csv.field_size_limit(2**31 - 1)
        if (out.suffix == ".tsv") != (delimiter == "\t"):
            delimiter = "\t" if out.suffix == ".tsv" else ","
        records = csv.reader(stream, delimiter=delimiter)
        return [record for record in records if record]


def prepare(folder, arguments):
    (bundle,) = arguments
    predictor = scoring.load_with_progress(bundle, None)
    scoring.load_with_progress = lambda *_, **__: predictor

    def work(case):
        made = make(random.Random(case))
        path = folder / made.name
        path.write_bytes(made.raw)
        became = read(made, path)
        for suffix in {path.suffix, random.Random(case).choice([".csv", ".jsonl", ".parquet"])}:
            last = scored(made, path, bundle, folder / f"out{suffix}")
        return f"{became}, {last}"

    return work


if __name__ == "__main__":
    parts.main(prepare)
