"""Any bytes: reading ends in a table or in a message for the user."""

import contextlib
import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wordgate.data import read_table
from wordgate.errors import WordgateError

QUICK = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Bytes that look like tables reach further than random ones.
PIECES = st.sampled_from(
    [b",", b"\t", b";", b"|", b'"', b"\n", b"\r", b"\0", b"text", b"label", b"1", b"good", b" ",
     b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9", b"\xf0\x9f\x99\x82", b"{", b"}", b"[", b'{"text":"a"}',
     b'{"text":"a b","label":1}', b"PAR1", b"\x1f\x8b", b"\x81", b"\x1b", b"\\ud800"]
)  # fmt: skip
TABLE_LIKE = st.lists(st.one_of(PIECES, st.binary(max_size=3)), max_size=60).map(b"".join)
CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@QUICK
@given(raw=st.one_of(st.binary(max_size=200), TABLE_LIKE))
def test_any_bytes_read_or_end_in_a_message(tmp_path, name, raw):
    path = tmp_path / name
    path.write_bytes(raw)
    for flags in ({}, {"text": 1, "label": 2}, {"text": 1, "labelled": False}):
        with contextlib.suppress(WordgateError):
            check_account(read_table(path, **flags))


def check_account(table):
    reading = table.reading
    left_out = sum(reading.dropped.values()) + len(reading.malformed)
    assert reading.n_read == len(table) + left_out
    assert table.rows == sorted(set(table.rows))
    json.dumps(reading.to_json())
    "\n".join(reading.lines()).encode()


@QUICK
@given(
    texts=st.lists(CELLS, min_size=2, max_size=12),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_table_survives_being_written_as_csv(tmp_path, texts, delimiter, encoding):
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(["text", "label"])
    writer.writerows([text, f"label {i % 2}"] for i, text in enumerate(texts))
    path = tmp_path / "a.csv"
    path.write_bytes(stream.getvalue().encode(encoding))
    flags = {} if encoding == "utf-16" else {"encoding": encoding}
    table = read_table(path, text="text", label="label", empty_text_as="", **flags)
    assert table.texts == texts
    assert table.rows == list(range(1, len(texts) + 1))
