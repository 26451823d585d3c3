"""Fitting from end to end: the same seed, the best epoch, an early end, and tiny data."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import f1_score
from tests.conftest import RecordingProgress

from wordgate.data.dataset import Dataset
from wordgate.errors import SettingsError
from wordgate.models.lstm import Network
from wordgate.training import loop, lstm
from wordgate.training.fitting import FitData, RunContext
from wordgate.training.lstm_trainer import LSTMTrainer


def arrays(fitted):
    return fitted.model.state()[1]


def flipped(examples):
    return Dataset(examples.texts, 1 - examples.targets, examples.groups)


def accuracy(model, examples):
    return float((model.log_proba(examples.texts).argmax(axis=1) == examples.targets).mean())


def test_the_same_seed_gives_the_same_model_to_the_bit(examples, fit_model, all_chance):
    train, valid = examples(120), examples(30, seed=1)
    one, same = (fit_model(train, valid, **all_chance, epochs=2) for _ in range(2))
    assert set(arrays(one)) == set(arrays(same))
    assert all(np.array_equal(array, arrays(same)[name]) for name, array in arrays(one).items())
    assert one.best_epoch == same.best_epoch


def test_another_seed_gives_another_model(examples, fit_model):
    train = examples(60)
    one, other = (arrays(fit_model(train, seed=seed, epochs=1)) for seed in (0, 1))
    assert not any(np.array_equal(array, other[name]) for name, array in one.items())


def test_the_order_is_decided_by_seed_and_epoch(examples, fit_model, monkeypatch):
    orders = []
    real = LSTMTrainer.prepare

    def listen(trainer, batch, targets, weights, *, epoch, update):
        orders.append((trainer.seed, epoch, batch.rows.tolist()))
        return real(trainer, batch, targets, weights, epoch=epoch, update=update)

    monkeypatch.setattr(LSTMTrainer, "prepare", listen)
    train = examples(100)
    for seed in (0, 0, 1):
        fit_model(train, seed=seed, epochs=2)
    passes = [
        [row for s, e, rows in orders[part] if (s, e) == (seed, epoch) for row in rows]
        for part, seed in ((slice(0, 40), 0), (slice(40, 80), 0), (slice(80, 120), 1))
        for epoch in (0, 1)
    ]
    assert len(orders) == 120
    assert all(sorted(rows) == list(range(100)) for rows in passes)
    assert passes[0:2] == passes[2:4]
    assert len({tuple(rows) for rows in passes}) == 4


def test_it_learns_the_deciding_words(examples, fit_model):
    fitted = fit_model(examples(400), examples(100, seed=1), epochs=8, learning_rate=2e-2)
    assert accuracy(fitted.model, examples(300, seed=2)) > 0.9


def test_the_best_epoch_is_given_back(examples, fit_model):
    """Validation labels are turned over, so that every bit of learning makes it worse."""
    train = examples(200)
    valid = flipped(train)
    fitted = fit_model(train, valid, epochs=12, patience=3, warmup=0.0)
    best = fitted.history[fitted.best_epoch - 1]
    assert fitted.best_epoch < len(fitted.history) == fitted.best_epoch + 3 < 12
    assert fitted.history[-1].valid_accuracy < best.valid_accuracy
    assert accuracy(fitted.model, valid) == best.valid_accuracy
    log_proba = fitted.model.log_proba(valid.texts)
    loss = -log_proba[np.arange(200), valid.targets].mean()
    assert loss == pytest.approx(best.valid_loss, rel=1e-6)
    assert fitted.remarks == ["No better validation accuracy in 3 epochs: stopped early."]


@pytest.mark.parametrize(
    ("schedule", "epochs"), [("one-cycle", 6 + 2), ("constant", 1 + 2)], ids=str
)
def test_patience_begins_after_the_warm_up_if_there_is_one(examples, fit_model, schedule, epochs):
    train = examples(200)
    fitted = fit_model(
        train,
        flipped(train),
        epochs=12,
        patience=2,
        warmup=0.5,
        schedule=schedule,
        learning_rate=0.05,
        embedding_learning_rate=0.05,
    )
    assert fitted.best_epoch == 1
    assert len(fitted.history) == epochs


OPEN = {
    "lstm.schedule": "warm-constant",
    "lstm.learning_rate": 0.05,
    "lstm.embedding_learning_rate": 0.05,
}


@pytest.mark.parametrize(
    ("changes", "epochs"),
    [
        ({"lstm.patience": 2}, 1 + 2),
        ({"lstm.patience": 2, "lstm.patience_updates": 121}, 1 + 5),  # epochs of 25 updates
        ({"lstm.patience": 2, "lstm.min_updates": 201}, 9),
        ({"lstm.patience": 2, "lstm.epochs": 2}, 2),
    ],
)
def test_validation_ends_a_training_without_a_planned_end(examples, fit_model, changes, epochs):
    """Validation labels are turned over, so that the first epoch is the best."""
    train, progress = examples(200), RecordingProgress()
    fitted = fit_model(
        train, flipped(train), progress=progress, **{"lstm.epochs": 12, **OPEN, **changes}
    )
    assert (fitted.best_epoch, len(fitted.history), fitted.remarks) == (1, epochs, [])
    most = changes.get("lstm.epochs", 12)
    words, start, first, *_ = progress.lines
    assert words == "Tokenizing 200 texts ..."
    assert f" words, at most {most} epochs of 25 updates " in start
    assert re.fullmatch(r"epoch +1    .* \(best so far\)", first)
    assert progress.labels[0] == f"epoch 1 of at most {most}"
    assert progress.bars[-1][0] is None


@pytest.mark.slow
def test_the_best_epoch_may_be_that_of_accuracy_and_macro_f1(examples, fit_model):
    """Of three labels one is rare: what is best for the accuracy is not what is best for both."""
    train = examples(150)
    targets = np.where(np.arange(150) % 15 == 0, 2, train.targets)
    rare = Dataset(train.texts, targets, None)
    for score in ("accuracy", "accuracy+macro-f1"):
        changes = {
            "lstm.epochs": 30,
            "lstm.patience": 30,
            "lstm.schedule": "constant",
            "lstm.epoch_score": score,
        }
        fitted = fit_model(rare, classes=3, **OPEN | changes)
        accuracies = np.array([epoch.valid_accuracy for epoch in fitted.history])
        both = (accuracies + [epoch.valid_macro_f1 for epoch in fitted.history]) / 2
        best = accuracies if score == "accuracy" else both
        assert best[fitted.best_epoch - 1] == best.max()
        predicted = fitted.model.log_proba(rare.texts).argmax(axis=1)
        f1 = f1_score(targets, predicted, average="macro")
        assert fitted.history[fitted.best_epoch - 1].valid_macro_f1 == pytest.approx(f1)


def test_the_last_epoch_may_be_kept_whatever_validation_says(examples, fit_model):
    """Validation labels are turned over, so that the first epoch is the best."""
    train, progress = examples(200), RecordingProgress()
    changes = {
        "lstm.epochs": 6,
        "lstm.patience": 1,
        "lstm.learning_rate": 0.05,
        "lstm.epoch_score": "last",
    }
    fitted = fit_model(train, flipped(train), progress=progress, **changes)
    accuracies = [epoch.valid_accuracy for epoch in fitted.history]
    assert (fitted.best_epoch, len(accuracies)) == (6, 6)
    assert accuracies[-1] < max(accuracies)
    right = fitted.model.log_proba(train.texts).argmax(axis=1) == flipped(train).targets
    assert right.mean() == pytest.approx(accuracies[-1])
    assert not any("best" in line for line in progress.lines)


def test_of_epochs_as_accurate_the_one_of_lower_loss_is_the_best(examples, fit_model):
    train = examples(200)
    everything = Dataset(train.texts, np.zeros(200, np.int64), None)
    fitted = fit_model(everything, everything, epochs=6, patience=3, warmup=0.0)
    assert {epoch.valid_accuracy for epoch in fitted.history} == {1.0}
    losses = [epoch.valid_loss for epoch in fitted.history]
    assert fitted.best_epoch == 1 + losses.index(min(losses)) == len(losses) == 4


def test_an_end_that_was_planned_is_not_called_early(examples, fit_model):
    train = examples(60)
    fitted = fit_model(train, flipped(train), epochs=4, patience=3, warmup=0.0, learning_rate=0.05)
    assert (fitted.best_epoch, len(fitted.history), fitted.remarks) == (1, 4, [])


def test_the_history_is_consistent(examples, fit_model):
    fitted = fit_model(examples(100), examples(50, seed=1), epochs=4)
    history = fitted.history
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    best = max(history, key=lambda epoch: (epoch.valid_accuracy, -epoch.valid_loss))
    assert fitted.best_epoch == best.epoch
    for epoch in history:
        assert epoch.seconds * epoch.texts_per_second == pytest.approx(100)
        assert 0.0 <= epoch.train_accuracy <= 1.0
        assert math.isfinite(epoch.train_loss + epoch.valid_loss)
    assert history[-1].learning_rate == 0.0
    assert history[0].learning_rate > 0.0


@pytest.mark.parametrize("n", [1, 2, 5, 50])
def test_tiny_data_still_gives_a_model(examples, fit_model, n):
    fitted = fit_model(examples(n), examples(1, seed=1), epochs=1, min_updates=10)
    log_proba = fitted.model.log_proba(["w1 w2", "never seen", ""])
    assert log_proba.shape == (3, 2)
    assert np.isfinite(log_proba).all()


@pytest.mark.parametrize("unknown_words", ["id", "drop"])
def test_without_a_known_word_the_shares_of_the_labels_are_learned(fit_model, unknown_words):
    texts = [f"only{number} once{number}" for number in range(40)]
    train = Dataset(texts, np.array([0, 0, 0, 1] * 10), None)
    fitted = fit_model(
        train, min_count=2, unknown_words=unknown_words, epochs=30, learning_rate=0.05
    )
    assert fitted.model.encoder.vocabulary.words == ()
    assert np.exp(fitted.model.log_proba(["anything"]))[0, 0] == pytest.approx(0.75, abs=0.05)


def test_a_frozen_embedding_stays_as_drawn(examples, fit_model):
    train = examples(60)
    frozen = arrays(fit_model(train, embedding_learning_rate=0.0, epochs=3))
    sooner = arrays(fit_model(train, embedding_learning_rate=0.0, epochs=1))
    assert np.array_equal(frozen["embedding"], sooner["embedding"])
    assert not np.array_equal(frozen["output.weights"], sooner["output.weights"])


class Clock:
    """Time that passes by a second at every update, and by some at every validation."""

    def __init__(self, monkeypatch, judging):
        self.now = 0.0
        clock = SimpleNamespace(monotonic=lambda: self.now, perf_counter=lambda: self.now)
        monkeypatch.setattr(loop, "time", clock)
        self._slow_down(monkeypatch, LSTMTrainer, "update", 1.0)
        self._slow_down(monkeypatch, Network, "log_proba", judging)

    def _slow_down(self, monkeypatch, owner, name, seconds):
        real = getattr(owner, name)

        def slowly(*arguments, **options):
            self.now += seconds
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, slowly)


@pytest.mark.parametrize(
    ("deadline", "judging", "updates", "epochs", "ended"),
    [
        (-1.0, 0.0, 1, 1, "in epoch 1"),  # it has passed already
        (5.5, 0.0, 6, 1, "in epoch 1"),  # in the middle of an epoch
        (30.0, 2.0, 27, 2, "in epoch 2"),  # leaves time for a validation of 2 s
        (30.0, 10.0, 20, 1, "in epoch 1"),  # no time is left for a second epoch
        (65.0, 0.5, 60, 3, None),  # later than the plan's end
        (60.5, 0.5, 60, 3, None),  # during the last validation
    ],
)
def test_the_time_limit_is_kept(
    examples, fit_model, monkeypatch, deadline, judging, updates, epochs, ended
):
    clock, progress = Clock(monkeypatch, judging), RecordingProgress()
    fitted = fit_model(examples(100), deadline=deadline, progress=progress, epochs=3)
    assert (len(progress.labels), len(fitted.history)) == (updates, epochs)
    assert clock.now <= max(deadline, 0.0) + 1.0
    if deadline < 0:
        [remark] = fitted.remarks
        assert remark.startswith(
            "The time limit left no time for training: the steps before the first epoch took "
        )
        assert remark.endswith(" s. The model has made 1 of 60 updates.")
    else:
        expected = [] if ended is None else [f"The time limit ended the training {ended}."]
        assert fitted.remarks == expected
    assert np.isfinite(fitted.model.log_proba(["w1 w2"])).all()


def test_an_epoch_cut_short_is_the_last_even_if_validation_was_faster_than_expected(
    examples, fit_model, monkeypatch
):
    Clock(monkeypatch, judging=0.0)
    monkeypatch.setattr(loop, "EVALUATED_TEXTS_PER_SECOND", 10.0)  # 100 texts: 10 s
    progress = RecordingProgress()
    fitted = fit_model(examples(100), deadline=15.5, progress=progress, epochs=3)
    assert (len(progress.labels), len(fitted.history)) == (6, 1)
    assert fitted.remarks == ["The time limit ended the training in epoch 1."]


def test_a_user_sees_the_planned_updates_and_a_line_an_epoch(examples, fit_model, monkeypatch):
    Clock(monkeypatch, judging=0.0)
    progress = RecordingProgress()
    fitted = fit_model(examples(100), progress=progress, epochs=2)
    _, start, *lines = progress.lines
    assert lines.pop() == (
        "  2 epochs, 40 s: best validation accuracy"
        f" {fitted.history[fitted.best_epoch - 1].valid_accuracy:.3f} in epoch {fitted.best_epoch}"
    )
    assert re.fullmatch(
        r"Training on cpu, (1 thread|\d+ threads), float32: 32 words, 2 epochs of 20 updates with 5"
        r" texts each\.",
        start,
    )
    first, second = fitted.history
    assert lines[0] == (
        f"epoch 1/2   20.0 s       5 texts/s  loss {first.train_loss:.3f}"
        f"  train {first.train_accuracy:.3f}  valid {first.valid_accuracy:.3f} (best so far)"
        "  20 s left"
    )
    best = "best so far" if fitted.best_epoch == 2 else "best: 1"
    assert lines[1].endswith(f"valid {second.valid_accuracy:.3f} ({best})  0 s left")
    assert progress.bars[-1][0] == 40
    second = f"epoch 2 of 2, validation {first.valid_accuracy:.3f}"
    assert progress.labels == ["epoch 1 of 2"] * 20 + [second] * 20


def test_truncation_is_counted_and_reported(examples, fit_model):
    train = examples(100)
    longer = sum(len(text.split()) > 6 for text in train.texts)
    for end in ("end", "front"):
        fitted = fit_model(train, max_tokens=6, truncate=end, epochs=1)
        assert fitted.remarks == [
            f"{longer} of 100 training texts are longer than 6 tokens and were truncated at the"
            f" {end}."
        ]


def test_an_unknown_device_is_refused_before_any_work(examples, settings):
    data = FitData(examples(5), examples(5), ["0", "1"])
    with pytest.raises(SettingsError, match=r"^no device 'gpu'"):
        lstm.fit_lstm(data, settings(), RunContext(0, RecordingProgress(), "gpu"))
