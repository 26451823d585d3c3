"""Scoring reads files as training does, from a path and from a pipe, and writes plain CSV."""

import io
import json
import sys

import pytest

from wordgate.errors import DataError

ROWS = [(f"We {'love' if i % 2 else 'hate'} lamp {i}", i) for i in range(16)]
LABELS = ["good" if i % 2 else "bad" for i in range(16)]


def rows(form):
    return "".join(form.format(text=text, i=i) + "\n" for text, i in ROWS)


CASES = {
    "stray quotes": ("", rows('{i}\t"{text}').replace('\t"', "\t", 2)),
    "stray quote in a file of quotes": (
        "id,text\n",
        rows('{i},"{text}, really"') + '17,"oh, dear"\n' + '18,"a" and "b"\n',
    ),
    "spaces": ("id, text\n", rows('{i}, "{text}, really"')),
    "backslashes": ("id,text\n", rows('{i},"{text}, \\"really\\""')),
    "last delimiters": ("id,text\n", rows('{i},"{text}",')),
    "last delimiter of the header": ("id,text,\n", rows('{i},"{text}"')),
    "two last delimiters": ("id,text\n", rows('{i},"{text}",,')),
    "two last delimiters of the header": ("id,text,,\n", rows('{i},"{text}"')),
    "escaped delimiters": ("id,text\n", rows("{i},{text}\\, really")),
    "single quotes": ("id,text\n", rows("{i},'{text}, \"really\"'")),
    "dashes": ("id,text\n--,----\n", rows("{i},{text}")),
    "a comment": ("# export 3\nid,text\n", rows("{i},{text}")),
    "row numbers without a name": ("text\n", "".join(f"{i + 1},{t}\n" for t, i in ROWS)),
    "a tilde": ("id~text\n", rows("{i}~{text}, really")),
    "a percent sign": ("id%text\n", rows("{i}%{text}, really")),
    "a section sign": ("id§text\n", rows("{i}§{text}, really")),
    "an ideographic comma": ("sep=、\nid、text\n", rows("{i}、{text}, really")),
    "a named delimiter": ("sep=;\n# export 3\nid;text\n", rows("{i};{text}")),
}


@pytest.fixture
def stream(monkeypatch, score):
    """Score bytes that come through standard input, line by line."""

    def _stream(raw, **options):
        class Slow(io.BytesIO):
            def read1(self, size=-1):
                return self.readline()

        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Slow(raw))))
        sys.stdin = type("Stdin", (), {"buffer": Slow(raw)})()
        monkeypatch.setattr(sys, "stdout", out)
        scored = score(to="jsonl", **options)
        return scored, [json.loads(line) for line in out.buffer.getvalue().decode().splitlines()]

    return _stream


@pytest.mark.parametrize("way", ["path", "pipe"])
@pytest.mark.parametrize("case", CASES)
def test_every_line_is_scored_once(score, write, objects, stream, case, way):
    raw = "".join(CASES[case])
    options = {"text": "2"} if case == "stray quotes" else {}
    if way == "path":
        scored = score(write("in.csv", raw), "out.jsonl", **options)
        found = objects("out.jsonl")
    else:
        scored, found = stream(raw.encode(), **options)
    assert (scored.rows, scored.errors) == (len(CASES[case][1].splitlines()), 0)
    assert [row["label"] for row in found[:16]] == LABELS


@pytest.mark.parametrize("case", CASES)
def test_the_result_is_csv_that_every_reader_reads_alike(score, write, records, objects, case):
    options = {"text": "2"} if case == "stray quotes" else {}
    name = write("in.csv", "".join(CASES[case]))
    score(name, "out.csv", **options)
    score(name, "out.jsonl", **options)
    delimiter = {"a tilde": "~", "a percent sign": "%", "a named delimiter": ";"}.get(case, ",")
    found = records("out.csv", delimiter=delimiter)[bool(CASES[case][0]) :]
    texts = [list(row.values())[1] for row in objects("out.jsonl")]
    assert [row[1] for row in found] == texts
    assert len({len(row) for row in found}) == 1


def test_a_header_that_stands_again_is_an_error_of_its_record(score, write, objects):
    form = "{i},{text}"
    scored = score(write("in.csv", f"id,text\n{rows(form)}id,text\n{rows(form)}"), "out.jsonl")
    assert (scored.rows, scored.errors) == (33, 1)
    assert objects("out.jsonl")[16]["error"] == "repeated header: id,text"


def test_a_list_for_a_text_is_an_error_of_its_record(score, write, objects):
    lines = [json.dumps({"text": text}) for text, _ in ROWS] + ['{"text": ["We", "love"]}']
    scored = score(write("in.jsonl", "\n".join([*lines, '{"text": NaN}'])), "out.jsonl")
    assert [row["error"] for row in objects("out.jsonl")][-2:] == [
        'the text is a list: ["We", "love"]',
        "the text is empty",
    ]
    assert scored.errors == 2


@pytest.mark.parametrize("way", ["path", "pipe"])
def test_an_encoding_is_guessed_and_the_guess_is_reported(
    score, write, objects, stream, progress, way
):
    texts = [f"хорошая лампа номер {i}" for i in range(16)]
    raw = ("text\n" + "".join(f"{text}\n" for text in texts)).encode("koi8-r")
    if way == "path":
        score(write("in.csv", raw), "out.jsonl", progress=progress)
        found = objects("out.jsonl")
    else:
        found = stream(raw, progress=progress)[1]
    assert [row["text"] for row in found] == texts
    assert any("is a guess, since the bytes are not UTF-8" in line for line in progress.lines)


@pytest.mark.parametrize(
    ("name", "content"),
    [("in.csv", "id,text\n"), ("in.tsv", "text\tlabel"), ("in.csv", "tweet,y\n")],
)
def test_a_header_alone_is_scored_to_a_header(score, write, here, name, content):
    scored = score(write(name, content), "out.csv", to="csv")
    assert (scored.rows, scored.errors) == (0, 0)
    there = content.strip().replace("\t", ",")
    assert (here / "out.csv").read_text().splitlines()[0].startswith(f"{there},")


def test_an_empty_column_of_texts_gives_errors_and_no_labels_of_the_labels(score, write, objects):
    scored = score(write("in.csv", "text,label\n" + ",good\n,bad\n" * 8), "out.jsonl")
    assert {row["error"] for row in objects("out.jsonl")} == {"the text is empty"}
    assert scored.errors == 16


def test_labels_are_not_scored_where_texts_are_lists(score, write):
    lines = [json.dumps({"tokens": text.split(), "label": "good"}) for text, _ in ROWS]
    with pytest.raises(
        DataError,
        match=r"column 1 'tokens' of 'in\.jsonl', the text, contains"
        r" lists",
    ):
        score(write("in.jsonl", "\n".join(lines)), "out.jsonl")
