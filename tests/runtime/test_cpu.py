"""The cores that this process may use."""

import pytest

from wordgate.runtime import cpu


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
