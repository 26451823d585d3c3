"""The first record is a header or data; it must never be lost."""

import pytest

from wordgate.data import read_table

WITHOUT = "I liked it,good\nI left early,bad\nnot for me,bad\nvery nice,good\n"


def reading(write, content, **flags):
    return read_table(write("a.csv", content), **flags).reading


def test_known_names_make_a_header(write):
    found = reading(write, "Tweet,Sentiment\n" + WITHOUT)
    assert found.header is True
    assert found.header_reason == "the first record names columns: Tweet, Sentiment"


def test_a_label_that_recurs_makes_data(write):
    found = reading(write, WITHOUT)
    assert (found.header, found.n_kept) == (False, 4)
    assert found.header_reason == "'good' is a value of column 2 in other records too"


def test_unknown_names_above_repeated_values_make_a_header(write):
    found = reading(write, "Satz,Stimmung\n" + WITHOUT * 2)
    assert (found.header, found.n_kept) == (True, 8)
    assert found.header_reason == "'Stimmung' differs from the 2 other values in column 2"


def test_a_word_above_numbers_makes_a_header(write):
    found = reading(write, "Satz,Zahl\nI liked it,1\nI left early,0\nnot for me,0\n", label=2)
    assert found.header_reason == "'Zahl' is above the numbers of column 2"


def test_a_number_above_numbers_makes_data(write):
    found = reading(write, "1,I liked it\n0,I left early\n0,not for me\n")
    assert (found.header, found.n_kept) == (False, 3)


def test_a_sentence_makes_data_even_beside_a_known_name(write):
    content = "target,I went there with my whole family and we liked it\nhome,no\n" * 2
    assert reading(write, content, text=2, label=1).n_kept == 4


def test_the_index_column_that_pandas_writes_has_no_name(write):
    found = reading(write, ",text,label\n0,I liked it,good\n1,I left early,bad\n")
    assert (found.header, found.n_kept) == (True, 2)
    assert found.choice("text").number == 2


def test_a_name_that_was_asked_for_makes_a_header(write):
    found = reading(write, "Satz,good\nI liked it,good\nI left early,bad\n", text="Satz", label=2)
    assert (found.header, found.n_kept) == (True, 2)


def test_a_column_number_that_stands_in_the_data_makes_no_header(write):
    found = reading(write, "1,I liked it\n0,I left early\n0,not for me\n", text="2", label="1")
    assert (found.header, found.n_kept) == (False, 3)


@pytest.mark.parametrize("content", ["great stuff,good\nawful stuff,bad\n"])
def test_where_nothing_decides_no_row_is_lost(write, content):
    found = reading(write, content, text=1, label=2)
    assert found.n_kept == 2
    assert found.header_reason == "the first record looks like the others"


def test_columns_without_a_name_do_not_hide_a_header(write):
    found = reading(write, "v1,v2,,\n" + "ham,so it goes,,\nspam,win it now,,\n" * 4)
    assert (found.header, found.n_kept) == (True, 8)


LONG = "What did you like or dislike about the lamp that you bought from us last week?"


@pytest.mark.parametrize(
    ("head", "label", "reason"),
    [
        (f"{LONG},Would you buy it again?", "yes", "'Would you buy it again?' differs"),
        (f"{LONG[:-1]},Stars (1-5)", "5", "'Stars (1-5)' is above the numbers"),
    ],
)
def test_questions_of_a_survey_make_a_header_however_long(write, head, label, reason):
    found = reading(
        write, f"{head}\n" + f"I liked it,{label}\nI left it,{label}\n" * 4, label=2, min_labels=1
    )
    assert (found.header, found.n_kept) == (True, 8)
    assert found.header_reason.startswith(reason)


@pytest.mark.parametrize("first", [f"{LONG},good", f"{LONG},fine", f"{LONG},rare"])
def test_a_long_question_is_a_text_where_its_label_may_be_one(write, first):
    found = reading(write, f"{first}\n{WITHOUT * 3}so so,fine\n")
    assert (found.header, found.n_kept) == (False, 14)
