"""One hidden layer in torch: against float64 numpy, and which of its epochs is kept."""

import math
import time

import numpy as np
import pytest
from tests.conftest import RecordingProgress

from wordgate.data.dataset import Dataset
from wordgate.runtime.progress import Silent
from wordgate.training.fitting import FitData, RunContext
from wordgate.training.rng import dropout_mask, rng_for

torch = pytest.importorskip("torch", reason="needs the extra 'train'")
loop = pytest.importorskip("wordgate.training.loop", reason="needs the extra 'train'")
mlp = pytest.importorskip("wordgate.training.mlp", reason="needs the extra 'train'")

HIDDEN, CLASSES = 6, 3
SMALL = {"mlp.hidden_size": HIDDEN, "mlp.batch_size": 16, "mlp.learning_rate": 1e-2}
NO_CHANCE = {"mlp.input_dropout": 0.0, "mlp.output_dropout": 0.0}


def data(n=50, seed=0):
    """Averages of four numbers; the class is the greatest of the first three, mostly."""
    rng = np.random.default_rng(seed)
    averages = rng.normal(size=(n, 4)).astype(np.float32)
    noisy = averages[:, :CLASSES] + 0.3 * rng.normal(size=(n, CLASSES))
    return averages, noisy.argmax(axis=1).astype(np.int64)


class Fit:
    """What training came to."""

    def __init__(self, trained):
        (candidate,) = trained.candidates
        self.layers, self.history, self.best = candidate.network, candidate.history, candidate.best
        self.best_epoch, self.remarks = candidate.best_epoch, trained.remarks


@pytest.fixture
def train(settings):
    def run(train=None, valid=None, *, seed=0, deadline=math.inf, progress=None, **changes):
        (averages, targets), (valid_averages, valid_targets) = (
            train or data(),
            valid or data(seed=1),
        )
        trained = mlp.train_mlps(
            ["the only one"],
            lambda position: (averages, valid_averages),
            FitData(
                Dataset([""] * len(targets), targets),
                Dataset([""] * len(valid_targets), valid_targets),
                [str(number) for number in range(CLASSES)],
            ),
            settings(**{**SMALL, **changes}),
            RunContext(seed, progress or Silent(), deadline=deadline),
            digests=dict,
        )
        return Fit(trained)

    return run


class Reference:
    """The network and Adam (Kingma & Ba 2015, algorithm 1) in float64."""

    def __init__(self, seed, rate):
        drawn = mlp.Layers.drawn(seed, 4, HIDDEN, CLASSES)
        self.weights = {name: array.astype(np.float64) for name, array in vars(drawn).items()}
        self.moments = {name: [0.0, 0.0] for name in self.weights}
        self.rate, self.steps = rate, 0

    def step(self, averages, targets, input_mask, hidden_mask):
        w = self.weights
        averages = averages.astype(np.float64) * input_mask
        before = averages @ w["hidden_weights"].T + w["hidden_bias"]
        hidden = np.maximum(before, 0) * hidden_mask
        logits = hidden @ w["output_weights"].T + w["output_bias"]
        proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss = -np.log(proba[np.arange(len(targets)), targets]).mean()
        residuals = (proba - np.eye(CLASSES)[targets]) / len(targets)
        back = residuals @ w["output_weights"] * hidden_mask * (before > 0)
        self._adam(
            hidden_weights=back.T @ averages,
            hidden_bias=back.sum(axis=0),
            output_weights=residuals.T @ hidden,
            output_bias=residuals.sum(axis=0),
        )
        return loss, (logits.argmax(axis=1) == targets).sum()

    def _adam(self, **gradients):
        self.steps += 1
        for name, gradient in gradients.items():
            first, second = self.moments[name]
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            self.moments[name] = [first, second]
            first, second = first / (1 - 0.9**self.steps), second / (1 - 0.999**self.steps)
            self.weights[name] -= self.rate * first / (np.sqrt(second) + 1e-8)


@pytest.mark.parametrize("rates", [(0.0, 0.0), (0.2, 0.5)], ids=["no dropout", "dropout"])
def test_epochs_are_those_of_the_reference(train, rates):
    (averages, targets), epochs, seed = data(), 3, 5
    options = {"mlp.input_dropout": rates[0], "mlp.output_dropout": rates[1]}
    fitted = train(seed=seed, mlp_epochs=epochs, **options)
    reference = Reference(seed, 1e-2)
    losses, layers = [], []
    for epoch in range(epochs):
        order = rng_for(seed, "mlp order", epoch).permutation(50)
        rng = rng_for(seed, "mlp dropout", epoch)
        loss_sum, right = 0.0, 0
        for start in range(0, 50, 16):
            rows = order[start : start + 16]
            masks = [
                dropout_mask(rng, (len(rows), size), rate) if rate else 1.0
                for size, rate in zip((4, HIDDEN), rates, strict=True)
            ]
            loss, n_right = reference.step(averages[rows], targets[rows], *masks)
            loss_sum, right = loss_sum + loss * len(rows), right + n_right
        losses.append((loss_sum / 50, right / 50))
        layers.append({name: array.copy() for name, array in reference.weights.items()})
    reported = [(epoch.train_loss, epoch.train_accuracy) for epoch in fitted.history]
    assert np.array(reported) == pytest.approx(np.array(losses), abs=1e-5)
    for name, expected in layers[fitted.best_epoch - 1].items():
        assert getattr(fitted.layers, name) == pytest.approx(expected, abs=1e-4)


def test_the_layers_are_a_module_of_torch():
    layers = mlp.Layers.drawn(0, 4, HIDDEN, CLASSES)
    module = torch.nn.Sequential(
        torch.nn.Linear(4, HIDDEN), torch.nn.ReLU(), torch.nn.Linear(HIDDEN, CLASSES)
    )
    for parameter, array in zip(module.parameters(), vars(layers).values(), strict=True):
        parameter.data = torch.from_numpy(array)
    averages = data()[0]
    scores = module(torch.from_numpy(averages)).detach()
    expected = torch.log_softmax(scores, dim=1).numpy()
    assert layers.log_proba(averages) == pytest.approx(expected, abs=1e-5)
    expected = torch.nn.functional.logsigmoid(scores).numpy()
    assert layers.log_proba(averages, multilabel=True) == pytest.approx(expected, abs=1e-5)


def judged(layers, averages, targets):
    log_proba = layers.log_proba(averages)
    return (
        (log_proba.argmax(axis=1) == targets).mean(),
        -log_proba[np.arange(len(targets)), targets].mean(),
    )


def test_the_best_epoch_on_validation_is_kept(train):
    few = data(20)
    fitted = train(few, mlp_epochs=40, mlp_learning_rate=5e-2, mlp_patience=40, **NO_CHANCE)
    worths = [(epoch.valid_accuracy, -epoch.valid_loss) for epoch in fitted.history]
    best = fitted.best
    assert len(worths) == 40
    assert 1 < fitted.best_epoch < 40
    assert (best.valid_accuracy, -best.valid_loss) == max(worths)
    assert best.epoch == fitted.best_epoch
    assert judged(fitted.layers, *data(seed=1)) == pytest.approx(
        (best.valid_accuracy, best.valid_loss)
    )


def test_patience_counts_epochs_without_a_better_accuracy(train):
    idle = train(mlp_epochs=30, mlp_patience=4, mlp_learning_rate=1e-12)
    assert len(idle.history) == 1 + 4
    busy = train(mlp_epochs=40, mlp_patience=3, mlp_learning_rate=5e-2)
    accuracies = [epoch.valid_accuracy for epoch in busy.history]
    assert len(accuracies) < 40
    assert accuracies.index(max(accuracies)) + 1 + 3 == len(accuracies)
    assert busy.remarks == []


def test_time_that_is_up_ends_the_first_epoch_after_a_step(train):
    fitted = train(mlp_epochs=9, deadline=time.monotonic(), **NO_CHANCE)
    assert (len(fitted.history), fitted.best_epoch) == (1, 1)
    [remark] = fitted.remarks
    assert remark.startswith("The time limit left no time for training: ")
    assert remark.endswith(" s. The model has made 1 of 36 updates.")
    reference, (averages, targets) = Reference(0, 1e-2), data()
    first = rng_for(0, "mlp order", 0).permutation(50)[:16]
    loss, _ = reference.step(averages[first], targets[first], 1.0, 1.0)
    assert fitted.history[0].train_loss == pytest.approx(loss, abs=1e-5)
    for name, expected in reference.weights.items():
        assert getattr(fitted.layers, name) == pytest.approx(expected, abs=1e-6)


def test_an_epoch_that_time_cuts_is_the_last(train, monkeypatch):
    """A second passes at every update: there are four an epoch."""
    clock, real = [0.0], mlp.MLPTrainer.update

    def update(trainer, batch):
        clock[0] += 1.0
        return real(trainer, batch)

    monkeypatch.setattr(mlp.MLPTrainer, "update", update)
    monkeypatch.setattr(loop.time, "monotonic", lambda: clock[0])
    fitted = train(mlp_epochs=50, mlp_patience=50, deadline=13.5)
    assert clock[0] == 14.0
    assert len(fitted.history) == 4
    assert fitted.remarks == ["The time limit ended the training in epoch 4."]


def test_the_seed_alone_decides(train):
    one, same, other = (train(seed=seed, mlp_epochs=2) for seed in (0, 0, 1))
    for name, array in vars(one.layers).items():
        assert np.array_equal(array, getattr(same.layers, name))
    assert not np.isclose(one.layers.output_weights, other.layers.output_weights).any()
    drawn = [mlp.Layers.drawn(seed, 4, HIDDEN, CLASSES) for seed in (0, 1)]
    assert not np.isclose(drawn[0].hidden_weights, drawn[1].hidden_weights).any()


def test_the_caller_keeps_its_threads_and_its_random_numbers(train):
    before, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        train(mlp_epochs=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert torch.equal(torch.get_rng_state(), state)


def test_every_epoch_is_reported(train):
    progress = RecordingProgress()
    fitted = train(mlp_epochs=3, progress=progress)
    start, *lines, end = progress.lines
    assert end.startswith("  3 epochs, ")
    assert start == "Training on cpu, 1 thread: at most 3 epochs of 4 updates with 16 texts each."
    assert [line.split()[1] for line in lines] == ["1", "2", "3"]
    best = [line for line in lines if line.endswith("(best so far)")][-1]
    assert best.startswith(f"epoch {fitted.best_epoch} ")
