"""Adam, on all weights and on touched rows, against the formula in float64; the rate's shape."""

import numpy as np
import pytest
import torch

from wordgate.training.optimizers import (
    AVERAGE_EVERY,
    EPSILON,
    MOMENTUM,
    SECOND_MOMENTUM,
    Adam,
    BatchRows,
    KerasRows,
    Rates,
    WeightAverage,
    clipping_factor,
    schedule_factor,
)

RATES = [1e-2, 3e-3, 2e-2, 1e-3] * 5


def made_table():
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


def gradients(words):
    """A gradient for each word and step: another size at every step."""
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(len(words), 3, generator=generator) * 4.0**-step for step in range(len(RATES))
    ]


def moved(kind, words):
    table = kind(made_table())
    for number, (rate, gradient) in enumerate(zip(RATES, gradients(words), strict=True), start=1):
        assert torch.equal(table.rows(words).detach(), table.vectors[words])
        table.update(words, gradient, gradient**2, Rates(rate), number)
    return table


def formula(weights, steps, weight_decay=0.0):
    """Kingma & Ba's efficient form, as Keras writes it: epsilon beside the raw root."""
    weights = weights.double().numpy().copy()
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for number, (rate, gradient) in enumerate(steps, start=1):
        gradient = gradient.astype(np.float64)
        first += (gradient - first) * (1 - MOMENTUM)
        second += (gradient**2 - second) * (1 - SECOND_MOMENTUM)
        weights *= 1 - rate * weight_decay
        alpha = rate * np.sqrt(1 - SECOND_MOMENTUM**number) / (1 - MOMENTUM**number)
        weights -= alpha * first / (np.sqrt(second) + EPSILON)
    return weights


def dense_steps(words):
    for rate, gradient in zip(RATES, gradients(words), strict=True):
        full = np.zeros((8, 3))
        full[words.numpy()] = gradient.numpy()
        yield rate, full


@pytest.mark.parametrize("kind", [BatchRows, KerasRows])
def test_rows_touched_at_every_step_move_by_the_formula(kind):
    words = torch.arange(8)
    expected = formula(made_table(), dense_steps(words))
    assert moved(kind, words).vectors.numpy() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_table_moves_as_by_keras():
    """Words of the first steps only go on by their momentum, as in Keras."""
    early, late = torch.tensor([1, 4, 6]), torch.tensor([0, 4])
    table, steps = KerasRows(made_table()), []
    for number, rate in enumerate(RATES, start=1):
        words = early if number < 4 else late
        gradient = torch.randn(len(words), 3, generator=torch.Generator().manual_seed(number))
        table.update(words, gradient, gradient**2, Rates(rate), number)
        full = np.zeros((8, 3))
        full[words.numpy()] = gradient.numpy()
        steps.append((rate, full))
    expected = formula(made_table(), steps)
    assert table.vectors.numpy() == pytest.approx(expected, rel=1e-5, abs=1e-6)
    untouched = [2, 3, 5, 7]
    assert torch.equal(table.vectors[untouched], made_table()[untouched])


def test_a_dense_adam_moves_tables_of_several_parts(monkeypatch):
    monkeypatch.setattr("wordgate.training.optimizers._ROWS_AT_ONCE", 3)
    words = torch.arange(8)
    expected = formula(made_table(), dense_steps(words))
    assert moved(KerasRows, words).vectors.numpy() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_rows_not_touched_do_not_move():
    table = moved(BatchRows, torch.tensor([1, 4]))
    others = [0, 2, 3, 5, 6, 7]
    assert torch.equal(table.vectors[others], made_table()[others])
    assert not table.first[others].any()
    assert not table.second[others].any()
    assert not torch.isclose(table.vectors[[1, 4]], made_table()[[1, 4]]).any()


def test_a_row_without_a_gradient_yet_stays_to_the_bit():
    table = BatchRows(made_table())
    gradient = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    table.update(torch.tensor([0, 3]), gradient, None, Rates(1e-2), 1)
    assert torch.equal(table.vectors[0], made_table()[0])


@pytest.mark.parametrize("kind", [BatchRows, KerasRows])
def test_a_rate_of_zero_freezes_the_table(kind):
    table = kind(made_table())
    table.update(torch.tensor([1, 2]), torch.ones(2, 3), None, Rates(0.0, 1.0), 1)
    assert torch.equal(table.vectors, made_table())


@pytest.mark.parametrize("kind", [BatchRows, KerasRows])
@pytest.mark.parametrize(("drawn", "pretrained"), [(1e-2, 3e-3), (0.0, 1e-2), (1e-2, 0.0)])
def test_pretrained_numbers_move_at_a_rate_of_their_own(kind, drawn, pretrained):
    words, mask = torch.arange(8), torch.zeros(8, 3, dtype=torch.bool)
    mask[2:5, :2] = True
    table = kind(made_table(), mask)
    at_rates = {rate: kind(made_table()) for rate in (drawn, pretrained)}
    for number, gradient in enumerate(gradients(words), start=1):
        table.update(words, gradient, gradient**2, Rates(drawn, pretrained), number)
        for rate, whole in at_rates.items():
            whole.update(words, gradient, gradient**2, Rates(rate), number)
    expected = torch.where(mask, at_rates[pretrained].vectors, at_rates[drawn].vectors)
    torch.testing.assert_close(table.vectors, expected)
    for rate, numbers in ((drawn, ~mask), (pretrained, mask)):
        moved_at_all = table.vectors[numbers] != made_table()[numbers]
        assert moved_at_all.all() if rate else not moved_at_all.any()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_all_weights_move_by_the_formula(weight_decay):
    ours = {"a": made_table().requires_grad_(), "b": torch.ones(5, requires_grad=True)}
    before = {name: tensor.detach().clone() for name, tensor in ours.items()}
    adam = Adam(ours, weight_decay)
    steps = {"a": [], "b": []}
    generator = torch.Generator().manual_seed(3)
    for number, rate in enumerate(RATES, start=1):
        flat = []
        for name, tensor in ours.items():
            gradient = torch.randn(tensor.shape, generator=generator) * 1e-4
            steps[name].append((rate, gradient.numpy()))
            flat.append(gradient.flatten())
        adam.update(torch.cat(flat), rate, number)
    for name, tensor in ours.items():
        expected = formula(before[name], steps[name], weight_decay)
        assert tensor.detach().numpy() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_gradients_are_shrunk_together_and_only_if_they_are_too_long():
    gradients = [torch.full((4,), 3.0), torch.full((9,), -2.0)]
    norms = torch.stack([gradient.norm() for gradient in gradients])
    assert clipping_factor(norms, 100.0) == 1.0
    factor = clipping_factor(norms, 2.0)
    assert (torch.cat(gradients) * factor).norm().item() == pytest.approx(2.0)


def test_one_cycle_rises_and_anneals_to_zero():
    factors = [schedule_factor("one-cycle", step / 100, 0.3) for step in range(101)]
    assert factors[0] == pytest.approx(0.04)
    assert factors[30] == 1.0
    assert factors[65] == pytest.approx(0.5)
    assert factors[100] == 0.0
    assert factors[:31] == sorted(factors[:31])
    assert factors[30:] == sorted(factors[30:], reverse=True)


def test_without_warm_up_one_cycle_begins_at_its_highest():
    assert schedule_factor("one-cycle", 0.0, 0.0) == 1.0


def test_a_warm_constant_rate_rises_and_stays():
    rising = [schedule_factor("warm-constant", step / 100, 0.3) for step in range(31)]
    assert rising == [schedule_factor("one-cycle", step / 100, 0.3) for step in range(31)]
    assert {schedule_factor("warm-constant", progress, 0.3) for progress in (0.3, 1.0, 20.0)} == {1}


def test_a_constant_rate_stays():
    assert {schedule_factor("constant", step / 10, 0.3) for step in range(11)} == {1.0}


# The running average of the weights


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 1.0])
def test_its_age_is_that_of_a_plain_mean_over_the_share(share):
    """The tensor holds the number of the update, so that its average tells the mean age."""
    tensor = torch.zeros(2, dtype=torch.float64)
    average = WeightAverage({"weights": tensor}, share)
    for updates in range(1, 4001):
        tensor.fill_(updates)
        average.update(updates)
    age = 1.0 - average.average["weights"][0].item() / 4000
    assert age == pytest.approx(share / 2, rel=0.05)


def test_it_is_the_weights_themselves_at_the_beginning():
    tensor = torch.zeros(3)
    average = WeightAverage({"weights": tensor}, 0.2)
    for updates in range(1, AVERAGE_EVERY + 1):
        tensor.fill_(updates)
        average.update(updates)
        assert average.average["weights"].tolist() == [updates] * 3


def test_it_is_a_mean_of_what_it_took_in():
    tensor = torch.full((3,), 0.75)
    average = WeightAverage({"weights": tensor}, 0.3)
    for updates in range(1, 500):
        average.update(updates)
    assert average.average["weights"].tolist() == pytest.approx([0.75] * 3)


def test_training_itself_continues_from_the_weights_as_they_are(examples, fit_model):
    """The losses on the way are the same; the network that is judged is another."""
    train, changes = examples(200), {"lstm.schedule": "constant", "lstm.epochs": 3}
    averaged = fit_model(train, weight_averaging=0.5, **changes)
    plain = fit_model(train, **changes)
    losses = [[epoch.train_loss for epoch in fitted.history] for fitted in (averaged, plain)]
    assert losses[0] == losses[1]
    one, other = (fitted.model.state()[1] for fitted in (averaged, plain))
    assert not any(np.array_equal(one[name], other[name]) for name in one)
    log_proba = averaged.model.log_proba(train.texts)
    loss = -log_proba[np.arange(200), train.targets].mean()
    best = averaged.history[averaged.best_epoch - 1]
    assert loss == pytest.approx(best.valid_loss, rel=1e-6)
