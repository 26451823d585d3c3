"""Texts with several labels are read, sampled, split and audited."""

import json
import random
import re

import numpy as np
import pandas as pd
import pytest

import wordgate
from wordgate import GroupedSplit
from wordgate.cli.main import exit_code
from wordgate.data import read_table
from wordgate.data.dataset import Dataset, encode_labels, label_counts, labels_of
from wordgate.dedup.near_duplicates import find_near_duplicates
from wordgate.errors import DataError
from wordgate.experiments.audit import audit
from wordgate.experiments.reading import DataSource
from wordgate.experiments.splits import hold_out, make_folds, split_table
from wordgate.report.audit import sections
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings

WORDS = (
    "late", "broken", "kind", "quick", "refund", "sofa", "lamp", "chair", "table", "door", "glass",
    "paint", "hinge", "screw",
)  # fmt: skip
SHARES = {"delivery": 0.5, "quality": 0.35, "price": 0.2, "staff": 0.08}
PROSE = ("no lamp was ever so late as this one", "nobody has answered any of my four letters")


def read_parts(data, *, valid=None, test=None, **reading):
    return DataSource(data, {**reading, "valid": valid, "test": test}).sources()


def make_rows(n_groups=300, seed=0):
    """Rows of text, sorted labels, of which some have none, and id."""
    rng = random.Random(seed)
    rows = []
    for group in range(n_groups):
        for _ in range(rng.randint(1, 4)):
            labels = [one for one, share in SHARES.items() if rng.random() < share]
            text = f"{group} {len(rows)} " + " ".join(rng.choices(WORDS, k=8))
            rows.append((text, tuple(sorted(labels)), f"u{group}"))
    return rows


def frame_of(rows, cell=list):
    columns = dict(zip(("text", "labels", "id"), map(list, zip(*rows, strict=True)), strict=True))
    return pd.DataFrame({**columns, "labels": [cell(one) for one in columns["labels"]]})


@pytest.fixture
def rows():
    return make_rows()


@pytest.fixture
def table(rows):
    return read_table(frame_of(rows))


@pytest.fixture
def write(rows, tmp_path):
    """Write a file of some rows, the labels between semicolons."""

    def _write(name="data.csv", part=slice(None)):
        frame_of(rows[part], ";".join).to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return _write


def test_targets_are_a_matrix_of_0_and_1():
    sets, labels = [("a", "c"), (), ("b",)], ("a", "b", "c")
    targets = encode_labels(sets, labels)
    assert targets.dtype == np.int64
    assert targets.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert labels_of(targets, labels) == sets
    assert labels_of(np.array([2, 0]), labels) == ["c", "a"]
    assert label_counts(targets, 3).tolist() == label_counts(np.array([0, 1, 2]), 3).tolist()
    dataset = Dataset(["x", "y", "z"], targets)
    assert dataset.multilabel
    assert not Dataset(["x"], np.array([0])).multilabel
    part = dataset.part(np.array([2, 0]))
    assert (part.texts, part.targets.tolist()) == (["z", "x"], [[0, 1, 0], [1, 0, 1]])
    other = targets.copy()
    other[1, 1] = 1
    assert Dataset(dataset.texts, other).digest() != dataset.digest()


def test_a_table_is_split_into_sets_of_matrices(table):
    splits = split_table(table, load_settings("default"), 0)
    assert splits.labels == tuple(sorted(SHARES))
    for part in (splits.train, splits.valid, splits.test):
        assert part.targets.shape == (len(part), 4)
    for row, position in enumerate(splits.split.test[:50]):
        marked = np.flatnonzero(splits.test.targets[row])
        assert tuple(splits.labels[i] for i in marked) == table.label_sets[position]
    everywhere, in_test = (one.targets.mean(axis=0) for one in (splits.all_rows, splits.test))
    assert in_test == pytest.approx(everywhere, rel=0.1)
    assert not set(splits.train.groups) & set(splits.test.groups)


def test_folds_test_each_row_once_and_hold_out_whole_groups(table):
    settings = load_settings("default")
    splits = split_table(table, settings, 0)
    folds = make_folds(table, splits, 3, settings, 0)
    assert sorted(np.concatenate([fold.rows for fold in folds]).tolist()) == list(range(len(table)))
    for fold in folds:
        assert not set(fold.train.groups) & {*fold.valid.groups, *fold.test.groups}
        share = splits.all_rows.targets.mean(axis=0)
        assert fold.test.targets.mean(axis=0) == pytest.approx(share, rel=0.1)
    rest, held = hold_out(splits.train, splits.labels, 0.2, 1, "random")
    assert (len(rest) + len(held), held.multilabel) == (len(splits.train), True)


@pytest.mark.parametrize("stratify", [True, False])
def test_random_folds_are_stratified_as_the_settings_say(stratify):
    texts = [f"a lamp that is number {i}" for i in range(300)]
    frame = pd.DataFrame({"text": texts, "label": ["rare", *["often"] * 9] * 30})
    table = read_table(frame, group="none")
    settings = load_settings("default", {"split": "random", "stratify": stratify})
    folds = make_folds(table, split_table(table, settings, 0), 3, settings, 0)
    assert sorted(np.concatenate([fold.rows for fold in folds]).tolist()) == list(range(300))
    of_test = [int(fold.test.targets.sum()) for fold in folds]
    of_valid = [int(fold.valid.targets.sum()) for fold in folds]
    assert (of_test == [10] * 3, of_valid == [2] * 3) == (stratify, stratify)


def test_one_label_a_cell_has_no_effect_on_lists_and_is_refused(rows):
    frame = frame_of(rows)
    assert DataSource(frame, {}).sources().table.label_sets
    with pytest.raises(
        DataError, match=r"a label separator has no effect here: .* lists of labels"
    ):
        DataSource(frame, {"label_separator": "none"}).sources()


def test_a_label_that_train_lacks_is_named(write, rows):
    train = [i for i, (_, labels, _) in enumerate(rows) if "staff" not in labels]
    parts = pd.Series("test", index=range(len(rows)))
    parts[train] = "train"
    table = read_table(frame_of(rows).assign(part=parts), split_column="part")
    with pytest.raises(DataError) as error:
        split_table(table, load_settings("default"), 0)
    assert str(error.value) == (
        "no training row has the label 'staff', which occurs in validation or test; give it"
        " training rows, or leave it out with --drop-label staff"
    )


def test_near_duplicates_agree_where_all_their_labels_do():
    texts = [f"{PROSE[i % 2]} said number {i % 4}" for i in range(40)]
    sets = [(("a", "b"), ("b",), ("a", "b"), ("b",))[i % 4] for i in range(40)]
    copies = find_near_duplicates(texts, [f"g{i}" for i in range(40)])
    rows, others = np.arange(0, 2), np.arange(2, 40)
    targets = encode_labels(sets, ("a", "b"))
    assert copies.label_agreement(rows, others, targets) == copies.label_agreement(
        rows, others, targets[:, 0]
    )


def test_files_of_their_own_are_read_by_the_same_separator(write):
    files = write(part=slice(0, 500)), write("valid.csv", slice(500, 560))
    test = write("test.csv", slice(560, 570))
    sources = read_parts(files[0], valid=files[1], test=test, label="labels")
    table = sources.table
    assert table.label_separator == ";"
    assert (table.label_sets[500], len(table.label_sets)) == (make_rows()[500][1], 570)
    assert table.parts == ["train"] * 500 + ["valid"] * 60 + ["test"] * 10
    assert sources.summary()[0] == "data.csv: 500 texts, 4 labels (multi-label)"


@pytest.mark.parametrize("several_in_train", [True, False])
def test_files_of_several_labels_and_of_one_do_not_mix(tmp_path, rows, several_in_train):
    single = frame_of(rows, lambda one: (one or ("none",))[0])
    lists = frame_of(rows)
    for name, data in (("single", single), ("lists", lists)):
        data.to_json(tmp_path / f"{name}.jsonl", orient="records", lines=True)
    train, test = ("lists", "single") if several_in_train else ("single", "lists")
    here, there = ("one label per text", "several") if several_in_train else (
        "several labels per text", "one")  # fmt: skip
    file = tmp_path / f"{test}.jsonl"
    with pytest.raises(DataError, match=f"has {here}, and the training rows have {there}: write"):
        read_parts(tmp_path / f"{train}.jsonl", test=file)


def test_a_limit_keeps_labels_in_proportion_and_groups_whole(table, rows):
    sample = read_parts(frame_of(rows), limit=300).table
    assert 285 <= len(sample) <= 300
    for label in SHARES:
        share = np.mean([label in one for one in table.label_sets])
        assert np.mean([label in one for one in sample.label_sets]) == pytest.approx(
            share, abs=0.03
        )
    assert all(table.groups.count(group) == sample.groups.count(group) for group in sample.groups)


def test_a_model_of_one_label_a_text_is_not_evaluated_on_several(write, count_model):
    with pytest.raises(DataError, match=r"has none of the labels .* 'delivery;price'"):
        wordgate.evaluate(count_model.folder, write(), label="labels", progress=Silent())


COPIED = [
    (PROSE[0], ("a", "b")), (PROSE[0], ("a",)), (PROSE[0], ("a", "c")),  # disagree on b and c
    (PROSE[1], ("c",)), (PROSE[1] + " indeed", ("a",)),  # near copies: disagree on a and c
    ("a text that stands alone among all of these", ()),
]  # fmt: skip


def test_the_separator_of_the_training_rows_is_for_cells_of_text_alone(make_topics, tmp_path, rows):
    lists = pd.DataFrame(
        {"text": ["cheap and fast", "broken"], "labels": [["price", "speed"], ["quality"]]}
    )
    marks = pd.DataFrame({"text": lists.text, "price": [1, 0], "quality": [0, 1], "speed": [1, 0]})
    model = make_topics(label_separator=";")
    assert wordgate.evaluate(model, lists).scores.micro_f1 == 1.0
    columns = ["price", "quality", "speed"]
    assert wordgate.evaluate(model, marks, label=columns).scores.micro_f1 == 1.0
    with pytest.raises(DataError, match="a label separator has no effect here"):
        wordgate.evaluate(model, lists, label_separator=";")
    train, test = frame_of(rows, ";".join), tmp_path / "test.jsonl"
    frame_of(rows[:40]).to_json(test, orient="records", lines=True)
    table = read_parts(train, test=test, label_separator=";").table
    assert table.label_sets[-40:] == [one for _, one, _ in rows[:40]]


def test_a_model_of_columns_says_how_to_evaluate_it_on_one_column_of_labels(make_topics, tmp_path):
    *before, last = ({"number": n, "name": f"is {n}"} for n in (2, 3, 4))
    model = make_topics(data={"columns": [{"role": "label", "before": before, **last}]})
    file = tmp_path / "topics.csv"
    file.write_text("text,labels\ncheap and fast,price;speed\nbroken,quality\n")
    with pytest.raises(DataError, match="no column 'is 2'") as caught:
        wordgate.evaluate(model, file)
    assert str(caught.value).splitlines()[1] == (
        "The model was trained on a column of 0 and 1 for each of its 3 labels: name the columns"
        " of the data, or its only column of labels, with --label"
    )
    read = {"label": "labels", "label_separator": ";"}
    assert wordgate.evaluate(model, file, **read).scores.micro_f1 == 1.0


def test_an_audit_counts_label_by_label(rows):
    found = audit(pd.DataFrame({"text": [t for t, _ in COPIED], "label": [y for _, y in COPIED]}))
    assert [(one.label, one.rows, one.share) for one in found.labels] == [
        ("a", 4, 4 / 6), ("c", 2, 2 / 6), ("b", 1, 1 / 6),
    ]  # fmt: skip
    facts = found.label_sets
    assert (facts.mean, facts.most, facts.without) == (7 / 6, 2, 1)
    assert (facts.several, facts.distinct) == (2, 5)
    assert [(one.label, one.exact_texts, one.near_pairs) for one in facts.disagreements] == [
        ("c", 1, 1), ("b", 1, 0), ("a", 0, 1),
    ]  # fmt: skip
    assert (found.conflicts.exact_rows, found.conflicts.exact_texts) == (3, 1)
    assert found.conflicts.near_pairs == 1
    assert sections(found)[3].sentences[-1] == (
        "Labels that only some of the duplicates have (distinct texts with exact duplicates; pairs"
        " of near duplicates): c (1; 1), b (1; 0), a (0; 1)."
    )
    assert audit(frame_of(rows, lambda one: len(one))).label_sets is None


def test_the_keys_of_an_audit_of_one_label_a_text_stay(rows):
    single, several = audit(frame_of(rows, len)), audit(frame_of(rows))
    assert set(several.to_json()) - set(single.to_json()) == {"label_sets"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "options"), [(";".join, ["--label", "labels"]), (str, ["--label", "labels"])]
)
def test_the_command_audits_several_labels(rows, tmp_path, capsys, cell, options):
    file, page = tmp_path / "a.csv", tmp_path / "a.html"
    frame_of(rows, cell).to_csv(file, index=False)
    assert exit_code(["audit", str(file), *options, "--html", str(page)]) == 0
    out, err = capsys.readouterr()
    assert "; several labels per text" in err
    words = " ".join(out.split())
    mean = np.mean([len(labels) for _, labels, _ in rows])
    assert f"A text can have several labels: {mean:.2f} on average, 4 at most, in 1" in words
    n = sum("delivery" in labels for _, labels, _ in rows)
    assert re.search(rf"delivery +{n} +{n / len(rows):.1%}", out)
    assert "A text can have several labels" in page.read_text(encoding="utf-8")
    assert exit_code(["audit", str(file), *options, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label_sets"]["most"] == 4


@pytest.mark.slow
def test_the_command_takes_columns_of_0_and_1_and_a_separator(rows, tmp_path, capsys):
    frame = frame_of(rows, "+".join)
    for label in SHARES:
        frame[label] = [int(label in labels) for _, labels, _ in rows]
    frame.to_csv(tmp_path / "a.csv", index=False)
    shown = []
    for options in (["--label", ",".join(SHARES)], ["--label", "labels", "--label-separator", "+"]):
        file = str(tmp_path / "a.csv")
        assert exit_code(["audit", file, "--text", "text", "--json", *options]) == 0
        shown.append(json.loads(capsys.readouterr().out))
    assert shown[0]["labels"] == shown[1]["labels"]
    assert shown[0]["label_sets"] == shown[1]["label_sets"]
    assert shown[0]["leaks"] == shown[1]["leaks"]


def test_scikit_learn_folds_are_stratified_by_several_labels(rows):
    texts, sets, groups = map(list, zip(*rows, strict=True))
    matrix = encode_labels(sets, sorted(SHARES))
    splitter = GroupedSplit(3)
    found = [test for _, test in splitter.split(texts, matrix, groups)]
    for test in found:
        assert matrix[test].mean(axis=0) == pytest.approx(matrix.mean(axis=0), rel=0.1)
    named = [test for _, test in splitter.split(texts, sets, groups)]
    assert [one.tolist() for one in named] == [one.tolist() for one in found]
