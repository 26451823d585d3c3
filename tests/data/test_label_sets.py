"""Several labels per text: in lists, between separators, or in columns of 0 and 1."""

import json
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.conftest import SOURCES, jsonl

from wordgate.data import read_table
from wordgate.data.label_sets import recognised_separator

LISTS = [["red", "blue"], ["blue"], [], ["green", "red"]] * 4
SETS = [("blue", "red"), ("blue",), (), ("green", "red")] * 4
TEXTS = [f"a lamp that is number {i}" for i in range(16)]
# Every combination of three of four labels or fewer, each of them on two rows.
COMBINED = [c for n in (1, 2, 3) for c in combinations(["a", "b", "c", "d"], n)] * 2


def csv(write, labels, name="a.csv"):
    """A file of texts and the labels' cells, which may hold anything but quotes."""
    rows = (f'a lamp that is number {i},"{label}"\n' for i, label in enumerate(labels))
    return write(name, "text,label\n" + "".join(rows))


def warnings(source, **options):
    return read_table(source, **options).reading.warnings


@pytest.mark.parametrize("source", SOURCES)
def test_lists_are_several_labels_a_text(write, source):
    table = read_table(SOURCES[source](write, TEXTS, LISTS))
    assert (table.texts, table.labels, table.label_separator) == (TEXTS, None, None)
    assert table.label_sets == SETS
    assert table.label_names() == ["blue", "green", "red"]
    assert table.reading.warnings == []
    assert table.reading.choice("label").reason.endswith(
        "; several labels per text: 3 labels, 1.25 per text, 4 texts without labels"
    )


@pytest.mark.parametrize("source", SOURCES)
def test_numbers_in_lists_are_labels(write, source):
    table = read_table(SOURCES[source](write, TEXTS, [[2, 10], [10]] * 8))
    assert table.label_sets[:2] == [("10", "2"), ("10",)]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "rows", [[[0, 1, 1], [1, 0, 0]], [[0.0, 1.0], [1.0, 0.0]], [[True, False], [False, False]]]
)
def test_lists_that_mark_labels_by_place_are_refused(write, message, source, rows):
    found = message(SOURCES[source](write, TEXTS, rows * 8))
    assert "'label'" in found
    assert "the label, contains lists of 0 and 1 of one length, such as " in found
    assert "(line 1), which do not name the labels: write the names" in found
    texts_alone = read_table(SOURCES[source](write, TEXTS, rows * 8), labelled=False)
    assert len(texts_alone) == 16


@pytest.mark.parametrize("written", ["[0, 1, 0]", "(1, 0, 0)"])
def test_written_lists_that_mark_labels_by_place_are_refused(write, message, written):
    assert "lists of 0 and 1 of one length" in message(csv(write, [written, "[1, 1, 0]"] * 8))


def test_lists_of_the_labels_0_and_1_are_labels(write):
    table = read_table(jsonl(write, TEXTS, [[0, 1], [1]] * 8))
    assert table.label_sets[:2] == [("0", "1"), ("1",)]
    table = read_table(jsonl(write, TEXTS, [[0, 1], [1, 2]] * 8))
    assert table.label_names() == ["0", "1", "2"]


@pytest.mark.parametrize("kind", [tuple, set, frozenset, np.array])
def test_lists_of_a_frame_may_be_of_any_kind(kind):
    table = read_table(pd.DataFrame({"text": TEXTS, "label": list(map(kind, LISTS))}))
    assert table.label_sets == SETS


@pytest.mark.parametrize(
    "written",
    [
        str,
        lambda one: json.dumps(one).replace('"', '""'),
        lambda one: str(np.array(one)),
        lambda one: str(np.array(one)).replace("'", '""'),
        lambda one: repr(np.array(one, object)),
        lambda one: repr(frozenset(one)),
        lambda one: "[" + ", ".join(f"np.str_({label!r})" for label in one) + "]",
    ],
)
def test_lists_written_as_json_python_or_numpy_writes_them_are_read(write, written):
    assert read_table(csv(write, map(written, LISTS))).label_sets == SETS


def test_numbers_in_an_array_of_numpy_are_labels(write):
    table = read_table(csv(write, ["[1 2]", "[1]", "[ 2 10]", "[10]"] * 4))
    assert table.label_sets[:4] == [("1", "2"), ("1",), ("10", "2"), ("10",)]


def test_labels_that_look_like_scalars_of_numpy_stay_as_they_are(write):
    cells = ["['np.log(x)', 'b']", '[""np.log(x)""]', "[np.str_('f(x)'), np.str_('b')]"]
    table = read_table(csv(write, cells * 6))
    assert table.label_sets[:3] == [("b", "np.log(x)"), ("np.log(x)",), ("b", "f(x)")]


def test_a_list_in_json_may_hold_quotes_with_a_space_between(write):
    cells = [json.dumps(["rock ' ' roll", "b"]).replace('"', '""'), '[""b""]'] * 4
    assert read_table(csv(write, cells)).label_sets == [("b", "rock ' ' roll"), ("b",)] * 4


def test_an_array_that_numpy_has_cut_is_refused(write, message):
    cells = ["['a' 'b' ... 'y' 'z']", "['a' 'c' ... 'y' 'z']"]
    assert "the label, contains lists" in message(csv(write, cells * 8))
    table = read_table(csv(write, [cells[0], "['a' 'b']", "['b']"] * 4))
    assert len(table.reading.malformed) == 4
    assert table.label_sets == [("a", "b"), ("b",)] * 4


def test_a_list_that_is_missing_is_not_an_empty_one(write):
    table = read_table(jsonl(write, TEXTS, [None, *LISTS[1:]]))
    assert table.label_sets == SETS[1:]
    assert table.reading.dropped == {"empty label": 1}


def test_a_blank_cell_among_lists_is_an_empty_label(write):
    table = read_table(jsonl(write, TEXTS, [*LISTS[:-2], "", "  "]))
    assert table.label_sets == SETS[:-2]
    assert table.reading.dropped == {"empty label": 2}


def test_what_is_missing_in_a_list_is_no_label_and_what_repeats_counts_once(write):
    lists = [["red", None, " red ", ""], [float("nan"), "blue"]] * 8
    table = read_table(pd.DataFrame({"text": TEXTS, "label": lists}))
    assert table.label_sets[:2] == [("red",), ("blue",)]


def test_a_word_among_lists_is_one_label_and_an_object_is_left_out(write):
    table = read_table(jsonl(write, TEXTS, ["blue", {"v": 1}, [["red"]], *LISTS[3:]]))
    assert table.label_sets == [("blue",), *SETS[3:]]
    assert [(m.line, m.why) for m in table.reading.malformed] == [
        (2, 'the label is an object: {"v": 1}'), (3, 'the label is a list: [["red"]]'),
    ]  # fmt: skip


@pytest.mark.parametrize("label", [[["red"]], [{"v": 1}]])
def test_lists_of_lists_or_objects_are_refused(write, label, message):
    found = message(jsonl(write, TEXTS, [label] * 16))
    assert "column 2 'label' of 'a.jsonl', the label, contains lists, such as [" in found
    assert found.endswith(
        "give each text one label, as a string or a number, or a list of several, or name"
        " another column with --label"
    )


def test_one_label_in_each_list_is_remarked_on(write):
    table = read_table(jsonl(write, TEXTS, [["red"], ["blue"]] * 8))
    assert table.label_sets[:2] == [("red",), ("blue",)]
    assert table.reading.warnings == [
        "no text has more than one label: if that is always so, give one label per text, for which"
        " models are more accurate"
    ]


@pytest.mark.parametrize("separator", [";", "|", ",", " ", "<>", "; "])
def test_a_separator_that_is_given_cuts_cells(write, separator):
    cells = [separator.join(one) for one in LISTS]
    table = read_table(csv(write, cells), label_separator=separator)
    assert (table.label_sets, table.label_separator) == (SETS, separator)
    assert table.reading.dropped == {}
    assert table.reading.choice("label").reason.endswith(
        f"; several labels per text separated by {separator!r}: 3 labels, 1.25 per text, 4 texts"
        " without labels"
    )


def test_spaces_repeats_and_nothing_between_separators_are_no_labels(write):
    table = read_table(csv(write, [" a ;; a", "b; ", ";"] * 2), label_separator=";")
    assert table.label_sets[:3] == [("a",), ("b",), ()]


# Those of Chinese, Japanese and Arabic, too.
@pytest.mark.parametrize(
    "separator", [";", "|", ", ", ",", "\t", "/", " ", "\uff1b", "\u3001", "\uff0c", "\u060c"]
)
def test_a_separator_is_recognised_and_reported(write, separator):
    file = csv(write, [separator.join(one) for one in [*COMBINED, ()]])
    table = read_table(file)
    assert (table.label_sets, table.label_separator) == ([*COMBINED, ()], separator)
    assert table.reading.warnings == [
        f"texts have several labels, separated by {separator!r}: 4 labels in 15 combinations. If"
        " each combination is one label, use --label-separator none"
    ]
    assert len(read_table(file, label_separator="none").label_names()) == 14


GENRES = ["drama", "comedy", "crime", "horror", "sci-fi, fantasy"]
SINGLE = {
    "a comma in one of five": GENRES * 4,
    "both answers": ["yes", "no", "yes; no", "no; yes"] * 5,
    "the only label": ["a|b"] * 9,
    "a department and its issue": [f"{d} | {i}" for d in "abcde" for i in "vwxyz"] * 3,
    "departments that also stand alone": [*"abc", *(f"{d}; {i}" for d in "abc" for i in "wxyz")]
    * 3,
    "votes": ["a", "b", "c", "a;a;b", "b;b;a", "a;c;c", "b;c;c", "a;b;c", "c;a;a"] * 3,
    "places": [f"{place}, {state}" for state in ("Ohio", "Iowa") for place in "abcdefg"] * 2,
    "sentences": [", ".join(f"it is quite so {p}" for p in one) for one in COMBINED],
    "few rows": ["a", "b", "c", "a;b", "a;c", "b;c", "a;b;c"],
    "words that never stand alone": ["/".join(one) for one in COMBINED if one != ("d",)],
    "grades": [*"abcd", *(f"{grade} {one}" for grade in ("very", "quite") for one in "abcd")] * 3,
    "an end": [f"{';'.join(one)};" for one in COMBINED],
}


@pytest.mark.parametrize("case", SINGLE)
def test_single_labels_that_hold_a_separator_stay_single(write, case):
    table = read_table(csv(write, SINGLE[case]), min_labels=1)
    assert table.labels == SINGLE[case]
    assert (table.label_sets, table.label_separator) == (None, None)


@pytest.mark.parametrize("separator", [";", "/"])
def test_where_a_separator_may_be_meant_the_user_is_asked(write, separator):
    cells = ["a", "b", "c", *(f"{one}{separator}d" for one in "abc")] * 5
    file = csv(write, cells)
    assert read_table(file).labels == cells
    assert warnings(file) == [
        f"the labels of 15 rows contain '{separator}', and each is read as one label: if it"
        f" separates several, use --label-separator '{separator}'; if not, --label-separator none"
    ]
    assert warnings(file, label_separator="none") == []
    assert warnings(file, label_separator=separator) == []


@pytest.mark.parametrize("case", ["a comma in one of five", "a department and its issue", "grades"])
def test_labels_that_hold_one_without_need_are_not_asked_about(write, case):
    assert warnings(csv(write, SINGLE[case])) == []


def test_many_labels_with_a_separator_that_is_not_recognised_have_a_hint(write):
    cells = [f"tag{i}|tag{i * i % 97 + 100}" for i in range(60)]
    file = csv(write, cells)
    assert warnings(file) == [
        "60 labels on 60 rows: is this the label column? If its cells contain several, use"
        " --label-separator '|'"
    ]
    assert warnings(file, label_separator="|") == [
        f"{len(read_table(file, label_separator='|').label_names())} labels on 60 rows: is this the"
        " label column?"
    ]


@pytest.mark.parametrize("separator", [";", ",", "/"])
def test_a_label_of_every_text_does_not_hide_the_separator(write, separator):
    cells = [(*one, "every") for one in [*COMBINED, (), ()]]
    table = read_table(csv(write, map(separator.join, cells)))
    assert (table.label_sets, table.label_separator) == (cells, separator)


def test_a_word_that_begins_every_label_is_no_label(write):
    cells = [f"shop, {one}" for one in "abcdef"] * 3
    table = read_table(csv(write, cells))
    assert (table.labels, table.reading.warnings) == (cells, [])


@given(st.lists(st.text("ab;| ,", min_size=1), min_size=1, max_size=5), st.integers(5, 50))
def test_fewer_than_six_different_cells_never_have_a_separator(cells, times):
    assert recognised_separator(cells * times) is None


@given(st.lists(st.text("abcde", min_size=1, max_size=3), max_size=60))
def test_cells_without_one_never_have_a_separator(cells):
    assert recognised_separator(cells) is None


COLUMNS = "text,toxic,threat,rude\n"


@pytest.mark.parametrize(
    ("yes", "no"), [("1", "0"), ("1.0", "0.0"), ("true", "False"), ("YES", "no"), ("1", "")]
)
@pytest.mark.parametrize("label", ["toxic,threat,rude", ["toxic", "threat", "rude"]])
def test_columns_of_0_and_1_are_labels_by_their_names(write, yes, no, label):
    rows = [(yes, no, yes), (no, no, no), (no, yes, no)] * 3
    lines = (f"you are number {i},{','.join(row)}\n" for i, row in enumerate(rows))
    table = read_table(write("a.csv", COLUMNS + "".join(lines)), label=label)
    assert table.label_sets[:3] == [("rude", "toxic"), (), ("threat",)]
    assert (table.labels, table.label_separator) == (None, None)
    expected = ["18 cells of the label columns are empty: they count as 0"] if not no else []
    assert table.reading.warnings == expected
    assert (
        table.reading.choice("label")
        .line()
        .startswith(
            "label: columns 2 'toxic', 3 'threat' and 4 'rude' (as given; several labels per text: "
        )
    )


def test_label_columns_may_be_numbers_which_are_labels_without_a_header(write):
    lines = [f"you are number {i},{i % 2},{i % 3 % 2}\n" for i in range(9)]
    named, bare = write("a.csv", "text,b,a\n" + "".join(lines)), write("b.csv", "".join(lines))
    assert read_table(named, label=[2, 3]).label_sets[:3] == [(), ("a", "b"), ()]
    assert read_table(bare, label="2,3").label_sets[:3] == [(), ("2", "3"), ()]


def test_columns_of_booleans_and_numbers_in_a_frame_are_labels():
    frame = pd.DataFrame({"text": TEXTS, "b": [True, False] * 8, "a": [0.0, 1.0] * 8})
    assert read_table(frame, label="b,a").label_sets[:2] == [("b",), ("a",)]


def test_another_value_in_a_label_column_is_refused_by_name_and_row(write, message):
    file = write("a.csv", COLUMNS + "a b c,1,0,0\nd e f,0,-1,0\n")
    assert message(file, label="toxic,threat") == (
        "column 3 'threat' of 'a.csv', one of several label columns, contains '-1' in row 2: each"
        " such column must contain 1, true or yes if the text has the label, and 0, false or no if"
        " not"
    )


def test_a_record_without_a_label_column_is_left_out(write):
    lines = [json.dumps({"text": t, "a": i % 2, "b": 1}) for i, t in enumerate(TEXTS)]
    table = read_table(write("a.jsonl", "\n".join([*lines, '{"text": "x", "a": 1}'])), label="a,b")
    assert [(m.line, m.why) for m in table.reading.malformed] == [
        (17, "the key of a label is missing")
    ]
    assert len(table) == 16


def test_a_column_whose_name_holds_a_comma_is_one_label(write):
    file = write("a.csv", 'text,"a,b",a,b\nx y,good,1,0\nz w,bad,0,1\n')
    assert read_table(file, label="a,b").labels == ["good", "bad"]
    assert read_table(file, label=["a", "b"]).label_sets == [("a",), ("b",)]


def test_a_label_to_drop_leaves_the_sets_and_the_row_stays(write, message):
    file = csv(write, ["a;b", "b", "c", "a;c"])
    table = read_table(file, label_separator=";", drop_labels=["b"])
    assert table.label_sets == [("a",), (), ("c",), ("a", "c")]
    assert table.reading.dropped == {}
    assert table.reading.warnings == ["label 'b' is left out of 2 texts, which are kept"]
    assert message(file, label_separator=";", drop_labels=["aa"]).startswith("no label 'aa' to")
    assert "no row has the label 'zzz' that was to be dropped" in warnings(
        file, label_separator=";", drop_labels=["zzz"]
    )


def test_labels_that_are_the_same_are_one(write):
    table = read_table(csv(write, ["1;1.0", "1.0;2", "2"]), label_separator=";")
    assert table.label_sets == [("1",), ("1", "2"), ("2",)]
    assert "the labels '1' and '1.0' are treated as one label, '1'" in table.reading.warnings
    known = table.with_labels_of(["1.0", "2"])
    assert known.label_sets == [("1.0",), ("1.0", "2"), ("2",)]
    assert known.reading.warnings[-1] == "the labels '1' and '1.0' are treated as one label, '1.0'"


def test_one_label_alone_is_refused(write, message):
    file = csv(write, ["a", "", "a", ""])
    assert message(file, label_separator=";") == (
        "'a' is the only label of 'a.csv', where a text can have several: at least two labels are"
        " needed. For one label or none, give one label per text, such as 'a' and"
        " 'other'"
    )
    assert read_table(file, label_separator=";", min_labels=1).label_sets == [("a",), ()] * 2
    assert message(csv(write, ["", ""], "b.csv"), label="label", label_separator=";").startswith(
        "'b.csv' has 0 labels"
    )


@pytest.mark.parametrize(
    ("labels", "options", "why"),
    [
        (LISTS, {}, "has lists of labels"),
        (LISTS, {"label": "label,text"}, "has a column of 0 and 1 for each label"),
        (None, {"labelled": False}, "has no label column"),
    ],
)
def test_a_separator_without_effect_is_refused(labels, options, why, message):
    columns = {"text": TEXTS} | ({} if labels is None else {"label": labels})
    if "label" in options:
        columns["title"] = [f"the title of {text}" for text in TEXTS]
        options = {**options, "text": "title"}
    found = message(pd.DataFrame(columns), label_separator=";", **options)
    assert found == (
        f"a label separator has no effect here: 'a pandas DataFrame' {why}; leave it out"
    )


def test_an_empty_separator_is_refused(write, message):
    assert message(csv(write, ["a", "b"]), label_separator="") == (
        "the label separator is empty: give the text between labels, such as ';', or 'none' for"
        " one label per text"
    )


def test_rows_show_their_labels_and_can_be_selected(write):
    table = read_table(csv(write, ["a;b", "", "c"]), label_separator=";")
    assert [row.label for row in table.preview()] == [("a", "b"), (), ("c",)]
    assert [re.findall(r"\[.*\]", row.line())[0] for row in table.preview()] == [
        "[a, b]", "[no label]", "[c]",
    ]  # fmt: skip
    assert table.select([2, 0]).label_sets == [("c",), ("a", "b")]
    assert json.loads(json.dumps(table.reading.to_json()))["preview"][0]["label"] == ["a", "b"]


def test_texts_to_predict_may_have_what_is_no_label(write):
    file = jsonl(write, TEXTS, [[["red"]], None, *LISTS[2:]])
    assert read_table(file, labelled=False).label_sets == [(), (), *SETS[2:]]
