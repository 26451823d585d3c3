"""Compiled kernels against numpy's: the same texts, the same states."""

import numpy as np
import pytest

from wordgate.errors import MissingExtraError, SettingsError
from wordgate.models import lstm_compiled
from wordgate.models.int8 import round_to_int8
from wordgate.models.lstm import LSTMModel, Network, with_kernel
from wordgate.models.lstm_compiled import CompiledLSTMForward
from wordgate.models.lstm_forward import KERNELS, Direction, NumpyLSTMForward, check_kernel
from wordgate.models.lstm_ir import KernelLayout, best_layout
from wordgate.text.encoder import TextEncoder

POOLINGS = ("last", "max", "mean")
LAYOUTS = [KernelLayout(4, 2), KernelLayout(8, 2), KernelLayout(16, 6)]
INT8 = best_layout(int8=True)
needs_int8 = pytest.mark.skipif(INT8 is None, reason="this processor has no instruction for int8")


def weights(hidden, words=60, embedding=12):
    rng = np.random.default_rng(hidden)

    def drawn(*shape):
        return rng.normal(0.0, 0.4, shape).astype(np.float32)

    direction = Direction(
        drawn(4 * hidden, embedding), drawn(4 * hidden, hidden), drawn(4 * hidden)
    )
    return drawn(words, embedding), direction


def batch(n, longest=20):
    """Texts of falling length; the last ones are empty."""
    rng = np.random.default_rng(n)
    lengths = np.sort(rng.integers(0, longest + 1, n))[::-1].astype(np.int64)
    ids = rng.integers(1, 60, (n, longest))
    ids[np.arange(longest) >= lengths[:, None]] = 0
    return ids, lengths


def read(reader, ids, lengths):
    reader.prepare(ids)
    return np.hstack(reader.pooled_states(ids, lengths, POOLINGS))


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("hidden", "n"), [(9, 1), (16, 7), (33, 70), (64, 12)])
def test_float32_is_as_numpy_reads(layout, hidden, n):
    arrays, texts = weights(hidden), batch(n)
    found = read(CompiledLSTMForward(*arrays, layout), *texts)
    assert np.abs(found - read(NumpyLSTMForward(*arrays), *texts)).max() <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("layout", [*LAYOUTS, *([INT8] if INT8 else [])])
def test_neighbours_move_no_bit(layout):
    arrays, (ids, lengths) = weights(33), batch(40)
    together = read(CompiledLSTMForward(*arrays, layout), ids, lengths)
    alone = CompiledLSTMForward(*arrays, layout)
    for row, own in zip(range(len(ids)), together, strict=True):
        one = slice(row, row + 1)
        assert np.array_equal(read(alone, ids[one], lengths[one])[0], own)


@needs_int8
@pytest.mark.parametrize("hidden", [9, 64])
def test_int8_is_the_same_recurrence_with_rounded_weights_and_states(hidden):
    embedding, own = arrays = weights(hidden)
    ids, lengths = batch(50)
    found = read(CompiledLSTMForward(*arrays, INT8), ids, lengths)
    halves = np.repeat([0.5, 0.5, 1.0, 0.5], hidden)[:, None].astype(np.float32)
    whole = (round_to_int8(own.hidden_weights * halves) / halves).astype(np.float64)
    expected = np.zeros((len(ids), hidden))
    for row, length in enumerate(lengths):
        state, cell = np.zeros((2, hidden))
        for word in ids[row, :length]:
            gates = own.input_weights @ embedding[word] + own.bias
            gates += whole @ (np.rint(127 * state) / 127)
            i, f, c, o = gates.reshape(4, hidden)
            cell = cell / (1 + np.exp(-f)) + np.tanh(c) / (1 + np.exp(-i))
            state = np.tanh(cell) / (1 + np.exp(-o))
        expected[row] = state
    off = np.abs(found[:, :hidden] - expected)
    # A state between two steps may be round_to_int8 the other way for its last bit.
    assert np.quantile(off, 0.95) <= 1e-6
    assert off.max() <= 0.03


@pytest.fixture(scope="module")
def model():
    encoder, _ = TextEncoder.fit([" ".join(f"w{n}" for n in range(58))], max_tokens=50)
    embedding, own = weights(20)
    rng = np.random.default_rng(2)
    output = rng.normal(0.0, 0.5, (3, 2 * 3 * 20)).astype(np.float32)
    network = Network(embedding, (own, own), output, output[:, 0], POOLINGS)
    return LSTMModel(encoder, network)


@pytest.mark.parametrize("kernel", ["numba", pytest.param("numba-int8", marks=needs_int8)])
def test_a_model_of_both_directions_gives_the_same_probabilities(model, kernel):
    rng = np.random.default_rng(3)
    texts = [" ".join(f"w{n}" for n in rng.integers(0, 60, size)) for size in range(45)] * 30
    expected = np.exp(model.log_proba(texts))
    found = np.exp(with_kernel(model, kernel).log_proba(texts))
    assert np.abs(found - expected).max() <= (1e-5 if kernel == "numba" else 0.03)
    assert kernel == "numba" or np.abs(found - expected).max() > 1e-5


def test_numpy_is_the_model_itself(model):
    assert with_kernel(model, "numpy") is model


def test_no_such_kernel():
    with pytest.raises(SettingsError, match="no kernel 'numbo'; did you mean 'numba'"):
        check_kernel("numbo")


def test_other_families_have_no_kernels():
    class Counts:
        family = "count"

    with pytest.raises(SettingsError, match="is for lstm models, and this is a count model"):
        with_kernel(Counts(), "numba")


@pytest.mark.parametrize("kernel", KERNELS[1:])
def test_numba_may_be_missing(model, kernel, hide_packages):
    hide_packages("numba")
    with pytest.raises(MissingExtraError, match=r"pip install 'wordgate\[numba\]'"):
        with_kernel(model, kernel)
    assert with_kernel(model, "numpy") is model


def test_a_processor_without_the_instruction_is_refused(model, monkeypatch):
    monkeypatch.setattr(lstm_compiled, "best_layout", lambda *, int8: None if int8 else LAYOUTS[0])
    with pytest.raises(SettingsError, match="which this one lacks; use 'numba'"):
        with_kernel(model, "numba-int8")
    with_kernel(model, "numba")
