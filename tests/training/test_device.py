"""The device by its name, the number of threads, and how they wait."""

import os

import pytest
import torch

from wordgate import cores
from wordgate.errors import SettingsError
from wordgate.training import device as device_module
from wordgate.training.device import choose_device, choose_precision, use_available_cores
from wordgate.training.threads import wait_asleep


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
    assert str(error.value) == f"no device '{name}'; there are: auto, cpu, cuda, cuda:N"


@pytest.mark.parametrize(("name", "number"), [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_device_that_is_not_there_is_named(cards, name, number):
    cards(number)
    with pytest.raises(SettingsError) as error:
        choose_device(name)
    assert str(error.value) == (
        f"device '{name}' was asked for, but torch {torch.__version__} sees {number} CUDA devices;"
        " use --device cpu"
    )


@pytest.fixture
def threads():
    """Put torch's number of threads back in the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


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
    monkeypatch.setattr(device_module, "processor_flags", lambda: flags)
    assert choose_precision(name, torch.device("cpu")) == expected


def test_there_are_no_more_threads_than_cores(threads, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 6}, raising=False)
    threads(4)
    assert use_available_cores() == torch.get_num_threads() == 3


def test_without_affinity_all_cores_count(threads, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    threads(4)
    assert use_available_cores() == torch.get_num_threads() == 2


def test_who_asked_for_fewer_threads_keeps_them(threads, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    threads(1)
    assert use_available_cores() == torch.get_num_threads() == 1


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


def test_a_quota_holds_the_threads_down_and_never_below_one(threads, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for quota, expected in ((1.5, 2), (0.2, 1), (16.0, 3)):
        monkeypatch.setattr(cores, "_quotas", lambda *_, q=quota: [q])
        threads(3)
        assert use_available_cores() == expected
