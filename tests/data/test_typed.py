"""Parquet files and data frames."""

import datetime

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from wordgate.data import read_table
from wordgate.errors import DataError

COLUMNS = {"text": ["I liked it", None, "I left"], "label": ["good", "bad", "bad"]}


def test_parquet_is_read_and_nulls_are_empty(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table(COLUMNS), path)
    table = read_table(path)
    assert (table.texts, table.rows) == (["I liked it", "I left"], [1, 3])
    assert (table.reading.format, table.reading.encoding) == ("parquet", None)
    assert table.reading.dropped == {"empty text": 1}


def test_parquet_is_known_by_content(tmp_path):
    path = tmp_path / "a.dat"
    parquet.write_table(pa.table(COLUMNS), path)
    assert read_table(path).reading.format == "parquet"


def test_a_cut_parquet_file_is_one_sentence(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table(COLUMNS), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"a\.parquet' cannot be read as Parquet: "):
        read_table(path)


def test_a_csv_called_parquet_is_refused(write):
    with pytest.raises(DataError, match=r"^'a\.parquet' is not a Parquet file, or is truncated"):
        read_table(write("a.parquet", "text,label\na b,c\n"))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_of_pandas_and_polars_are_alike(frame):
    table = read_table(frame(COLUMNS))
    assert (table.texts, table.labels) == (["I liked it", "I left"], ["good", "bad"])
    assert table.rows == [1, 3]
    assert table.reading.lines()[0].endswith(" DataFrame: data frame")


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_missing_values_of_pandas_are_empty_but_the_word_nan_is_a_text(missing):
    frame = pd.DataFrame({"text": [missing, "nan", "NA", "I left"], "label": ["a", "b", "a", "b"]})
    assert read_table(frame, text="text", label="label").texts == ["nan", "NA", "I left"]


def test_empty_texts_can_stand_as_a_word():
    table = read_table(pd.DataFrame(COLUMNS), empty_text_as="nan")
    assert table.texts == ["I liked it", "nan", "I left"]


@pytest.mark.parametrize(
    ("labels", "strings"),
    [
        ([1, 0, 1], ["1", "0", "1"]),
        ([True, False, True], ["True", "False", "True"]),
        ([1.0, 0.5, 1.0], ["1.0", "0.5", "1.0"]),
        ([datetime.date(2026, 1, i) for i in (1, 2, 1)], ["2026-01-01", "2026-01-02"] * 2),
    ],
)
def test_labels_of_other_types_become_strings(labels, strings):
    frame = pl.DataFrame({"text": ["a b c", "d e f", "g h i"], "label": labels})
    assert read_table(frame).labels == strings[:3]


@pytest.mark.parametrize("form", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas, "parquet"])
@pytest.mark.parametrize("dtype", ["float32", "Float32"])
def test_fractions_of_four_bytes_are_as_short_as_they_were_written(tmp_path, form, dtype):
    labels = pd.Series([0.1, None, 0.7, 0.1], dtype=dtype)
    source = pd.DataFrame({"text": [f"a lamp {i}" for i in range(4)], "label": labels})
    if form == "parquet":
        source.to_parquet(tmp_path / "a.parquet")
        source = tmp_path / "a.parquet"
    table = read_table(form(source) if callable(form) else source)
    assert (table.labels, table.rows) == (["0.1", "0.7", "0.1"], [1, 3, 4])


def test_a_frame_that_pandas_numbered_takes_its_own_names():
    frame = pd.DataFrame([["good", "I liked it"], ["bad", "I left early"]])
    assert read_table(frame, text=1, label=0).texts == ["I liked it", "I left early"]


def test_a_lazy_frame_is_refused():
    with pytest.raises(DataError, match=r"^this data frame is lazy: collect\(\) it first$"):
        read_table(pl.LazyFrame(COLUMNS))


def test_an_encoding_has_no_effect_on_a_frame():
    with pytest.raises(DataError, match="an encoding has no effect on a DataFrame"):
        read_table(pl.DataFrame(COLUMNS), encoding="utf-8")


def in_parquet(columns):
    parquet.write_table(pa.table(columns), "a.parquet")
    return "a.parquet"


TYPED = {
    "Parquet": in_parquet,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "dict": dict,
}
TEXTS = [f"a {'fine' if i % 2 else 'broken'} lamp {i}" for i in range(16)]
LABELS = ["ok" if i % 2 else "no" for i in range(16)]


@pytest.mark.parametrize("source", TYPED)
def test_bytes_in_utf8_are_strings(write, source):
    write("a.csv", "")
    texts, labels = [text.encode() for text in TEXTS], [label.encode() for label in LABELS]
    table = read_table(TYPED[source]({"text": texts, "label": labels}))
    assert (table.texts, table.labels) == (TEXTS, LABELS)


@pytest.mark.parametrize("source", TYPED)
@pytest.mark.parametrize("role", ["text", "label"])
def test_other_bytes_are_refused_by_name(write, source, role):
    write("a.csv", "")
    columns = {"text": TEXTS, "label": LABELS}
    columns[role] = [f"{cell} é".encode("latin-1") for cell in columns[role]]
    with pytest.raises(DataError) as error:
        read_table(TYPED[source](columns))
    assert f", the {role}, contains bytes that are not UTF-8, such as b'" in str(error.value)
    assert f"\\xe9' (line 1): decode them to strings, or name another column with --{role}" in str(
        error.value
    )


@pytest.mark.parametrize("source", TYPED)
def test_a_few_bytes_that_are_no_utf8_are_left_out_by_line(write, source):
    write("a.csv", "")
    texts = [text.encode() for text in TEXTS[:-1]] + [b"un caf\xe9"]
    table = read_table(TYPED[source]({"text": texts, "label": LABELS}))
    assert len(table) == 15
    fault = table.reading.malformed[0]
    assert (fault.line, fault.why) == (
        16,
        "the text is bytes that are not UTF-8: b'un caf\\xe9'",
    )


def test_two_columns_of_a_frame_with_one_name_are_named():
    frame = pd.DataFrame([[*both, 1] for both in zip(TEXTS, LABELS, strict=True)])
    frame.columns = ["text", "label", "label"]
    with pytest.raises(DataError, match="two columns of this DataFrame are called 'label'"):
        read_table(frame)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_frame_without_rows_is_refused(frame):
    with pytest.raises(DataError, match=r"DataFrame' has no rows$"):
        read_table(frame({"text": [], "label": []}))
