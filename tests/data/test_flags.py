"""From flags to columns: several for the text, names with commas, and what can't be meant."""

import pytest

from wordgate.data import ColumnError, read_table
from wordgate.data.flags import as_flag, names_among
from wordgate.errors import DataError

ROWS = "id,entity,label,text\n1,Nvidia,good,a b\n2,Google,bad,c d\n"


@pytest.fixture
def tweets(write):
    return write("a.csv", ROWS)


def message(source, **flags):
    with pytest.raises(DataError) as error:
        read_table(source, **flags)
    return str(error.value)


def test_what_a_user_writes_becomes_strings():
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


def test_only_the_text_has_several_columns(tweets):
    assert message(tweets, label="label,entity").startswith("no column 'label,entity'; ")
    assert message(tweets, group="id,entity").startswith("no column 'id,entity'; ")


def test_a_name_among_several_has_its_near_miss(tweets):
    assert message(tweets, text="entity,txt") == "no column 'txt'; did you mean 'text'?"
    assert message(tweets, text="2,9") == "no column 9 for the text: 'a.csv' has 4 columns"


@pytest.mark.parametrize("text", [",", "entity,", ",text", "entity,,text", "entity, "])
def test_a_comma_parts_two_names(tweets, text):
    assert message(tweets, text=text) == (
        f"the text columns '{text.strip()}' lack a name beside a comma: write names or numbers"
        " such as entity,text"
    )


def test_an_empty_list_names_nothing(tweets):
    assert message(tweets, text=[]) == (
        "the list of text columns is empty: name one or several, or leave it out"
    )


@pytest.mark.parametrize("text", ["text,text", "text,4", [4, "entity", "text"]])
def test_a_column_stands_in_a_text_once(tweets, text):
    assert message(tweets, text=text) == (
        "column 4 'text' is named twice for the text: name each column once"
    )


def test_a_column_of_the_text_plays_no_other_role(tweets):
    assert message(tweets, text="entity,text", label=2) == (
        "column 2 'entity' is asked for twice, as the text and as the label: name another one"
    )
    assert message(tweets, text="entity,text", label="label", group="entity") == (
        "column 2 'entity' is asked for twice, as the text and as the group: name another one"
    )
    assert message(tweets, text="text", label="label", split_column="text") == (
        "column 4 'text' is asked for twice, as the split and as the text: name another one"
    )


def test_an_absent_column_is_told_from_other_errors(tweets):
    with pytest.raises(ColumnError):
        read_table(tweets, text="entity,words")
