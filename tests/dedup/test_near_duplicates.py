"""Near duplicates are found and kept together; texts that share a phrase are not."""

import csv
import random
from collections import Counter
from unicodedata import normalize

import numpy as np
import pytest

from wordgate.dedup.fingerprints import Fingerprints
from wordgate.dedup.near_duplicates import ComparedTexts, find_near_duplicates

WORDS = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("ld", "n", "rk", "st", "v")]


def sentence(rng, length=14):
    return " ".join(rng.choice(WORDS) for _ in range(length))


def reworded(text, rng, changes=3):
    words = text.split()
    for place in rng.sample(range(len(words)), changes):
        words[place] = rng.choice(WORDS)
    return " ".join(words)


def largest(joined):
    """Count the rows of the largest group."""
    return max(Counter(joined.groups).values())


@pytest.fixture
def families():
    """Sixty sentences of 14 words, each with four versions that differ in three words."""
    rng = random.Random(0)
    originals = [sentence(rng) for _ in range(60)]
    return [[text, *(reworded(text, rng) for _ in range(4))] for text in originals]


def test_near_pairs_are_the_versions_of_one_sentence(families):
    texts = [text for family in families for text in family]
    compared = ComparedTexts.of(texts, least=0.4)
    family_of = {text: number for number, family in enumerate(families) for text in family}
    number = np.array([family_of[name] for name in sorted(family_of)])
    pairs, similarity = compared.pairs, compared.similarity
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert (number[pairs[:, 0]] == number[pairs[:, 1]]).all()
    assert len(pairs) >= 0.95 * 60 * 10
    assert ((similarity >= 0.4) & (similarity <= 1)).all()


def test_exact_duplicates_are_one_text():
    found = find_near_duplicates(["Good day", "bad day", " good  DAY", "GOOD day"], None)
    assert found.text.tolist() == [1, 0, 1, 1]
    assert found.pairs.shape == (0, 2)


def test_duplicates_are_looked_for_among_the_rows_given(families):
    texts = [text for family in families for text in family[:2]] + [sentence(random.Random(1))]
    found = find_near_duplicates([*texts, texts[0].upper()], None)
    asked = np.append(np.arange(1, 120, 2), [120, 121])
    there = np.arange(0, 60, 2)
    known = found.has_duplicate_in(asked, there).tolist()
    assert sum(known[:30]) >= 28
    assert known[30:] == [False] * 30 + [False, True]
    assert not found.has_duplicate_in(asked, np.zeros(0, np.int64)).any()


def test_short_texts_have_exact_duplicates_only():
    texts = ["so good to me", "so good to me!", "So good to  me", "", ""]
    found = find_near_duplicates(texts, None)
    asked, there = np.array([0, 1, 3]), np.array([2, 4])
    assert found.has_duplicate_in(asked, there).tolist() == [True, False, True]


def test_no_texts_at_all():
    found = find_near_duplicates([], None)
    assert (found.pairs.shape, found.joined.groups) == ((0, 2), [])


def test_versions_of_a_sentence_end_in_one_group(families):
    texts = [text for family in families for text in family]
    found = find_near_duplicates(texts, None).joined
    assert [len(set(found.groups[i : i + 5])) for i in range(0, 300, 5)] == [1] * 60
    assert len(set(found.groups)) == 60
    assert (found.n_joined, largest(found), found.n_apart) == (300, 5, 0)


def test_order_of_rows_changes_no_group(families):
    texts = [text for family in families for text in family]
    order = np.random.default_rng(0).permutation(len(texts))
    there = dict(zip(texts, find_near_duplicates(texts, None).joined.groups, strict=True))
    shuffled = [texts[i] for i in order]
    assert find_near_duplicates(shuffled, None).joined.groups == [there[text] for text in shuffled]


def test_given_groups_that_copy_each_other_are_joined_and_never_split(families):
    texts = [text for family in families for text in family]
    # Each family stands under two ids, and one id has two families that aren't alike.
    groups = [f"{i // 5}{'ab'[i % 5 > 2]}" for i in range(300)]
    groups[:10] = ["both"] * 10
    found = find_near_duplicates(texts, groups).joined
    assert set(found.groups[:10]) == {"both"}
    assert [len(set(found.groups[i : i + 5])) for i in range(10, 300, 5)] == [1] * 58
    assert len(set(found.groups)) == 59
    assert found.n_joined == 290


def test_one_shared_text_joins_no_strangers_and_is_counted():
    rng = random.Random(0)
    texts = [sentence(rng) for _ in range(100)]
    groups = [f"user {i // 10}" for i in range(100)]
    texts[5] = texts[15] = "have a very nice day all of you"
    texts[25] = texts[35] = "thanks a lot"
    found = find_near_duplicates(texts, groups).joined
    assert found.groups == groups
    assert found.n_joined == 0
    assert found.n_apart == 2  # the longer text; three words are no copy


def test_a_group_is_never_joined_beyond_its_cap():
    rng = random.Random(0)
    text = sentence(rng)
    texts = [reworded(text, rng, changes=1) for _ in range(60)]
    texts += [sentence(rng) for _ in range(400)]
    found = find_near_duplicates(texts, None).joined
    assert 6 <= largest(found) <= 12
    assert found.n_apart >= 40


def test_little_data_is_never_joined_to_one_group():
    rng = random.Random(0)
    text = sentence(rng)
    versions = [reworded(text, rng, changes=1) for _ in range(10)]
    found = find_near_duplicates([*versions, *(sentence(rng) for _ in range(20))], None).joined
    assert 2 <= largest(found) <= 6
    assert found.n_apart == 10


def test_scripts_without_spaces_are_compared_by_their_characters():
    texts = [
        "今天天气真好我们去公园散步吧",
        "今天天气真好我们去公园跑步吧",
        "他昨天买了一本新的历史书",
    ]
    compared = ComparedTexts.of(texts, least=0.3)
    ((first, second),) = compared.pairs.tolist()
    assert {first, second} == set(compared.text[:2].tolist())


@pytest.mark.real_data
def test_paraphrases_of_a_tweet_are_joined_without_their_ids(twitter_training):
    with twitter_training.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines) if len(row[3].split()) >= 5]
    rows = [row for row in rows if int(row[0]) % 8 == 0]
    found = find_near_duplicates([row[3] for row in rows], None).joined
    ids: dict[str, list[str]] = {}
    for row, group in zip(rows, found.groups, strict=True):
        ids.setdefault(row[0], []).append(group)
    same = sum(groups[j] == groups[i] for groups in ids.values() for i in range(len(groups))
               for j in range(i))  # fmt: skip
    pairs = sum(len(groups) * (len(groups) - 1) // 2 for groups in ids.values())
    assert same / pairs >= 0.85
    assert largest(found) <= 0.003 * len(rows)


@pytest.mark.real_data
def test_movie_reviews_are_hardly_joined(movie_reviews):
    with movie_reviews.open(encoding="utf-8", newline="") as lines:
        texts = [row["text"] for row in csv.DictReader(lines)]
    assert find_near_duplicates(texts, None).joined.n_joined < 0.01 * len(texts)


def test_near_duplicates_in_groups_that_are_not_merged_are_not_denied():
    """Two large groups share one text of many, so they are not alike on average."""
    rng = random.Random(5)
    texts = [sentence(rng) for _ in range(80)]
    texts[40] = reworded(texts[0], rng)
    found = find_near_duplicates(texts, ["a"] * 40 + ["b"] * 40)
    assert (found.joined.n_joined, found.joined.n_apart, len(found.pairs)) == (0, 2, 1)
    assert found.sentence() == (
        "Near duplicates: no groups were merged; 2 rows still have a near duplicate in another"
        " group."
    )


@pytest.mark.parametrize(
    "text", ["sản phẩm rất tốt và đẹp", "이 제품은 정말 좋은 것 같아요", "Müller trank gern Öl"]
)
def test_texts_in_other_unicode_forms_are_exact_duplicates(text):
    decomposed = normalize("NFD", text.upper())
    assert decomposed.lower() != text.lower()
    found = find_near_duplicates([text, decomposed, "another text of five words"], None)
    assert found.text[0] == found.text[1] != found.text[2]
    assert found.joined.groups[0] == found.joined.groups[1]
    prints = Fingerprints.of([text], None)
    assert prints.seen_texts([decomposed]).all()
    assert prints.near_copies([f"{decomposed} indeed"]).found.all() == (len(text.split()) >= 5)
