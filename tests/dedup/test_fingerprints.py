"""A bundle recognizes its training texts, at 76 bytes a text."""

import csv
import random

import numpy as np
import pytest

from wordgate.dedup.fingerprints import Fingerprints
from wordgate.dedup.near_duplicates import find_near_duplicates
from wordgate.errors import BundleError

TRAIN = [
    "The quick brown fox jumps over the lazy dog near the river bank",
    "My order never arrived and nobody answers the phone at your shop",
    "so good",
]


def test_exact_duplicates_are_seen_whatever_their_case_and_white_space():
    prints = Fingerprints.of(TRAIN, ["a", "b", ""])
    assert prints.seen_texts([" SO  good\n", "so bad", TRAIN[0].lower()]).tolist() == [
        True,
        False,
        True,
    ]


def test_groups_are_seen_and_no_group_never_is():
    prints = Fingerprints.of(TRAIN, ["a", "b", ""])
    assert prints.seen_groups(["b", "c", "", "a"]).tolist() == [True, False, False, True]
    assert Fingerprints.of(TRAIN, None).seen_groups(["a"]).tolist() == [False]


def test_near_duplicates_are_noticed_and_others_are_not():
    prints = Fingerprints.of(TRAIN, None)
    asked = [
        "the quick brown fox jumped over the lazy dog near the river bank",
        "A recipe for apple pie with cinnamon, butter and brown sugar",
        "so good!",
        "So good",
    ]
    found = prints.near_copies(asked)
    assert found.found.tolist() == [True, False, False, True]
    assert found.estimated.tolist() == [True, False, False, False]
    assert 0 < found.false_alarms < 0.1


def test_no_training_texts_and_nothing_asked():
    empty = Fingerprints.of([], None)
    assert empty.near_copies(["one two three four five"]).found.tolist() == [False]
    assert Fingerprints.of(TRAIN, None).near_copies([]).found.tolist() == []


def test_arrays_come_back_the_same_and_are_small():
    rng = random.Random(0)
    texts = [" ".join(str(rng.randrange(500)) for _ in range(12)) for _ in range(300)]
    prints = Fingerprints.of(texts, None)
    arrays = prints.arrays()
    assert sum(array.nbytes for array in arrays.values()) <= 76 * len(texts) + 4 * 3000
    again = Fingerprints.from_arrays(arrays)
    assert again.near_copies(texts[:50]).found.all()
    changed = [text.rpartition(" ")[0] for text in texts]
    assert np.array_equal(again.near_copies(changed).found, prints.near_copies(changed).found)
    shuffled = Fingerprints.of(texts[::-1], None).arrays()
    assert all(np.array_equal(arrays[name], shuffled[name]) for name in arrays)


def test_damaged_arrays_are_refused_by_name():
    arrays = Fingerprints.of(TRAIN, None).arrays()
    with pytest.raises(BundleError) as error:
        Fingerprints.from_arrays({k: v for k, v in arrays.items() if k != "groups"})
    assert str(error.value) == "the fingerprints have no array 'groups'"
    with pytest.raises(BundleError) as error:
        Fingerprints.from_arrays({**arrays, "sketches": arrays["sketches"][:, :5]})
    assert str(error.value) == (
        "the fingerprints' array 'sketches' is uint8 [2, 5]; it must be uint8 [n, 68]"
    )


def test_rows_that_were_tested_have_the_answer_of_training():
    near = TRAIN[0].replace("quick", "fast")
    prints = Fingerprints.of(TRAIN, None, test=[near, "so bad"], copies=np.array([False, True]))
    found = prints.near_copies([near, "so bad"])
    assert found.found.tolist() == [False, True]
    assert (found.estimated.any(), found.false_alarms) == (False, 0.0)


def test_validation_texts_are_known_word_for_word():
    prints = Fingerprints.of(TRAIN[:1], None, valid=TRAIN[1:2])
    assert prints.seen_texts(TRAIN).tolist() == [True, True, False]
    assert prints.near_copies([TRAIN[1] + " again"]).found.tolist() == [False]


def test_very_long_texts_are_sketched():
    rng = random.Random(0)
    long = " ".join(str(rng.randrange(10**9)) for _ in range(20_000))
    prints = Fingerprints.of([long, *TRAIN], None)
    assert prints.near_copies([long + " end", "x " + long[: len(long) // 20]]).found.tolist() == [
        True,
        False,
    ]


THINGS = ["lamp", "table", "chair", "kettle", "radio", "clock", "carpet", "mirror", "shelf", "fan"]
CITIES = ["Oslo", "Rome", "Lima", "Cairo", "Delhi", "Quito", "Perth", "Turin"]


def order(rng):
    two = rng.sample(THINGS, 2)
    how = rng.choice(["delivered early", "never delivered"])
    return (
        f"Order {rng.randrange(10**4, 10**5)} for a {two[0]} and a {two[1]} to {rng.choice(CITIES)}"
        f" was {how}; says {rng.choice(CITIES)} {rng.randrange(100, 1000)}"
    )


def ticket(rng):
    return (
        f"Ticket {rng.randrange(10**6)}: the {rng.choice(THINGS)} in room {rng.randrange(1000)} of"
        f" {rng.choice(CITIES)} doesn't work since {rng.randrange(24)}:{rng.randrange(10, 60)}"
    )


def code(rng):
    return (
        f"您的订单{rng.randrange(10**5, 10**6)}已于{rng.randrange(1, 13)}月{rng.randrange(1, 29)}日"
        f"发货运单号{rng.randrange(10**9)}请注意查收"
    )


@pytest.mark.parametrize("template", [order, ticket, code])
def test_texts_of_a_template_are_counted_as_they_are_verified(template):
    rng = random.Random(0)
    known, asked = [template(rng) for _ in range(400)], [template(rng) for _ in range(150)]
    asked += [text.replace("e", "é", 1).replace("已", "于", 1) for text in known[:30]]
    at = np.arange(len(known), len(known) + len(asked))
    verified = find_near_duplicates([*known, *asked], None).has_duplicate_in(
        at, np.arange(len(known))
    )
    found = Fingerprints.of(known, None).near_copies(asked).found
    assert verified[-30:].all()
    assert found[-30:].all()
    assert (found != verified).sum() <= 0.05 * len(asked)


@pytest.mark.real_data
def test_paraphrases_of_training_tweets_are_noticed(twitter_training, movie_reviews):
    with twitter_training.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines) if len(row[3].split()) >= 5]
    rows = [row for row in rows if int(row[0]) % 8 == 0]
    # One random row of each id is asked about; the others, of which there must be one, are known.
    random.Random(0).shuffle(rows)
    by_id: dict[str, list[str]] = {}
    for row in rows:
        by_id.setdefault(row[0], []).append(row[3])
    asked = [texts[0] for texts in by_id.values() if len(texts) > 1]
    prints = Fingerprints.of([text for texts in by_id.values() for text in texts[1:]], None)
    known = [text for texts in by_id.values() for text in texts[1:]]
    asked_at, rows = np.arange(len(asked)), np.arange(len(asked), len(asked) + len(known))
    verified = find_near_duplicates([*asked, *known], None).has_duplicate_in(asked_at, rows)
    found = prints.near_copies(asked)
    assert abs(int(found.found.sum()) - int(verified.sum())) <= 0.05 * len(asked)
    wrong = int((found.estimated & ~verified).sum())
    assert wrong <= 3 + 2 * found.false_alarms
    with movie_reviews.open(encoding="utf-8", newline="") as lines:
        reviews = [row["text"] for row in csv.DictReader(lines)][:2000]
    assert prints.near_copies(reviews).found.sum() == 0
