import json
import random
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas
import polars
import pytest
from tests.conftest import RecordingProgress

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.bundle.metrics import metrics_schema
from wordgate.errors import DataError, SettingsError
from wordgate.runtime.progress import Silent

SCHEMA = Path(__file__).parents[2] / "docs" / "metrics.schema.json"


def count(data, **options):
    """Train the quick family."""
    return wordgate.train(data, model="count", progress=Silent(), **options)


def scored(trained):
    """Give figures that hardly two models share."""
    return trained.metrics.confusion, trained.metrics.log_loss


def test_metrics_have_the_documented_keys(lstm_model):
    metrics = json.loads((lstm_model.folder / "metrics.json").read_text(encoding="utf-8"))
    assert set(metrics) >= {
        "accuracy", "macro_f1", "macro_precision", "macro_recall", "weighted_f1", "log_loss",
        "intervals", "per_class", "confusion", "n", "baselines", "split", "train_seconds",
        "wall_seconds", "peak_memory_mb", "epochs", "best_epoch", "history",
    }  # fmt: skip
    assert set(metrics["intervals"]) == {"accuracy", "macro_f1"}
    assert set(metrics["intervals"]["accuracy"]) == {"low", "high", "method"}
    assert [score["label"] for score in metrics["per_class"]] == ["bad", "good"]
    assert set(metrics["per_class"][0]) == {"label", "precision", "recall", "f1", "support"}
    assert set(metrics["baselines"]) == {"majority", "count"}
    assert set(metrics["split"]) >= {
        "kind", "seed", "n_train", "n_valid", "n_test", "n_test_groups", "leaked_by_group",
        "near_duplicates_in_train",
    }  # fmt: skip
    assert metrics["epochs"] == len(metrics["history"]) == 2
    assert metrics["best_epoch"] in (1, 2)
    assert 0 < metrics["train_seconds"] < metrics["wall_seconds"]
    assert sum(map(sum, metrics["confusion"])) == metrics["n"] == metrics["split"]["n_test"]


def test_metrics_fit_their_published_schema(lstm_model, count_model):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema == metrics_schema()
    for kept in (lstm_model, count_model):
        metrics = json.loads((kept.folder / "metrics.json").read_text(encoding="utf-8"))
        jsonschema.validate(metrics, schema)
    with pytest.raises(jsonschema.ValidationError, match="'n' is a required property"):
        jsonschema.validate({k: v for k, v in metrics.items() if k != "n"}, schema)


def test_config_has_how_it_was_read_and_no_row_of_it(count_model):
    config = BundleFolder.open(count_model.folder).config()
    assert config.columns() == {"text": ("text",), "label": ("label",), "group": ("id",)}
    assert config.text_form() is None
    assert config.data["n_kept"] == 300
    assert "preview" not in config.data
    assert config.environment["wordgate"] == wordgate.__version__


def test_a_grouped_split_leaks_no_group(count_model):
    split = count_model.metrics.split
    assert (split.kind, split.leaked_by_group, split.n_test_groups) == ("grouped", 0, 12)


def test_a_random_split_leaks_and_it_is_reported(reviews):
    training = count(reviews, split="random")
    split = training.metrics.split
    assert split.kind == "random"
    assert split.leaked_by_group > 50
    assert any("score partly measures memorization" in remark for remark in training.remarks)


def test_frames_are_read_as_files_are(reviews, count_model):
    expected = scored(count_model)
    assert scored(count(pandas.read_csv(reviews))) == expected
    assert scored(count(polars.read_csv(reviews))) == expected


def test_the_order_of_the_rows_changes_nothing(make_file, make_rows, count_model):
    rows = make_rows()
    random.Random(1).shuffle(rows)
    shuffled = count(make_file(rows))
    metrics, expected = shuffled.metrics, count_model.metrics
    assert metrics.confusion == expected.confusion
    assert metrics.split.reason == expected.split.reason
    assert metrics.baselines.count.log_loss == pytest.approx(
        expected.baselines.count.log_loss, abs=1e-3
    )
    # Sums over the rows are in float32 and in their order, and the solver ends after some steps,
    # not at an optimum: the last digits of the probabilities differ, and no answer does.
    texts = [text for _, _, text in rows]
    one, other = shuffled.predictor, wordgate.load(count_model.folder)
    assert one.predict(texts) == other.predict(texts)
    assert one.predict_proba(texts) == pytest.approx(other.predict_proba(texts), abs=1e-3)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    reviews, lstm_model, tmp_path, tiny
):
    def weights(seed):
        folder = tmp_path / f"{seed}"
        training = wordgate.train(reviews, out=folder, seed=seed, settings=tiny, progress=Silent())
        return training, (folder / "weights.safetensors").read_bytes()

    same, same_weights = weights(0)
    other, other_weights = weights(1)
    assert same_weights == (lstm_model.folder / "weights.safetensors").read_bytes()
    assert same.metrics.split == lstm_model.metrics.split
    assert other_weights != same_weights
    assert scored(other) != scored(same)
    train_prints = [training.bundle.fingerprints.groups.tolist() for training in (same, other)]
    assert train_prints[0] != train_prints[1]


@pytest.mark.parametrize("model", ["count", "lstm"])
@pytest.mark.parametrize(
    ("n_groups", "per_group"), [(50, 1), (10, 5), (4, 3)], ids=["fifty rows", "ten ids", "12 rows"]
)
def test_little_data_trains_with_a_warning(make_file, make_rows, tiny, n_groups, per_group, model):
    rows = [row for i, row in enumerate(make_rows(n_groups)) if i % 5 < per_group]
    training = wordgate.train(
        make_file(rows), model=model, settings=tiny if model == "lstm" else None, progress=Silent()
    )
    assert training.metrics.n >= 2
    assert any("scores on it can be off by" in line for line in training.remarks)


def test_a_label_of_two_rows_trains_with_a_warning(make_file, make_rows, tiny):
    rows = [*make_rows(), ("x1", "rare", "a rarity of the attic"), ("x2", "rare", "a curiosity")]
    training = wordgate.train(make_file(rows), settings=tiny, progress=Silent())
    assert training.predictor.labels == ("bad", "good", "rare")
    assert any(
        line.startswith("Label 'rare' has 2 rows (1 train, 0 validation, 1 test)")
        for line in training.remarks
    )


def test_a_label_of_one_row_trains_with_a_warning(make_file, make_rows):
    training = count(make_file([*make_rows(), ("x1", "rare", "a rarity of the attic")]))
    assert "No test row for label 'rare': its recall is unknown." in training.remarks


def test_one_group_a_label_trains_with_a_warning(make_file, make_rows):
    rows = [(label, label, text) for _, label, text in make_rows()]
    training = count(make_file(rows), group="id")
    assert training.metrics.split.kind == "random"
    assert training.remarks[0].startswith("A grouped split is impossible here: all rows of labels")


def test_one_group_in_all_trains_with_a_warning(make_file, make_rows):
    rows = [("one", label, text) for _, label, text in make_rows()]
    training = count(make_file(rows), group="id")
    assert training.metrics.split.kind == "random"
    assert training.metrics.split.leaked_by_group == training.metrics.n


def test_texts_without_any_known_word_train(make_file):
    rows = [(str(i), "ab"[i % 2], f"{'xy'[i % 2]}{i}q") for i in range(60)]
    assert 0 <= count(make_file(rows)).metrics.accuracy <= 1


def test_the_time_limit_is_kept_and_reported(make_file, make_rows, tmp_path):
    file = make_file(make_rows(400))
    training = wordgate.train(
        file,
        out=tmp_path / "model",
        settings={
            "lstm.epochs": 1000,
            "lstm.min_updates": 1000,
            "lstm.hidden_size": 128,
            "lstm.patience": 1000,
        },
        max_minutes=0.12,
        progress=Silent(),
    )
    metrics = BundleFolder.open(tmp_path / "model").metrics()
    assert metrics == training.metrics
    assert metrics.remarks[-1].startswith("The time limit ")  # where in it, the machine decides
    assert metrics.remarks[-1] in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert 1 <= metrics.best_epoch <= metrics.epochs < 1000


def test_a_time_limit_that_is_over_at_once_still_gives_an_evaluated_model(reviews, tiny):
    training = wordgate.train(reviews, settings=tiny, max_minutes=1e-6, progress=Silent())
    assert training.metrics.epochs == 1
    assert training.metrics.n == 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_minutes": 0}, "max_minutes is 0; it must be a number above 0"),
        ({"max_minutes": float("nan")}, "max_minutes is nan; it must be a number above 0"),
        ({"seed": -1}, "seed is -1; it must be a whole number from 0 to 4294967295"),
        ({"seed": 2**32}, "seed is 4294967296; it must be a whole number from 0 to 4294967295"),
        ({"seed": 0.5}, "seed is 0.5; it must be a whole number from 0 to 4294967295"),
        ({"model": "lsmt"}, "no family of models 'lsmt'; did you mean 'lstm'?"),
        ({"device": "gpu"}, "no device 'gpu'; available: auto, cpu, cuda, cuda:N"),
        (
            {"device": "cuda", "model": "count"},
            "device 'cuda' has no effect: count models use only the CPU",
        ),
        ({"recipe": "dfault"}, "no recipe 'dfault'; did you mean 'default'?"),
        (
            {"split": "none"},
            "these settings (recipe 'default') cannot be used:\n"
            "  split is 'none'; it must be 'grouped' or 'random'",
        ),
        (
            {"test_size": 1.5},
            "these settings (recipe 'default') cannot be used:\n"
            "  test_size is 1.5; it must be below 1.0",
        ),
        (
            {"split_column": "part", "test": "x.csv"},
            "--split-column already assigns rows to subsets; leave out --valid and --test",
        ),
        (
            {"split": "random", "test": "x.csv", "valid": "y.csv"},
            "--split random has no effect with --valid and --test: leave it out",
        ),
        (
            {"split": "grouped", "split_column": "part"},
            "--split grouped has no effect with --split-column: leave it out",
        ),
        (
            {"test_size": 0.3, "test": "x.csv"},
            "--test-size 0.3 has no effect with --test: leave it out",
        ),
    ],
)
def test_a_bad_option_is_refused_before_the_data_is_read(options, message):
    with pytest.raises(SettingsError) as caught:
        wordgate.train("no such file.csv", **options)
    assert str(caught.value) == message


def test_numpy_integers_are_seeds(reviews):
    assert count(reviews, seed=np.int64(3)).bundle.config.seed == 3


STAGES = (
    "Reading ", "Finding near duplicates among 300 texts", "Splitting", "Auditing the split",
    "Fitting the count baseline", "Calibrating on ",
    "Predicting 60 test texts", "Evaluating", "Writing ",
)  # fmt: skip


@pytest.mark.parametrize("family", ["count", "lstm"])
def test_each_stage_is_named_as_it_begins(tmp_path, reviews, ways, family):
    progress = RecordingProgress()
    wordgate.train(reviews, out=tmp_path / "m", model=family, progress=progress, **ways[family])
    named = [line for line in progress.lines if line.endswith(" ...") and not line.startswith("  ")]
    found = [stage for line in named for stage in STAGES if line.startswith(stage)]
    stages = [stage for stage in STAGES if family != "count" or "baseline" not in stage]
    assert list(dict.fromkeys(found)) == stages
    own = {"count": "Finding n-grams ...", "lstm": "Tokenizing "}
    assert any(line.startswith(own[family]) for line in named)


def test_inferred_columns_are_reported(reviews):
    progress = RecordingProgress()
    wordgate.train(reviews, model="count", progress=progress)
    assert progress.lines[0] == f"Reading {reviews} ..."
    assert progress.lines[1] == "reviews.csv: 300 texts, 2 labels"
    assert f"read {reviews}: CSV, valid UTF-8, fields separated by commas" in progress.lines
    assert any(line.startswith("group: column 1 'id' (by its name; 60 ") for line in progress.lines)
    assert any(line == "Baseline: most frequent label 0.500" for line in progress.lines)


def test_the_splits_numbers_are_the_numbers_of_the_metrics(count_training):
    training = count_training.training
    assert replace(training.bundle).metrics is training.metrics


def test_a_saved_training_is_a_bundle(count_training, tmp_path):
    count_training.training.save(tmp_path / "again")
    assert wordgate.load(tmp_path / "again").metrics == count_training.training.metrics


def test_data_of_one_label_is_refused(make_file, make_rows):
    rows = [(group, "good", text) for group, _, text in make_rows()]
    with pytest.raises(DataError, match="a classifier needs at least two labels"):
        count(make_file(rows))


def test_a_topic_in_front_moves_no_row_to_another_part(make_file, make_rows):
    """So that models with and without it are judged on the same rows."""
    rows = [(g, f"topic {i % 7}", *rest) for i, (g, *rest) in enumerate(make_rows())]
    file = make_file(rows, header=("id", "topic", "label", "text"))
    alone, joined = count(file, text="text"), count(file, text="topic,text")
    assert alone.metrics.split == joined.metrics.split
    assert joined.predictor.config.columns()["text"] == ("topic", "text")
    assert joined.predictor.config.text_form() == "topic | text"


def test_the_topic_can_predict_the_label(make_file, make_rows):
    rows = [(f"g{i}", label, ("bad", "good")[i % 2], text)
            for i, (_, label, text) in enumerate(make_rows())]  # fmt: skip
    file = make_file(
        [(g, label, label, "we said so " + text[-9:]) for g, label, _, text in rows],
        header=("id", "topic", "label", "text"),
    )
    training = count(file, text="topic,text", group="none")
    assert training.metrics.accuracy == 1
    assert training.predictor.predict(["good | we said so", "bad | we said so"]) == ["good", "bad"]
