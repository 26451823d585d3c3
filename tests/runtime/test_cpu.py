"""The number of threads, and how much of the processor this process may use."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from wordgate.errors import SettingsError
from wordgate.runtime import cpu
from wordgate.runtime.cpu import choose_threads, torch_threads


@pytest.fixture
def machine(monkeypatch):
    """A machine of five cpu, and no variable set; give what sets some."""
    for name in ("WORDGATE_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(5)), raising=False)
    monkeypatch.setattr(cpu, "_quotas", lambda *_: [])

    def set_up(own=None, openmp=None, quotas=()):
        monkeypatch.setattr(cpu, "_quotas", lambda *_: list(quotas))
        for name, value in {"WORDGATE_THREADS": own, "OMP_NUM_THREADS": openmp}.items():
            if value is not None:
                monkeypatch.setenv(name, value)

    return set_up


@pytest.mark.parametrize(
    ("asked", "own", "openmp", "quotas", "expected"),
    [
        (None, None, None, (), 5),
        (None, None, None, (16.0,), 5),
        (None, None, None, (1.5,), 2),
        (None, None, None, (0.2,), 1),
        (None, None, "3", (), 3),
        (None, None, "7", (1.5,), 7),
        (None, "4", None, (1.5,), 4),
        (None, "4", "3", (1.5,), 4),
        (None, " 4 ", None, (), 4),
        (None, "", "3", (), 3),
        (2, None, None, (), 2),
        (9, None, None, (1.5,), 9),
        (2, "4", "3", (1.5,), 2),
        (2, "abc", "abc", (), 2),
        (np.int64(2), None, None, (), 2),
    ],
)
def test_the_first_source_that_is_given_counts(machine, asked, own, openmp, quotas, expected):
    machine(own, openmp, quotas)
    assert choose_threads(asked) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [("4,2", 4), (" 4 , 2 ", 4), ("+3", 3), ("1,8,8", 1)]
    + [(bad, 5) for bad in ("", "abc", "0", "-1", "2.5", "4,", "4,x", "4,0", "4;2", "9" * 5000)],
)
def test_openmp_s_variable_may_be_a_list_and_is_ignored_where_it_is_malformed(
    machine, raw, expected
):
    machine(openmp=raw)
    assert choose_threads() == expected


@pytest.mark.parametrize("raw", ["abc", "0", "-1", "2.5", "4,2", "4097", "\u0664", "9" * 5000])
def test_wordgate_s_variable_is_a_number_or_refused(machine, raw):
    machine(own=raw, openmp="3")
    with pytest.raises(SettingsError) as caught:
        choose_threads()
    assert str(caught.value) == (
        f"the environment variable WORDGATE_THREADS is {raw!r:.80}; it must be a whole number from"
        " 1 to 4096"
    )


@pytest.mark.parametrize("asked", [0, -1, 4097, True, 2.5, 2.0, "2"])
def test_an_argument_that_is_no_number_of_threads_is_refused(asked):
    with pytest.raises(SettingsError) as caught:
        choose_threads(asked)
    assert str(caught.value) == f"threads is {asked!r}; it must be a whole number from 1 to 4096"


@pytest.mark.parametrize(
    ("asked", "own", "openmp", "before", "during"),
    [
        (None, None, None, 8, 5),
        (None, None, None, 1, 1),
        (None, None, "3", 1, 3),
        (None, "4", "3", 1, 4),
        (2, "4", "3", 1, 2),
    ],
)
def test_torch_keeps_a_lower_number_that_nothing_asks_to_change(
    machine, asked, own, openmp, before, during
):
    machine(own, openmp)
    now = SimpleNamespace(threads=before)
    torch = SimpleNamespace(
        get_num_threads=lambda: now.threads,
        set_num_threads=lambda threads: setattr(now, "threads", threads),
    )
    with pytest.raises(KeyError), torch_threads(torch, asked) as threads:  # noqa: PT012
        assert threads == now.threads == during
        raise KeyError
    assert now.threads == before


@pytest.fixture
def groups(tmp_path):
    """Lay out control groups: each folder's `cpu.max`, and the group this process is in."""

    def lay_out(own, **limits):
        root = tmp_path / "cgroup"
        for name, limit in limits.items():
            folder = root / name.replace("__", "/")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "cpu.max").write_text(limit)
        (tmp_path / "own").write_text(f"1:cpu:/old\n0::{own}\n")
        return cpu._quotas(tmp_path / "own", root)

    return lay_out


def test_quotas_of_a_group_and_of_those_around_it_are_read(groups):
    assert groups("/a/b", a="max 100000\n", a__b="150000 100000\n") == [1.5]
    assert groups("/a/b", a="200000 100000\n", a__b="150000 100000\n") == [1.5, 2.0]


@pytest.mark.parametrize("limit", ["", "max\n", "nonsense 100000", "100 0"])
def test_what_is_no_quota_limits_nothing(groups, limit):
    assert groups("/a", a=limit) == []


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert cpu._quotas(tmp_path / "none", tmp_path) == []
