"""The baseline of a training run is the family `count` as `compare` fits it."""

import os
import random
import signal

import numpy as np
import pytest
from tests.conftest import RecordingProgress

import wordgate
from wordgate.evaluation.intervals import PairedDifference
from wordgate.experiments import split_scheme
from wordgate.report.text import scores_beside_baselines, verdict
from wordgate.runtime.progress import Silent
from wordgate.training.lstm_trainer import LSTMTrainer


@pytest.mark.parametrize("split", ["grouped", "random"])
def test_training_and_comparison_agree(reviews, tiny, split):
    options = {"settings": tiny, "split": split, "seed": 3, "progress": Silent()}
    metrics = wordgate.train(reviews, **options).metrics
    compared = wordgate.compare(reviews, models=["count", "lstm"], **options)
    count = compared.result("count", split).scores
    baseline = metrics.baselines.count
    assert (baseline.accuracy, baseline.macro_f1, baseline.log_loss) == (
        count.accuracy, count.macro_f1, count.log_loss,
    )  # fmt: skip
    assert metrics.difference_to_count == compared.paired_test("lstm", split).difference


def test_the_baseline_is_the_model_that_the_family_trains(lstm_model, count_model):
    baseline, own = lstm_model.metrics.baselines.count, count_model.metrics
    assert (baseline.accuracy, baseline.log_loss) == (own.accuracy, own.log_loss)
    assert own.baselines.count.log_loss == own.log_loss
    assert own.difference_to_count.difference == 0.0
    assert own.difference_to_count.proven is None


def test_a_model_of_the_family_count_has_the_most_frequent_label_to_beat(count_model):
    metrics = count_model.metrics
    assert metrics.difference_to_majority.difference == pytest.approx(
        metrics.accuracy - metrics.baselines.majority.accuracy
    )
    assert verdict("count", metrics).startswith("The count model beats the most frequent label: +")
    names = [line.split("  ")[0] for line in scores_beside_baselines("count", metrics).splitlines()]
    assert names == ["on the test rows", "most frequent label", "this model (count)"]


def test_the_baseline_has_the_familys_name(lstm_model):
    lines = scores_beside_baselines("lstm", lstm_model.metrics).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "on the test rows", "most frequent label", "count", "this model (LSTM)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "p_value", "expected"),
    [
        (0.01, 0.05, 0.01, "beats the count baseline"),
        (-0.05, -0.01, 0.01, "is worse than the count baseline"),
        (-0.05, -0.001, 0.052, "is not significantly better than the count baseline"),
        (0.001, 0.05, 0.052, "is not significantly better than the count baseline"),
        (-0.05, 0.001, 0.04, "is not significantly better than the count baseline"),
        (-0.001, 0.05, 0.04, "is not significantly better than the count baseline"),
        (None, None, 0.01, "is not significantly better than the count baseline"),
        (0.01, 0.05, None, "is not significantly better than the count baseline"),
    ],
)
def test_a_model_is_called_better_or_worse_only_if_interval_and_p_value_agree(
    lstm_model, low, high, p_value, expected
):
    middle = 0.0 if low is None else (low + high) / 2
    difference = PairedDifference(
        difference=middle, low=low, high=high, p_value=p_value, method="by groups"
    )
    metrics = lstm_model.metrics.model_copy(update={"difference_to_count": difference})
    assert verdict("lstm", metrics).startswith(f"The LSTM model {expected}")


SCRIPTS = {
    "Chinese": (["昨天", "我们", "在北京", "这家", "买的", "朋友说", "觉得"], "好用", "难用"),
    "Thai": (["เมื่อวาน", "พวกเรา", "ที่กรุงเทพ", "ร้านนี้", "ซื้อมา", "เพื่อนบอก"], "ดีมาก", "แย่มาก"),
    "emoji": (["🍎", "🚗", "🏠", "🌧️", "🎈", "🐟", "👩‍👩‍👧"], "😀", "😡"),
    "Japanese": (["きのう", "わたしは", "東京で", "この店", "買った", "友達が"], "最高", "最低"),
    "Khmer": (["ម្សិលមិញ", "យើង", "ភ្នំពេញ", "ហាងនេះ", "ទិញ"], "ល្អ", "អាក្រក់"),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_baseline_reads_every_script_that_the_tokenizer_reads(script, make_file, tiny):
    rng = random.Random(0)
    fillers, *marks = SCRIPTS[script]
    rows = []
    for i in range(300):
        words = rng.sample(fillers, 3)
        words.insert(rng.randrange(4), marks[i % 2])
        rows.append((f"{i}", ("pos", "neg")[i % 2], "".join(words)))
    metrics = wordgate.train(
        make_file(rows), group="none", settings=tiny, progress=Silent()
    ).metrics
    assert metrics.baselines.count.accuracy >= 0.95
    assert metrics.difference_to_count.proven != "better"


@pytest.fixture
def fits(monkeypatch):
    """Count how often each family is fitted."""
    found = []

    def fit_model(plan, *arguments):
        found.append(plan.family)
        return real(plan, *arguments)

    real = split_scheme.fit_model
    monkeypatch.setattr(split_scheme, "fit_model", fit_model)
    return found


@pytest.mark.parametrize("at", [0, 10])
def test_a_resumed_training_fits_no_baseline_again(at, reviews, tiny, tmp_path, fits, monkeypatch):
    out, update = tmp_path / "m", LSTMTrainer.update
    updates = iter(range(100))

    def update_ten_times(*arguments):
        if next(updates) == at:
            os.kill(os.getpid(), signal.SIGINT)
        return update(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LSTMTrainer, "update", update_ten_times)
        with pytest.raises(KeyboardInterrupt):
            wordgate.train(reviews, out=out, settings=tiny, progress=Silent())
    assert (tmp_path / "m.baseline").is_dir()
    resumed = wordgate.train(reviews, out=out, settings=tiny, resume=True, progress=Silent())
    assert fits == ["count"]
    assert {file.name for file in tmp_path.iterdir()} == {"m"}
    whole = wordgate.train(reviews, settings=tiny, progress=Silent())
    assert resumed.metrics.difference_to_count == whole.metrics.difference_to_count
    assert resumed.metrics.baselines.count.log_loss == whole.metrics.baselines.count.log_loss


def test_a_baseline_that_the_time_cut_short_is_reported_and_not_kept(
    reviews, tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr(split_scheme.ResultStore, "clear", lambda _: None)
    training = wordgate.train(
        reviews, out=tmp_path / "m", settings=tiny, max_minutes=1e-6, progress=Silent()
    )
    remarks = [line for line in training.remarks if "count baseline" in line]
    assert remarks == [
        "The count baseline: The time limit ended the search after 1 of 6 values of C.",
        "The count baseline: The time limit left no time for n-grams of characters.",
    ]
    assert {*remarks} <= {*training.metrics.remarks}
    assert not (tmp_path / "m.baseline").exists()


def test_something_else_in_the_baselines_place_is_refused(reviews, tiny, tmp_path):
    (tmp_path / "m.baseline").write_text("mine")
    with pytest.raises(wordgate.WordgateError) as caught:
        wordgate.train(reviews, out=tmp_path / "m", settings=tiny, progress=Silent())
    assert str(caught.value) == (
        f"{tmp_path / 'm'}.baseline is not a folder, but a baseline is kept in a folder of this"
        " name; move it, or choose another --out"
    )
    assert (tmp_path / "m.baseline").read_text() == "mine"


def test_the_family_is_named_before_the_model_is_fitted(reviews, tiny):
    progress = RecordingProgress()
    training = wordgate.train(reviews, settings=tiny, progress=progress)
    accuracy = training.metrics.baselines.count.accuracy
    (line,) = [line for line in progress.lines if line.startswith("Baselines: ")]
    assert line.startswith(f"Baselines: count {accuracy:.3f}, most frequent label 0.500 (")
    assert progress.lines.index("Fitting the count baseline ...") < progress.lines.index(line)
    assert not any("count on the" in line for line in progress.lines)  # announced once
    assert np.isfinite(training.metrics.baselines.count.train_seconds)
