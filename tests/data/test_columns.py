"""From flags to columns, and several columns as one text: how cells are joined, and tokenized."""

import json
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordgate.data import ColumnError, read_table
from wordgate.data.columns import MARKER, as_flag, form, joined, names_among
from wordgate.text.tokenizers import get_tokenizer

ROWS = "id,entity,label,text\n1,Nvidia,good,a b\n2,Google,bad,c d\n"


@pytest.fixture
def tweets(write):
    return write("a.csv", ROWS)


def test_values_of_options_become_strings():
    assert [as_flag(None), as_flag(" a, b "), as_flag(4)] == [None, "a, b", "4"]
    assert as_flag(["entity ", 4]) == ("entity", "4")


def test_a_flag_of_several_names_still_tells_a_header():
    assert names_among(["entity, text", "none", None, "3"]) == {"entity, text", "entity", "text"}
    assert names_among([("a,b", "4"), "2,4"]) == {"a,b"}


def test_numbers_are_no_evidence_of_a_header(write):
    path = write("a.csv", '"2,4",good,a b\n"2,4",bad,c d\n1,good,e f\n')
    table = read_table(path, text="1,3", label=2)
    assert (table.reading.header, len(table)) == (False, 3)


def test_a_column_whose_name_holds_a_comma_can_be_named(write):
    path = write("a.csv", '"title, body",title,label,body\na b,A,good,x\nc d,C,bad,y\n')
    assert read_table(path, text="title, body").texts == ["a b", "c d"]
    assert read_table(path, text=["title", "title, body"]).texts == ["A | a b", "C | c d"]
    assert read_table(path, text="title,body").texts == ["A | x", "C | y"]


def test_only_the_text_and_the_label_have_several_columns(tweets, message):
    assert message(tweets, label="label,entity").startswith(
        "column 3 'label' of 'a.csv', one of several label columns, contains 'good' in row 1: "
    )
    assert message(tweets, label="label,").endswith("such as toxic,threat")
    assert message(tweets, group="id,entity").startswith("no column 'id,entity'; ")


def test_a_name_among_several_has_a_suggestion(tweets, message):
    assert message(tweets, text="entity,txt") == "no column 'txt'; did you mean 'text'?"
    assert message(tweets, text="2,9") == "no column 9 for the text: 'a.csv' has 4 columns"


@pytest.mark.parametrize("text", [",", "entity,", ",text", "entity,,text", "entity, "])
def test_a_comma_parts_two_names(tweets, text, message):
    assert message(tweets, text=text) == (
        f"the text columns '{text.strip()}' have an empty name beside a comma: write names or"
        " numbers such as entity,text"
    )


def test_an_empty_list_names_nothing(tweets, message):
    assert message(tweets, text=[]) == (
        "the list of text columns is empty: name one or several, or leave it out"
    )


@pytest.mark.parametrize("text", ["text,text", "text,4", [4, "entity", "text"]])
def test_a_column_stands_in_a_text_once(tweets, text, message):
    assert message(tweets, text=text) == (
        "column 4 'text' is given twice for the text: give each column once"
    )


def test_a_column_of_the_text_plays_no_other_role(tweets, message):
    assert message(tweets, text="entity,text", label=2) == (
        "column 2 'entity' is used twice, as the text and as the label: name another one"
    )
    assert message(tweets, text="entity,text", label="label", group="entity") == (
        "column 2 'entity' is used twice, as the text and as the group: name another one"
    )
    assert message(tweets, text="text", label="label", split_column="text") == (
        "column 4 'text' is used twice, as the split and as the text: name another one"
    )


def test_an_absent_column_is_distinguished_from_other_errors(tweets):
    with pytest.raises(ColumnError):
        read_table(tweets, text="entity,words")


TWEETS = (
    "id,entity,label,text\n"
    "1,Borderlands,good,i am coming\n"
    "2,,bad,i left\n"
    "3,Nvidia,bad,\n"
    "4, Nvidia ,good, i am coming\n"
)


def test_known_cells_stand_in_front():
    assert joined(["Borderlands"], "i am coming") == "Borderlands | i am coming"
    assert joined(["7", " A b "], "text ") == "7 | A b | text "
    assert joined(["", None, " "], "text") == "text"
    assert joined([], "text") == "text"


def test_the_form_shows_names_and_numbers():
    assert form(["entity", "text"]) == "entity | text"
    assert form(["2", "4"]) == "column 2 | column 4"


@given(st.text().map(str.strip), st.text())
def test_the_marker_is_a_token_of_messages_and_no_word_of_keras(front, body):
    messages, keras = get_tokenizer("messages"), get_tokenizer("keras")
    text = front + MARKER + body
    assert messages(text) == [*messages(front), "|", *messages(body)]
    assert keras(text) == [*keras(front), *keras(body)]


def test_a_cell_that_holds_the_marker_is_a_text_like_any_other(write):
    path = write("a.csv", "topic,text,label\na | b,c | d,good\ne,f g,bad\n")
    table = read_table(path, text="topic,text")
    assert table.texts == ["a | b | c | d", "e | f g"]
    assert table.bodies == ["c | d", "f g"]


def test_columns_are_joined_in_the_order_given(write):
    path = write("a.csv", TWEETS)
    assert read_table(path, text="entity,text").texts[0] == "Borderlands | i am coming"
    assert read_table(path, text="2,4").texts[0] == "Borderlands | i am coming"
    assert read_table(path, text=["text", 2]).texts[0] == "i am coming | Borderlands"
    assert read_table(path, text=(1, "entity", 4), label=3).texts[0] == (
        "1 | Borderlands | i am coming"
    )


def test_a_row_is_empty_where_its_last_column_is(write):
    table = read_table(write("a.csv", TWEETS), text="entity, text")
    assert table.texts == ["Borderlands | i am coming", "i left", "Nvidia |  i am coming"]
    assert table.bodies == ["i am coming", "i left", " i am coming"]
    assert table.rows == [1, 2, 4]
    assert table.reading.dropped == {"empty text": 1}
    assert table.reading.warnings == [
        "1 text has an empty cell in column 2 'entity': it is used without it"
    ]


def test_an_empty_text_that_is_kept_keeps_its_topic(write):
    table = read_table(write("a.csv", TWEETS), text="entity,text", empty_text_as="nan")
    assert table.texts[2] == "Nvidia | nan"


def test_white_space_under_a_topic_is_no_text_either(write):
    path = write("a.csv", "topic,text,label\na,  ,good\nb,c d,bad\ne,f,good\n")
    table = read_table(path, text="topic,text")
    assert (table.texts, table.rows) == (["b | c d", "e | f"], [2, 3])


def test_a_record_without_the_key_of_a_topic_stands_without_it(write):
    path = write(
        "a.jsonl",
        '{"topic": "a", "text": "b c", "label": "good"}\n{"text": "d e", "label": "bad"}\n'
        '{"topic": "f", "label": "bad"}\n',
    )
    table = read_table(path, text="topic,text")
    assert table.texts == ["a | b c", "d e"]
    assert [m.why for m in table.reading.malformed] == ["no key 'text'"]


def test_the_reading_is_reported(write):
    reading = read_table(write("a.csv", TWEETS), text="entity,text").reading
    assert "text: columns 2 'entity' and 4 'text' (as given)" in reading.lines()
    assert "  row 1: [good] Borderlands | i am coming" in reading.lines()
    choice = reading.to_json()["columns"][0]
    assert (choice["number"], choice["name"]) == (4, "text")
    assert choice["before"] == [{"number": 2, "name": "entity"}]
    reading = read_table(write("a.csv", TWEETS), text="1,2,4", label="label").reading
    assert "text: columns 1 'id', 2 'entity' and 4 'text' (as given)" in reading.lines()


def test_other_columns_are_inferred_among_the_rest(write):
    rows = "".join(f"t{i // 2},{('good', 'bad')[i % 2]},some words {i}\n" for i in range(60))
    path = write("a.csv", f"thread,label,text\n{rows}")
    assert read_table(path).reading.choice("group").name == "thread"
    assert read_table(path, text="thread,text").reading.choice("group").number is None


def test_rows_selected_keep_their_bodies(write):
    table = read_table(write("a.csv", TWEETS), text="entity,text").select([2, 0])
    assert table.bodies == [" i am coming", "i am coming"]


@pytest.mark.parametrize("text", ["text", ["text"], 4, "4"])
def test_one_column_is_its_own_body(write, text):
    table = read_table(write("a.csv", TWEETS), text=text)
    assert table.texts == table.bodies == ["i am coming", "i left", " i am coming"]
    assert "text: column 4 'text' (as given)" in table.reading.lines()


def test_columns_of_a_frame_are_joined():
    import pandas

    frame = pandas.DataFrame({"entity": ["a", None], "text": ["b c", "d e"], "label": [0, 1]})
    assert read_table(frame, text="entity,text").texts == ["a | b c", "d e"]


@pytest.mark.parametrize(("typed", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_name_is_found_in_the_other_unicode_form(write, typed, there, form):
    names = [normalize(there, name) for name in ("texté", "catégorie")]
    rows = [(f"a lamp {i}", "ok" if i % 2 else "no") for i in range(16)]
    if form == "csv":
        lines = [",".join(row) for row in [names, *rows]]
    else:
        lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    table = read_table(
        write(f"a.{form}", "\n".join(lines)),
        text=normalize(typed, "texté"),
        label=normalize(typed, "catégorie"),
    )
    assert list(zip(table.texts, table.labels, strict=True)) == rows
    assert [choice.name for choice in table.reading.columns[:2]] == names  # as they stand


@pytest.mark.parametrize("name", ["\u200btext", "\ufefftext", " text\xa0"])
def test_invisible_characters_around_a_name_are_passed_over(write, name):
    content = f"x,{name},label\n" + "a b c d,a lamp,ok\nb c d e,no lamp,no\n" * 8
    table = read_table(write("a.csv", content))
    assert table.texts[0] == "a lamp"
    assert read_table("a.csv", text="text").texts == table.texts
