"""Whole groups of rows with several labels are split in proportion to labels and pairs of them."""

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordgate.split.folds import grouped_folds, random_folds
from wordgate.split.row_labels import RowLabels
from wordgate.split.splits import given_split, grouped_split, random_split

WEIGHTS = {"a": 0.5, "b": 0.3, "c": 0.12, "d": 0.06, "e": 0.02, "f": 0.01}


def make_rows(n_groups=1500, largest=5, seed=0):
    """Texts, sorted labels, of which some rows have none, and groups."""
    rng = random.Random(seed)
    rows = []
    for group in range(n_groups):
        for i in range(rng.randint(1, largest)):
            labels = tuple(one for one, share in WEIGHTS.items() if rng.random() < share)
            rows.append((f"text {group} {i}", labels, f"g{group}"))
    return [list(column) for column in zip(*rows, strict=True)]


def share_of(label, labels, rows):
    return np.mean([label in labels[row] for row in rows])


def assert_in_proportion(labels, rows):
    """Each label of 100 rows or more has its share in a part, within a tenth of it."""
    everywhere = range(len(labels))
    for label in WEIGHTS:
        if sum(label in one for one in labels) >= 100:
            share = share_of(label, labels, everywhere)
            assert share_of(label, labels, rows) == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize("largest", [1, 5, 30])
@pytest.mark.parametrize("split_by", [grouped_split, random_split])
def test_each_label_has_its_share_in_test_and_sizes_are_as_asked(split_by, largest):
    texts, labels, groups = make_rows(largest=largest, n_groups=7500 // (largest + 1))
    split = split_by(texts, labels, groups, seed=1)
    assert_in_proportion(labels, split.test)
    assert len(split.test) / len(texts) == pytest.approx(0.2, rel=0.03)
    assert len(split.valid) / len(texts) == pytest.approx(0.08, rel=0.06)
    none = np.mean([not one for one in labels])
    assert np.mean([not labels[row] for row in split.test]) == pytest.approx(none, rel=0.1)


def make_large_groups(n_groups=300, largest=500, seed=0):
    """Groups of up to 500 rows that have their own shares of the labels."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), rng.integers(1, largest + 1, n_groups))
    shares = np.array(list(WEIGHTS.values()))
    own = rng.beta(4 * shares, 4 * (1 - shares), (n_groups, len(shares)))[group]
    marked = rng.random(own.shape) < own
    labels = [tuple(np.array(list(WEIGHTS))[row].tolist()) for row in marked]
    return [f"t{i}" for i in range(len(group))], labels, [f"g{n}" for n in group.tolist()]


@pytest.mark.parametrize("seed", [0, 1])
def test_large_groups_that_differ_are_balanced_by_exchanges(seed):
    texts, labels, groups = make_large_groups(seed=seed)
    split = grouped_split(texts, labels, groups, seed=0)
    assert_in_proportion(labels, split.test)
    assert len(split.test) / len(texts) == pytest.approx(0.2, rel=0.03)
    fold = grouped_folds(groups, labels, 5, seed=0)
    assert np.bincount(fold) / len(texts) == pytest.approx(np.full(5, 0.2), rel=0.1)
    assert len(set(zip(groups, fold.tolist(), strict=True))) == len(set(groups))


def test_pairs_of_labels_have_their_share_too():
    texts, labels, groups = make_rows()
    split = grouped_split(texts, labels, groups, seed=0)
    for pair in (("a", "b"), ("a", "c"), ("b", "c"), ("a", "d")):
        both = [set(pair) <= set(one) for one in labels]
        assert np.mean([both[row] for row in split.test]) == pytest.approx(np.mean(both), rel=0.1)


def test_rows_of_many_labels_are_not_kept_from_test():
    texts, labels, groups = make_rows()
    split = random_split(texts, labels, groups, seed=0)
    sizes = np.array([len(one) for one in labels])
    assert sizes[split.test].mean() == pytest.approx(sizes.mean(), rel=0.03)
    assert (sizes[split.test] > 2).mean() == pytest.approx((sizes > 2).mean(), rel=0.25)


SOME_ROWS = st.lists(
    st.tuples(st.sets(st.sampled_from("abcde")).map(sorted).map(tuple), st.integers(0, 8)),
    min_size=2, max_size=60,
).filter(lambda rows: max(sum(one in y for y, _ in rows) for one in "abcde") > 1)  # fmt: skip


@settings(deadline=None)
@given(SOME_ROWS, st.integers(0, 3))
def test_no_group_is_parted_and_every_row_is_in_one_part(rows, seed):
    labels, numbers = map(list, zip(*rows, strict=True))
    texts, groups = [f"t{i}" for i in range(len(rows))], [f"g{n}" for n in numbers]
    split = grouped_split(texts, labels, groups, seed=seed)
    parts = (split.train, split.valid, split.test)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(rows)))
    assert RowLabels.of(labels).counts(split.train).min() > 0
    if split.kind == "grouped":
        in_part = [{groups[row] for row in part} for part in parts]
        assert not any(one & other for one, other in combinations(in_part, 2))
        assert split.leaked_by_group == 0


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.floats(0.02, 0.6), min_size=2, max_size=8), st.integers(1, 6), st.integers(0, 10**6)
)
def test_shares_hold_whatever_the_labels_within_a_tenth_and_a_group(shares, largest, seed):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(600), rng.integers(1, largest + 1, 600))
    marked = rng.random((len(group), len(shares))) < shares
    labels = [tuple(f"label {i}" for i in np.flatnonzero(row)) for row in marked]
    texts, groups = [f"t{i}" for i in range(len(group))], [f"g{n}" for n in group.tolist()]
    test = grouped_split(texts, labels, groups, seed=seed).test
    for bears in marked.T[marked.sum(axis=0) >= 100]:
        slack = 0.1 * bears.mean() + largest / len(test)
        assert bears[test].mean() == pytest.approx(bears.mean(), abs=slack)


@settings(deadline=None)
@given(SOME_ROWS)
def test_folds_are_of_whole_groups(rows):
    labels, numbers = map(list, zip(*rows, strict=True))
    groups = [f"g{n}" for n in numbers]
    n_folds = min(3, len(set(groups)))
    fold = grouped_folds(groups, labels, n_folds, seed=0)
    assert set(fold.tolist()) <= set(range(n_folds))
    assert len(set(zip(groups, fold.tolist(), strict=True))) == len(set(groups))


@pytest.mark.parametrize("kind", ["grouped", "random"])
def test_each_fold_has_its_share_of_each_label(kind):
    texts, labels, groups = make_rows()
    fold = (
        grouped_folds(groups, labels, 5, seed=0)
        if kind == "grouped"
        else random_folds(texts, labels, 5, seed=0)
    )
    for number in range(5):
        rows = np.flatnonzero(fold == number)
        assert_in_proportion(labels, rows)
        assert len(rows) / len(texts) == pytest.approx(0.2, rel=0.03)


@pytest.mark.parametrize("split_by", [grouped_split, random_split])
def test_the_order_of_rows_changes_nothing_and_the_seed_does(split_by):
    texts, labels, groups = make_rows(n_groups=200)
    order = np.random.default_rng(1).permutation(len(texts))
    shuffled = [[column[i] for i in order] for column in (texts, labels, groups)]
    first, again = split_by(texts, labels, groups), split_by(*shuffled)
    assert {texts[row] for row in first.test} == {shuffled[0][row] for row in again.test}
    other = split_by(texts, labels, groups, seed=1)
    assert len(np.intersect1d(first.test, other.test)) < 0.4 * len(first.test)


def test_a_label_of_two_groups_is_learned_and_tested():
    texts, labels, groups = make_rows(n_groups=200)
    labels = [(*one, "rare") if group in ("g3", "g7") else one
              for one, group in zip(labels, groups, strict=True)]  # fmt: skip
    split = grouped_split(texts, labels, groups, seed=0)
    assert share_of("rare", labels, split.test) > 0
    assert share_of("rare", labels, split.train) > 0


def test_a_giant_group_stays_in_train():
    texts, labels, groups = make_rows(n_groups=300)
    groups = ["giant" if i % 2 else group for i, group in enumerate(groups)]
    split = grouped_split(texts, labels, groups, seed=0)
    assert "giant" in {groups[row] for row in split.train}
    assert len(split.test) / len(texts) == pytest.approx(0.2, rel=0.1)


def test_parts_that_are_missing_are_cut_in_proportion():
    texts, labels, groups = make_rows()
    split = given_split(texts, labels, groups, ["train"] * len(texts), seed=0)
    assert split.kind == "given"
    assert_in_proportion(labels, split.test)


def test_a_random_split_need_not_be_stratified():
    texts, labels, groups = make_rows(n_groups=300)
    split = random_split(texts, labels, groups, seed=0, stratify=False)
    assert len(split.test) == pytest.approx(0.2 * len(texts), abs=1)
    assert split.test.tolist() != random_split(texts, labels, groups, seed=0).test.tolist()


def test_pairs_of_labels_are_counted_row_by_row():
    found = RowLabels.of([("a", "b", "c"), (), ("b",), ("b", "c")])
    rows, pairs = found.pairs()
    assert found.names == ["a", "b", "c"]
    assert sorted(zip(rows.tolist(), pairs.tolist(), strict=True)) == [
        (0, 1), (0, 2), (0, 5), (3, 5)
    ]  # fmt: skip
    assert found.counts().tolist() == [1, 3, 2]
    assert found.counts(np.array([1, 2, 3])).tolist() == [0, 2, 1]


def test_warnings_count_the_rows_of_each_label():
    texts, labels, groups = make_rows(n_groups=60)
    labels = [(*one, "z") if row in (0, 100) else one for row, one in enumerate(labels)]
    split = grouped_split(texts, labels, groups, seed=0)
    assert any(line.startswith("Label 'z' has 2 rows (1 train, 0") for line in split.warnings)
