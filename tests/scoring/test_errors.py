"""Records that cannot be read are copied, each in its place and with an error."""

import csv
import gzip
import io
import json
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wordgate
from wordgate.errors import DataError
from wordgate.runtime.progress import Silent
from wordgate.scoring import scoring
from wordgate.scoring.predictions import predict_batch
from wordgate.tables import characters, delimited, jsonl

NONE = ["", "", "", ""]
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_a_record_of_another_width_stands_in_its_error(score, write, records):
    write("in.csv", 'id,text,x\n1,We love it,a\n2,We, hate it,b\n3\n4,"We\nhate",b\n5,We love,c\n')
    scored = score("in.csv", "out.csv")
    assert [row[:4] + row[-1:] for row in records("out.csv")[1:]] == [
        ["1", "We love it", "a", "good", ""],
        ["", "", "", "", "4 fields instead of 3: 2,We, hate it,b"],
        ["", "", "", "", "1 field instead of 3: 3"],
        ["4", "We\nhate", "b", "bad", ""],
        ["5", "We love", "c", "good", ""],
    ]
    assert (scored.rows, scored.scored, scored.errors) == (5, 3, 2)
    assert scored.first_errors[0] == (2, "4 fields instead of 3: 2,We, hate it,b")


def test_a_quote_that_is_never_closed_is_a_character_where_nothing_is_quoted(score, write, records):
    write("in.csv", 'id,text\n1,We love it\n2,"We hate\n3,We love\n4,We hate\n')
    score("in.csv", "out.csv")
    assert [row[:3] + row[-1:] for row in records("out.csv")[1:]] == [
        ["1", "We love it", "good", ""],
        ["2", '"We hate', "bad", ""],
        ["3", "We love", "good", ""],
        ["4", "We hate", "bad", ""],
    ]


def test_texts_that_are_empty_have_an_error(score, write, records):
    write("in.csv", "id,text\n1,We love it\n2,\n3,  \n4,We hate it\n")
    score("in.csv", "out.csv")
    assert records("out.csv")[2:4] == [
        ["2", "", *NONE, "the text is empty"], ["3", "  ", *NONE, "the text is empty"],
    ]  # fmt: skip


def test_bytes_that_are_no_text_are_written_in_hexadecimal(score, write, records):
    good = "1,We love it 🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂\n".encode()
    write("in.csv", b"id,text\n" + good + b"2,We \xff hate\xc3 it\n3\xff,We love it\n" + 9 * good)
    score("in.csv", "out.csv")
    rows = records("out.csv")
    reported = r"not UTF-8, and written as \x and two digits"
    assert rows[2] == ["2", "We \\xff hate\\xc3 it", *NONE, f"2 bytes are {reported}"]
    assert rows[3] == ["3\\xff", "We love it", *NONE, f"a byte is {reported}"]
    assert [row[2] for row in rows[4:]] == ["good"] * 9


def test_bytes_that_are_no_text_in_json_lines(score, write, objects):
    good = '{"text": "We love it 🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂"}\n'.encode()
    write("in.jsonl", good * 5 + b'{"text": "We \xff hate"}\n\xff\n')
    score("in.jsonl", "out.jsonl")
    *_, in_text, outside = objects("out.jsonl")
    assert in_text["text"] == r"We \xff hate"
    assert in_text["error"].startswith("a byte is not UTF-8")
    assert outside["error"].endswith(r"not valid JSON (Expecting value at character 1): \\xff")


def test_bytes_that_are_no_text_in_a_header(score, write, objects):
    good = "1,We love it 🙂🙂🙂🙂🙂🙂🙂🙂🙂🙂,x\n".encode()
    write("in.csv", b"id,text,a\xff\n" + 3 * good)
    assert score("in.csv", "out.jsonl").errors == 0
    assert [row[r"a\xff"] for row in objects("out.jsonl")] == ["x"] * 3


def test_utf16_that_breaks_off_in_json_lines(score, write, objects):
    lines = '{"text": "We love it"}\n{"text": "We hate it"}\n'.encode("utf-16-le")
    write("in.jsonl", b"\xff\xfe" + lines + b"\xd8")
    assert score("in.jsonl", "out.jsonl").errors == 1
    assert [row["label"] for row in objects("out.jsonl")] == ["good", "bad", None]


def test_old_line_ends_with_a_new_one_inside_a_cell(score, write, records):
    write("in.csv", b'id,text\r1,"We love\nit caf\xe9"\r2,We hate it\r')
    score("in.csv", "out.csv")
    assert [row[2] for row in records("out.csv")[1:]] == ["good", "bad"]


def test_only_one_byte_order_mark_is_none_of_the_text(score, write, here):
    mark = "\ufeff".encode()
    write("in.csv", 2 * mark + b"Great,good\n" + b"We love it,good\nWe hate it,bad\n" * 5)
    scored = score("in.csv", "out.csv", text=1)
    assert (scored.rows, scored.errors) == (11, 0)
    assert (here / "out.csv").read_bytes().startswith(2 * mark + b"Great,good,")


def test_lines_that_are_no_objects_stand_in_their_error(score, write, objects, records):
    lines = ['{"text": "We love it"}', "{broken", "[1]", '{"other": 1}', '{"text": null}']
    write("in.jsonl", "\n".join(lines))
    scored = score("in.jsonl", "out.jsonl")
    found = objects("out.jsonl")
    assert [row["error"] for row in found] == [
        None,
        "not valid JSON (Expecting property name enclosed in double quotes at character 2):"
        " {broken",
        "JSON, but not an object: [1]",
        "no key 'text'",
        "the text is empty",
    ]
    assert [row["label"] for row in found] == ["good", None, None, None, None]
    assert (found[3]["other"], scored.errors) == (1, 4)
    score("in.jsonl", "out.csv")
    assert [row[-1] for row in records("out.csv")[1:]] == [row["error"] or "" for row in found]


def test_a_record_of_two_equal_keys_stands_in_its_error(score, write, objects):
    twice = ['{"text": "We love it", "text": "b"}', '{"text": "We love it", " text ": "b"}']
    write("in.jsonl", "\n".join([*twice, '{" text": "We love it", "more": {"a": 1, "a": 2}}']))
    scored = score("in.jsonl", "out.jsonl")
    assert [row["error"] for row in objects("out.jsonl")] == [
        *(f"two keys 'text': {line}" for line in twice), None,
    ]  # fmt: skip
    assert (scored.rows, scored.errors, scored.first_errors[0][0]) == (3, 2, 1)


def test_nul_is_a_character_like_any_other_on_every_python(score, write, here, monkeypatch):
    content = 'id,text\n1,We love\0 it\n2,"We\0\nhate"\n3,\0,\0\n'
    write("in.csv", content)
    score("in.csv", "out.csv")
    monkeypatch.setattr(delimited, "_NUL_IS_READ", False)  # as before Python 3.11
    score("in.csv", "old.csv")
    raw = (here / "out.csv").read_bytes()
    assert raw == (here / "old.csv").read_bytes()
    assert raw.count(b"\0") == content.count("\0")


@pytest.fixture
def small_limits(monkeypatch):
    """Let records have 200 characters, and windows 50."""
    for name, value in {"LARGEST_RECORD": 200, "SHOWN_OF_LARGE": 10, "WINDOW": 50}.items():
        for module in (characters, delimited, jsonl):
            monkeypatch.setattr(module, name, value, raising=False)


def test_oversized_records_cost_a_line_and_no_memory(small_limits, score, write, records):
    long = "We love it " * 30
    rest = "5,We hate\n" * 30
    write("in.csv", f'id,text\n1,We love\n2,{long}\n3,We hate\n4,"We love\n{rest}')
    scored = score("in.csv", "out.csv")
    rows = records("out.csv")
    reported = "the line has more than 200 characters, of which these are the first 10: 2,We love "
    assert rows[2][-1] == reported
    assert rows[4][-1] == 'a quote is opened and not closed in 200 characters: 4,"We love'
    assert [row[:3] for row in rows[5:]] == [["5", "We hate", "bad"]] * 30
    assert (scored.rows, scored.errors) == (34, 2)


def test_oversized_lines_of_json(small_limits, score, write, objects):
    write("in.jsonl", '{"text": "We love"}\n{"text": "%s"}\n{"text": "We hate"}' % ("x" * 300))
    score("in.jsonl", "out.jsonl")
    first, second, third = objects("out.jsonl")
    assert (first["label"], third["label"]) == ("good", "bad")
    assert second["error"].startswith("the line has more than 200 characters")


def test_records_longer_than_a_window_are_read(small_limits, score, write, records):
    texts = ["We love it " * 12, "\n".join("We hate it"), "We love"]
    write("in.csv", "id,text\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(texts)))
    score("in.csv", "out.csv", batch=2)
    assert [row[1] for row in records("out.csv")[1:]] == texts


@pytest.fixture
def folder(count_model):
    return str(count_model.folder)


# What stands for NUL where this Python's csv module can't read it.
NUL = "\0" if sys.version_info >= (3, 11) else "\ufdd0"

# Pieces that look like tables reach further than random characters.
PIECES = st.sampled_from(
    [",", '"', '""', "\n", "\r", "\r\n", "\0", "1", "We love it", "We hate it", " ", "\t", "end",
     "\u2028", "\ufeff", "🙂", "é", "'", "=1", "\x1f", ",,", "\n\n"]
)  # fmt: skip
WILD = st.lists(st.one_of(PIECES, st.text(max_size=2)), max_size=40).map("".join)


@QUICK
@given(content=WILD, batch=st.integers(1, 5), window=st.integers(2, 40))
def test_every_record_goes_through_in_its_place(tmp_path, folder, content, batch, window):
    head = "id,text\n" + "1,We love it\n2,We hate it\n" * 30  # so that it stays a CSV file
    raw = (head + content).encode("utf-8", "surrogatepass")
    (tmp_path / "in.csv").write_bytes(raw)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(characters, "WINDOW", window)
        scored = wordgate.score(
            folder, tmp_path / "in.csv", tmp_path / "out.csv",
            encoding="utf-8", text="text", batch=batch, overwrite=True, progress=Silent(),
        )  # fmt: skip
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        _, *out = csv.reader(line.replace("\0", NUL) for line in stream)
    expected = expected_records((head + content).replace("\0", NUL))
    assert len(out) == scored.rows == len(expected)
    for row, (cells, error) in zip(out, expected, strict=True):
        assert len(row) == 7
        assert row[:2] == (cells if len(cells) == 2 else ["", ""])
        assert row[-1].startswith(error) if error else not row[-1]
        assert bool(row[2]) == (not row[-1])


def expected_records(content):
    """What the csv module finds, with the lines given up whose quotes are never closed."""
    lines = list(io.StringIO(content, newline=""))[1:]
    found = []
    while lines:
        reader, start = csv.reader(lines, strict=False), 0
        opened = None
        for record in reader:
            if reader.line_num == len(lines) and is_open(lines[start:]):
                opened = start
                break
            start = reader.line_num
            if record:
                found.append((record, why(record)))
        if opened is None:
            return found
        found.append(([], "a quote is opened and never closed: "))
        lines = lines[opened + 1 :]
    return found


def is_open(lines):
    """Tell whether one more line would be part of the last record."""
    return len(list(csv.reader([*lines, "\n", "x"]))) == 1


def why(record):
    if len(record) != 2:
        return f"{len(record)} field"
    return "" if record[1].strip() else "the text is empty"


@QUICK
@given(lines=st.lists(st.one_of(
    st.sampled_from(["", "{}", '{"text": "We love it"}', '{"text": ""}', '{"text": 1}', "[", "1",
                     '{"label": 1, "text": "a"}', '{"text": "\\ud800"}', '{"text": {"a": NaN}}']),
    st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=5),
), max_size=12))  # fmt: skip
def test_every_line_goes_through_in_its_place(tmp_path, folder, lines):
    content = "\n".join(['{"text": "We love it"}', *lines])
    (tmp_path / "in.jsonl").write_text(content, encoding="utf-8", newline="")
    wordgate.score(
        folder, tmp_path / "in.jsonl", tmp_path / "out.jsonl",
        encoding="utf-8", batch=3, overwrite=True, progress=Silent(),
    )  # fmt: skip
    with (tmp_path / "out.jsonl").open(encoding="utf-8", newline="") as stream:
        written = stream.read().split("\n")[:-1]
    there = [line.strip() for line in content.split("\n") if line.strip()]
    assert len(written) == len(there)
    for before, after in zip(there, map(json.loads, written), strict=True):
        try:
            kept = json.loads(before)
        except ValueError:
            kept = None
        if isinstance(kept, dict):
            assert {key: repr(after[key]) for key in kept} == {k: repr(v) for k, v in kept.items()}
        else:
            assert before in after["error"]


def test_answers_do_not_depend_on_the_errors_around_them(score, write, records, proba):
    lines = ["1,We love it", "", "2,", "x,y,z", "3,We hate it"]
    write("in.csv", "\n".join(["id,text", *lines]))
    score("in.csv", "out.csv", batch=2)
    found = [float(row[4]) for row in records("out.csv")[1:] if row[2]]
    assert np.allclose(found, proba(["We love it", "We hate it"])[:, 0], atol=1e-6)


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl"])
def test_blank_lines_are_passed_at_once(score, write, here, name, monkeypatch):
    first, second = ("text,id\nWe love it,1\n", "We hate it,2\n")
    if name == "in.jsonl":
        first, second = ('{"text": "We love it"}\n', '{"text": "We hate it"}\n')
    batches = []
    monkeypatch.setattr(
        scoring, "predict_batch", lambda *asked: (batches.append(1), predict_batch(*asked))[1]
    )
    write(name, f"{first}{second}")
    score(name, f"expected-{name}")
    for blanks in ("\n" * 10**4, "\r\n" * 10**4, "\n\r\n" * 10**4):
        batches.clear()
        write(name, f"{first}{blanks}{second}{blanks}")
        score(name, f"out-{name}", batch=10, overwrite=True)
        assert (here / f"out-{name}").read_bytes() == (here / f"expected-{name}").read_bytes()
        assert len(batches) < 10


def test_a_blank_line_of_a_single_column_is_an_empty_text(score, write, records):
    write("in.csv", "text\nWe love it\n" + "\n" * 50 + "We hate it\n")
    scored = score("in.csv", "out.csv", batch=10)
    assert (scored.rows, scored.errors) == (52, 50)


def swollen(file, packed):
    return (
        rf"^'{file}' unpacks to more than 67,108,864 bytes from {packed}, which may be a"
        r" decompression bomb: "
    )


def test_a_file_that_unpacks_to_far_more_than_a_table_is_refused(score, write, here, monkeypatch):
    import pyarrow as pa
    from pyarrow import parquet

    packed = gzip.compress(b"text,label\n" + b"0" * 2**26)
    write("in.csv.gz", packed)
    with pytest.raises(DataError, match=swollen("in.csv.gz", f"{len(packed):,}")):
        score("in.csv.gz", "out.csv")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    with pytest.raises(DataError, match=swollen("standard input", f"{len(packed):,}")):
        score("-", "out.csv")
    table = pa.table({"text": ["x" * 2**27]})
    parquet.write_table(table, "in.parquet", compression="zstd", use_dictionary=False)
    size = (here / "in.parquet").stat().st_size
    claim = (
        rf"^'in.parquet' claims 134,\d{{3}},\d{{3}} bytes from {size:,}, which may be a"
        r" decompression bomb: "
    )
    with pytest.raises(DataError, match=claim):
        score("in.parquet", "out.csv")
    assert sorted(file.name for file in here.iterdir()) == ["in.csv.gz", "in.parquet"]


def test_a_gzipped_parquet_file_is_to_be_unpacked(score, write, here):
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.table({"text": ["We love it"]}), "in.parquet")
    write("in.parquet.gz", gzip.compress((here / "in.parquet").read_bytes()))
    with pytest.raises(DataError) as raised:
        score("in.parquet.gz", "out.csv")
    assert str(raised.value) == "'in.parquet.gz' is a gzipped Parquet file: unpack it first"


def test_utf16_that_is_asked_for_needs_no_mark(score, write, records):
    write("in.csv", "id,text\n1,We love it\n2,We hate it\n".encode("utf-16-le"))
    score("in.csv", "out.csv", encoding="utf-16")
    assert [row[2] for row in records("out.csv")[1:]] == ["good", "bad"]


def test_json_nested_to_any_depth_is_a_cell_or_an_error(score, write, records):
    depths = range(850, 1050, 3)
    nested = ["[" * depth + "]" * depth for depth in depths]
    write("in.jsonl", "".join(f'{{"text": "We love it", "more": {more}}}\n' for more in nested))
    scored = score("in.jsonl", "out.csv")
    found = [row[1:2] + row[-1:] for row in records("out.csv")[1:]]
    assert (len(found), scored.rows) == (len(depths), len(depths))
    reported = "JSON nested too deep or with a number too long: "
    for more, (cell, error) in zip(nested, found, strict=True):
        assert (cell, error) == (more, "") or (cell == "" and error.startswith(reported))


def test_the_first_record_of_a_pipe_may_open_a_quote(score, monkeypatch, records, here):
    content = "id,text\n" + '1,"We love\nit"\n2,We hate it\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    score("-", "out.csv")
    assert [row[1] for row in records("out.csv")[1:]] == ["We love\nit", "We hate it"]
