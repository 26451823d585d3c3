"""JSON Lines: objects, missing keys, and lines that are no JSON."""

import json

import pytest

from wordgate.data import read_table
from wordgate.errors import DataError


def lines_of(*objects):
    return "\n".join(json.dumps(o) if not isinstance(o, str) else o for o in objects)


GOOD = {"text": "I liked it", "label": "good"}
BAD = {"text": "I left\u2028early", "label": "bad"}


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson", "a.dat"])
def test_objects_become_rows_whatever_the_extension(write, name):
    content = json.dumps(GOOD) + "\n\n" + json.dumps(BAD, ensure_ascii=False) + "\r\n"
    table = read_table(write(name, content))
    assert table.texts == ["I liked it", "I left\u2028early"]
    assert (table.labels, table.rows) == (["good", "bad"], [1, 2])
    assert (table.reading.format, table.reading.header) == ("jsonl", None)


def test_bad_lines_and_missing_keys_are_reported_by_line(write):
    content = lines_of(GOOD, "{oops", "[1]", {"text": "no label here"}, {"label": "bad"}, "", BAD)
    table = read_table(write("a.jsonl", content))
    assert table.rows == [1, 6]
    assert [(m.line, m.why) for m in table.reading.malformed] == [
        (2, "not valid JSON (Expecting property name enclosed in double quotes at character 2)"),
        (3, "JSON, but not an object"),
        (4, "no key 'label'"),
        (5, "no key 'text'"),
    ]
    assert (table.reading.n_read, table.reading.n_kept) == (6, 2)


def test_null_is_empty_and_other_types_become_strings(write):
    objects = [
        {"text": "a b", "label": 1},
        {"text": "c d", "label": True},
        {"text": None, "label": 1},
        {"text": "e f", "label": 0.5},
        {"text": "g h", "label": None},
    ]
    table = read_table(write("a.jsonl", lines_of(*objects)))
    assert table.labels == ["1", "True", "0.5"]
    assert table.reading.dropped == {"empty label": 1, "empty text": 1}


def test_a_lone_surrogate_can_be_written_again(write):
    path = write("a.jsonl", '{"text": "oh \\ud83d no", "label": "bad"}\n' + json.dumps(GOOD))
    assert read_table(path).texts[0] == "oh \ufffd no"


def test_json_nested_without_end_is_a_malformed_line(write):
    path = write("a.jsonl", lines_of(GOOD, "[" * 200_000, BAD))
    (malformed,) = read_table(path).reading.malformed
    assert malformed.line == 2


TWICE = [
    '{"text": "a", "text": "b", "label": "good"}',
    '{"text": "a", " text ": "b", "label": "good"}',
    '{"text": "a", "label": "good", "x\\u001b": 1, "\\tx\\u001b\\n": 2}',
]


def test_a_record_of_two_equal_keys_is_malformed(write):
    nested = '{"text": "nested", "label": "bad", "more": {"a": 1, "a": 2}}'
    table = read_table(write("a.dat", lines_of(*TWICE, GOOD, BAD, nested)))
    assert table.rows == [4, 5, 6]
    assert [(m.line, m.why) for m in table.reading.malformed] == [
        (1, "two keys 'text'"), (2, "two keys 'text'"), (3, r"two keys 'x\x1b'"),
    ]  # fmt: skip


def test_keys_without_end_that_are_twice_there_take_no_time(write):
    many = "{" + ", ".join(f'"{i}": 0' for i in range(200_000)) + ', "199999": 1}'
    (malformed,) = read_table(write("a.jsonl", lines_of(GOOD, BAD, many))).reading.malformed
    assert malformed.why == "two keys '199999'"


LINES = [json.dumps({"text": f"a lamp {i}", "label": "ok"}) for i in range(3)]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt", "a"])
@pytest.mark.parametrize("before", ["", "\ufeff", "\n "])
@pytest.mark.parametrize("between", [", ", ",\n", ",\n  ", ",\r\n"])
@pytest.mark.parametrize("edge", ["", "\n"])
def test_one_json_array_is_refused_with_the_form_to_write(
    write, name, before, between, edge, message
):
    content = f"{before}[{edge}{between.join(LINES)}{edge}]"
    assert (
        message(write(name, content))
        == f"'{name}' is one JSON array: write one object per line (JSON Lines)"
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ('{"text": {"0": "a", "1": "b"}, "label": {"0": "x", "1": "y"}}', "is one JSON object"),
        ('{"text": ["a", "b"], "label": ["x", "y"]}', "is one JSON object of lists or objects"),
        ('{"data": [{"text": "a", "label": "x"}]}\n', "is one JSON object of lists or objects"),
        ('{"columns": ["text"], "index": [0], "data": [["a"]]}', "is one JSON object"),
        (
            '{\n  "text": "a",\n  "label": "x"\n}\n',
            "contains no JSON object; line 1: not valid JSON",
        ),
        ('["a", "x"]\n["b", "y"]\n', "contains JSON arrays"),
        ("{'text': 'a', 'label': 'x'}\n", "contains no JSON object; line 1: not valid JSON"),
    ],
)
def test_json_other_than_an_object_per_line_is_refused_with_the_form_to_write(write, content, what):
    with pytest.raises(DataError) as error:
        read_table(write("a.json", content))
    assert str(error.value).startswith(f"'a.json' {what}")
    assert str(error.value).endswith(": write one object per line (JSON Lines)")


def test_an_array_before_objects_is_a_malformed_line(write):
    table = read_table(write("a.jsonl", "\n".join(["[{}]", *LINES])), labelled=False)
    assert (len(table), [m.line for m in table.reading.malformed]) == (3, [1])


def test_one_object_with_a_text_is_a_record(write):
    line = '{"text": "a lamp", "meta": {"id": 1}, "tags": []}'
    assert read_table(write("a.jsonl", line), labelled=False).texts == ["a lamp"]


@pytest.mark.parametrize("word", ["NaN", "null", '""'])
@pytest.mark.parametrize("key", ["text", "label"])
def test_nan_is_empty_as_in_frames(write, key, word):
    lines = [f'{{"text": "a lamp {i}", "label": "{"ok" if i % 2 else "no"}"}}' for i in range(8)]
    other = "text" if key == "label" else "label"
    lines[3] = f'{{"{key}": {word}, "{other}": "ok"}}'
    table = read_table(write("a.jsonl", "\n".join(lines)))
    assert (len(table), table.reading.dropped) == (7, {f"empty {key}": 1})
    assert set(table.labels) == {"ok", "no"}


def test_the_word_nan_is_a_label(write):
    lines = [json.dumps({"text": f"a lamp {i}", "label": ["nan", "no"][i % 2]}) for i in range(8)]
    assert set(read_table(write("a.jsonl", "\n".join(lines))).labels) == {"nan", "no"}


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_ten_thousand_columns_are_read_in_seconds(write, name):
    """They took minutes while each was compared with all others."""
    rows = [{**row, **{f"k{i}": "x" for i in range(10_000)}} for row in (GOOD, BAD, GOOD, BAD)]
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    content = lines_of(*rows) if name == "a.jsonl" else "\n".join(lines)
    table = read_table(write(name, content))
    assert (table.labels, table.groups) == (["good", "bad", "good", "bad"], None)
