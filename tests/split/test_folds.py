"""Folds keep groups and near duplicates together, and work with scikit-learn."""

import random

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from wordgate import DataError, GroupedSplit, SettingsError

WORDS = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("ld", "n", "rk", "st", "v")]


@pytest.fixture
def rows():
    """A hundred sentences in three versions each; labels 7 : 3; texts, labels, groups."""
    rng = random.Random(0)
    texts, labels, groups = [], [], []
    for i in range(100):
        words = [rng.choice(WORDS) for _ in range(12)]
        for version in range(3):
            texts.append(" ".join([*words, f"version{version}"]))
            labels.append("rare" if i % 10 < 3 else "common")
            groups.append(f"id{i}")
    return texts, labels, groups


def folds_of(splitter, texts, labels, groups):
    fold = np.full(len(texts), -1)
    for number, (train, test) in enumerate(splitter.split(texts, labels, groups)):
        assert (fold[test] == -1).all()
        assert sorted([*train, *test]) == list(range(len(texts)))
        fold[test] = number
    return fold


@pytest.mark.parametrize("with_groups", [True, False])
def test_versions_of_a_sentence_stand_in_one_fold(rows, with_groups):
    texts, labels, groups = rows
    fold = folds_of(GroupedSplit(5), texts, labels, groups if with_groups else None)
    assert (fold.reshape(100, 3) == fold[::3, None]).all()
    assert np.bincount(fold).tolist() == [60] * 5
    rare = np.array(labels) == "rare"
    assert np.bincount(fold[rare]).tolist() == [18] * 5


def test_without_joining_only_exact_duplicates_stay_together(rows):
    texts, labels, _ = rows
    splitter = GroupedSplit(5, merge_duplicates=False)
    fold = folds_of(splitter, [*texts, texts[0].upper()], [*labels, labels[0]], None)
    assert fold[0] == fold[-1]
    assert not (fold[:300].reshape(100, 3) == fold[:300:3, None]).all()


def test_order_changes_no_fold_and_the_seed_does(rows):
    texts, labels, groups = rows
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = [[column[i] for i in order] for column in rows]
    fold = folds_of(GroupedSplit(4), texts, labels, groups)
    assert (folds_of(GroupedSplit(4), *shuffled) == fold[order]).all()
    assert (folds_of(GroupedSplit(4, random_state=1), texts, labels, groups) != fold).any()


def test_it_serves_scikit_learn(rows):
    texts, labels, groups = rows
    model = make_pipeline(CountVectorizer(), LogisticRegression())
    scores = cross_val_score(model, texts, labels, cv=GroupedSplit(3), groups=groups)
    assert len(scores) == GroupedSplit(3).get_n_splits() == 3
    search = GridSearchCV(model, {"logisticregression__C": [1.0]}, cv=GroupedSplit(3))
    assert search.fit(texts, labels).n_splits_ == 3
    assert (
        repr(GroupedSplit(3)) == "GroupedSplit(n_splits=3, random_state=0, merge_duplicates=True)"
    )


def test_rows_that_cannot_be_assigned_are_refused(rows):
    texts, labels, groups = rows
    with pytest.raises(SettingsError, match="n_splits is 1; it must be a whole number of at least"):
        GroupedSplit(1)
    for wrong in (2.5, "3", None):
        with pytest.raises(SettingsError, match="it must be a whole number of at least 2"):
            GroupedSplit(wrong)
    with pytest.raises(
        SettingsError, match="random_state is 'x'; it must be a whole number from 0"
    ):
        GroupedSplit(3, random_state="x")
    with pytest.raises(DataError, match="2 groups cannot be assigned to 5 folds: ask for fewer"):
        list(GroupedSplit(5).split(texts[:6], labels[:6], groups[:6]))
    with pytest.raises(
        DataError, match="a column of texts is needed, not an array of 4 x 2 values"
    ):
        list(GroupedSplit(5).split(np.zeros((4, 2))))
    with pytest.raises(DataError, match="there are 300 texts but 2 labels"):
        list(GroupedSplit(5).split(texts, labels[:2]))
