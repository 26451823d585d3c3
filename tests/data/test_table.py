"""The table and the report on its reading."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from wordgate.data import read_table
from wordgate.storage import arrays


def test_select_takes_rows_in_the_order_asked(write):
    path = write("a.csv", "id,text,label\n7,a b,good\n8,c d,bad\n9,e f,bad\n")
    table = read_table(path, group="id").select(np.array([2, 0]))
    assert (table.texts, table.labels) == (["e f", "a b"], ["bad", "good"])
    assert (table.groups, table.rows, table.parts) == (["9", "7"], [3, 1], None)
    assert len(table) == 2


@pytest.mark.parametrize("in_memory", [1, 1 << 24])
def test_texts_are_a_sequence_of_strings_whether_in_a_file_or_not(write, in_memory, monkeypatch):
    monkeypatch.setattr(arrays, "IN_MEMORY", in_memory)
    path = write("a.csv", "id,title,text,label\n7,A,a b,good\n,B,ç d,bad\n7,,e f,bad\n")
    table = read_table(path, group="id", text="title,text")
    assert table.texts == ["A | a b", "B | ç d", "e f"]
    assert (table.bodies[1], table.bodies[-1], list(table.bodies[:2])) == (
        "ç d", "e f", ["a b", "ç d"],
    )  # fmt: skip
    assert np.array(table.texts).tolist() == sorted(table.texts) == [*table.texts]
    assert table.groups == ["7", "(row 2)", "7"]
    assert pickle.loads(pickle.dumps(table)) == table
    alone = read_table(path, group="id", text="text").select([2, 1])
    assert alone.texts is alone.bodies
    assert alone.texts == table.bodies[:0:-1]


def test_the_account_adds_up_and_is_json(write):
    path = write("a.csv", "text,label\na b,good\n,bad\nc d,\ne f,bad\ng,h,i\n")
    reading = read_table(path).reading
    assert reading.n_read == reading.n_kept + sum(reading.dropped.values()) + len(reading.malformed)
    facts = json.loads(json.dumps(reading.to_json()))
    assert facts["columns"][0] == {
        "role": "text",
        "number": 1,
        "name": "text",
        "reason": "by its name; 2.0 words on average, 3 distinct values",
        "given": False,
        "before": [],
    }
    assert (facts["n_malformed"], facts["malformed"]) == (
        1,
        [{"line": 6, "why": "3 fields instead of 2"}],
    )


def test_the_preview_shows_rows_and_no_control_characters(write):
    path = write("a.csv", 'text,label\n"a \x1b[31mred\nline",good\n,bad\nb c,bad\nd e,bad\nf,bad\n')
    assert read_table(path).reading.lines()[-4:] == [
        "the first rows as read:",
        "  row 1: [good] a \\x1b[31mred line",
        "  row 3: [bad] b c",
        "  row 4: [bad] d e",
    ]


@pytest.mark.parametrize("blank", [" ", "\t", "\u3000\u2028", "\xa0\x85", "\u200b", "\ufeff \xad"])
@pytest.mark.parametrize("labelled", [True, False])
def test_white_space_is_no_text_unless_a_recipe_keeps_empty_ones(write, blank, labelled):
    path = write("a.csv", f'text;label\na b;good\n"{blank}";bad\n;bad\nc d;bad\n')
    table = read_table(path, text="text", labelled=labelled)
    assert (table.texts, table.rows) == (["a b", "c d"], [1, 4])
    assert table.reading.dropped == {"empty text": 1, "whitespace-only text": 1}
    kept = read_table(path, text="text", labelled=labelled, empty_text_as="nan")
    assert kept.texts == ["a b", blank, "nan", "c d"]
    assert kept.reading.warnings == ["1 text contains only whitespace; it is kept"]


def test_importing_the_station_imports_no_heavy_package():
    code = (
        "import sys, wordgate.data; "
        "print([m for m in ('pyarrow', 'narwhals', 'pandas', 'polars', 'kagglehub', 'torch') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_table_is_a_line_in_a_session(write):
    file = write("a.csv", "text,label\na good lamp,good\na bad lamp,bad\na lamp,good\n")
    assert repr(read_table(file)) == f"Table(3 rows, 2 labels, data={file})"
