"""Looking up words in other spellings: which rule, in which order."""

import numpy as np
import pytest

from wordgate.vectors.lookup import (
    RULES,
    MissingWord,
    TokenCount,
    VocabularyCoverage,
    lookup_words,
    spellings,
)


class MemoryTable:
    """A table of two numbers a word: its place, and one."""

    dim = 2

    def __init__(self, *words):
        self.words = [word.encode() for word in words]

    def wanted(self, words):
        for place, word in enumerate(self.words):
            if word in words:
                yield word, np.array([place, 1.0], np.float32)


def count(types, tokens):
    return TokenCount(types=types, tokens=tokens)


def found_by(word, *table, spelling="any"):
    """Give the rule that found a word, and which entry of the table it is."""
    found = lookup_words(MemoryTable(*table), [word], spelling)
    if not found.known[0]:
        assert not found.vectors.any()
        return None
    return RULES[found.rules[0]], table[int(found.vectors[0, 0])]


@pytest.mark.parametrize(
    ("word", "entry", "rule"),
    [
        ("love", "love", "exact"),
        ("Love", "love", "lower"),
        ("london", "London", "title"),
        ("nasa", "NASA", "upper"),
        ("don't", "Don't", "title"),
        ("2010", "####", "digits"),
        ("10:30", "##:##", "digits"),
        ("ps4500", "PS####", "digits"),
        ("#love", "love", "hashtag"),
        ("#nasa", "NASA", "hashtag"),
        ("#2020", "####", "hashtag"),
        ("coool", "cool", "stretched"),
        ("sooooo", "so", "stretched"),
        ("#yesss", "yes", "hashtag"),
        ("яяяя", "я", "stretched"),
    ],
)
def test_a_word_is_found_by_a_rule(word, entry, rule):
    assert found_by(word, "other", entry) == (rule, entry)
    if rule != "exact":
        assert found_by(word, entry, spelling="exact") is None


@pytest.mark.parametrize("word", ["3", "ab", "...", "!!!", "love", "<url>", "#"])
def test_other_words_are_not_found(word):
    assert found_by(word, "#", "a", ".", "!", "lov", "url", "b") in (None, ("exact", word))


def test_the_nearest_spelling_wins_wherever_it_stands_in_the_table():
    by_nearness = ["us", "Us", "US"]
    for table in (by_nearness, by_nearness[::-1], ["US", "us", "Us"]):
        assert found_by("us", *table) == ("exact", "us")
    assert found_by("us", "US", "Us") == ("title", "Us")
    assert found_by("Coool", "cool", "COOOL") == ("upper", "COOOL")


def test_one_entry_serves_several_words():
    words = ["so", "SO", "sooo", "#so", "but"]
    found = lookup_words(MemoryTable("so"), words, "any")
    assert found.known.tolist() == [True, True, True, True, False]
    assert found.vectors[:, 1].tolist() == [1, 1, 1, 1, 0]


def test_single_digits_stay_as_they_are():
    assert list(spellings("ps4", "any")) == ["ps4", "Ps4", "PS4"]
    assert found_by("ps4", "ps#") is None


def test_any_string_can_be_spelled():
    for word in ("", "\ud800", "#", "#" * 5000, "ß", "ǅ", "\x00"):
        assert not lookup_words(MemoryTable("a"), [word], "any").known.any()


def test_coverage_counts_types_and_tokens_by_rule():
    words = ["good", "nasa", "xyzzy", "sooo", "plugh"]
    tokens = np.array([50, 20, 3, 7, 9])
    found = lookup_words(MemoryTable("so", "NASA", "good"), words, "any")
    coverage = VocabularyCoverage.of(words, tokens, found)
    assert coverage == VocabularyCoverage(
        vocabulary=count(5, 89),
        found=count(3, 77),
        rules={"exact": count(1, 50), "upper": count(1, 20), "stretched": count(1, 7)},
        missed=[MissingWord(word="plugh", tokens=9), MissingWord(word="xyzzy", tokens=3)],
        more=0,
    )
    assert coverage.lines() == [
        "3 of 5 words have a vector (60.0%), which cover 86.5% of all word occurrences in the"
        " training texts.",
        "Found by another spelling: 1 exact, 1 upper, 1 stretched.",
        "Most frequent words without a vector: plugh (9), xyzzy (3).",
    ]


def test_a_table_that_knows_few_words_is_remarked_on():
    words, tokens = ["der", "die", "das"], np.array([30, 20, 51])
    known = lookup_words(MemoryTable("der", "die"), words, "any")
    assert VocabularyCoverage.of(words, tokens, known).remarks() == [
        "Only 49.5% of the word occurrences have a vector: check that the vector file matches the"
        " language of the texts and the tokenizer."
    ]
    assert VocabularyCoverage.of(words, np.array([31, 20, 51]), known).remarks() == []


def test_coverage_of_everything_says_no_more_than_that():
    words = ["good", "bad"]
    coverage = VocabularyCoverage.of(
        words, np.array([2, 1]), lookup_words(MemoryTable(*words), words, "any")
    )
    assert coverage.lines() == [
        "2 of 2 words have a vector (100.0%), which cover 100.0% of all word occurrences in the"
        " training texts."
    ]
