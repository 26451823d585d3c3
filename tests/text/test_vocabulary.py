import random

import pytest

from wordgate.text.vocabulary import PADDING, Vocabulary

TEXTS = [["b", "a", "c"], ["b", "c", "d"], ["b", "e", "e", "e", "e"], ["a"]]  # e 4, b 3, a c 2, d 1


def test_frequent_words_come_first_and_ties_stand_by_word():
    assert Vocabulary.fit(TEXTS).words == ("e", "b", "a", "c", "d")


def test_ties_can_stand_by_first_appearance_as_in_keras():
    fitted = Vocabulary.fit([["z", "y"], ["y", "z"], ["x"]], ties="first")
    assert fitted.words == ("z", "y", "x")


def test_the_order_of_texts_changes_nothing():
    draw = random.Random(0)
    texts = [draw.choices("abcdefghijklmnop", k=5) for _ in range(40)]
    groups = [str(i // 4) for i in range(40)]
    rows = list(zip(texts, groups, strict=True))
    first = Vocabulary.fit(texts, groups=groups, min_count=3, min_groups=2, max_words=10)
    draw.shuffle(rows)
    texts, groups = zip(*rows, strict=True)
    assert Vocabulary.fit(texts, groups=groups, min_count=3, min_groups=2, max_words=10) == first


def test_words_can_be_required_to_be_frequent():
    assert Vocabulary.fit(TEXTS, min_count=2).words == ("e", "b", "a", "c")


def test_without_groups_each_text_is_a_group():
    assert Vocabulary.fit(TEXTS, min_groups=2).words == ("b", "a", "c")


def test_a_word_of_one_group_alone_can_be_left_out():
    fitted = Vocabulary.fit(TEXTS, groups=["one", "one", "one", "two"], min_groups=2)
    assert fitted.words == ("a",)


def test_the_vocabulary_can_be_capped():
    assert Vocabulary.fit(TEXTS, max_words=2).words == ("e", "b")


def test_unknown_words_share_an_id_that_is_not_padding():
    fitted = Vocabulary.fit(TEXTS)
    assert fitted.id("never seen") == fitted.unknown == 1 != PADDING
    assert [fitted.id(word) for word in fitted.words] == [2, 3, 4, 5, 6]
    assert (fitted.first_id, len(fitted)) == (2, 7)


def test_where_unknown_words_are_dropped_ids_begin_at_one():
    fitted = Vocabulary.fit(TEXTS, unknown=False)
    assert fitted.id("never seen") is None
    assert [fitted.id(word) for word in fitted.words] == [1, 2, 3, 4, 5]
    assert (fitted.first_id, len(fitted)) == (1, 6)


def test_no_texts_leave_an_empty_vocabulary():
    assert len(Vocabulary.fit([])) == 2


def test_a_group_is_needed_for_each_text():
    with pytest.raises(ValueError, match="there are 4 texts but 1 group"):
        Vocabulary.fit(TEXTS, groups=["one"], min_groups=2)


def test_a_word_can_not_have_two_ids():
    with pytest.raises(ValueError, match="the word 'a' occurs more than once in the vocabulary"):
        Vocabulary(words=("a", "b", "a"))


def test_the_unknown_id_can_not_be_padding():
    with pytest.raises(ValueError, match="unknown must be 1 or None, not 0"):
        Vocabulary(words=("a",), unknown=PADDING)
