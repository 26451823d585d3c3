"""The audit counts duplicates and conflicts, measures leakage, and gives advice."""

import json
import random

import pandas as pd
import pytest

from wordgate.errors import DataError
from wordgate.experiments.audit import audit
from wordgate.report.audit import sections
from wordgate.split.pairs import Piece, differences

WORDS = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("ld", "n", "rk", "st", "v")]
LABELS = ("bad", "good")


def sentence(rng, length=14):
    return " ".join(rng.choice(WORDS) for _ in range(length))


def reworded(text, rng):
    words = text.split()
    words[rng.randrange(len(words))] = rng.choice(WORDS)
    return " ".join(words)


@pytest.fixture
def families():
    """Sixty sentences with three near copies each, of one label, under one id."""
    rng = random.Random(0)
    rows = []
    for i in range(60):
        text = sentence(rng)
        versions = [text, *(reworded(text, rng) for _ in range(3))]
        rows += [(f"id{i}", LABELS[i % 2], version) for version in versions]
    return pd.DataFrame(rows, columns=["id", "label", "text"])


@pytest.fixture
def strangers():
    """Sixty sentences, no two alike."""
    rng = random.Random(1)
    rows = [(LABELS[i % 2], sentence(rng)) for i in range(60)]
    return pd.DataFrame(rows, columns=["label", "text"])


def test_duplicates_conflicts_and_short_texts_are_counted(strangers):
    texts = strangers["text"].tolist()
    odd = [
        ("bad", texts[1].upper() + " "),  # an exact copy with the other label
        ("good", texts[3] + " " + texts[3].split()[0]),  # a near copy with the same label
        ("bad", texts[5] + " indeed"),  # a near copy with another label
        ("bad", "so so"),
        ("good", "  "),
        ("good", ""),
    ]
    frame = pd.concat([strangers, pd.DataFrame(odd, columns=["label", "text"])])
    found = audit(frame)
    assert found.n_rows == 64
    assert (found.lengths.empty, found.lengths.blank, found.lengths.short) == (1, 1, 1)
    assert (found.lengths.median, found.lengths.longest) == (14, 15)
    assert (found.duplicates.exact_rows, found.duplicates.exact_texts) == (2, 1)
    assert (found.duplicates.near_rows, found.duplicates.near_pairs) == (4, 2)
    assert found.duplicates.rows == 6
    assert (found.conflicts.exact_rows, found.conflicts.exact_texts) == (2, 1)
    assert (found.conflicts.near_pairs, found.conflicts.groups) == (1, None)
    assert [(one.label, one.rows) for one in found.labels] == [("bad", 33), ("good", 31)]


def test_a_random_split_leaks_families_and_a_joined_one_does_not(families):
    found = audit(families.drop(columns="id"))
    at_random, by_text, by_copies = found.leaks
    assert (at_random.split, by_text.split) == ("random", "grouped by exact text")
    assert at_random.known > 0.9
    assert by_text.by_exact_copy == 0
    assert by_text.known > 0.9
    assert by_copies.known == 0
    assert by_copies.by_group is None
    assert (found.groups.own, found.groups.joined.n_groups) == (None, 60)
    assert found.groups.rows_joined == 240
    assert found.advice.split == "grouped"
    assert found.advice.reasons[0].startswith("With a random split, 9")
    assert found.advice.reasons[0].endswith("the score would mostly measure memorization.")


def test_ids_are_groups_and_their_leak_is_counted(families):
    found = audit(families)
    at_random, by_group, joined = found.leaks
    assert at_random.by_group > 0.9
    assert (by_group.by_group, joined.by_group) == (0, 0)
    assert (found.groups.own.n_groups, found.groups.own.largest) == (60, 4)
    assert found.conflicts.groups == 0
    assert found.advice.reasons[-1] == (
        "A split that keeps groups and duplicates together leaks 0.0% of them."
    )


def test_where_nothing_repeats_a_random_split_would_do(strangers):
    assert audit(strangers).advice.reasons == [
        "There are few duplicates: a random split would leak only 0.0% of the test rows.",
        "A grouped split has no disadvantage here and remains the default.",
    ]


def test_a_label_of_a_single_group_leaves_no_fair_split(strangers):
    rows = [(label, strangers["text"][i]) for i, label in enumerate(LABELS) for _ in range(9)]
    advice = audit(pd.DataFrame(rows, columns=["label", "text"])).advice
    assert advice.split == "random"
    assert advice.reasons[0].startswith("A grouped split is impossible here: all rows of labels")


def test_order_of_rows_changes_nothing_but_the_examples(families):
    shuffled = families.sample(frac=1, random_state=3)
    one, other = audit(families).facts(), audit(shuffled).facts()
    assert json.dumps(one) == json.dumps(other)


def test_without_labels_the_rest_is_audited(families):
    found = audit(families[["text"]])
    assert found.labels is None
    assert found.conflicts is None
    assert found.leaks[0].known > 0.9


def test_a_single_label_or_row_can_be_audited():
    same = pd.DataFrame({"label": ["a"] * 3, "text": ["one", "two", "three"]})
    assert audit(same).labels[0].rows == 3
    assert audit(same[:1]).leaks == []


def test_a_wrong_column_is_still_refused(families):
    with pytest.raises(DataError, match="did you mean 'label'"):
        audit(families, label="labl")


def test_facts_hold_no_text_of_the_data(families):
    found = audit(families)
    facts = json.dumps(found.facts())
    assert found.pairs
    assert all(pair.first.text not in facts for pair in found.pairs)
    assert set(found.to_json()) == set(found.facts()) | {"reading", "pairs"}


def test_pairs_are_near_duplicates_of_two_rows(families):
    for pair in audit(families).pairs:
        assert pair.first.row < pair.second.row
        assert pair.similarity >= 0.5
        assert pair.first.text == families["text"][pair.first.row - 1]
        assert pair.first.group == pair.second.group


def test_differences_are_reported_word_by_word():
    assert differences("so good to me", "so very bad to me") == [
        Piece("same", "so"),
        Piece("first", "good"),
        Piece("second", "very bad"),
        Piece("same", "to me"),
    ]


def test_duplicates_are_those_of_the_text_under_any_topic(strangers):
    """A topic in front hides no copy, and makes no two texts alike."""
    long_topic = "the very same topic of many words in front"
    alone = audit(strangers)
    same = audit(strangers.assign(topic=long_topic), text="topic,text")
    assert same.duplicates == alone.duplicates
    assert same.duplicates.near_pairs == 0
    assert same.lengths == alone.lengths
    twice = pd.concat([strangers.assign(topic="a"), strangers.assign(topic="b")])
    found = audit(twice, text="topic,text")
    assert found.duplicates.exact_rows == 120
    assert found.groups.joined.n_groups == 60
    assert found.leaks[2].known == 0
    assert found.reading.preview[0].text.startswith("a | ")


def test_labels_of_duplicates_may_differ_by_topic_and_it_is_reported(strangers):
    sentence = (
        "Only column 2 'text' is searched for duplicates. If duplicates differ in column 3 'topic',"
        " different labels can all be correct."
    )
    found = audit(strangers.assign(topic="a"), text="topic,text")
    assert sections(found)[3].sentences[-1] == sentence
    assert not any("is searched" in line for line in sections(audit(strangers))[2].sentences)


def test_lists_that_mark_labels_by_place_are_not_audited_as_labels():
    frame = pd.DataFrame({"text": [f"a lamp {i}" for i in range(20)], "label": [[0, 1, 0]] * 20})
    with pytest.raises(DataError, match="the label, contains lists of 0 and 1 of one length"):
        audit(frame)
