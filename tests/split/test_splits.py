"""A split is fair, independent of the order of the rows, and reports its limits."""

import csv
import random

import numpy as np
import pytest

from wordgate.errors import DataError, SettingsError
from wordgate.split.splits import Split, given_split, grouped_split, random_split


def make_rows(n_groups=300, seed=0):
    """Texts, labels and groups of one to nine rows, three labels of unequal share."""
    rng = random.Random(seed)
    rows = []
    for group in range(n_groups):
        label = rng.choices(["bad", "good", "so-so"], [6, 3, 1])[0]
        rows += [(f"text {group} {i}", label, f"g{group}") for i in range(rng.randint(1, 9))]
    rng.shuffle(rows)
    return [list(column) for column in zip(*rows, strict=True)]


def parts_of(split: Split):
    return {"train": split.train, "valid": split.valid, "test": split.test}


def members(split: Split, texts):
    return {name: sorted(texts[i] for i in rows) for name, rows in parts_of(split).items()}


def assert_whole(split: Split, n_rows: int):
    together = np.concatenate(list(parts_of(split).values()))
    assert sorted(together.tolist()) == list(range(n_rows))
    for rows in parts_of(split).values():
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()


@pytest.mark.parametrize("split_by", [grouped_split, random_split])
def test_order_of_rows_changes_nobodys_part(split_by):
    texts, labels, groups = make_rows()
    order = np.random.default_rng(1).permutation(len(texts))
    shuffled = [[column[i] for i in order] for column in (texts, labels, groups)]
    assert members(split_by(texts, labels, groups, seed=3), texts) == members(
        split_by(*shuffled, seed=3), shuffled[0]
    )


@pytest.mark.parametrize("split_by", [grouped_split, random_split])
def test_another_seed_is_another_split(split_by):
    texts, labels, groups = make_rows()
    first, again, other = (split_by(texts, labels, groups, seed=s) for s in (0, 0, 1))
    assert first.test.tolist() == again.test.tolist()
    assert first.valid.tolist() == again.valid.tolist()
    # By chance a fifth of the first test rows is in the other one too.
    assert len(np.intersect1d(first.test, other.test)) < 0.4 * len(first.test)


def test_groups_stay_whole_and_sizes_are_within_a_group_of_asked():
    texts, labels, groups = make_rows()
    split = grouped_split(texts, labels, groups, test_size=0.25, valid_size=0.2, seed=0)
    assert_whole(split, len(texts))
    in_part = {name: {groups[i] for i in rows} for name, rows in parts_of(split).items()}
    assert not in_part["train"] & in_part["test"]
    assert not in_part["train"] & in_part["valid"]
    assert not in_part["valid"] & in_part["test"]
    assert split.kind == "grouped"
    assert split.leaked_by_group == 0
    assert split.n_test_groups == len(in_part["test"])
    assert abs(len(split.test) - 0.25 * len(texts)) <= 9
    assert abs(len(split.valid) - 0.2 * (len(texts) - len(split.test))) <= 9
    for label in set(labels):
        share = np.mean([labels[i] == label for i in split.test])
        assert share == pytest.approx(np.mean(np.array(labels) == label), abs=0.03)


def test_without_groups_exact_duplicates_stay_together():
    texts = [f"{start}  number {i % 40} " for i in range(200) for start in ("Copy", "copy")]
    split = grouped_split(texts, ["a", "b"] * 200, None, seed=0)
    assert split.leaked_by_group == 0
    assert split.n_test_groups == 8
    assert split.reason == (
        "Grouped by exact text and stratified by label: all duplicates of a text are in one"
        " subset, so the test set has only texts that are not in the training set. The training"
        " set has 290 rows, validation 30 (9.4% of the rest), test 80 (20.0%) in 8 distinct texts."
    )


def test_rows_without_a_group_are_not_one_giant_group():
    texts = [f"text {i}" for i in range(100)]
    split = grouped_split(texts, ["a", "b"] * 50, [""] * 100, seed=0)
    assert (len(split.test), split.n_test_groups) == (20, 20)


def test_random_split_counts_its_leak():
    texts, labels, groups = make_rows()
    split = random_split(texts, labels, groups, seed=0)
    assert_whole(split, len(texts))
    in_train = {groups[i] for i in split.train}
    leaked = sum(groups[i] in in_train for i in split.test)
    assert split.leaked_by_group == leaked > 0.5 * len(split.test)
    assert split.kind == "random"
    assert split.reason.startswith(
        f"Rows were assigned at random: {leaked} of {len(split.test)} test rows"
        f" ({leaked / len(split.test):.1%}) have another row of their group in the training set. "
    )
    assert abs(len(split.test) - 0.2 * len(texts)) <= 1


def test_unstratified_random_split_is_not_balanced_by_label():
    texts, labels = [f"t{i}" for i in range(1000)], ["a", "b"] * 500
    counts = {
        stratify: [
            sum(
                labels[i] == "a"
                for i in random_split(texts, labels, None, seed=seed, stratify=stratify).test
            )
            for seed in range(5)
        ]
        for stratify in (True, False)
    }
    assert counts[True] == [100] * 5
    assert len(set(counts[False])) > 1


def test_a_label_with_two_rows_is_learned_and_tested_and_named():
    texts, labels = [f"t{i}" for i in range(50)], ["x"] * 48 + ["y"] * 2
    split = grouped_split(texts, labels, None, seed=0)
    assert [labels[i] for i in split.train].count("y") == 1
    assert [labels[i] for i in split.test].count("y") == 1
    assert (len(split.train), len(split.valid), len(split.test)) == (36, 4, 10)
    assert split.warnings == (
        "Label 'y' has 2 rows (1 train, 0 validation, 1 test): its precision, recall and F1 "
        "are unreliable.",
        "There are only 4 validation rows: choices made on them, such as regularization,"
        " calibration and thresholds, are unreliable.",
        "The test set has only 10 distinct texts: scores on it can be off by 31 points in either "
        "direction.",
    )


def test_a_label_with_one_row_is_learned_only():
    split = grouped_split([f"t{i}" for i in range(50)], ["x"] * 24 + ["z"] * 25 + ["y"], None)
    assert 49 in split.train
    assert "No test row for label 'y': its recall is unknown." in split.warnings


def test_one_group_a_label_falls_back_to_a_random_split_and_it_is_reported():
    texts, labels = [f"t{i}" for i in range(60)], ["x", "y", "z"] * 20
    split = grouped_split(texts, labels, labels, seed=0)
    assert split.kind == "random"
    assert split.leaked_by_group == len(split.test) == 12
    assert split.warnings[0] == (
        "A grouped split is impossible here: all rows of labels 'x', 'y' and 'z' are in a "
        "single group each, and each label needs one group for train and one for test. The rows "
        "were assigned at random instead, so the scores partly measure memorization of other rows "
        "of the same group."
    )


def test_a_giant_group_goes_to_train():
    texts = [f"t{i}" for i in range(1000)]
    labels = ["a", "b"] * 500
    groups = ["giant"] * 600 + [f"g{i // 2}" for i in range(400)]
    for seed in range(5):
        split = grouped_split(texts, labels, groups, seed=seed)
        assert set(range(600)) <= set(split.train.tolist())
        assert 80 <= len(split.test) <= 202


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("split_by", [grouped_split, random_split])
def test_awkward_data_keep_every_label_in_train_and_some_test(split_by, seed):
    rng = random.Random(seed)
    n_rows = rng.randint(8, 60)
    labels = [str(min(rng.randint(0, 9), rng.randint(0, 9))) for _ in range(n_rows - 2)]
    labels += ["one"] * 2
    groups = [str(int(rng.paretovariate(0.5)) % 7) for _ in labels]
    texts = [f"text {i}" for i in range(n_rows)]
    split = split_by(texts, labels, groups, test_size=rng.choice([0.05, 0.2, 0.6]), seed=seed)
    assert_whole(split, n_rows)
    assert {labels[i] for i in split.train} == set(labels)
    assert len(split.test) > 0


def test_many_labels_of_two_rows_do_not_blow_up_the_test_part():
    texts, labels = [f"t{i}" for i in range(200)], [str(i // 2) for i in range(200)]
    split = grouped_split(texts, labels, None, seed=0)
    assert 38 <= len(split.test) <= 42


def test_given_parts_are_kept_and_validation_is_cut_from_train_in_whole_groups():
    texts, labels, groups = make_rows()
    parts = ["test" if int(group[1:]) < 60 else "train" for group in groups]
    split = given_split(texts, labels, groups, parts, seed=0)
    assert_whole(split, len(texts))
    assert split.test.tolist() == [i for i, part in enumerate(parts) if part == "test"]
    in_part = {name: {groups[i] for i in rows} for name, rows in parts_of(split).items()}
    assert not in_part["train"] & in_part["valid"]
    assert 0.08 < len(split.valid) / (len(split.valid) + len(split.train)) < 0.12
    assert split.kind == "given"
    assert split.reason.startswith(
        "The subsets were given, but not validation, which was split off the training set in whole"
        " groups:"
        " 0 of "
    )


def test_given_parts_that_leak_are_warned_of():
    texts = [f"t{i}" for i in range(300)]
    parts = ["train", "valid", "test"] * 100
    split = given_split(texts, ["a", "b"] * 150, [str(i // 3) for i in range(300)], parts)
    assert [len(rows) for rows in parts_of(split).values()] == [100, 100, 100]
    assert split.warnings == (
        "100 of 100 test rows (100.0%) have another row of their group in the training set: the"
        " test score partly measures memorization.",
        "100 of 100 validation rows (100.0%) have another row of their group in the training set:"
        " training may stop too late.",
        "100 of 100 test rows (100.0%) have another row of their group in the validation set, which"
        " decides when training stops.",
    )


def test_frequent_labels_that_given_validation_lacks_are_named():
    texts, labels = [f"t{i}" for i in range(90)], [*"abcd" * 22, *"ab"]
    parts = ["test" if i % 5 == 0 else "train" for i in range(90)]
    parts[4] = parts[7] = "valid"  # an a and a d
    split = given_split(texts, labels, None, parts)
    warning = (
        "No validation row for labels 'b' and 'c': early stopping, calibration and other choices on"
        " validation rows do not consider them."
    )
    assert warning in split.warnings
    assert not any(
        "No validation row" in one
        for one in given_split(
            texts, labels, None, ["test" if part == "test" else "train" for part in parts]
        ).warnings
    )


def test_one_row_that_leaks_has_a_row_of_its_group_elsewhere():
    texts = [f"t{i}" for i in range(6)]
    parts = ["train", "train", "train", "test", "test", "valid"]
    split = given_split(texts, ["a", "b"] * 3, [*"abcadf"], parts)
    assert split.warnings[0].startswith("1 of 2 test rows (50.0%) has another row of its group")


def test_a_label_that_given_train_lacks_is_named():
    split = given_split(
        ["a", "b", "c", "d"], ["x", "y", "x", "z"], None, ["train", "train", "test", "test"]
    )
    assert "No training row for label 'z': the model cannot predict it." in split.warnings
    split = given_split([*"abcd"], [*"xyxz"], None, ["train", "train", "train", "test"])
    assert "No test row for labels 'x' and 'y': their recall is unknown." in split.warnings


def test_given_parts_without_train():
    with pytest.raises(DataError, match="no row is assigned to 'train'"):
        given_split(["a", "b", "c"], ["x", "y", "x"], None, ["test"] * 3)


@pytest.mark.parametrize("size", [0, 1, -0.2, 1.5, float("nan")])
def test_sizes_must_be_shares(size):
    with pytest.raises(SettingsError) as error:
        grouped_split(["a", "b"], ["x", "y"], None, test_size=size)
    assert str(error.value) == (
        f"test_size is {size}; it must be a fraction between 0 and 1, such as 0.2"
    )
    with pytest.raises(SettingsError, match="valid_size is"):
        random_split(["a", "b"], ["x", "y"], None, valid_size=size)


def test_columns_must_agree_and_hold_enough_rows():
    with pytest.raises(DataError, match="there are 3 texts but 2 labels"):
        grouped_split(["a", "b", "c"], ["x", "y"], None)
    with pytest.raises(DataError, match="2 rows with 2 labels cannot be split"):
        grouped_split(["a", "b"], ["x", "y"], None)


@pytest.mark.real_data
def test_tweets_split_by_id(twitter_training):
    with twitter_training.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines) if row[2] != "Irrelevant" and row[3].strip()]
    ids, labels, texts = ([row[i] for row in rows] for i in (0, 2, 3))
    split = grouped_split(texts, labels, ids, seed=0)
    assert split.leaked_by_group == 0
    assert abs(len(split.test) - 0.2 * len(rows)) <= 6
    assert split.warnings == ()
    assert random_split(texts, labels, ids, seed=0).leaked_by_group > 0.99 * len(split.test)
