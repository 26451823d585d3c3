"""A bundle notices training texts again, at twenty bytes a text."""

import csv
import random

import numpy as np
import pytest

from wordgate.dedup.fingerprints import Fingerprints
from wordgate.errors import BundleError

TRAIN = [
    "The quick brown fox jumps over the lazy dog near the river bank",
    "My order never arrived and nobody answers the phone at your shop",
    "so good",
]


def test_exact_copies_are_seen_whatever_their_case_and_white_space():
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


def test_near_copies_are_noticed_and_others_are_not():
    prints = Fingerprints.of(TRAIN, None)
    asked = [
        "the quick brown fox jumped over the lazy dog near the river bank",
        "A recipe for apple pie with cinnamon, butter and brown sugar",
        "so good!",
        "So good",
    ]
    assert prints.near_copies(asked).tolist() == [True, False, False, True]


def test_no_training_texts_and_nothing_asked():
    empty = Fingerprints.of([], None)
    assert empty.near_copies(["one two three four five"]).tolist() == [False]
    assert Fingerprints.of(TRAIN, None).near_copies([]).tolist() == []


def test_arrays_come_back_the_same_and_are_small():
    rng = random.Random(0)
    texts = [" ".join(str(rng.randrange(500)) for _ in range(12)) for _ in range(300)]
    prints = Fingerprints.of(texts, None)
    arrays = prints.arrays()
    assert sum(array.nbytes for array in arrays.values()) <= 20 * len(texts)
    again = Fingerprints.from_arrays(arrays)
    assert again.near_copies(texts[:50]).all()
    shuffled = Fingerprints.of(texts[::-1], None).arrays()
    assert all(np.array_equal(arrays[name], shuffled[name]) for name in arrays)


def test_damaged_arrays_are_refused_by_name():
    arrays = Fingerprints.of(TRAIN, None).arrays()
    with pytest.raises(BundleError) as error:
        Fingerprints.from_arrays({k: v for k, v in arrays.items() if k != "groups"})
    assert str(error.value) == "the fingerprints lack the array 'groups'"
    with pytest.raises(BundleError) as error:
        Fingerprints.from_arrays({**arrays, "sketches": arrays["sketches"][:, :5]})
    assert str(error.value) == (
        "the fingerprints' array 'sketches' is uint8 [2, 5]; it must be uint8 [n, 12]"
    )


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
    assert prints.near_copies(asked).mean() >= 0.85  # 0.87 when written
    with movie_reviews.open(encoding="utf-8", newline="") as lines:
        reviews = [row["text"] for row in csv.DictReader(lines)][:2000]
    assert prints.near_copies(reviews).mean() <= 0.005
