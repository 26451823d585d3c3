"""One LSTM step in SIMD registers, as LLVM IR: a few texts, as many hidden units as a vector has.

LLVM compiles it for the processor at hand; it is written in LLVM's intermediate language, through
llvmlite, since numba's loops leave the sums of a product in memory. Here they stay in registers,
and so do the gates, from the products to the new state.

The gates of ``lanes`` hidden units stand side by side: input, forget, output, candidate. Weights
of the three sigmoids and what is added to their products are halved beforehand, for
sigmoid(x) = (1 + tanh(x / 2)) / 2. Each tanh is a quotient of polynomials, so that products of
gates share a division.

In int8, a state h is the byte round(127 h) + 128, a weight a signed byte, and the sum of their
products exact; the processor has an instruction that adds four products at once ("VNNI").
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

GATES = 4
LEVELS = 127
"""Quantization steps of a state in int8, on either side of zero."""
MIDDLE = 128
"""The byte of a state that is zero."""
_BYTE, _WORD, _ADDRESS, _FLOAT = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
_SIZE = 4  # bytes of a number, and of four that are a byte each
_CACHE_LINE = 64
# tanh(x) = p(x) / q(x), within 3e-7: the coefficients of Eigen's (MPL 2.0) generic_fast_tanh_float.
_BOUND = 7.90531110763549805
_ODD = (
    4.89352455891786e-03,
    6.37261928875436e-04,
    1.48572235717979e-05,
    5.12229709037114e-08,
    -8.60467152213735e-11,
    2.00018790482477e-13,
    -2.76076847742355e-16,
)
_EVEN = (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)


@dataclass(frozen=True)
class KernelLayout:
    """The layout of a step."""

    lanes: int  # numbers in a vector, and so hidden units of a step
    texts: int
    int8: str | None = None  # the instruction for int8 in assembler; None to compute in float32


def best_layout(*, int8: bool) -> KernelLayout | None:
    """Return the step that suits this processor; None if it has no instruction for int8."""
    has = binding.get_host_cpu_features().get
    if int8:
        if has("avx512vnni"):
            return KernelLayout(16, 6, "vpdpbusd")
        return KernelLayout(8, 2, "{vex} vpdpbusd") if has("avxvnni") else None
    if has("avx512f"):
        return KernelLayout(16, 6)
    if has("avx2"):
        return KernelLayout(8, 2)
    return KernelLayout(4, 6 if has("neon") else 2)


class StepArguments(NamedTuple):
    """The arguments of a step, int64 each: addresses, but for `stride` and `size`."""

    state: Any  # [texts, size], states before the step: float32, or bytes in int8
    weights: Any  # [size, 4 * lanes] float32, or [size / 4, 4 * lanes, 4] int8
    words: Any  # [texts] int64, rows of the table
    next_words: Any  # [texts] int64, those of the next step, to be brought near the processor
    table: Any  # float32, each word's input projection, from these hidden units' first gate on
    stride: Any  # bytes of a row of the table
    sums: Any  # [4 * lanes] int32, the initial sums of the products of int8
    scales: Any  # [4 * lanes] float32, by which those sums are multiplied
    size: Any  # hidden units of a state, a multiple of ``lanes``
    cell: Any  # [texts, size] float32, the memory, from these hidden units on
    after: Any  # [texts, size] float32, states after the step, from these hidden units on
    bytes_after: Any  # [texts, size], the same as bytes, written in int8 alone


def compile_step(layout: KernelLayout) -> Any:
    """Return a function for numba's compiler that takes one step, of `StepArguments`."""
    if layout.int8:
        binding.initialize_native_asmparser()

    @intrinsic
    def take_step(_, arguments):  # type: ignore[no-untyped-def]
        def generate(context, builder, _, given):  # type: ignore[no-untyped-def]
            step = StepArguments(*cgutils.unpack_tuple(builder, given[0]))
            _StepWriter(layout, builder, step).write()
            return context.get_dummy_value()

        return types.void(arguments), generate

    return take_step


class _StepWriter:
    """Writes the instructions of a step. ``Any`` is a value of the program that is written."""

    def __init__(self, layout: KernelLayout, builder: Any, step: StepArguments):
        self.layout, self.builder, self.step = layout, builder, step
        self.floats = ir.VectorType(_FLOAT, layout.lanes)
        self.integers = ir.VectorType(_WORD, layout.lanes)

    def write(self) -> None:
        for text in range(self.layout.texts):
            self._prefetch(self._row(self.step.next_words, text))
        products = self._products()
        scales = self._vectors(self.step.scales, self.floats) if self.layout.int8 else None
        for text in range(self.layout.texts):
            added = self._vectors(self._row(self.step.words, text), self.floats)
            if scales is None:
                gates = list(map(self.builder.fadd, products[text], added))
            else:
                sums = [self.builder.sitofp(one, self.floats) for one in products[text]]
                gates = list(map(self._fused, sums, scales, added))
            self._open(gates, text)

    def _row(self, words: Any, text: int) -> Any:
        """Return the address of a word's part of the table."""
        word = self._load(words, 8 * text, _ADDRESS)
        return self.builder.add(self.step.table, self.builder.mul(word, self.step.stride))

    def _prefetch(self, address: Any) -> None:
        """Begin to bring one vector for each gate near the processor; nothing waits for it."""
        kind = ir.FunctionType(ir.VoidType(), [_BYTE.as_pointer(), *3 * [_WORD]])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        for offset in range(0, GATES * self.layout.lanes * _SIZE, _CACHE_LINE):
            place = self._place(self.builder.add(address, _ADDRESS(offset)), _BYTE)
            self.builder.call(function, [place, _WORD(0), _WORD(3), _WORD(1)])

    def _products(self) -> list[list[Any]]:
        """States times weights, [texts][GATES] vectors: float32, or int32 in int8."""
        builder, layout = self.builder, self.layout
        kind = self.integers if layout.int8 else self.floats
        if layout.int8:
            first = self._vectors(self.step.sums, kind)
        else:
            first = [ir.Constant(kind, [0.0] * layout.lanes)] * GATES
        before = builder.block
        loop, done = (builder.append_basic_block(name) for name in ("products", "gates"))
        builder.branch(loop)
        builder.position_at_end(loop)
        unit = builder.phi(_ADDRESS)
        unit.add_incoming(_ADDRESS(0), before)
        sums = [[builder.phi(kind) for _ in range(GATES)] for _ in range(layout.texts)]
        state_bytes, at_once = (1, 4) if layout.int8 else (_SIZE, 1)
        row = builder.mul(unit, _ADDRESS(GATES * layout.lanes * _SIZE // at_once))
        weights = self._vectors(builder.add(self.step.weights, row), kind)
        states = builder.add(self.step.state, builder.mul(unit, _ADDRESS(state_bytes)))
        for text in range(layout.texts):
            own = builder.add(states, builder.mul(self.step.size, _ADDRESS(text * state_bytes)))
            state = self._spread(self._load(own, 0, kind.element), kind)
            for gate in range(GATES):
                total = self._multiplied(sums[text][gate], state, weights[gate])
                sums[text][gate].add_incoming(first[gate], before)
                sums[text][gate].add_incoming(total, loop)
                sums[text][gate] = total
        following = builder.add(unit, _ADDRESS(at_once))
        unit.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, self.step.size), loop, done)
        builder.position_at_end(done)
        return sums

    def _multiplied(self, total: Any, state: Any, weight: Any) -> Any:
        if not self.layout.int8:
            return self._fused(state, weight, total)
        kind = ir.FunctionType(self.integers, [self.integers] * 3)
        # AVX-VNNI knows the first 16 registers alone: x; AVX-512 has 32: v.
        register = "v" if self.layout.lanes == 16 else "x"
        operands = f"={register},0,{register},{register}"
        instruction = ir.InlineAsm(kind, f"{self.layout.int8} $3, $2, $0", operands)
        return self.builder.call(instruction, [total, state, weight])

    def _open(self, gates: list[Any], text: int) -> None:
        """Apply the gates to the text's memory and state."""
        builder, half = self.builder, self._constant(0.5)
        (pi, qi), (pf, qf), (po, qo), (pc, qc) = map(self._tanh, gates)
        own = builder.mul(self.step.size, _ADDRESS(text * _SIZE))
        cell = self._place(builder.add(self.step.cell, own), self.floats)
        taken_in = builder.fdiv(builder.fmul(builder.fadd(qi, pi), pc), builder.fmul(qi, qc))
        forget = builder.fdiv(builder.fadd(qf, pf), qf)
        old = builder.load(cell, align=_SIZE)
        new = builder.fmul(self._fused(forget, old, taken_in), half)
        builder.store(new, cell, align=_SIZE)
        pm, qm = self._tanh(new)
        given_out = builder.fdiv(builder.fmul(builder.fadd(qo, po), pm), builder.fmul(qo, qm))
        state = builder.fmul(given_out, half)
        builder.store(
            state, self._place(builder.add(self.step.after, own), self.floats), align=_SIZE
        )
        if self.layout.int8:
            self._store_bytes(state, text)

    def _store_bytes(self, state: Any, text: int) -> None:
        builder, kind = self.builder, ir.VectorType(_BYTE, self.layout.lanes)
        steps = self._fused(state, self._constant(LEVELS), self._constant(MIDDLE))
        rounded = builder.fptosi(self._intrinsic("llvm.rint", steps), self.integers)
        address = builder.add(self.step.bytes_after, builder.mul(self.step.size, _ADDRESS(text)))
        builder.store(builder.trunc(rounded, kind), self._place(address, kind), align=1)

    def _tanh(self, x: Any) -> tuple[Any, Any]:
        """Compute the two polynomials whose quotient it is; the lower one is above zero."""
        builder = self.builder
        for sign, bound in (("<", _BOUND), (">", -_BOUND)):
            limit = self._constant(bound)
            x = builder.select(builder.fcmp_ordered(sign, x, limit), x, limit)
        square = builder.fmul(x, x)
        return builder.fmul(self._polynomial(_ODD, square), x), self._polynomial(_EVEN, square)

    def _polynomial(self, coefficients: tuple[float, ...], x: Any) -> Any:
        total = self._constant(coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            total = self._fused(total, x, self._constant(coefficient))
        return total

    def _fused(self, x: Any, y: Any, z: Any) -> Any:
        """Return x * y + z, rounded once where the processor can."""
        return self._intrinsic("llvm.fmuladd", x, y, z)

    def _intrinsic(self, name: str, *arguments: Any) -> Any:
        kind = ir.FunctionType(self.floats, [self.floats] * len(arguments))
        full_name = f"{name}.v{self.layout.lanes}f32"
        function = cgutils.get_or_insert_function(self.builder.module, kind, full_name)
        return self.builder.call(function, arguments)

    def _vectors(self, address: Any, kind: Any) -> list[Any]:
        """Load one vector for each gate."""
        return [
            self._load(address, gate * self.layout.lanes * _SIZE, kind) for gate in range(GATES)
        ]

    def _load(self, address: Any, offset: int, kind: Any) -> Any:
        place = self._place(self.builder.add(address, _ADDRESS(offset)), kind)
        return self.builder.load(place, align=_SIZE)

    def _place(self, address: Any, kind: Any) -> Any:
        return self.builder.inttoptr(address, ir.PointerType(kind))

    def _spread(self, number: Any, kind: Any) -> Any:
        """Return a vector that holds the number in every lane."""
        nothing = ir.Constant(kind, ir.Undefined)
        alone = self.builder.insert_element(nothing, number, _WORD(0))
        everywhere = ir.Constant(ir.VectorType(_WORD, kind.count), [0] * kind.count)
        return self.builder.shuffle_vector(alone, nothing, everywhere)

    def _constant(self, number: float) -> Any:
        return ir.Constant(self.floats, [float(np.float32(number))] * self.layout.lanes)
