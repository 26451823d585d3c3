"""Training joins near duplicates, saves its audit, and cross-validates beside the split."""

import json
import random

import numpy as np
import pandas as pd
import pytest

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.cli.main import exit_code
from wordgate.runtime.progress import Silent

WORDS = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("ld", "n", "rk", "st", "v")]


@pytest.fixture
def frame():
    """Ninety sentences with two near copies each; the words 'fine' and 'poor' tell the label."""
    rng = random.Random(0)
    rows = []
    for i in range(90):
        label, word = (("good", "fine"), ("bad", "poor"))[i % 2]
        words = [*(rng.choice(WORDS) for _ in range(11)), word]
        rows += [(label, " ".join([*words, f"version{version}"])) for version in range(3)]
    return pd.DataFrame(rows, columns=["label", "text"])


def train(frame, **options):
    return wordgate.train(frame, model="count", progress=Silent(), **options)


def test_duplicates_are_kept_together_without_any_ids(frame):
    split = train(frame).metrics.split
    assert (split.kind, split.leaked_by_group, split.near_duplicates_in_train) == ("grouped", 0, 0)
    assert split.n_test_groups == split.n_test // 3
    assert split.reason.endswith(
        "Near duplicates: no group column, so 270 rows were grouped with similar rows;"
        " no row has a near duplicate in another group."
    )


def test_a_random_split_reports_the_duplicates_it_leaks(frame):
    metrics = train(frame, split="random").metrics
    assert metrics.split.leaked_by_group == metrics.split.near_duplicates_in_train > 40
    assert "groups" in metrics.intervals.accuracy.method


def test_a_bundle_has_the_audit_without_texts_and_a_change_of_it_is_reported(frame, tmp_path):
    train(frame, out=tmp_path / "model")
    file = tmp_path / "model" / "audit.json"
    found = json.loads(file.read_text(encoding="utf-8"))
    assert (found["n_rows"], found["duplicates"]["near_rows"]) == (270, 270)
    assert found["leaks"][0]["known"] > 0.9
    assert not any(text in file.read_text(encoding="utf-8") for text in frame["text"])
    file.write_text("{}", encoding="utf-8")
    assert BundleFolder.open(tmp_path / "model").changed_files() == ["audit.json"]


def test_names_of_joined_groups_are_not_kept_as_groups_of_the_data(frame, tmp_path):
    frame["id"] = [f"id{i // 3}" for i in range(len(frame))]
    frame.loc[1, "id"] = "another"  # a copy of id0's rows, which joining takes into one group
    train(frame, out=tmp_path / "model")
    prints = BundleFolder.open(tmp_path / "model").fingerprints()
    assert prints.seen_groups(["id0", "another", "nobody"]).tolist() == [True, True, False]


def test_folds_evaluate_each_row_once_beside_the_ordinary_split(frame):
    ordinary, folded = train(frame), train(frame, folds=3)
    folds = folded.metrics.folds
    assert ordinary.metrics.folds is None
    assert folded.metrics.accuracy == ordinary.metrics.accuracy
    assert sum(fold.n_test for fold in folds.folds) == 270
    assert [fold.n_train + fold.n_test for fold in folds.folds] == [270] * 3
    assert folds.accuracy == pytest.approx(
        np.average([fold.accuracy for fold in folds.folds], weights=[90, 90, 90])
    )
    assert folds.accuracy > 0.9
    assert "90 groups" in folds.interval.method


@pytest.mark.slow
def test_folds_report_the_difference_to_the_family_count_as_a_comparison_does(frame, tiny):
    options = {"settings": tiny, "folds": 3, "progress": Silent()}
    difference = wordgate.train(frame, **options).metrics.folds.difference_to_count
    compared = wordgate.compare(frame, models=["count", "lstm"], split="grouped", **options)
    assert difference == compared.paired_tests[0].difference
    assert difference.difference < 0
    assert train(frame, folds=3).metrics.folds.difference_to_count is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "random"}, "keeps groups and duplicates together; leave out --split random"),
        ({"max_minutes": 1.0}, "trains a model for each fold; leave out --max-minutes"),
        ({"split_column": "label"}, "leave out --valid, --test and --split-column"),
    ],
)
def test_options_that_contradict_folds_are_refused(frame, options, message):
    with pytest.raises(wordgate.SettingsError, match=message):
        train(frame, folds=3, **options)


def test_a_label_of_a_single_group_can_not_be_cross_validated(frame):
    rare = pd.DataFrame({"label": ["rare"] * 3, "text": ["one rare text of five words"] * 3})
    with pytest.raises(wordgate.DataError, match="all rows of label 'rare' are in one fold"):
        train(pd.concat([frame, rare]), folds=3)


def test_the_command_prints_the_folds(frame, tmp_path, capsys):
    file = tmp_path / "texts.csv"
    frame.to_csv(file, index=False)
    out = ["--out", str(tmp_path / "model")]
    assert exit_code(["train", str(file), *out, "--model", "count", "--folds", "2"]) == 0
    shown = capsys.readouterr().out
    assert "fold 2" in shown
    assert "the saved model is that of the single split" in " ".join(shown.split())
