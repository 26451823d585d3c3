"""Unusable input ends in one clear sentence with a remedy."""

import gzip
import io
import pickle
import zipfile

import pytest

from wordgate.data import read_table


def test_a_missing_column_has_a_suggestion(reviews, message):
    assert message(reviews, text="txt") == "no column 'txt'; did you mean 'text'?"
    assert message(reviews, label="zzz") == "no column 'zzz'; available: text, label"
    assert message(reviews, label=7) == "no column 7 for the label: 'reviews.csv' has 2 columns"


def test_a_name_for_a_file_without_header_says_so(write, message):
    path = write("a.csv", "1,I liked it\n0,I left early\n")
    assert message(path, text="words") == (
        "no column 'words' for the text: 'a.csv' has no header (the first record contains the"
        " number 1 in the numeric column 1); give a number from 1 to 2"
    )


def test_a_column_asked_for_twice_is_refused(reviews, message):
    assert message(reviews, text="text", label=1) == (
        "column 1 'text' is used twice, as the text and as the label: name another one"
    )


def test_two_columns_of_one_name_need_a_number(write, message):
    path = write("a.csv", "text,text,label\na b,c d,good\ne f,g h,bad\n")
    assert message(path, text="text") == (
        "'a.csv' has 2 columns 'text': give the text by its number, one of 1 and 2"
    )


def test_a_missing_file_has_a_suggestion(reviews, message):
    assert message("review.csv") == "no file 'review.csv'; did you mean 'reviews.csv'?"
    assert message("nowhere/a.csv") == "no file 'nowhere/a.csv': there is no folder 'nowhere'"
    assert message("zzzz.csv") == "no file 'zzzz.csv'"


def test_no_rows(write, message):
    assert message(write("a.csv", b"")) == "'a.csv' is empty"
    assert message(write("b.csv", "\n\n")) == "'b.csv' contains no records: it is empty or blank"
    path = write("c.csv", "text,label\n")
    assert message(path, text="text", label="label") == "'c.csv' has no rows below its header"
    path = write("d.csv", "text,label\n,good\nI left,\n")
    assert message(path, text="text", label="label") == (
        "no rows of 'd.csv' are left: of 2, left out 1 (empty label), 1 (empty text)"
    )


def test_a_single_label(write, message):
    path = write("a.csv", "text,label\nI liked it,good\nnice one,good\n")
    assert message(path) == (
        "all 2 remaining rows of 'a.csv' have the label 'good' (column 2): a classifier needs at"
        " least two labels"
    )
    assert len(read_table(path, min_labels=1)) == 2
    assert message(write("b.csv", "text,label\nI liked it,good\n")) == (
        "the only remaining row of 'b.csv' has the label 'good' (column 2): a classifier needs at"
        " least two labels"
    )


def test_a_label_to_drop_that_is_misspelt_is_refused(reviews, message):
    assert message(reviews, drop_labels=["Good"]) == (
        "no label 'Good' to drop in 'reviews.csv'; did you mean 'good'?"
    )


def test_a_label_to_drop_that_is_absent_is_a_warning(reviews):
    assert read_table(reviews, drop_labels=["Irrelevant"]).reading.warnings == [
        "no row has the label 'Irrelevant' that was to be dropped"
    ]


def test_a_damaged_gzip_is_one_sentence(write, message):
    whole = gzip.compress(b"text,label\nI liked it,good\n" * 50)
    assert message(write("a.csv.gz", whole[:-9])) == (
        "'a.csv.gz' is a damaged gzip file (it ends too early): download it again"
    )
    broken = bytearray(whole)
    broken[12] ^= 0xFF
    assert message(write("b.csv.gz", bytes(broken))).startswith("'b.csv.gz' is a damaged gzip")


def test_foreign_files_say_what_to_do(write, message):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("sheet.xml", "x")
    assert message(write("a.xlsx", archive.getvalue())) == ("'a.xlsx' is a zip archive: unpack it")
    assert message(write("a.pkl", pickle.dumps([1, 2]))) == (
        "'a.pkl' is a pickle, which could run code: write the table as CSV or Parquet"
    )
    assert message(write("a.bin", bytes(range(1, 32)) * 10)).startswith("'a.bin' is not text (")


def test_labels_that_differ_in_case_are_remarked(write):
    path = write("a.csv", "text,label\na b,Good\nc d,good\ne f,bad\n")
    assert read_table(path).reading.warnings == [
        "the labels 'Good' and 'good' differ only in case; they are treated as different labels"
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "<!DOCTYPE html>\n<html><body>Sign in</body></html>",
            "is an HTML page: download the file",
        ),
        ('\n<HTML lang="en">\n<head></head>\n</HTML>', "is an HTML page: download the file"),
        ('<?xml version="1.0"?>\n<rows/>', "is XML: write the table as CSV"),
        (
            "{'text': 'a, b', 'label': 'x'}\n" * 3,
            "is a file of Python dictionaries: write each with",
        ),
        ("__label__ok a lamp\n__label__a __label__b x\n", "is in fastText's format: write the"),
        ("version https://git-lfs.github.com/spec/v1\noid x\nsize 1\n", "is a Git LFS pointer"),
    ],
)
def test_pages_in_place_of_a_table_say_what_to_do(write, content, expected, message):
    assert message(write("a.csv", content)).startswith(f"'a.csv' {expected}")


@pytest.mark.parametrize("first", ["<html>hello</html>", "BZhang is great", "{'a': b}"])
def test_texts_that_begin_like_a_page_are_texts(write, first):
    table = read_table(write("a.csv", f"{first},ok\na lamp,no\n" * 8))
    assert table.texts[0] == first


@pytest.mark.parametrize(
    ("name", "content", "left_out"),
    [
        (
            "a.jsonl",
            '{"text": "a lamp", "label": "ok"}\n{"text": "a vase", "label": ["no"]}\n' * 2,
            "of 4, left out 2 (malformed; line 2: the label is a list",
        ),
        (
            "a.jsonl",
            '{"text": "a lamp", "label": "ok"},\n{"text": "a vase", "label": "no"}',
            "of 2, left out 1 (malformed; line 1: not valid JSON (Extra data at character 34))",
        ),
        (
            "a.csv",
            "text,label\na lamp,ok\na vase,\n,no\n",
            "of 3, left out 1 (empty label), 1 (empty text)",
        ),
    ],
)
def test_too_few_labels_are_refused_with_the_rows_left_out(write, name, content, left_out, message):
    assert f"a classifier needs at least two labels ({left_out}" in message(write(name, content))
