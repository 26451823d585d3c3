from collections import Counter

import numpy as np
import pandas as pd
import pytest

import wordgate
from wordgate.errors import DataError
from wordgate.experiments.reading import DataSource
from wordgate.runtime.progress import Silent


def read_parts(data, *, valid=None, test=None, split_column=None, seed=0, **reading):
    parts = {"valid": valid, "test": test, "split_column": split_column}
    return DataSource(data, {**reading, **parts}, seed=seed).sources()


def count(data, **options):
    return wordgate.train(data, model="count", progress=Silent(), **options)


@pytest.fixture
def parts(make_rows):
    """Rows of ids that are apart: of train, validation and test."""
    rows = make_rows(80)
    return rows[:300], rows[300:350], rows[350:]


def test_files_of_their_own_are_the_parts(make_file, parts):
    train, valid, test = parts
    training = count(
        make_file(train), valid=make_file(valid, "valid.csv"), test=make_file(test, "test.csv")
    )
    split = training.metrics.split
    assert (split.kind, split.n_train, split.n_valid, split.n_test) == ("given", 300, 50, 50)
    assert (split.leaked_by_group, split.n_test_groups) == (0, 10)


def test_the_reading_of_each_file_is_reported_and_saved(make_file, parts):
    train, _, test = parts
    sources = read_parts(make_file(train), test=make_file(test, "test.csv"))
    lines = sources.lines()
    assert lines[lines.index("for test:") + 1].endswith("fields separated by commas")
    facts = sources.facts()
    assert facts["n_kept"] == 300
    assert facts["others"]["test"]["n_kept"] == 50
    assert "preview" not in facts["others"]["test"]


def test_validation_is_cut_from_train_where_only_test_is_given(make_file, parts):
    train, _, test = parts
    split = count(make_file(train), test=make_file(test, "test.csv")).metrics.split
    assert (split.n_train + split.n_valid, split.n_test) == (300, 50)
    assert split.leaked_by_group == 0


def test_a_test_file_with_one_row_an_id_is_read_with_its_ids(make_file, make_rows):
    """By itself such a file has no column that repeats its values as an id does."""
    rows = make_rows()
    file = make_file([(g[1:], *rest) for g, *rest in rows], header=None)
    test = make_file([(g[1:], *rest) for g, *rest in rows[::5]], "test.csv", header=None)
    training = count(file, test=test)
    assert training.metrics.split.leaked_by_group == 54
    assert training.remarks[:2] == (
        "54 of 60 test rows (90.0%) have another row of their group in the training set: the test"
        " score partly measures memorization.",
        "6 of 60 test rows (10.0%) have another row of their group in the validation set, which"
        " decides when training stops.",
    )


def test_a_test_file_without_ids_is_compared_by_its_texts(make_file, make_rows, parts):
    train, _, test = parts
    known, unknown = train[:4], test[:6]
    file = make_file(
        [(label, text) for _, label, text in [*known, *unknown]], "test.csv", ("label", "text")
    )
    assert count(make_file(train), test=file).metrics.split.leaked_by_group == 4


def test_a_test_file_must_have_a_group_column_that_was_asked_for(make_file, parts):
    train, _, test = parts
    file = make_file([row[1:] for row in test], "test.csv", ("label", "text"))
    with pytest.raises(DataError) as caught:
        count(make_file(train), test=file, group="id")
    assert str(caught.value) == (
        f"no column 'id'; available: label, text\n'{file}' is read with the columns of the training"
        " rows (text, label, id): use the same names in its header"
    )


def test_a_test_file_has_the_same_columns(make_file, parts):
    train, _, test = parts
    file = make_file(test, "test.csv", ("id", "label", "texts"))
    with pytest.raises(DataError) as caught:
        count(make_file(train), test=file)
    assert str(caught.value) == (
        f"no column 'text'; did you mean 'texts'?\n'{file}' is read with the columns of the"
        " training rows (text, label, id): use the same names in its header"
    )


def test_rows_without_an_id_are_nobodys_group_across_files(make_file, parts):
    train, _, test = parts
    nameless = [("", *row[1:]) for row in test[:5]]
    training = count(
        make_file([*[("", *row[1:]) for row in train[:5]], *train[5:]]),
        test=make_file([*nameless, *test[5:]], "test.csv"),
        group="id",
    )
    assert training.metrics.split.leaked_by_group == 0


def test_a_test_file_of_one_label_evaluates_that_label(make_file, parts):
    train, _, test = parts
    good = [row for row in test if row[1] == "good"]
    training = count(make_file(train), test=make_file(good, "test.csv"))
    assert training.metrics.n == len(good)
    assert training.metrics.macro_over == ["good"]


def test_a_label_that_train_has_not_is_refused(make_file, parts):
    train, _, test = parts
    file = make_file([*test, ("z", "ugly", "We never saw this")], "test.csv")
    with pytest.raises(DataError) as caught:
        count(make_file(train), test=file)
    assert str(caught.value) == (
        "no training row has the label 'ugly', which occurs in validation or test;"
        " give it training rows, or leave it out with --drop-label ugly"
    )
    assert count(make_file(train), test=file, drop_labels=["ugly"]).metrics.n == len(test)


def test_a_label_to_drop_may_be_absent_from_the_test_file(make_file, parts):
    """Although one much like it is there, which would be a slip where it is nowhere else."""
    train, _, test = parts
    file = make_file([*train, ("z1", "goods", "a"), ("z2", "goods", "b")])
    training = count(file, test=make_file(test, "test.csv"), drop_labels=["goods"])
    assert training.predictor.labels == ("bad", "good")


@pytest.mark.parametrize("separator", ["none", ";"])
def test_a_label_that_is_dropped_from_the_test_file_alone_is_not_missed(
    make_file, parts, separator
):
    train, _, test = parts
    train = [("z", "good;bad", "Both of them"), *train] if separator == ";" else train
    train, test = make_file(train), make_file([*test, ("z", "ugly", "Never seen")], "test.csv")

    def warnings(labels):
        sources = read_parts(train, test=test, drop_labels=labels, label_separator=separator)
        return [one for one in sources.table.reading.warnings if "to be dropped" in one]

    assert warnings("ugly") == warnings(["ugly"]) == warnings(np.array(["ugly"])) == []
    assert warnings(("ugly", "odd")) == ["no row has the label 'odd' that was to be dropped"]


def test_a_column_names_the_parts(make_file, parts):
    named = zip(("train", "dev", "Test"), parts, strict=True)
    rows = [(*row, name) for name, rows in named for row in rows]
    file = make_file(rows, header=("id", "label", "text", "fold"))
    split = count(file, split_column="fold").metrics.split
    assert (split.kind, split.n_train, split.n_valid, split.n_test) == ("given", 300, 50, 50)


def test_a_limit_holds_for_each_file(make_file, parts):
    train, _, test = parts
    split = count(make_file(train), test=make_file(test, "test.csv"), limit=20).metrics.split
    assert (split.n_train + split.n_valid, split.n_test) == (20, 20)


def sorted_rows(shares=(0.5, 0.3, 0.15, 0.05), n=2000):
    """A file sorted by label, with groups of one to five rows; most groups have one label."""
    rng = np.random.default_rng(0)
    labels = np.repeat(
        [f"label{i}" for i in range(len(shares))], (np.array(shares) * n).astype(int)
    )
    sizes = rng.integers(1, 6, n)
    groups = np.repeat(np.arange(n), sizes)[: len(labels)]
    texts = [f"text {i} of {' '.join(f'w{k}' for k in rng.integers(0, 999, 6))}" for i in range(n)]
    return pd.DataFrame({"text": texts, "label": labels, "id": [f"g{g}" for g in groups]})


def kept_of(data, limit, **options):
    table = read_parts(data, limit=limit, **options).table
    assert len(table) <= limit
    assert table.rows == sorted(table.rows)
    return table


@pytest.mark.parametrize("limit", [60, 200, 777, 1999])
def test_a_limit_samples_whole_groups_of_every_label_by_the_seed(limit):
    data = sorted_rows()
    table = kept_of(data, limit)
    assert len(table) >= 0.95 * limit
    sizes = data["id"].value_counts()
    assert all(sizes[group] == n for group, n in Counter(table.groups).items())
    for label, count in data["label"].value_counts().items():
        assert table.labels.count(label) == pytest.approx(count * limit / 2000, abs=10)
    assert kept_of(data, limit).rows == table.rows
    assert kept_of(data, limit, seed=1).rows != table.rows
    shuffled = data.sample(frac=1, random_state=0)
    assert sorted(kept_of(shuffled, limit).texts) == sorted(table.texts)
    account = f"{2000 - len(table):,} (over the limit of {limit:,}: sampled with"
    assert account + " seed 0, by whole groups)" in "\n".join(read_parts(data, limit=limit).lines())


def test_a_limit_above_the_rows_changes_nothing():
    data = sorted_rows()
    for limit in (2000, 9999):
        assert kept_of(data, limit).texts == data["text"].tolist()
        assert read_parts(data, limit=limit).table.reading.dropped == {}


def test_without_groups_duplicates_stay_together():
    data = sorted_rows().drop(columns="id")
    data["text"] = [f"text {i // 4} of some words" for i in range(2000)]
    table = kept_of(data, 500)
    assert set(Counter(table.texts).values()) == {4}
    assert len(table) == 500
    assert "keeping duplicates together" in next(iter(table.reading.dropped))


@pytest.mark.parametrize("n_labels", [3, 101, 400])
def test_a_limit_keeps_every_label_where_it_can(n_labels):
    labels = [f"label{i % n_labels if i % 7 else 0}" for i in range(2000)]
    data = sorted_rows().assign(label=labels)
    for limit in (n_labels * 2, 900):
        assert len(set(kept_of(data, limit).labels)) == n_labels
    if n_labels > 3:
        table = kept_of(data, 50)
        assert len(set(table.labels)) > 20
        assert table.reading.warnings == ["the limit of 50 rows is too low to keep every label"]


@pytest.mark.parametrize("size", [40, 250, 1000])
def test_groups_too_large_for_a_limit_are_sampled_by_row(size):
    data = sorted_rows().assign(id=[f"g{i // size}" for i in range(2000)])
    table = kept_of(data, 60, group="id")
    assert len(table) == 60
    assert len(set(table.labels)) == 4
    assert len(set(table.groups)) >= min(10, 2000 // size)
    assert "row by row, because the groups are too large" in next(iter(table.reading.dropped))


def test_a_limit_keeps_every_part_in_proportion():
    data = sorted_rows().assign(part=["train", "train", "valid", "test"] * 500)
    table = kept_of(data, 400, split_column="part", group="none")
    counts = Counter(zip(table.parts, table.labels, strict=True))
    assert len(counts) == 12
    assert Counter(table.parts)["train"] == pytest.approx(200, abs=5)


def test_a_limited_test_file_meets_the_groups_of_a_limited_training_file():
    data = sorted_rows()
    table = kept_of(data, 600)
    assert (
        read_parts(data, test=data, limit=300).table.groups[:300]
        == (read_parts(data, test=data, limit=300).table.groups[300:])
    )
    assert set(kept_of(data, 100).groups) & set(table.groups)


def test_every_command_that_reads_takes_a_limit(tmp_path):
    data = sorted_rows()
    trained = wordgate.train(data, model="count", limit=400, out=tmp_path / "m", progress=Silent())
    assert len(trained.predictor.labels) == 4
    assert trained.bundle.config.data["n_kept"] <= 400
    assert wordgate.evaluate(tmp_path / "m", data, limit=300).scores.n == pytest.approx(300, abs=9)
    assert wordgate.audit(data, limit=300).n_rows == pytest.approx(300, abs=9)


@pytest.mark.parametrize("limit", [0, -3, 2.5, "10", True])
def test_a_limit_is_a_whole_number_of_rows(limit):
    with pytest.raises(DataError) as caught:
        wordgate.audit(sorted_rows(), limit=limit)
    assert str(caught.value) == f"the limit is {limit!r}; it must be a whole number of at least 1"


def test_a_limit_that_would_lose_a_part_is_refused():
    data = sorted_rows().assign(part=["train", "train", "valid", "test"] * 500)
    kept = kept_of(data, 12, split_column="part")
    assert set(kept.parts) == {"train", "valid", "test"}
    with pytest.raises(DataError, match="the limit of 2 rows is too low to keep rows of every"):
        kept_of(data, 2, split_column="part")


@pytest.mark.parametrize("by", ["copies", "group"])
def test_one_large_group_does_not_take_up_a_limit(by):
    """Half of the rows are one group, of one label; so should half of the sample be."""
    own = [" ".join(f"w{i * 7 % 997}x{k}" for k in range(9)) for i in range(1000)]
    data = pd.DataFrame({"text": own, "label": ["a"] * 500 + ["b"] * 500})
    if by == "copies":
        data.loc[:499, "text"] = "the very same text for all of them"
    else:
        data["id"] = ["giant"] * 500 + [f"g{i}" for i in range(500)]
    table = kept_of(data, 600, **({} if by == "copies" else {"group": "id"}))
    assert Counter(table.labels)["a"] == pytest.approx(300, abs=60)
    assert "row by row, because the groups are too large" in next(iter(table.reading.dropped))


def with_topics(rows):
    return [(group, f"topic {i % 3}", *rest) for i, (group, *rest) in enumerate(rows)]


TOPICS = ("id", "topic", "label", "text")


def test_all_files_are_read_by_the_same_columns_as_text(make_file, parts):
    train, valid, test = map(with_topics, parts)
    sources = read_parts(
        make_file(train, header=TOPICS),
        valid=make_file(valid, "valid.csv", TOPICS),
        test=make_file([(t, i, words, label) for i, t, label, words in test], "test.csv",
                       ("topic", "id", "text", "label")),
        text="topic,text",
    )  # fmt: skip
    assert len(sources.table.texts) == len(sources.table.bodies) == 400
    for first, (_, topic, _, body) in zip(
        (0, 300, 350), (train[0], valid[0], test[0]), strict=True
    ):
        assert sources.table.texts[first] == f"{topic} | {body}"
        assert sources.table.bodies[first] == body
    assert "text: columns 1 'topic' and 3 'text' (as given)" in sources.lines()


def test_a_file_must_have_all_columns_of_the_text(make_file, parts):
    train, _, test = parts
    file = make_file(with_topics(train), "train.csv", TOPICS)
    with pytest.raises(DataError) as caught:
        read_parts(file, test=make_file(test), text="topic,text")
    assert str(caught.value).startswith("no column 'topic'; available: id, label, text\n")
    assert "is read with the columns of the training rows (topic, text, label, id)" in str(
        caught.value
    )


def test_rows_without_ids_join_the_group_of_their_text_whatever_its_topic(make_file, parts):
    train, _, test = parts
    judged = [("other", label, text) for _, label, text in [*train[:4], *test[:6]]]
    training = count(
        make_file(with_topics(train), header=TOPICS),
        test=make_file(judged, "test.csv", ("topic", "label", "text")),
        text="topic,text",
    )
    assert training.metrics.split.leaked_by_group == 4
    assert training.metrics.split.near_duplicates_in_train >= 4


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("class_weight", "unexpected keyword argument 'class_weight': settings are given together,"
         " as in settings={'class_weight': ...}"),
        ("hidden_size", "unexpected keyword argument 'hidden_size': settings are given together, as"
         " in settings={'lstm.hidden_size': ...}"),
        ("lable", "unexpected keyword argument 'lable'; did you mean 'label'?"),
    ],
)  # fmt: skip
def test_an_unknown_option_of_data_is_named(reviews, option, message):
    for run in (wordgate.train, wordgate.compare):
        with pytest.raises(TypeError) as caught:
            run(reviews, progress=Silent(), **{option: "x"})
        assert str(caught.value) == message


def test_a_misspelled_option_of_a_search_is_named(reviews):
    for run in (wordgate.train, wordgate.tune):
        with pytest.raises(TypeError, match=r"argument 'minuts'; did you mean 'minutes'\?"):
            run(reviews, model="count", minuts=1)


@pytest.mark.parametrize("setting", ["min_updates", "max_tokens"])
def test_a_setting_is_not_taken_for_a_misspelled_option(reviews, setting):
    """Their names are nearly those of `minutes` and `max_ms`."""
    for run in (wordgate.train, wordgate.tune):
        with pytest.raises(TypeError, match="settings are given together, as in settings="):
            run(reviews, model="lstm", **{setting: 1})


def test_an_unknown_option_is_named_where_nothing_is_trained(reviews, count_model):
    message = "^unexpected keyword argument 'txet'; did you mean 'text'[?]$"
    with pytest.raises(TypeError, match=message):
        wordgate.evaluate(count_model.folder, reviews, txet="text")
    with pytest.raises(TypeError, match=message):
        wordgate.audit(reviews, txet="text")
