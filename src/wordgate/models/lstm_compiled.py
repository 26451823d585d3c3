"""The forward pass of one LSTM direction, compiled by numba for the current processor.

Its results are those of `lstm_forward`: in float32 to the last bits, in int8 approximately. Shapes
are as there; ``size`` is ``hidden``, padded with zero units to whole vectors.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from wordgate.errors import SettingsError
from wordgate.models.base import Floats
from wordgate.models.int8 import quantize
from wordgate.models.lstm_forward import Direction, InputProjection
from wordgate.models.lstm_ir import (
    GATES,
    LEVELS,
    MIDDLE,
    KernelLayout,
    StepArguments,
    best_layout,
    compile_step,
)

_STEPS_AT_ONCE = 2
"""Number of steps that share a read of the weights while these are in the cache."""


class CompiledLSTMForward:
    """The forward pass of one direction by a compiled kernel; see `NumpyLSTMForward`."""

    def __init__(self, embedding: Floats, direction: Direction, layout: KernelLayout):
        hidden = direction.hidden_weights.shape[1]
        size = -(-hidden // layout.lanes) * layout.lanes
        self._hidden, self._size, self._layout = hidden, size, layout
        self._projection = InputProjection(
            embedding,
            _by_units(direction.input_weights, layout),
            _by_units(direction.bias[:, None], layout)[:, 0],
        )
        square = np.pad(direction.hidden_weights, ((0, 0), (0, size - hidden)))
        self._weights, self._sums, self._scales = _packed(_by_units(square, layout), layout)
        self._alone = replace(layout, texts=1)

    def prepare(self, ids: NDArray[np.integer]) -> None:
        """Compute the projections of words that will occur, ids int [...]."""
        self._projection.fill(ids)

    def pooled_states(
        self, ids: NDArray[np.int64], lengths: NDArray[np.int64], pooling: Sequence[str]
    ) -> list[Floats]:
        """Compute pooled hidden states, as `NumpyLSTMForward.pooled_states` does."""
        batch = len(ids)
        layout = self._layout if batch > 1 else self._alone
        texts = layout.texts
        filled_up = -(-batch // texts) * texts
        words = np.zeros((ids.shape[1] + 1, filled_up), np.int64)  # a step prefetches the next
        words[:-1, :batch] = ids.T
        last, total = np.zeros((2, filled_up, self._size), np.float32)
        highest = np.full_like(last, -np.inf)
        highest[:batch][lengths == 0] = 0.0
        _compiled(layout)(
            *(words, lengths, self._projection.table, self._weights, self._sums, self._scales),
            *(last, highest, total, "max" in pooling, "mean" in pooling),
        )
        total[:batch] /= np.maximum(lengths, 1)[:, None].astype(np.float32)
        states = {"last": last, "max": highest, "mean": total}
        return [states[name][:batch, : self._hidden] for name in pooling]


def layout_for(kernel: str) -> KernelLayout:
    """Return the memory layout of a kernel.

    Raises:
        SettingsError: The processor does not support the kernel.
    """
    layout = best_layout(int8=kernel == "numba-int8")
    if layout is None:
        raise SettingsError(
            "kernel 'numba-int8' needs a processor with the instruction vpdpbusd (AVX-512 VNNI or"
            " AVX-VNNI), which this one lacks; use 'numba'"
        )
    return layout


def _by_units(rows: Floats, layout: KernelLayout) -> Floats:
    """Group the gates by vectors of units, and halve those of the sigmoid gates.

    From float32 [4 * hidden, columns], in the order input, forget, cell, output, to float32
    [4 * size, columns].
    """
    hidden, columns = len(rows) // GATES, rows.shape[1]
    size = -(-hidden // layout.lanes) * layout.lanes
    gates = np.zeros((GATES, size, columns), np.float32)
    gates[:, :hidden] = rows.reshape(GATES, hidden, columns)[[0, 1, 3, 2]]
    gates[:3] *= np.float32(0.5)
    by_units = gates.reshape(GATES, size // layout.lanes, layout.lanes, columns).swapaxes(0, 1)
    return by_units.reshape(GATES * size, columns)


def _packed(rows: Floats, layout: KernelLayout) -> tuple[NDArray[Any], NDArray[np.int32], Floats]:
    """Arrange the recurrent weights, `_by_units` [4 * size, size], in the order of the kernel.

    Returns:
        The weights, and for int8 the initial sums, int32 [4 * size], and the scales of the sums,
        float32 [4 * size].
    """
    width, size = rows.shape
    blocks = (-1, GATES * layout.lanes)
    if not layout.int8:
        weights = rows.reshape(*blocks, size).swapaxes(1, 2)
        return np.ascontiguousarray(weights), np.zeros(width, np.int32), np.ones(width, np.float32)
    whole, scales = quantize(rows)
    fours = whole.reshape(*blocks, size // 4, 4).swapaxes(1, 2)
    sums = -MIDDLE * whole.sum(axis=1, dtype=np.int32)  # corrects the offset of the states' bytes
    return np.ascontiguousarray(fours), sums, scales / np.float32(LEVELS)


@lru_cache
def _compiled(layout: KernelLayout) -> Any:
    """Return the compiled loop over a batch; its arrays are those of `compile_step`."""
    read_word, together = _compiled_word(layout), _STEPS_AT_ONCE * layout.texts

    @njit(nogil=True)
    def read(  # type: ignore[no-untyped-def]
        words, lengths, table, weights, sums, scales, last, highest, total, wants_max, wants_mean
    ):
        shape = together, last.shape[1]
        for begin in range(0, len(lengths), together):
            states, after, cell = np.zeros((3, *shape), np.float32)
            state_bytes, bytes_after = np.full((2, *shape), MIDDLE, np.uint8)
            reading = min(together, len(lengths) - begin)
            for time in range(lengths[begin]):
                while lengths[begin + reading - 1] <= time:
                    reading -= 1
                own_words = words.ctypes.data + 8 * (time * words.shape[1] + begin)
                read_word(
                    *(own_words, 8 * words.shape[1], reading, table, weights, sums, scales),
                    *(states, state_bytes, cell, after, bytes_after),
                )
                states, after = after, states
                state_bytes, bytes_after = bytes_after, state_bytes
                rows = slice(begin, begin + reading)
                last[rows] = states[:reading]
                if wants_max:
                    _raise(highest[rows], states)
                if wants_mean:
                    _add(total[rows], states)

    return read


def _compiled_word(layout: KernelLayout) -> Any:
    """Let the first texts, ``reading`` of them, read the words at this address.

    The next step's words stand ``step_bytes`` behind.
    """
    take_step = compile_step(layout)
    lanes, texts, is_int8 = layout.lanes, layout.texts, layout.int8 is not None
    vectors = 4 * GATES * lanes  # bytes of one number for each gate of a vector of units

    @njit
    def read_word(  # type: ignore[no-untyped-def]
        words, step_bytes, reading, table, weights, sums, scales,
        states, state_bytes, cell, after, bytes_after,
    ):  # fmt: skip
        size = cell.shape[1]
        for block in range(size // lanes):
            for first in range(0, reading, texts):
                own = states.ctypes.data + 4 * first * size
                if is_int8:
                    own = state_bytes.ctypes.data + first * size
                units = first * size + block * lanes
                take_step(
                    StepArguments(
                        state=own,
                        weights=weights.ctypes.data + block * weights[0].nbytes,
                        words=words + 8 * first,
                        next_words=words + step_bytes + 8 * first,
                        table=table.ctypes.data + block * vectors,
                        stride=4 * GATES * size,
                        sums=sums.ctypes.data + block * vectors,
                        scales=scales.ctypes.data + block * vectors,
                        size=size,
                        cell=cell.ctypes.data + 4 * units,
                        after=after.ctypes.data + 4 * units,
                        bytes_after=bytes_after.ctypes.data + units,
                    )
                )

    return read_word


@njit
def _raise(highest, states):  # type: ignore[no-untyped-def]
    for text in range(len(highest)):
        for unit in range(highest.shape[1]):
            highest[text, unit] = max(highest[text, unit], states[text, unit])


@njit
def _add(total, states):  # type: ignore[no-untyped-def]
    for text in range(len(total)):
        for unit in range(total.shape[1]):
            total[text, unit] += states[text, unit]
