"""Counts of n-grams: values by hand, independent of other texts."""

import tracemalloc

import numpy as np
import pytest

from wordgate.text.ngram_counts import count_by_text
from wordgate.text.ngram_vectorizer import NgramVectorizer

WORDS = ["bad", "good", "good good"]


def rows(vectorizer, texts):
    """Give each text's values by the run's name; values of the same run are added."""
    entries = vectorizer.transform(texts)
    assert (entries.ids.dtype, entries.values.dtype) == (np.int64, np.float64)
    found, position = [], 0
    for length in entries.lengths:
        row = {}
        for place in range(position, position + length):
            run = vectorizer.vocabulary[entries.ids[place]]
            row[run] = row.get(run, 0.0) + entries.values[place]
        found.append(row)
        position += length
    assert position == len(entries.ids) == len(entries.values)
    return found


def test_plain_counts_count_every_time():
    vectorizer = NgramVectorizer("words", (1, 2), WORDS)
    assert rows(vectorizer, ["Good good day, good?", "", "unheard of", "bad"]) == [
        {"good": 3.0, "good good": 1.0},
        {},
        {},
        {"bad": 1.0},
    ]


def test_weighted_counts_by_hand():
    vectorizer = NgramVectorizer("words", (1, 2), WORDS, np.array([1, 9, 4], np.int32), n_texts=19)
    good, twice = (1 + np.log(2)) * (np.log(20 / 10) + 1), np.log(20 / 5) + 1
    length = np.hypot(good, twice)
    first, second, third = rows(vectorizer, ["good, good", "bad", "nothing"])
    assert first == pytest.approx({"good": good / length, "good good": twice / length})
    assert second == pytest.approx({"bad": 1.0})
    assert third == {}


def test_characters_are_counted_inside_words():
    vectorizer = NgramVectorizer("characters", (2, 3), [" so", "o ", "oo"])
    assert rows(vectorizer, ["so SO moo", "s o"]) == [
        {" so": 2.0, "o ": 3.0, "oo": 1.0},
        {"o ": 1.0},
    ]


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_a_copy_holds_no_dictionary_and_gives_the_same(kind):
    texts = ["so good so", "a bad one", "not so good"]
    fitted, _ = NgramVectorizer.fit(texts, kind, (1, 2), 1, "tfidf")
    expected = rows(fitted, texts)
    tracemalloc.start()
    try:
        copied = fitted.copy()
        assert tracemalloc.get_traced_memory()[0] < 1000
    finally:
        tracemalloc.stop()
    assert copied.vocabulary is fitted.vocabulary
    assert rows(copied, texts) == expected


@pytest.mark.parametrize("kind", ["words", "characters"])
@pytest.mark.parametrize("weighted", [False, True])
def test_neighbours_and_order_change_no_value(kind, weighted):
    rng = np.random.default_rng(0)
    vocabulary = ["a", "b", "a b", "c"] if kind == "words" else [" a", "a ", "b ", "ab", " ab"]
    frequencies = rng.integers(1, 9, len(vocabulary)).astype(np.int32) if weighted else None
    vectorizer = NgramVectorizer(kind, (1, 3), vocabulary, frequencies, 9 if weighted else 0)
    texts = [" ".join(rng.choice(["a", "b", "ab", "x"], n)) for n in rng.integers(0, 9, 60)]
    together = rows(vectorizer, texts)
    assert rows(vectorizer, texts[::-1])[::-1] == together
    assert [rows(vectorizer, [text])[0] for text in texts] == together


def test_words_met_before_are_looked_up_the_same(monkeypatch):
    monkeypatch.setattr("wordgate.text.ngram_vectorizer._WORDS_CACHED", 2)
    vectorizer = NgramVectorizer("characters", (2, 2), [" a", "b ", "c "])
    texts = ["ab", "ac", "bc", "ab", "xx", "ac ab"] * 3
    expected = [
        rows(NgramVectorizer("characters", (2, 2), vectorizer.vocabulary), [text])[0]
        for text in texts
    ]
    assert [rows(vectorizer, [text])[0] for text in texts] == expected


@pytest.mark.parametrize("kind", ["words", "characters"])
@pytest.mark.parametrize("texts", [[], [""], ["", "\n", "unheard"]])
def test_nothing_known_gives_nothing(kind, texts):
    for vectorizer in (
        NgramVectorizer(kind, (1, 2), []),
        NgramVectorizer(kind, (1, 2), [], np.zeros(0, np.int32), 5),
    ):
        entries = vectorizer.transform(texts)
        assert len(entries.ids) == len(entries.values) == 0
        assert entries.lengths.tolist() == [0] * len(texts)


def test_pairs_of_text_and_ngram_are_counted_in_order():
    ids, lengths = np.array([2, 0, 2, 1, 1, 1]), np.array([3, 0, 1, 2])
    texts, runs, counts = count_by_text(ids, lengths, 3)
    assert texts.tolist() == [0, 0, 2, 3]
    assert runs.tolist() == [0, 2, 1, 1]
    assert counts.tolist() == [1, 2, 1, 2]
