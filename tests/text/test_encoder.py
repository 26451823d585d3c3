import csv
import json
import random

import numpy as np
import pytest

from wordgate.errors import BundleError, DataError, SettingsError
from wordgate.text.encoder import EncodedTexts, TextEncoder
from wordgate.text.tokenizers import get_tokenizer
from wordgate.text.vocabulary import Vocabulary

TEXTS = ["b c a b c b", "", "c a"]  # ids: b 2, c 3, a 4 (c and b both stand 3 times)


def as_lists(encoded):
    return [ids.tolist() for ids in np.split(encoded.ids, encoded.offsets[1:-1])]


def encoder(words="bca", *, max_tokens=10, truncate="end", unknown=1):
    return TextEncoder(
        tokenizer=get_tokenizer("messages"),
        vocabulary=Vocabulary(words=tuple(words), unknown=unknown),
        max_tokens=max_tokens,
        truncate=truncate,
    )


def encoded_by_hand():
    return EncodedTexts(
        ids=np.array([5, 6, 7, 8, 9, 9], dtype=np.int32),
        offsets=np.array([0, 2, 2, 5, 6], dtype=np.int64),
    )


# What encoding does


def test_texts_become_ids_and_a_text_without_tokens_an_empty_row():
    encoded = encoder().encode(TEXTS)
    assert as_lists(encoded) == [[2, 3, 4, 2, 3, 2], [], [3, 4]]
    assert encoded.lengths.tolist() == [6, 0, 2]
    assert (len(encoded), encoded.n_truncated) == (3, 0)
    assert (encoded.ids.dtype, encoded.offsets.dtype) == (np.int32, np.int64)


def test_no_texts_at_all():
    encoded = encoder().encode([])
    assert (len(encoded), encoded.lengths.tolist()) == (0, [])


def test_unknown_tokens_get_the_unknown_id_and_are_counted():
    encoded = encoder().encode(["b x y", "x c"])
    assert as_lists(encoded) == [[2, 1, 1], [1, 3]]


def test_unknown_tokens_are_dropped_where_they_have_no_id_and_counted_still():
    encoded = encoder(unknown=None).encode(["x b x y c", "x", "a y"])
    assert as_lists(encoded) == [[1, 2], [], [3]]


@pytest.mark.parametrize(("truncate", "kept"), [("end", [2, 3, 4]), ("front", [2, 3, 2])])
def test_a_long_text_loses_the_end_asked_for_and_is_counted(truncate, kept):
    encoded = encoder(max_tokens=3, truncate=truncate).encode(TEXTS)
    assert as_lists(encoded) == [kept, [], [3, 4]]
    assert encoded.n_truncated == 1


def test_dropped_tokens_do_not_count_towards_the_limit():
    encoded = encoder(max_tokens=2, truncate="front", unknown=None).encode(["b c x x x"])
    assert as_lists(encoded) == [[1, 2]]
    assert encoded.n_truncated == 0


# Fitting


def test_fitting_and_encoding_give_the_same_ids():
    fitted, encoded = TextEncoder.fit(TEXTS, max_tokens=4)
    again = fitted.encode(TEXTS)
    assert as_lists(encoded) == as_lists(again) == [[2, 3, 4, 2], [], [3, 4]]
    assert encoded.n_truncated == again.n_truncated == 1


def test_words_left_out_in_fitting_are_unknown_in_the_training_texts_too():
    _, encoded = TextEncoder.fit(TEXTS, max_tokens=9, min_count=3)
    assert as_lists(encoded) == [[2, 3, 1, 2, 3, 2], [], [3, 1]]


def test_groups_reach_the_vocabulary():
    fitted, _ = TextEncoder.fit(
        ["a b", "a b", "a"], groups=["1", "1", "2"], min_groups=2, max_tokens=9
    )
    assert fitted.vocabulary.words == ("a",)


@pytest.mark.real_data
def test_the_order_of_the_rows_changes_no_id_on_the_tweets(twitter_training):
    with twitter_training.open(encoding="utf-8", newline="") as file:
        rows = [(row[3], row[0]) for row in csv.reader(file)][:6_000]
    shuffled = random.Random(1).sample(rows, len(rows))
    states = [
        TextEncoder.fit(
            [text for text, _ in order], groups=[g for _, g in order], min_groups=3, max_tokens=64
        )[0].state()
        for order in (rows, shuffled)
    ]
    assert len(states[0]["words"]) > 1_000
    assert states[0] == states[1]


# Selecting


def test_selecting_takes_rows_in_the_order_asked_for_and_again():
    assert as_lists(encoded_by_hand().select([2, 0, 1, 2])) == [[7, 8, 9], [5, 6], [], [7, 8, 9]]


def test_selecting_by_a_mask_or_from_the_end():
    assert as_lists(encoded_by_hand().select(np.array([True, False, False, True]))) == [[5, 6], [9]]
    assert as_lists(encoded_by_hand().select([-1])) == [[9]]


def test_selecting_nothing():
    assert len(encoded_by_hand().select(np.array([], dtype=np.int64))) == 0


def test_selecting_a_missing_row_is_an_error():
    with pytest.raises(IndexError):
        encoded_by_hand().select([4])


# Refusals


@pytest.mark.parametrize(
    ("ids", "offsets", "message"),
    [
        ([[1]], [0, 1], "ids and offsets must be [total] and [n + 1], but are [1, 1] and [2]"),
        ([1, 2], [0, 1], "offsets must go from 0 to 2, the number of ids, but go from 0 to 1"),
        ([1, 2], [1, 2], "offsets must go from 0 to 2, the number of ids, but go from 1 to 2"),
        ([1, 2], [0, 2, 1, 2], "offsets must not decrease"),
        ([1, 0], [0, 2], "ids must be above 0, which is padding"),
    ],
)
def test_encoded_texts_that_can_not_be(ids, offsets, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        EncodedTexts(ids=np.array(ids, dtype=np.int32), offsets=np.array(offsets, dtype=np.int64))
    assert str(caught.value) == message


def test_encoded_texts_have_fixed_dtypes():
    with pytest.raises(ValueError, match="must be int32 and int64, not int64 and int64"):
        EncodedTexts(ids=np.array([1]), offsets=np.array([0, 1]))


def test_a_cell_that_is_no_text_is_named():
    with pytest.raises(DataError) as caught:
        encoder().encode(["a", float("nan")])
    assert str(caught.value) == "text 1 is nan, a float; every text must be a string"


def test_one_text_in_place_of_a_list_is_refused():
    with pytest.raises(DataError) as caught:
        encoder().encode("a b")
    assert str(caught.value) == "expected a list of texts, not one text; put it in a list: [text]"


def test_a_limit_below_one_is_refused():
    with pytest.raises(SettingsError) as caught:
        encoder(max_tokens=0)
    assert str(caught.value) == "max_tokens must be at least 1, not 0"


def test_an_unknown_end_is_refused():
    with pytest.raises(SettingsError) as caught:
        encoder(truncate="fromt")
    assert str(caught.value) == "no truncate 'fromt'; did you mean 'front'?"


# State


@pytest.mark.parametrize("unknown", [1, None])
def test_the_state_survives_json_and_encodes_the_same(unknown):
    before = encoder(
        ["b", "c", "❤", "\x00", "naïve"], truncate="front", max_tokens=3, unknown=unknown
    )
    after = TextEncoder.from_state(json.loads(json.dumps(before.state())))
    assert after == before
    texts = ["naïve ❤ b c", "x"]
    assert as_lists(after.encode(texts)) == as_lists(before.encode(texts))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tokenizer", "bpe", "must be the name of a tokenizer, not 'bpe'"),
        ("tokenizer", ["keras"], "must be the name of a tokenizer, not ['keras']"),
        ("max_tokens", 0, "must be a whole number of at least 1, not 0"),
        ("max_tokens", True, "must be a whole number of at least 1, not True"),
        ("max_tokens", 9.0, "must be a whole number of at least 1, not 9.0"),
        ("truncate", "left", "must be 'end' or 'front', not 'left'"),
        ("truncate", [], "must be 'end' or 'front', not []"),
        ("unknown", 0, "must be 1 or null, not 0"),
        ("words", "abc", "must be a list of distinct, non-empty strings, not 'abc'"),
        ("words", ["a", "a"], "must be a list of distinct, non-empty strings, not ['a', 'a']"),
        ("words", [1], "must be a list of distinct, non-empty strings, not [1]"),
        ("words", [[]], "must be a list of distinct, non-empty strings, not [[]]"),
        ("words", [""], "must be a list of distinct, non-empty strings, not ['']"),
    ],
)
def test_a_state_with_a_field_that_can_not_be_is_refused(field, value, message):
    with pytest.raises(BundleError) as caught:
        TextEncoder.from_state({**encoder().state(), field: value})
    assert str(caught.value) == f"the text encoder's field '{field}' {message}"


def test_a_state_that_lacks_a_field_is_refused():
    state = encoder().state()
    del state["words"]
    with pytest.raises(BundleError) as caught:
        TextEncoder.from_state(state)
    assert str(caught.value) == "the text encoder has no field 'words': the bundle is incomplete"


def test_a_state_with_a_field_too_many_is_refused():
    with pytest.raises(BundleError) as caught:
        TextEncoder.from_state({**encoder().state(), "stems": True})
    assert str(caught.value) == (
        "the text encoder has a field 'stems' that this version of wordgate does not know"
    )
