"""Adam, on all weights and on touched rows, against torch's own; the learning rate's shape."""

import pytest
import torch

from wordgate.training.adam import (
    EPSILON,
    MOMENTUM,
    SECOND_MOMENTUM,
    Adam,
    RowAdam,
    schedule_factor,
)

TORCH = {"betas": (MOMENTUM, SECOND_MOMENTUM), "eps": EPSILON}
RATES = [1e-2, 3e-3, 2e-2, 1e-3] * 5


def made_table():
    return torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


def gradients(words):
    """A gradient for each word and step: another size at every step."""
    chance = torch.Generator().manual_seed(1)
    return [torch.randn(len(words), 3, generator=chance) * 2.0**-step for step in range(len(RATES))]


def moved_by_rows(words):
    adam = RowAdam.of(made_table())
    for rate, gradient in zip(RATES, gradients(words), strict=True):
        rows = adam.rows(words)
        rows.grad = gradient
        adam.update(words, rows, rate)
    return adam


def moved_by_torch(optimizer_class, words, sparse):
    table = made_table().requires_grad_()
    optimizer = optimizer_class([table], **TORCH)
    for rate, gradient in zip(RATES, gradients(words), strict=True):
        full = torch.sparse_coo_tensor(words[None], gradient, table.shape, check_invariants=True)
        table.grad = full if sparse else full.to_dense()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    return table.detach()


def test_rows_touched_at_every_step_move_as_by_adam():
    words = torch.arange(8)
    expected = moved_by_torch(torch.optim.Adam, words, sparse=False)
    assert torch.allclose(moved_by_rows(words).table, expected, rtol=1e-5, atol=1e-6)


def test_rows_touched_now_and_then_move_as_by_sparse_adam():
    table = made_table().requires_grad_()
    optimizer = torch.optim.SparseAdam([table], lr=1e-2, **TORCH)
    adam = RowAdam.of(made_table())
    chance = torch.Generator().manual_seed(2)
    for _ in range(40):
        words = torch.randperm(8, generator=chance)[:3]
        gradient = torch.randn(3, 3, generator=chance)
        table.grad = torch.sparse_coo_tensor(
            words[None], gradient, table.shape, check_invariants=True
        )
        optimizer.step()
        rows = adam.rows(words)
        rows.grad = gradient
        adam.update(words, rows, 1e-2)
    assert torch.allclose(adam.table, table.detach(), rtol=1e-4, atol=1e-5)


def test_rows_not_touched_do_not_move():
    adam = moved_by_rows(torch.tensor([1, 4]))
    others = [0, 2, 3, 5, 6, 7]
    assert torch.equal(adam.table[others], made_table()[others])
    assert not adam.first[others].any()
    assert not adam.second[others].any()
    assert not torch.isclose(adam.table[[1, 4]], made_table()[[1, 4]]).any()


def test_a_row_without_a_gradient_yet_stays_to_the_bit():
    adam = RowAdam.of(made_table())
    words = torch.tensor([0, 3])
    rows = adam.rows(words)
    rows.grad = torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    adam.update(words, rows, 1e-2)
    assert torch.equal(adam.table[0], made_table()[0])


def test_a_rate_of_zero_freezes_the_table():
    adam = RowAdam.of(made_table())
    words = torch.tensor([1, 2])
    rows = adam.rows(words)
    rows.grad = torch.ones(2, 3)
    adam.update(words, rows, 0.0)
    assert torch.equal(adam.table, made_table())


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_all_weights_move_as_by_torchs_adamw_to_the_bit(weight_decay):
    ours = [made_table().requires_grad_(), torch.ones(5, requires_grad=True)]
    theirs = [tensor.detach().clone().requires_grad_() for tensor in ours]
    adam = Adam(ours, weight_decay)
    optimizer = torch.optim.AdamW(theirs, **TORCH, weight_decay=weight_decay, foreach=False)
    chance = torch.Generator().manual_seed(3)
    for rate in RATES:
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn(one.shape, generator=chance)
            other.grad = one.grad.clone()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        adam.update(rate)
        assert all(tensor.grad is None for tensor in ours)
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


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


def test_a_constant_rate_stays():
    assert {schedule_factor("constant", step / 10, 0.3) for step in range(11)} == {1.0}
