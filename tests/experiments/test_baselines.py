"""The baseline of a training run is the family `count` as `compare` fits it."""

import errno
import os
import random
import signal
from contextlib import contextmanager

import numpy as np
import pytest
from tests.conftest import RecordingProgress

import wordgate
from wordgate.evaluation.intervals import PairedDifference
from wordgate.experiments import baselines, split_scheme
from wordgate.report.comparison import format_comparison
from wordgate.report.text import headline, scores_beside_baselines, verdict
from wordgate.runtime.progress import Silent
from wordgate.training import processes
from wordgate.training.checkpoint import Checkpoint
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


@pytest.fixture(scope="module")
def skewed(tmp_path_factory):
    """Write 400 texts, of which one in ten has the label `spam` and one of its words."""
    rng, path = random.Random(0), tmp_path_factory.mktemp("skewed") / "mail.csv"
    words = [f"word{number}" for number in range(40)]
    lines = ["text,label"]
    for number in range(400):
        own = rng.choices(words, k=8)
        if is_spam := number % 10 == 0:
            own[rng.randrange(8)] = rng.choice(["prize", "winner"])
        lines.append(f"{' '.join(own)},{'spam' if is_spam else 'ham'}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_of_skewed_labels_the_verdict_is_by_macro_f1(skewed):
    metrics = wordgate.train(skewed, model="count", folds=2, progress=Silent()).metrics
    difference = metrics.macro_f1_difference_to_majority
    expected = metrics.macro_f1 - metrics.baselines.majority.macro_f1
    assert difference.difference == pytest.approx(expected)
    assert difference.proven == "better"
    accuracy = metrics.difference_to_majority
    assert verdict("count", metrics) == (
        f"The count model beats the most frequent label: {difference.points()} points of macro F1,"
        f" {difference.evidence()}; {accuracy.points()} points of accuracy, {accuracy.evidence()}."
        " Labels are skewed (90% of the rows have the label ham), so models are compared by macro"
        " F1, in which every label has the same weight."
    )
    accuracy, macro_f1 = (
        f"{value:.3f} ({interval})   most frequent label {baseline:.3f}"
        for value, interval, baseline in (
            (metrics.accuracy, metrics.intervals.accuracy, metrics.baselines.majority.accuracy),
            (metrics.macro_f1, metrics.intervals.macro_f1, metrics.baselines.majority.macro_f1),
        )
    )
    assert headline("count", metrics).splitlines() == [
        "Accuracy on 80 test rows, 95% interval",
        f"  this model (count) {accuracy}",
        "Macro F1 on 80 test rows, 95% interval",
        f"  this model (count) {macro_f1}",
    ]


def test_of_skewed_labels_a_comparison_tests_macro_f1_too(skewed, tiny):
    options = {"settings": tiny, "split": "grouped", "progress": Silent()}
    metrics = wordgate.train(skewed, **options).metrics
    compared = wordgate.compare(skewed, models=["count", "lstm"], **options)
    test = compared.paired_test("lstm", "grouped")
    assert test.macro_f1 == metrics.macro_f1_difference_to_count
    assert test.to_json()["macro_f1"] == test.macro_f1.model_dump(mode="json")
    counts = "points of macro F1", "Paired tests of macro F1, grouped split: "
    assert all(text in format_comparison(compared) for text in counts)


def test_of_even_labels_only_accuracy_is_tested(lstm_model):
    metrics = lstm_model.metrics
    assert metrics.macro_f1_difference_to_count is None
    assert metrics.macro_f1_difference_to_majority is None


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


@pytest.fixture
def in_background(monkeypatch):
    """Start a process for the baseline of few texts, too; give the calls in such processes."""
    calls = []

    @contextmanager
    def call_in_background(function):
        with real(function) as call:
            calls.append(call)
            yield call

    real = baselines.call_in_background
    monkeypatch.setattr(baselines, "call_in_background", call_in_background)
    monkeypatch.setattr(processes, "FEWEST_TEXTS", 1)
    return calls


IN_BACKGROUND = "Fitting the count baseline in another process while the model is trained."
ALONE = {"threads": 2, "workers": 1}
"""Two threads; the model is trained in this process."""


def test_a_baseline_of_another_process_is_that_of_this_one(reviews, tiny, in_background):
    recorded = {count: RecordingProgress() for count in (1, 2)}
    alone, parallel = (
        wordgate.train(reviews, settings=tiny, threads=count, workers=1, progress=progress).metrics
        for count, progress in recorded.items()
    )
    assert len(in_background) == 1
    assert parallel.difference_to_count == alone.difference_to_count
    dumped = [
        each.baselines.count.model_dump(exclude={"train_seconds"}) for each in (alone, parallel)
    ]
    assert dumped[0] == dumped[1]
    assert parallel.remarks == alone.remarks
    assert IN_BACKGROUND not in recorded[1].lines
    lines = recorded[2].lines
    (result,) = [line for line in lines if line.startswith("Baselines: count ")]
    order = [
        IN_BACKGROUND,
        "Auditing the split ...",
        "Predicting 60 test texts ...",
        "Waiting for the count baseline ...",
        result,
        "Analyzing the errors ...",
    ]
    assert [line for line in lines if line in order] == order
    assert any(line.startswith("C = ") for line in lines)  # details of the other process


def test_a_lost_baseline_is_fitted_again(reviews, tiny, in_background, monkeypatch):
    @contextmanager
    def lose(function):
        with real(function) as call:
            call.process.kill()
            yield call

    real = baselines.call_in_background
    monkeypatch.setattr(baselines, "call_in_background", lose)
    progress = RecordingProgress()
    metrics = wordgate.train(reviews, settings=tiny, progress=progress, **ALONE).metrics
    whole = wordgate.train(reviews, settings=tiny, progress=Silent(), threads=1).metrics
    assert metrics.difference_to_count == whole.difference_to_count
    assert len(in_background) == 1
    assert (
        "The count baseline is fitted again, in this process: the process ended unexpectedly (exit"
        " code -9)."
    ) in progress.lines


def test_where_no_process_starts_the_baseline_is_fitted_before_the_model(
    reviews, tiny, in_background, monkeypatch
):
    def refuse(*_):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("wordgate.runtime.processes.start_python", refuse)
    progress = RecordingProgress()
    wordgate.train(reviews, settings=tiny, progress=progress, **ALONE)
    assert not in_background
    first, *others = [line for line in progress.lines if "count baseline" in line]
    assert first == (
        "Fitting the count baseline in this process: another process can't be started: Resource"
        " temporarily unavailable."
    )
    assert others == ["Fitting the count baseline ..."]
    names = [line.partition(" ")[0] for line in progress.lines]
    assert names.index("Baselines:") < names.index("Training")


def test_count_needs_no_process_nor_do_few_texts(reviews, tiny, in_background, monkeypatch):
    wordgate.train(reviews, model="count", progress=Silent(), threads=2)
    monkeypatch.setattr(processes, "FEWEST_TEXTS", 4000)
    wordgate.train(reviews, settings=tiny, progress=Silent(), **ALONE)
    assert not in_background


def test_an_interruption_ends_the_process_and_a_resumed_training_fits_the_baseline(
    reviews, tiny, tmp_path, in_background, monkeypatch
):
    """The process is stopped, so that it does not end before."""

    @contextmanager
    def stop(function):
        with real(function) as call:
            call.process.send_signal(signal.SIGSTOP)
            yield call

    def interrupt(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return update(*arguments)

    out, real, update = tmp_path / "m", baselines.call_in_background, LSTMTrainer.update
    with monkeypatch.context() as patched:
        patched.setattr(baselines, "call_in_background", stop)
        patched.setattr(LSTMTrainer, "update", interrupt)
        with pytest.raises(KeyboardInterrupt):
            wordgate.train(reviews, out=out, settings=tiny, progress=Silent(), **ALONE)
    assert in_background[0].process.returncode == -9
    assert {file.name for file in tmp_path.iterdir()} == {"m.checkpoint"}
    resumed = wordgate.train(
        reviews, out=out, settings=tiny, resume=True, progress=Silent(), **ALONE
    )
    assert len(in_background) == 2
    whole = wordgate.train(reviews, settings=tiny, progress=Silent(), threads=1)
    assert resumed.metrics.difference_to_count == whole.metrics.difference_to_count
    assert {file.name for file in tmp_path.iterdir()} == {"m"}


def test_an_interruption_while_the_baseline_is_waited_for_tells_how_to_continue(
    reviews, tiny, tmp_path, in_background, monkeypatch
):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("wordgate.runtime.processes.BackgroundCall.result", interrupt)
    monkeypatch.setattr(Checkpoint, "is_due", lambda _: True)
    out = tmp_path / "m"
    with pytest.raises(KeyboardInterrupt) as caught:
        wordgate.train(reviews, out=out, settings=tiny, progress=Silent(), **ALONE)
    assert in_background[0].process.returncode is not None
    assert str(caught.value) == (
        f"the checkpoint is kept in {out}.checkpoint; run the same command with --resume to"
        " continue"
    )


def test_a_baseline_that_another_process_has_kept_is_not_fitted_again(
    reviews, tiny, tmp_path, in_background, monkeypatch
):
    def interrupt(*_):
        in_background[0].process.wait()
        raise KeyboardInterrupt

    out = tmp_path / "m"
    with monkeypatch.context() as patched:
        patched.setattr(LSTMTrainer, "update", interrupt)
        with pytest.raises(KeyboardInterrupt):
            wordgate.train(reviews, out=out, settings=tiny, progress=Silent(), **ALONE)
    assert {file.name for file in (tmp_path / "m.baseline").iterdir()} == {
        "grouped-count-1.safetensors"
    }
    wordgate.train(reviews, out=out, settings=tiny, resume=True, progress=Silent(), **ALONE)
    assert len(in_background) == 1
    assert {file.name for file in tmp_path.iterdir()} == {"m"}
