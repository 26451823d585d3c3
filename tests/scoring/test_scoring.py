"""The output: all columns of the input, and the predictions."""

import gzip
import os
import sys
from datetime import date
from io import BytesIO, TextIOWrapper

import numpy as np
import pytest

import wordgate
from wordgate.errors import BundleError, DataError, SettingsError, WordgateError
from wordgate.runtime.progress import Silent
from wordgate.scoring import partial_output, writing

TEXTS = ["We love this lamp", "We hate this lamp, really", 'We praise this "lamp"', "We regret it"]
ADDED = ["label", "probability", "probability_bad", "probability_good", "error"]


def as_csv(texts, header="id,text"):
    quoted = ['"' + text.replace('"', '""') + '"' for text in texts]
    return "".join([f"{header}\n", *(f"{i},{text}\n" for i, text in enumerate(quoted))])


def test_a_csv_file_keeps_its_bytes_and_gains_cells(score, write, proba, here):
    content = as_csv(TEXTS)
    scored = score(write("in.csv", content), "out.csv")
    lines = (here / "out.csv").read_text().splitlines()
    there = content.splitlines()
    assert lines[0] == f"{there[0]},{','.join(ADDED)}"
    for line, before, (bad, good) in zip(lines[1:], there[1:], proba(TEXTS), strict=True):
        label = "good" if good > bad else "bad"
        assert line == f"{before},{label},{max(bad, good):.6f},{bad:.6f},{good:.6f},"
    assert (scored.rows, scored.scored, scored.errors, scored.added) == (4, 4, 0, ADDED)
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", "out.csv"]


def test_ends_of_lines_and_byte_order_marks_stay(score, write, here):
    content = b"\xef\xbb\xbf" + as_csv(TEXTS).replace("\n", "\r\n").encode()
    score(write("in.csv", content), "out.csv")
    raw = (here / "out.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfid,text,label,")
    assert raw.count(b"\r\n") == raw.count(b"\n") == 5


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8"])
def test_every_encoding_is_read_and_utf8_is_written(score, write, records, encoding):
    texts = ["We love the café", "We hate “this” lamp"]
    score(write("in.csv", as_csv(texts).encode(encoding)), "out.csv")
    marked = "utf-8-sig" if encoding == "utf-16" else "utf-8"
    assert [record[1] for record in records("out.csv", encoding=marked)[1:]] == texts


def test_an_encoding_that_is_named_wins(score, write, records):
    score(write("in.csv", as_csv(["We love the café"]).encode("cp437")), "o.csv", encoding="cp437")
    assert records("o.csv")[1][1] == "We love the café"
    with pytest.raises(DataError, match=r"^no encoding 'utf9'; did you mean 'utf-8'\?$"):
        score("in.csv", "o2.csv", encoding="utf9")


def test_a_headerless_file_stays_headerless(score, write, records, progress, count_model):
    write("in.csv", "1;We love this lamp\n2;We hate it, all of it\n")
    wordgate.score(count_model.folder, "in.csv", "out.csv", text=2, progress=progress)
    assert [record[:3] for record in records("out.csv", ";")] == [
        ["1", "We love this lamp", "good"],
        ["2", "We hate it, all of it", "bad"],
    ]
    assert progress.lines[-1] == f"new columns: columns 3 to 7: {', '.join(ADDED)}"


def test_a_text_a_line_becomes_a_proper_csv_file(score, write, records):
    texts = ["We love it, all of it", "", "We hate it", "We regret it", "We, we, we love it"]
    score(write("in.txt", "\n".join(texts)), "out.csv")
    rows = records("out.csv")
    assert [row[0] for row in rows] == texts
    assert [row[1] for row in rows] == ["good", "", "bad", "bad", "good"]
    assert rows[1][-1] == "the text is empty"


@pytest.mark.parametrize("out", ["out.csv", "out.tsv", "out.jsonl", "out.parquet", "out.csv.gz"])
@pytest.mark.parametrize("source", ["in.csv", "in.tsv", "in.jsonl", "in.parquet", "in.csv.gz"])
def test_any_format_becomes_any_other(score, here, proba, source, out):
    write_as(here / source, {"id": ["a", "b", "c", "d"], "text": TEXTS})
    scored = score(source, out)
    found = read_as(here / out)
    assert list(found) == ["id", "text", *ADDED]
    assert found["id"] == ["a", "b", "c", "d"]
    assert found["text"] == TEXTS
    assert found["label"] == ["good", "bad", "good", "bad"]
    assert np.allclose([float(p) for p in found["probability_good"]], proba(TEXTS)[:, 1], atol=1e-6)
    assert not any(found["error"])
    assert scored.rows == 4


def write_as(file, columns):
    if file.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.table(columns), file)
        return
    rows = zip(*columns.values(), strict=True)
    if file.suffix == ".jsonl":
        import json

        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        file.write_text("\n".join(lines))
        return
    delimiter = "\t" if file.suffix == ".tsv" else ","
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in (columns, *rows)]
    content = "\n".join(delimiter.join(row) for row in quoted).encode()
    file.write_bytes(gzip.compress(content) if file.suffix == ".gz" else content)


def read_as(file):
    import csv
    import json

    if file.suffix == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(file).to_pydict()
    raw = file.read_bytes()
    text = (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode()
    if file.suffix == ".jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
    else:
        delimiter = "\t" if file.suffix == ".tsv" else ","
        rows = list(csv.DictReader(text.splitlines(), delimiter=delimiter))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_json_lines_keep_every_value_as_it_was_written(score, write, here):
    line = (
        '{"n": 1.0e2, "big": 12345678901234567890, "text": "We love \\u00e9t\\ud83d", "l": [1,{}] }'
    )
    score(write("in.jsonl", f"{line}\n\n"), "out.jsonl")
    written = (here / "out.jsonl").read_text()
    assert written.startswith(line[:-2] + ', "label": "good", "probability": 0.')
    assert written.endswith(', "error": null}\n')


def test_json_with_other_keys_in_every_line_becomes_a_table(score, write, records):
    write("in.jsonl", '{"text": "We love it"}\n{"text": "We hate it", "x": [1, null]}\n')
    score("in.jsonl", "out.csv")
    assert [record[:3] for record in records("out.csv")] == [
        ["text", "x", "label"], ["We love it", "", "good"], ["We hate it", "[1, null]", "bad"],
    ]  # fmt: skip


def test_parquet_keeps_its_types(score, here, objects):
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(
        {
            "text": ["We love it", None, "We hate it"],
            "n": pa.array([1, None, 3], pa.int32()),
            "day": [date(2020, 1, 2), None, date(2021, 1, 1)],
            "kind": pa.array(["a", "b", "a"]).dictionary_encode(),
            "list": [[1.5], [], None],
            "share": [0.5, float("nan"), None],
        }
    )
    parquet.write_table(table, here / "in.parquet", row_group_size=2)
    score("in.parquet", "out.parquet", batch=1)
    found = parquet.read_table(here / "out.parquet")
    kept = found.select(table.column_names)
    assert kept.schema.equals(table.schema)
    assert kept.drop(["share"]).to_pylist() == table.drop(["share"]).to_pylist()
    assert found["label"].to_pylist() == ["good", None, "bad"]
    assert found["probability"].to_pylist()[1] is None
    assert found["error"].to_pylist() == [None, "the text is empty", None]
    score("in.parquet", "out.jsonl")
    first, second, _ = objects("out.jsonl")
    assert (first["day"], first["list"], second["share"]) == ("2020-01-02", [1.5], "NaN")


def test_small_batches_become_row_groups_of_many_rows(score, write, here, monkeypatch):
    from pyarrow import parquet

    monkeypatch.setattr(writing, "_GROUP_ROWS", 50)
    score(write("in.csv", as_csv([f"We love it {i}" for i in range(130)])), "o.parquet", batch=20)
    file = parquet.ParquetFile(here / "o.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert groups == [60, 60, 10]
    assert file.read()["id"].to_pylist() == list(map(str, range(130)))


def test_names_that_are_taken_are_left_alone(score, write, records, progress, count_model):
    write("in.csv", "text,Label,predicted_label,error\nWe love it,x,y,z\nWe hate it,x,y,z\n")
    wordgate.score(count_model.folder, "in.csv", "out.csv", progress=progress)
    names = ["label_2", "probability", "probability_bad", "probability_good", "predicted_error"]
    assert records("out.csv")[0][4:] == names
    assert progress.lines[-1] == f"new columns: {', '.join(names)}"


def test_a_key_far_down_takes_its_name(score, write, objects):
    rows = ['{"text": "We love it"}\n'] * 30_000
    write("in.jsonl", "".join([*rows, '{"text": "We hate it", "label": 7}\n']))
    assert score("in.jsonl", "out.jsonl").added[0] == "predicted_label"
    last = objects("out.jsonl")[-1]
    assert (last["label"], last["predicted_label"]) == (7, "bad")


def test_several_columns_are_joined_as_in_training(here, write, records):
    kinds = [("lamp", "love", "good"), ("chair", "hate", "bad")]
    rows = [f"{topic},{mood} it {n},{label}\n" for n in range(30) for topic, mood, label in kinds]
    write("train.csv", "".join(["topic,text,label\n", *rows]))
    wordgate.train(
        "train.csv", text="topic,text", group="none", model="count", out="m", progress=Silent()
    )
    write("in.csv", "id,text,topic\n1,we love it,lamp\n2,it is,\n3,,lamp\n")
    wordgate.score("m", "in.csv", "out.csv", progress=Silent())
    expected = wordgate.load("m").predict_proba(["lamp | we love it", "it is"])
    found = records("out.csv")[1:]
    assert [row[5] for row in found[:2]] == [f"{bad:.6f}" for bad, _ in expected]
    assert found[2][3:] == ["", "", "", "", "the text is empty"]
    write("other.csv", "id,text\n1,we love it\n")
    message = (
        r"^no column 'topic'; did you mean .*\nThe model reads 'topic \| text': name these"
        r" columns of the data with --text$|^no column 'topic'; available: id, text\nThe model"
    )
    with pytest.raises(DataError, match=message):
        wordgate.score("m", "other.csv", "o.csv", progress=Silent())


def test_an_unsure_model_gives_no_label(score, write, records, proba):
    texts = [*TEXTS, "love and hate", "nothing that it knows"]
    surest = np.sort(proba(texts).max(axis=1))[2]
    scored = score(write("in.csv", as_csv(texts)), "out.csv", abstain_below=float(surest))
    sure = proba(texts).max(axis=1) >= surest
    assert [bool(row[2]) for row in records("out.csv")[1:]] == sure.tolist()
    assert all(row[3] for row in records("out.csv")[1:])
    assert scored.abstained == (~sure).sum() > 0
    assert score("in.csv", "out.jsonl", abstain_below=1.0).abstained >= scored.abstained


def test_formulas_are_escaped_if_asked(score, write, records):
    cells = ["=1+1", "+49 30", "-2+3", "@SUM(A1)", "\tx", "\rx", "-2.5", "+3", "a=1", "'x"]
    rows = "".join(f'"{cell}",We love it\n' for cell in cells)
    write("in.csv", f"=cmd(),text\n{rows}")
    score("in.csv", "out.csv", escape_formulas=True)
    expected = ["'=cmd()", "'=1+1", "'+49 30", "'-2+3", "'@SUM(A1)", "'\tx", "'\rx",
                "-2.5", "+3", "a=1", "'x"]  # fmt: skip
    assert [record[0] for record in records("out.csv")] == expected
    score("in.csv", "plain.csv")
    assert [record[0] for record in records("plain.csv")] == ["=cmd()", *cells]


def test_a_file_with_a_header_alone_gives_a_header_alone(score, write, records):
    scored = score(write("in.csv", "id,text\n"), "out.csv", text="text")
    assert records("out.csv") == [["id", "text", *ADDED]]
    assert scored.rows == 0


def test_the_bar_goes_from_the_beginning_to_the_end(write, here, count_model, progress):
    write("in.csv", as_csv(TEXTS * 10_000))
    wordgate.score(count_model.folder, "in.csv", "out.csv", progress=progress)
    ((total, done),) = progress.bars
    assert 0.5 * total < done <= total
    assert progress.lines == [
        "read in.csv: CSV, valid UTF-8, fields separated by commas",
        "header: yes (the first record contains the name 'text' that was requested)",
        "text: column 2 'text' (as in training)",
        f"new columns: {', '.join(ADDED)}",
    ]


def piped(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(content)))
    out = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(out))
    return out


def test_streams_give_what_files_give(score, write, here, monkeypatch):
    for name, content in {
        "in.csv": as_csv(TEXTS).encode(),
        "in.jsonl": b'{"text": "We love it"}\n{"text": "We hate it"}',
        "in.csv.gz": gzip.compress(as_csv(TEXTS).encode()),
    }.items():
        to = "jsonl" if "jsonl" in name else "csv"
        score(write(name, content), f"out.{to}", overwrite=True)
        out = piped(monkeypatch, content)
        score()
        assert out.getvalue() == (here / f"out.{to}").read_bytes()


def test_a_stream_may_have_another_format(score, monkeypatch):
    out = piped(monkeypatch, as_csv(TEXTS[:1]).encode())
    score(to="jsonl")
    assert out.getvalue().startswith(b'{"id": "0", "text": "We love this lamp", "label": "good"')


def test_a_key_of_its_own_is_an_error_in_a_stream(score, monkeypatch):
    lines = [b'{"text": "We love it"}\n'] * 60_000
    out = piped(monkeypatch, b"".join([*lines, b'{"text": "x", "error": 1}\n']))
    assert score().first_errors == [
        (60_001, 'the record has a key \'error\' of its own: {"text": "x", "error": 1}')
    ]
    assert out.getvalue().count(b"\n") == 60_001


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (["none.csv"], {}, "no file 'none.csv'; did you mean 'in.csv'?"),
        (["empty.csv"], {}, "'empty.csv' is empty"),
        (["in.csv", "no/out.csv"], {}, "there is no folder 'no' to write 'out.csv' into"),
        (["in.csv", "."], {},
         ". is a folder: name a file; or end the folder's name with / for a file in it of the"
         " input's name"),
        (["in.csv", "in.csv"], {}, "in.csv is the input: write the result to another file"),
        (["in.csv", "old.csv"], {},
         "old.csv exists; choose another file, or replace it with --overwrite"),
        (["in.csv", "o.csv"], {"to": "xls"},
         "no format 'xls'; available: csv, tsv, jsonl, parquet"),
        (["in.csv", "o.csv"], {"batch": 0}, "batch is 0; it must be a whole number of at least 1"),
        (["in.csv", "o.csv"], {"abstain_below": 2.0},
         "abstain_below is 2.0; it must be a probability, from 0 to 1"),
        (["in.csv", "o.csv"], {"resume": True, "overwrite": True},
         "--resume continues and --overwrite starts over: give one of them"),
        (["in.csv", "-"], {"resume": True},
         "--resume has no effect on standard output: name a file"),
        (["-", "o.csv"], {"resume": True},
         "--resume has no effect on standard input, which can be read only once"),
        (["in.csv", "o.jsonl"], {"escape_formulas": True},
         "--escape-formulas has no effect on JSONL, which no spreadsheet opens as cells: leave it"
         " out"),
        (["in.csv", "o.parquet.gz"], {}, "Parquet is already compressed: leave .gz out"),
        (["in.csv", "-"], {"to": "parquet"},
         "Parquet cannot be written to standard output: name a file"),
        (["in.csv", "o.csv"], {"text": "txt"}, "no column 'txt'; did you mean 'text'?"),
        (["cut.csv.gz", "o.csv"], {},
         "'cut.csv.gz' is a damaged gzip file (it ends too early): download it again"),
    ],
)  # fmt: skip
def test_errors_are_reported_before_the_work(score, write, files, options, message):
    write("in.csv", as_csv(TEXTS))
    write("old.csv", "x")
    write("empty.csv", b"")
    write("cut.csv.gz", gzip.compress(as_csv(TEXTS).encode())[:-9])
    with pytest.raises(WordgateError) as raised:
        score(*files, **options)
    assert str(raised.value) == message
    assert issubclass(raised.type, BundleError | DataError | SettingsError)


def test_a_result_is_replaced_only_on_request_and_only_when_it_is_whole(score, write, here):
    write("old.csv", "old")
    write("in.csv", as_csv(TEXTS))
    score("in.csv", "old.csv", overwrite=True)
    assert (here / "old.csv").read_text().startswith("id,text,label")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
@pytest.mark.parametrize("options", [{}, {"overwrite": True}, {"resume": True}])
def test_anything_but_a_file_is_not_replaced(score, write, here, options):
    write("in.csv", as_csv(TEXTS))
    os.mkfifo("pipe")
    with pytest.raises(
        BundleError, match=r"^pipe is not a file; give one, or - for standard output$"
    ):
        score("in.csv", "pipe", **options)
    assert sorted(file.name for file in here.iterdir()) == ["in.csv", "pipe"]
    assert (here / "pipe").is_fifo()


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet"])
def test_a_link_stays_and_its_target_is_written(score, write, here, ending):
    write("in.csv", as_csv(TEXTS))
    score("in.csv", f"expected{ending}")
    (here / "store").mkdir()
    for old in (True, False):  # a link may lead to a file to come
        if old:
            (here / "store" / "kept").write_text("old")
        else:
            (here / "store" / "kept").unlink()
        (here / f"out{ending}").unlink(missing_ok=True)
        (here / f"out{ending}").symlink_to("store/kept")
        score("in.csv", f"out{ending}", overwrite=old)
        assert (here / f"out{ending}").is_symlink()
        written = (here / "store" / "kept").read_bytes()
        assert written == (here / f"expected{ending}").read_bytes()
        assert [file.name for file in (here / "store").iterdir()] == ["kept"]
    with pytest.raises(BundleError, match=r"store/kept exists; choose another file"):
        score("in.csv", f"out{ending}")


def test_a_link_to_the_input_is_the_input(score, write, here):
    write("in.csv", as_csv(TEXTS))
    (here / "out.csv").symlink_to("in.csv")
    with pytest.raises(SettingsError, match=r"is the input: write the result to another file$"):
        score("in.csv", "out.csv", overwrite=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
@pytest.mark.parametrize("out", ["out.csv", "out.jsonl.gz", "out.parquet"])
def test_what_was_private_stays_private(score, write, here, monkeypatch, out):
    write("in.csv", as_csv(TEXTS))
    write(out, "old")
    modes = []
    written = partial_output.PartialOutput.write

    def write_rows(kept, rows):
        modes.append(kept.folder.stat().st_mode & 0o777)
        written(kept, rows)

    monkeypatch.setattr(partial_output.PartialOutput, "write", write_rows)
    for mode in (0o600, 0o640, 0o664):
        (here / out).chmod(mode)
        score("in.csv", out, overwrite=True)
        assert (here / out).stat().st_mode & 0o777 == mode
    assert set(modes) == {0o700}
