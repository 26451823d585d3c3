"""Recipe `notebook`: rows, vocabulary and split of the notebook, and the note about them."""

import pytest

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.data import read_table
from wordgate.dedup.near_duplicates import find_near_duplicates
from wordgate.experiments.splits import split_table
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings

QUICK = {"lstm.hidden_size": 8, "lstm.embedding_size": 8, "lstm.epochs": 2}


@pytest.fixture
def with_empty_texts(make_rows, make_file):
    rows = make_rows(40)
    rows[3] = (*rows[3][:2], "")
    rows[77] = (*rows[77][:2], "")
    rows[150] = (*rows[150][:2], "onlyhere")
    return make_file(rows)


def test_empty_texts_are_the_word_nan_and_test_words_are_known(with_empty_texts, tmp_path):
    training = wordgate.train(
        with_empty_texts, recipe="notebook", settings=QUICK, out=tmp_path / "m", progress=Silent()
    )
    metrics, config = training.metrics, BundleFolder.open(tmp_path / "m").config()
    assert config.data["n_kept"] == 200
    assert (metrics.split.kind, metrics.split.n_test) == ("random", 40)
    assert metrics.split.leaked_by_group > 0
    assert metrics.remarks[0] == (
        "The vocabulary was fitted on all rows, not only on the training rows"
        " (text.vocabulary_from=all): the model knows words of the test rows that it would not know"
        " in new texts."
    )
    words = training.bundle.model.state()[0]["encoder"]["words"]
    assert {"nan", "onlyhere"} <= set(words)
    assert config.environment["precision"] == "float32"
    assert int(config.environment["threads"]) >= 1


def test_the_vocabulary_is_train_s_alone_unless_the_recipe_says_otherwise(with_empty_texts):
    training = wordgate.train(
        with_empty_texts, settings={**QUICK, "text.min_groups": 1}, progress=Silent()
    )
    study_rows = read_table(with_empty_texts)
    splits = split_table(study_rows, load_settings("default"), 0)
    known = set(training.bundle.model.state()[0]["encoder"]["words"])
    trained_on = " ".join(splits.train.texts).lower().split()
    assert splits.vocabulary_of is None
    assert known <= {word.strip(".,") for word in trained_on} | set(trained_on)


def test_a_grouped_split_beats_the_recipe_s(with_empty_texts):
    training = wordgate.train(
        with_empty_texts, recipe="notebook", split="grouped", settings=QUICK, progress=Silent()
    )
    assert training.metrics.split.kind == "grouped"
    assert training.metrics.split.leaked_by_group == 0


@pytest.mark.real_data
def test_the_tweets_are_cut_as_the_notebook_cuts_them(twitter_training, how_many):
    """348 batches of 128 an epoch: the notebook's 347, and the first tweet that it lost.

    NearDuplicates have no part in a random split, and are sought in the long form alone.
    """
    table = read_table(twitter_training, drop_labels=["Irrelevant"], empty_text_as="nan")
    copies = find_near_duplicates(how_many([""] * len(table), table.bodies), table.groups)
    splits = split_table(table, load_settings("notebook"), 0, copies)
    sizes = [len(part.texts) for part in (splits.train, splits.valid, splits.test)]
    assert sum(sizes) == 61_692
    assert sizes == [44_419, 4_935, 12_338]
    assert -(-sizes[0] // 128) == 348
    assert splits.vocabulary_of is not None
    assert splits.vocabulary_of.texts.count("nan") >= 571
