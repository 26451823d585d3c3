"""Fitting word counts: the same as scikit-learn's own pipeline, and sound where data is scarce."""

import csv

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit

from wordgate.data.demo import demo_corpus
from wordgate.errors import DataError, SettingsError
from wordgate.training.count import fit_count

TEXTS = [
    "what a good day",
    "good, good news",
    "a bad day",
    "bad news and bad weather",
    "news of the day",
    "weather of the day",
]
THREE = np.array([0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize("targets", [THREE, THREE % 2], ids=["three classes", "two classes"])
def test_it_is_scikit_learns_pipeline(targets):
    vectorizer = CountVectorizer(ngram_range=(1, 3), token_pattern=r"\w+")
    theirs = LogisticRegression(C=0.5).fit(vectorizer.fit_transform(TEXTS), targets)
    n_classes = len(set(targets))
    ours = fit_count(TEXTS, targets, n_classes, min_count=1, C=0.5)
    texts = [*TEXTS, "good weather, bad day", "unheard of", ""]
    expected = theirs.predict_proba(vectorizer.transform(texts))
    assert np.exp(ours.log_proba(texts)) == pytest.approx(expected, abs=1e-3)


def test_rare_runs_are_not_counted():
    (block,) = fit_count(TEXTS, THREE, 3, min_count=2, ngrams=(1, 2)).blocks
    assert block.vocabulary == [
        "a",
        "bad",
        "day",
        "good",
        "news",
        "of",
        "of the",
        "the",
        "the day",
        "weather",
    ]


def test_a_class_without_texts_has_a_column_of_no_probability():
    log_proba = fit_count(TEXTS, np.array([0, 0, 3, 3, 0, 3]), 5).log_proba(["good", "other"])
    assert log_proba.shape == (2, 5)
    assert np.isfinite(log_proba).all()
    assert np.exp(log_proba)[:, [1, 2, 4]].max() == 0.0
    assert np.exp(log_proba)[:, [0, 3]].sum(axis=1) == pytest.approx(1.0)


def test_a_single_class_is_certain():
    log_proba = fit_count(TEXTS, np.full(6, 1), 3).log_proba(["anything", ""])
    assert np.exp(log_proba) == pytest.approx(np.array([[0, 1, 0], [0, 1, 0]]))


def test_texts_without_a_repeated_word_give_the_frequencies():
    model = fit_count(["alpha", "beta", "gamma", ""], np.array([0, 1, 1, 1]), 2)
    assert [block.vocabulary for block in model.blocks] == [[]]
    assert np.exp(model.log_proba(["alpha"])) == pytest.approx(np.array([[0.25, 0.75]]))


def test_the_same_data_gives_the_same_model():
    one, other = (fit_count(TEXTS, THREE, 3, seed=0).state()[1] for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"C": 0.0}, "C is 0.0; it must be above 0"),
        ({"min_count": 0}, "min_count is 0; it must be at least 1"),
        (
            {"ngrams": (2, 1)},
            "ngrams is (2, 1); it must be the shortest and the longest run of words, "
            "such as (1, 3)",
        ),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(SettingsError) as error:
        fit_count(TEXTS, THREE, 3, **settings)
    assert str(error.value) == message


def test_no_texts_and_missing_targets_are_named():
    with pytest.raises(DataError, match=r"^there are no texts to fit word counts on$"):
        fit_count([], np.array([], dtype=np.int64), 2)
    with pytest.raises(DataError, match=r"^5 targets were given for 6 texts$"):
        fit_count(TEXTS, THREE[:5], 3)


def test_it_cannot_read_the_order_of_words():
    texts, labels, groups = demo_corpus(n_groups=200)
    targets = np.array([label == "pleased" for label in labels], dtype=np.int64)
    train, test = next(
        GroupShuffleSplit(1, test_size=0.2, random_state=0).split(texts, None, groups)
    )
    model = fit_count([texts[i] for i in train], targets[train], 2)
    predicted = model.log_proba([texts[i] for i in test]).argmax(axis=1)
    assert (predicted == targets[test]).mean() <= 0.56


@pytest.mark.real_data
def test_tweets_never_seen(twitter_training):
    """A third of the tweets, for speed; single words alone."""
    with twitter_training.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.reader(file) if row[2] != "Irrelevant" and row[3].strip()]
    rows = [row for row in rows if int(row[0]) % 3 == 0]
    names = sorted({row[2] for row in rows})
    targets = np.array([names.index(row[2]) for row in rows])
    split = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    train, test = next(split.split(rows, None, [row[0] for row in rows]))
    texts = [row[3] for row in rows]
    model = fit_count([texts[i] for i in train], targets[train], len(names), ngrams=(1, 1))
    predicted = model.log_proba([texts[i] for i in test]).argmax(axis=1)
    assert 0.55 < (predicted == targets[test]).mean() < 0.70
