"""Several columns as one text: how cells are joined, and what the tokenizers make of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordgate.data import read_table
from wordgate.data.joining import MARKER, form, joined
from wordgate.text.tokenizers import get_tokenizer

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
        "1 texts have nothing in column 2 'entity': they stand without it"
    ]


def test_an_empty_text_that_is_kept_keeps_its_topic(write):
    table = read_table(write("a.csv", TWEETS), text="entity,text", empty_text_as="nan")
    assert table.texts[2] == "Nvidia | nan"


def test_white_space_under_a_topic_is_worth_the_same_warning(write):
    path = write("a.csv", "topic,text,label\na,  ,good\nb,c d,bad\n")
    assert read_table(path, text="topic,text").reading.warnings == [
        "1 texts hold nothing but white space; they are kept"
    ]


def test_a_record_without_the_key_of_a_topic_stands_without_it(write):
    path = write(
        "a.jsonl",
        '{"topic": "a", "text": "b c", "label": "good"}\n{"text": "d e", "label": "bad"}\n'
        '{"topic": "f", "label": "bad"}\n',
    )
    table = read_table(path, text="topic,text")
    assert table.texts == ["a | b c", "d e"]
    assert [m.why for m in table.reading.malformed] == ["no key 'text'"]


def test_what_was_read_is_told(write):
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
