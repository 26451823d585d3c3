"""Lists and objects are no texts, and objects no labels."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.data.conftest import SOURCES, jsonl

from wordgate.data import read_table
from wordgate.errors import DataError
from wordgate.experiments.audit import audit

TEXTS = [f"a {'fine' if i % 2 else 'broken'} lamp {i}" for i in range(16)]
LABELS = ["ok" if i % 2 else "no" for i in range(16)]
OBJECTS = [{"v": label} for label in LABELS]


@pytest.mark.parametrize("read", [read_table, audit])
@pytest.mark.parametrize("source", SOURCES)
def test_labels_that_are_objects_are_refused_by_name(write, source, read):
    with pytest.raises(DataError) as error:
        read(SOURCES[source](write, TEXTS, OBJECTS))
    assert "column 2 'label' of " in str(error.value)
    assert "the label, contains objects, such as " in str(error.value)
    assert "as a string or a number, or a list of several" in str(error.value)


@pytest.mark.parametrize("read", [read_table, audit])
@pytest.mark.parametrize("source", SOURCES)
def test_texts_that_are_lists_of_words_are_refused_by_name(write, source, read):
    with pytest.raises(
        DataError, match=r"the text, contains lists, .*: write each text as one string"
    ):
        read(SOURCES[source](write, [text.split() for text in TEXTS], LABELS))


@pytest.mark.parametrize("text", [["ok"], ("ok",), {"ok"}, np.array(["ok"])])
def test_cells_of_frames_may_be_of_any_kind(text):
    with pytest.raises(DataError, match="the text, contains lists"):
        read_table(pd.DataFrame({"text": [text] * 16, "label": LABELS}), text="text")


@pytest.mark.parametrize("label", ["[0 1]", "{'v': 1}", '"{""v"": 1}"', '"[[1], [2]]"'])
def test_what_is_written_like_an_object_or_by_numpy_is_refused(write, label):
    content = "text,label\n" + "".join(f"{text},{label}\n" for text in TEXTS)
    with pytest.raises(DataError, match=r"column 2 'label' of 'a\.csv', the label, contains"):
        read_table(write("a.csv", content))


def test_labels_in_brackets_and_texts_that_hold_json_are_strings(write):
    content = "".join(f'"{{""n"": {i}}}",[{label}]\n' for i, label in enumerate(LABELS))
    table = read_table(write("a.csv", "text,label\n" + content))
    assert (table.texts[0], table.labels[0]) == ('{"n": 0}', "[no]")


@pytest.mark.parametrize("role", ["text", "label"])
def test_bytes_as_python_writes_them_are_refused_by_name(write, message, role):
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
    rows = [{**row, role: str(row[role].encode())} for row in rows]
    content = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in rows)
    assert message(write("a.csv", content)).endswith(
        f"the {role}, contains Python bytes literals, such as {rows[0][role]} (line 2):"
        f" decode them to strings, or name another column with --{role}"
    )
    assert len(read_table(write("a.csv", content + f"a lamp,{LABELS[0]}\n"))) == 17


def test_a_few_lists_among_words_are_left_out_by_line(write):
    labels = [[label] if i in (3, 8) else label for i, label in enumerate(LABELS)]
    table = read_table(jsonl(write, TEXTS, labels))
    assert [(m.line, m.why) for m in table.reading.malformed] == [
        (4, 'the label is a list: ["ok"]'), (9, 'the label is a list: ["no"]'),
    ]  # fmt: skip
    assert len(table) == 14


def test_a_longer_column_of_lists_is_not_taken_for_the_text(write):
    rows = zip(TEXTS, LABELS, strict=True)
    lines = [json.dumps({"a": text.split() * 9, "b": text, "c": y}) for text, y in rows]
    assert read_table(write("a.jsonl", "\n".join(lines))).texts == TEXTS


@pytest.mark.parametrize("key", ["text", "tokens", "data"])
@pytest.mark.parametrize("read", [read_table, audit])
@pytest.mark.parametrize(
    "structure", [str.split, lambda text: {"en": text}], ids=["list", "object"]
)
def test_labels_are_not_taken_for_the_texts_beside_lists(write, key, read, structure):
    rows = zip(TEXTS, LABELS, strict=True)
    lines = [json.dumps({key: structure(text), "label": y}) for text, y in rows]
    with pytest.raises(DataError, match=f"column 1 '{key}' of 'a.jsonl', the text, contains "):
        read(write("a.jsonl", "\n".join(lines)))
