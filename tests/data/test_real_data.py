"""The real files are read whole, and what was inferred of them is right."""

import pytest

from wordgate.data import read_table

pytestmark = pytest.mark.real_data


def columns(table):
    return {choice.role: choice.number for choice in table.reading.columns}


def test_tweets_lose_no_row_and_find_their_columns(twitter_training):
    table = read_table(twitter_training)
    reading = table.reading
    assert (reading.n_read, reading.n_kept, len(table)) == (74_682, 73_824, 73_824)
    assert reading.dropped == {"empty text": 686, "whitespace-only text": 172}
    assert reading.malformed == []
    assert columns(table) == {"text": 4, "label": 3, "group": 1}
    assert table.texts[0] == "im getting on borderlands and i will murder you all ,"
    assert (table.labels[0], table.groups[0], table.rows[0]) == ("Positive", "2401", 1)
    assert table.rows[-1] == 74_682
    assert reading.header is False
    assert reading.header_reason == (
        "the first record contains the number 2401 in the numeric column 1"
    )
    assert (
        "group: column 1 (12,447 distinct values, each in 6 rows, always with one label)"
        in reading.lines()
    )


def test_tweets_without_irrelevant_are_the_61121_of_the_literature_less_white_space(
    twitter_training,
):
    table = read_table(twitter_training, drop_labels=["Irrelevant"])
    assert len(table) == 61_121 - 139
    assert table.reading.dropped == {
        "label 'Irrelevant'": 12_990, "empty text": 571, "whitespace-only text": 139
    }  # fmt: skip
    assert sorted(set(table.labels)) == ["Negative", "Neutral", "Positive"]


def test_tweets_with_empty_texts_as_nan_are_the_notebooks_rows(twitter_training):
    table = read_table(twitter_training, drop_labels=["Irrelevant"], empty_text_as="nan")
    assert len(table) == 61_692
    assert table.texts.count("nan") == 571


def test_a_header_that_somebody_added_is_no_tweet(twitter_validation):
    table = read_table(twitter_validation)
    assert (len(table), table.reading.header) == (1_000, True)
    assert columns(table) == {"text": 4, "label": 3, "group": None}
    assert table.texts[0].startswith("I mentioned on Facebook")


def test_reviews_have_a_header_and_no_group(movie_reviews):
    table = read_table(movie_reviews)
    assert (len(table), table.reading.header) == (10_662, True)
    assert columns(table) == {"text": 1, "label": 2, "group": None}
    assert table.groups is None


def test_the_entity_stands_in_front_of_its_tweet(twitter_training):
    alone = read_table(twitter_training, drop_labels=["Irrelevant"])
    table = read_table(twitter_training, text="2,4", drop_labels=["Irrelevant"])
    assert (table.rows, table.bodies, table.groups) == (alone.rows, alone.texts, alone.groups)
    assert table.reading.dropped == alone.reading.dropped
    assert "text: columns 2 and 4 (as given)" in table.reading.lines()
    assert table.reading.warnings == alone.reading.warnings
    assert [row.text for row in table.reading.preview] == [
        "Borderlands | im getting on borderlands and i will murder you all ,",
        "Borderlands | I am coming to the borders and I will kill you all,",
        "Borderlands | im getting on borderlands and i will kill you all,",
    ]
    assert len({text.split(" | ")[0] for text in table.texts}) == 32
