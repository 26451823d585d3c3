"""Any table: each record is used or counted as rejected.

`many/tables.py` writes the files and knows what stands in each.
"""

import csv
import gzip
import json
import resource
import time

import pyarrow as pa
import pytest
from pyarrow import parquet

import wordgate
from wordgate.data import read_table
from wordgate.errors import DataError
from wordgate.runtime.progress import Silent

pytestmark = pytest.mark.slow


def test_rows_in_are_rows_used_and_rejected(many, how_many, found, count_model):
    cases = how_many(80, 100_000)
    worked = many("tables.py", cases, count_model.folder)
    assert worked.failures == []
    assert worked.cases == cases
    assert worked.outcomes["a table, a result"] > 0.8 * cases
    assert worked.slowest[0] < 1.0, worked.slowest
    found(f"{cases:,} generated tables: rows in = used + rejected", worked.figure())


@pytest.fixture
def scored(tmp_path, count_model):
    """Score a file's column `text`; give the counts and the seconds of the processor."""

    def score(file):
        started = time.process_time()
        counts = wordgate.score(
            count_model.folder, file, tmp_path / "out.csv", text="text", progress=Silent()
        )
        return counts, time.process_time() - started

    return score


CELLS = {
    "one line": "We love it ",
    "many lines": "We love this lamp\nand its light\n",
    "quotes": 'We "" love it',
    "a digit": "9",
}


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_of_50_mb_costs_a_row_at_most(tmp_path, scored, how_many, found, kind):
    cell, file = CELLS[kind], tmp_path / "in.csv"
    size = how_many(9, 50)  # more than `score` takes for a record
    cell *= size * 1_000_000 // len(cell)
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write("id,label,text\n" + "1,good,We love it\n2,bad,We hate it\n" * 500)
        stream.write(f'3,good,"{cell}"\n')
        stream.write("4,bad,We avoid it\n" * 10)
    started = time.process_time()
    table = read_table(file, text="text", label="label")
    seconds = time.process_time() - started
    assert (table.reading.n_read, len(table), table.reading.malformed) == (1011, 1011, [])
    assert len(table.texts[1000]) == len(cell.replace('""', '"'))
    assert seconds < 30
    counts, seconds = scored(file)
    lines = cell.count("\n")
    assert (counts.rows, counts.scored) == (1011 + lines, 1010)
    assert counts.first_errors[0][0] == 1001
    assert seconds < 60
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    found(
        f"a cell of {size} MB: {kind}", f"{counts.errors:,} lines rejected, at most {peak:.0f} MB"
    )
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        assert sum(1 for _ in csv.reader(stream)) == counts.rows + 1


def test_stray_quotes_cost_no_pass_over_the_file_each(tmp_path, scored, how_many):
    """Each line opens a quote that the next line closes before it opens another."""
    file, n = tmp_path / "in.csv", how_many(50_000, 300_000)
    file.write_text('label,text\ngood,"We love, it"\nbad,We hate it\n' + 'x","\n' * n)
    started = time.process_time()
    table = read_table(file, text="text", label="label")
    assert (len(table), len(table.reading.malformed)) == (2, n)
    assert table.reading.malformed[-1].line == n + 3
    counts, _ = scored(file)
    assert (counts.scored, counts.errors) == (2, n)
    assert time.process_time() - started < 60


def refusal(*arguments, **options):
    with pytest.raises(DataError) as refused:
        read_table(*arguments, **options)
    return str(refused.value)


def test_small_files_do_not_become_large_tables(tmp_path):
    packed = tmp_path / "bomb.csv.gz"
    packed.write_bytes(gzip.compress(b"text,label\n" + b"0" * 2**26))
    assert f"'{packed}' unpacks to more than 67,108,864 bytes from " in refusal(packed)
    file = tmp_path / "bomb.parquet"
    one = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000_000, pa.int32()), ["We love it"])
    parquet.write_table(pa.table({"text": one}), file)
    assert f"'{file}' claims 20,000,000 cells of " in refusal(file, labelled=False)
    wide = tmp_path / "wide.jsonl"
    wide.write_text("".join(f'{{"text": "We love it", "key {i}": 1}}\n' for i in range(20_000)))
    assert refusal(wide, labelled=False) == (
        f"the 20,000 objects of '{wide}' have 20,001 different keys, too many for columns: keep"
        " the keys that are needed"
    )


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**62, 1], pa.timestamp("us")),
        pa.array([2**40, 1], pa.timestamp("s", "UTC")),
        pa.array([1, 1], pa.timestamp("us", "Mars/Here")),
        pa.array([2**30, 1], pa.date32()),
    ],
    ids=str,
)
def test_times_that_python_cannot_hold_end_in_a_sentence(tmp_path, count_model, column):
    file = tmp_path / "in.parquet"
    parquet.write_table(pa.table({"text": ["We love", "We hate"], "when": column}), file)
    message = f"'{file}' cannot be read as Parquet: "
    assert refusal(file, text="text", labelled=False).startswith(message)
    for out in ("out.csv", "out.jsonl"):
        with pytest.raises(DataError) as refused:
            wordgate.score(count_model.folder, file, tmp_path / out, progress=Silent())
        assert str(refused.value).startswith(message)


def test_a_header_of_many_lines_or_many_equal_names_takes_no_time(tmp_path, scored):
    file = tmp_path / "in.csv"
    for header in ('text,label,"' + "\n" * 50_000 + '"', "text,label" + ",x" * 20_000):
        fields = header.count(",") - 1
        file.write_text(f"{header}\n" + f"We love it,good{',' * fields}\n" * 2)
        counts, seconds = scored(file)
        assert (counts.rows, counts.errors) == (2, 0)
        assert seconds < 5
        (tmp_path / "out.csv").unlink()


def test_rejected_rows_have_their_line_number(tmp_path):
    file = tmp_path / "in.jsonl"
    rows = [{"text": "We love", "label": "good"}, {"text": "We hate", "label": "bad"}]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + "\n{\n[]\n")
    malformed = read_table(file, text="text", label="label").reading.malformed
    assert [record.line for record in malformed] == [4, 5]
