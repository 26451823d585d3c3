"""Tests of sparse matrices that outgrow memory."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array, vstack

from wordgate.storage import arrays, sparse
from wordgate.storage.sparse import multiply, select_rows, stack_rows


@pytest.fixture(params=[1, 1 << 24], ids=["on disk", "in memory"])
def matrix(request, monkeypatch):
    monkeypatch.setattr(arrays, "IN_MEMORY", request.param)
    monkeypatch.setattr(sparse, "ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(0)
    return csr_matrix(random_array((40, 30), density=0.2, dtype=np.float32, rng=rng))


def same(found, expected):
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype


def test_matrices_are_stacked(matrix):
    parts = [matrix[:3], matrix[3:3], matrix[3:]]
    same(stack_rows(iter(parts), 30, np.float32), vstack(parts, format="csr"))
    assert stack_rows([], 30, np.float32).shape == (0, 30)


@pytest.mark.parametrize("n_rows", [0, 5, 40])
def test_rows_are_selected(matrix, n_rows):
    rows = np.random.default_rng(1).permutation(40)[:n_rows]
    same(select_rows(matrix, rows), matrix[rows])


@pytest.mark.parametrize("n_rows", [0, 5, 25])
def test_products_are_those_of_whole_matrices(matrix, n_rows):
    rng = np.random.default_rng(1)
    left = csr_matrix(random_array((n_rows, 40), density=0.3, dtype=np.float32, rng=rng))
    on_disk = stack_rows([matrix], 30, np.float32)
    same(multiply(left, on_disk), left @ matrix)
