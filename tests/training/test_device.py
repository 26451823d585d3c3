"""The device by its name, the precision, and how threads wait."""

import os
import threading

import numpy as np
import pytest
import torch

from wordgate.errors import SettingsError
from wordgate.runtime import cpu
from wordgate.runtime.threads import torch_threads, wait_asleep
from wordgate.training.device import (
    choose_device,
    choose_precision,
    format_device,
    replica_device,
)
from wordgate.training.lstm_trainer import LSTMTrainer


@pytest.fixture
def cards(monkeypatch):
    """Let torch see so many CUDA devices."""

    def see(number):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: number)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: number > 0)

    return see


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        ("cpu", 0, "cpu"),
        ("cpu", 2, "cpu"),
        ("auto", 0, "cpu"),
        ("auto", 1, "cuda"),
        ("cuda", 1, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
        ("cuda:01", 2, "cuda:1"),
    ],
)
def test_a_device_is_found_by_its_name(cards, name, number, expected):
    cards(number)
    assert choose_device(name) == torch.device(expected)


@pytest.mark.parametrize("name", ["gpu", "", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:²"])
def test_an_unknown_device_is_named(cards, name):
    cards(4)
    with pytest.raises(SettingsError) as error:
        choose_device(name)
    assert str(error.value) == f"no device '{name}'; available: auto, cpu, cuda, cuda:N"


@pytest.mark.parametrize(("name", "number"), [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_device_that_is_not_there_is_named(cards, name, number):
    cards(number)
    with pytest.raises(SettingsError) as error:
        choose_device(name)
    assert str(error.value) == (
        f"device '{name}' was requested, but torch {torch.__version__} sees {number} CUDA devices;"
        " use --device cpu"
    )


@pytest.mark.parametrize(
    ("name", "flags", "expected"),
    [
        ("auto", {"avx512f", "avx512_bf16"}, torch.bfloat16),
        ("auto", {"amx_bf16"}, torch.bfloat16),
        ("auto", {"avx512f"}, torch.float32),
        ("auto", set(), torch.float32),
        ("float32", {"avx512_bf16"}, torch.float32),
        ("bfloat16", set(), torch.bfloat16),
    ],
)
def test_the_processor_s_flags_decide_the_precision(name, flags, expected, monkeypatch):
    monkeypatch.setattr(cpu, "processor_flags", lambda: flags)
    assert choose_precision(name, torch.device("cpu")) == expected


@pytest.fixture
def two_threads(monkeypatch):
    """Let torch have two threads, and no variable ask for another number."""
    for name in ("WORDGATE_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(("asked", "variable", "expected"), [(1, "3", 1), (None, "3", 3)])
def test_training_has_the_threads_asked_for_and_torch_its_own_after(
    examples, fit_model, monkeypatch, asked, variable, expected
):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    seen, update = set(), LSTMTrainer.update

    def watched(trainer, prepared):
        seen.add(torch.get_num_threads())
        return update(trainer, prepared)

    monkeypatch.setattr(LSTMTrainer, "update", watched)
    fitted = fit_model(examples(40), epochs=1, threads=asked)
    assert seen == {expected}
    assert fitted.engine["threads"] == str(expected)
    assert fitted.model.n_threads == expected
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_where_it_computes_is_reported():
    assert format_device(torch.device("cuda", 1)) == "cuda:1"
    assert format_device(torch.device("cpu")) == "cpu, 2 threads"
    with torch_threads(torch, 1):
        assert format_device(torch.device("cpu")) == "cpu, 1 thread"


@pytest.mark.usefixtures("two_threads")
def test_a_quota_holds_torch_down(examples, fit_model, monkeypatch):
    monkeypatch.setattr(cpu, "_quotas", lambda *_: [0.5])
    assert fit_model(examples(40), epochs=1).engine["threads"] == "1"


def test_one_thread_starts_no_other_and_learns_the_same(examples, fit_model, monkeypatch):
    started, start = [], threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda self: (started.append(self), start(self)))
    train = examples(600)  # more than one batch of those that judge an epoch
    one = fit_model(train, epochs=1, threads=1)
    assert started == []
    two = fit_model(train, epochs=1, threads=2)
    assert started
    assert np.allclose(one.model.log_proba(train.texts), two.model.log_proba(train.texts))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"GOMP_SPINCOUNT": "1000"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
    ],
)
def test_waiting_follows_what_the_user_has_set(before, after, monkeypatch):
    monkeypatch.setattr(os, "environ", dict(before))
    wait_asleep()
    assert os.environ == after


def test_a_replica_computes_on_the_gpu_of_its_own_process(cards):
    """`cuda` would be the first GPU in every process."""
    cards(2)
    assert choose_device("cuda") == torch.device("cuda", 0)
    assert choose_device(replica_device(torch.device("cuda", 0))) == torch.device("cuda")
    assert choose_device(replica_device(torch.device("cpu"))) == torch.device("cpu")
