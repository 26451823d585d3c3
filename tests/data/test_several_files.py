"""A folder, a glob pattern or a list of files as one table."""

import gzip
from pathlib import Path

import pytest

from wordgate.data import read_table
from wordgate.tables.listing import list_files


@pytest.fixture
def parts(write, tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    write("in/a.csv", "id,text,label\n1,We love it,good\n2,We hate it,bad\n")
    write("in/b.csv.gz", gzip.compress(b"label;text;id\ngood;We love that;3\nbad\n"))
    write("in/sub/c.csv", "id,text,label\n4,We hate that,bad\n")
    for name in ("in/_SUCCESS", "in/.hidden", "in/empty.csv"):
        write(name, "")
    return "in"


@pytest.mark.parametrize("source", ["in", "in/", "in/**/*.csv*", [Path("in/a.csv"), Path("in")]])
def test_the_files_are_one_table(parts, source):
    table = read_table(source)
    twice = isinstance(source, list)
    texts = ["We love it", "We hate it", "We love that", "We hate that"]
    assert table.texts == texts[:2] * twice + texts
    assert table.rows[-4:] == ([3, 4, 5, 7] if twice else [1, 2, 3, 5])
    [malformed] = table.reading.malformed
    assert (malformed.line, malformed.why) == (3, "1 field instead of 3 (in 'in/b.csv.gz')")
    assert "1 empty file skipped" in table.reading.warnings
    files = "in and others (4 files)" if twice else f"{str(source).rstrip('/')} (3 files)"
    assert table.reading.source == files.replace("in and", "in/a.csv and")


def test_rows_at_fault_are_named_with_their_file(parts, write, message):
    write("in/sub/c.csv", "id,text,label\n4,We hate that,bad\n5,We hate this,bad\n")
    assert message("in", weight="label") == (
        "the weight column of 'in (3 files)' contains 'good' in row 1 (line 2 of 'in/a.csv'); it"
        " must contain a number of 0 or more in every row"
    )
    write("in/a.csv", "id,text,label\n1,We love it,train\n")
    write("in/b.csv.gz", "id,text,label\n3,We love it,test\n")
    assert message("in", split_column="label", label="id").startswith(
        "the split column of 'in (3 files)' contains 'bad' in row 3 (line 2 of 'in/sub/c.csv'); "
    )


@pytest.mark.parametrize(
    ("content", "differs"),
    [
        ("id,texts,label\n4,We,bad\n", "it lacks 'text' and has 'texts'"),
        ("id,text\n4,We hate that\n", "it lacks 'label'"),
        ("id,text,label,text\n4,We,bad,a\n", "it has 4 columns"),
    ],
)
def test_other_columns_are_named_with_their_file(parts, write, content, differs, message):
    write("in/sub/c.csv", content)
    assert message("in") == (
        f"'in/sub/c.csv' has other columns than 'in/a.csv': {differs}; give each file the same"
        " columns"
    )


def test_files_about_the_data_of_a_folder_are_no_data(write, tmp_path):
    (tmp_path / "in").mkdir()
    write("in/1.csv", "text,label\na b,x\nc d,y\n")
    about = ("README.md", "LICENSE", "licence.txt", "Readme", "notes.md")
    for name in about:
        write(f"in/{name}", "About, the data\n")
    for name in ("readme-1.csv", "md.csv", "a.md.csv"):
        write(f"in/{name}", "text,label\na b,x\nc d,y\n")
    assert len(read_table("in")) == 8
    assert [file.name for file in list_files("in/*.md")] == ["README.md", "notes.md"]


def test_columns_of_one_name_are_distinguished_by_their_order(write, tmp_path, message):
    (tmp_path / "in").mkdir()
    write("in/1.csv", "text,label,n,n\na b,x,1,2\n")
    write("in/2.csv", "text,label,n,n\nc d,y,1,2\n")
    assert len(read_table("in")) == 2
    write("in/2.csv", "text,n,n,label\nc d,1,2,y\n")
    assert ": it has them in another order; give" in message("in")


def test_files_without_a_header_have_none_together(write, tmp_path, message):
    (tmp_path / "in").mkdir()
    write("in/1.csv", "".join(f"{i},We love it {i},good\n{i},We hate it,bad\n" for i in range(9)))
    write("in/2.csv", "text,label,id\n")  # a row like others, after a first file without a header
    table = read_table("in", text=2, label=3, group=1)
    assert (len(table), table.rows[-1]) == (19, 19)
    write("in/2.csv", "1,2\n")
    assert message("in", text=2, label=3) == (
        "'in/2.csv' has 2 columns without a header, and 'in/1.csv' has 3 columns without a header:"
        " give each file the same columns"
    )


def test_lines_of_json_may_lack_keys(write, tmp_path):
    (tmp_path / "in").mkdir()
    write("in/1.jsonl", '{"text": "a b", "label": "x"}\n{"text": "c d", "label": "y"}\n')
    write("in/2.jsonl", '{"label": "x", "text": "e f", "n": 1}\n{"text": "g h"}\n')
    table = read_table("in")
    assert table.texts == ["a b", "c d", "e f"]
    assert table.reading.malformed[0].why == "no key 'label' (in 'in/2.jsonl')"


def test_empty_input_is_refused(parts, tmp_path, message):
    (tmp_path / "none").mkdir()
    assert message("none") == "there is no file with data in 'none'"
    assert message("in/*.tsv") == "no file matches 'in/*.tsv'"
    assert message("in/empty*") == "there is no file with data in 'in/empty*'"


def test_cells_at_fault_are_named_with_their_file(write, tmp_path, message):
    (tmp_path / "in").mkdir()
    write("in/a.csv", "text,label,x\nWe love it,1,1\n")
    write("in/b.csv", "text,label,x\nWe hate it,0,0\nWe like it,0,2\n")
    assert "contains '2' in row 3 (line 3 of 'in/b.csv'): each such" in message(
        "in", label="label,x"
    )
    write("in/a.csv", 'text,label\n"[""We""]",x\n')
    write("in/b.csv", "text,label\n" + "\"['hate', 'it']\",y\n" * 3)
    assert "such as [\"We\"] (line 2 of 'in/a.csv'): write each" in message("in", text="text")
