"""Small files and data frames, for the tests of reading."""

import json
from pathlib import Path

import pytest

from wordgate.data import read_table
from wordgate.errors import DataError


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file and go to its folder, so that messages hold its bare name."""
    monkeypatch.chdir(tmp_path)

    def _write(name: str, content: str | bytes) -> str:
        raw = content.encode("utf-8") if isinstance(content, str) else content
        Path(name).write_bytes(raw)
        return name

    return _write


REVIEWS = "text,label\nI liked it a lot,good\nI left early today,bad\nnot for me at all,bad\n"


@pytest.fixture
def reviews(write) -> str:
    """Three labelled reviews with a header."""
    return write("reviews.csv", REVIEWS)


@pytest.fixture
def message():
    """Read a table that can't be read, and give the message of the error."""

    def _message(source, **options) -> str:
        with pytest.raises(DataError) as raised:
            read_table(source, **options)
        return str(raised.value)

    return _message


def jsonl(write, texts, labels):
    lines = [json.dumps({"text": t, "label": y}) for t, y in zip(texts, labels, strict=True)]
    return write("a.jsonl", "\n".join(lines))


def in_parquet(write, texts, labels):
    import pyarrow as pa
    from pyarrow import parquet

    name = write("a.parquet", "")
    parquet.write_table(pa.table({"text": texts, "label": labels}), name)
    return name


def in_pandas(_, texts, labels):
    import pandas as pd

    return pd.DataFrame({"text": texts, "label": labels})


def in_polars(_, texts, labels):
    import polars as pl

    return pl.DataFrame({"text": texts, "label": labels})


SOURCES = {"JSON Lines": jsonl, "Parquet": in_parquet, "pandas": in_pandas, "polars": in_polars}
