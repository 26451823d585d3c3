"""Saved models on the same rows: scores, paired differences, and rows seen in training."""

from dataclasses import replace

import numpy as np
import pytest

import wordgate
from wordgate.bundle.config import Config
from wordgate.bundle.folder import write_bundle
from wordgate.data import read_table
from wordgate.errors import DataError, SettingsError
from wordgate.evaluation.intervals import paired_difference
from wordgate.runtime.progress import Silent


def refusal(error, bundles, data, **options):
    with pytest.raises(error) as caught:
        wordgate.compare_models(bundles, data, **options)
    return str(caught.value)


@pytest.fixture
def trained(tmp_path):
    """Train a small model on a file."""

    def train(file, name="m", **options):
        wordgate.train(file, out=tmp_path / name, model="count", progress=Silent(), **options)
        return tmp_path / name

    return train


def test_models_have_the_scores_that_evaluate_gives_each(count_model, lstm_model):
    folders = [count_model.folder, lstm_model.folder]
    compared = wordgate.compare_models(folders, count_model.data)
    for folder, model in zip(folders, compared.models, strict=True):
        alone = wordgate.evaluate(folder, count_model.data)
        assert (model.path, model.name, model.seen) == (str(folder), str(folder), alone.seen)
        assert model.evaluation.scores == alone.scores
        assert model.unseen.scores == alone.unseen  # both were trained on the same rows
    assert compared.n - compared.known == compared.models[0].unseen.scores.n
    assert repr(compared) == (
        f"ModelComparison({folders[0]} {compared.models[0].evaluation.scores.accuracy:.3f},"
        f" {folders[1]} {compared.models[1].evaluation.scores.accuracy:.3f}, n=300)"
    )


def test_each_model_is_compared_with_the_first_on_the_same_rows(count_model, lstm_model, reviews):
    first, second = wordgate.compare_models([count_model.folder, lstm_model.folder], reviews).models
    assert (first.evaluation.difference, first.evaluation.agreement) == (None, None)
    table = read_table(reviews)
    labels, texts = np.array(table.labels), table.texts
    given = [np.array(model.predictor.predict(texts)) for model in (second, first)]
    expected = paired_difference(*(one == labels for one in given), table.groups, seed=0)
    assert second.evaluation.difference == expected
    assert second.evaluation.agreement == (given[0] == given[1]).mean()


def test_of_skewed_labels_macro_f1_is_compared_too(count_model, lstm_model, reviews, make_file):
    table = read_table(reviews)
    rows = [*zip(table.labels, table.texts, strict=True)]
    rare, frequent = ([row for row in rows if row[0] == label] for label in table.label_names()[:2])
    kept = [*frequent[:90], *rare[:10]]
    file = make_file([(str(n), *row) for n, row in enumerate(kept)])
    models = wordgate.compare_models([count_model.folder, lstm_model.folder], file).models
    first, second = (model.evaluation for model in models)
    assert first.macro_f1_difference is None
    expected = second.scores.macro_f1 - first.scores.macro_f1
    assert second.macro_f1_difference.difference == pytest.approx(expected)
    assert second.to_json()["macro_f1_difference"]["difference"] == pytest.approx(expected)


def test_rows_that_any_model_knows_are_no_unseen_ones(trained, make_rows, make_file):
    rows = make_rows()
    models = [
        trained(make_file(half, f"{name}.csv"), name)
        for name, half in (("one", rows[:150]), ("two", rows[150:]))
    ]
    compared = wordgate.compare_models(models, make_file(rows))
    known = [model.seen.rows for model in compared.models]
    assert max(known) < compared.known <= sum(known)
    unseen = [model.unseen for model in compared.models]
    assert [one.scores.n for one in unseen] == [300 - compared.known] * 2
    assert unseen[1].difference is not None


def test_where_a_training_is_unknown_no_rows_are_known_to_be_unseen(
    count_model, lstm_model, reviews, monkeypatch
):
    monkeypatch.setattr(Config, "knows_training", lambda config: config.family != "lstm")
    compared = wordgate.compare_models([count_model.folder, lstm_model.folder], reviews)
    assert compared.known is None
    assert [model.seen is None for model in compared.models] == [False, True]
    assert [model.unseen for model in compared.models] == [None, None]


def test_labels_of_another_order_are_matched_by_name(few_reviews, tmp_path):
    bundle = wordgate.train(few_reviews, model="count", progress=Silent()).bundle
    turned = replace(bundle, config=bundle.config.model_copy(update={"labels": ("good", "bad")}))
    write_bundle(bundle, tmp_path / "m")
    write_bundle(turned, tmp_path / "turned")
    models = wordgate.compare_models([tmp_path / "m", tmp_path / "turned"], few_reviews).models
    assert [model.name for model in models] == ["m", "turned"]
    assert models[1].evaluation.agreement == 0
    right, wrong = (model.evaluation.scores.accuracy for model in models)
    assert wrong == pytest.approx(1 - right)


def test_models_of_other_labels_are_refused(count_model, trained, make_rows, make_file):
    others = [
        (group, {"bad": "poor"}.get(label, label), text) for group, label, text in make_rows()
    ]
    other = trained(make_file(others))
    message = refusal(SettingsError, [count_model.folder, other], count_model.data)
    assert message == (
        "the models must have the same labels: "
        f"{count_model.folder} has 'bad', 'good', and {other} has 'good', 'poor'"
    )


def test_labels_that_are_the_same_number_are_the_same(trained, make_rows, make_file):
    """As where one file has 1 and 2, and another one, with decimals elsewhere, 1.0 and 2.0."""
    rows, numbers = make_rows(), {"bad": "1", "good": "2"}
    plain = [(group, numbers[label], text) for group, label, text in rows]
    decimal = [(group, f"{numbers[label]}.0", text) for group, label, text in rows]
    file = make_file(plain)
    models = [trained(file, "one"), trained(make_file(decimal, "other.csv"), "two")]
    compared = wordgate.compare_models(models, file)
    assert [model.predictor.labels for model in compared.models] == [("1", "2"), ("1.0", "2.0")]
    assert compared.models[1].evaluation.agreement == 1


@pytest.mark.parametrize("bundles", [[], ["one"], "one"])
def test_one_model_is_not_compared(reviews, bundles):
    message = refusal(SettingsError, bundles, reviews)
    assert message == "at least two models are needed; `evaluate` is for a single one"


@pytest.fixture
def topics(make_rows, make_file):
    """Reviews with a topic, which some lack."""
    rows = [(g, "" if i % 7 == 0 else "lamp", *r) for i, (g, *r) in enumerate(make_rows())]
    return make_file(rows, "topics.csv", header=("id", "topic", "label", "text"))


def test_models_that_read_other_columns_are_compared_on_the_same_rows(trained, topics):
    models = [trained(topics, "joined", text="topic,text"), trained(topics, "alone", text="text")]
    assert wordgate.compare_models(models, topics).n == 300
    assert wordgate.compare_models(models, topics, text="text").n == 300


def test_models_that_read_other_rows_are_refused(trained, topics):
    models = [trained(topics, "alone", text="text"), trained(topics, "turned", text="text,topic")]
    assert refusal(DataError, models, topics) == (
        f"{models[0]} and {models[1]} read different rows of the data, 300 and 257: they use"
        " different text or group columns. Name the same ones for all models with --text and"
        " --group"
    )


def test_models_of_other_label_columns_need_one_that_is_named(trained, make_rows, make_file):
    rows = [(label, text, "bad" if label == "good" else "good") for _, label, text in make_rows()]
    file = make_file(rows, "moods.csv", header=("mood", "text", "opposite"))
    models = [trained(file, "one", label="mood"), trained(file, "other", label="opposite")]
    assert refusal(DataError, models, file) == (
        f"{models[0]} and {models[1]} read the labels from different columns of the data, label ="
        " column 1 'mood' and label = column 3 'opposite', as in training: name one for all models"
        " with --label"
    )
    one, other = wordgate.compare_models(models, file, label="mood").models
    assert one.evaluation.scores.accuracy > 0.9 > 0.1 > other.evaluation.scores.accuracy


def test_a_limit_samples_the_same_rows_for_all(trained, reviews):
    models = [trained(reviews, "one"), trained(reviews, "two", seed=5)]
    assert wordgate.compare_models(models, reviews, limit=100).n == 100
