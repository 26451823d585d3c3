"""Updates on a GPU as CUDA graphs.

An update of an LSTM consists of hundreds of kernels of a few microseconds each; launching them one
by one takes several times as long as running them. A CUDA graph launches all of them at once. It is
valid for one combination of shapes, and for weights that keep their place in memory.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import torch
from torch import Tensor

InputsT = TypeVar("InputsT")
ResultT = TypeVar("ResultT")
Shapes: TypeAlias = tuple[tuple[torch.Size, torch.dtype], ...]


@dataclass(frozen=True)
class _Captured(Generic[InputsT, ResultT]):
    """A graph, the inputs that it reads, and the results that it writes."""

    graph: torch.cuda.CUDAGraph
    inputs: InputsT
    results: ResultT


class GraphedFunction(Generic[InputsT, ResultT]):
    """A function of tensors that is launched as a CUDA graph for each combination of shapes.

    For new shapes, the function is called directly, which also loads the kernels; the second call
    captures it. It may read other tensors, such as weights, which must only be changed in place. It
    must not wait for the GPU or draw random numbers.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs

    Args:
        function: Its argument is a dataclass of tensors and of sequences and dataclasses of them.
    """

    def __init__(self, function: Callable[[InputsT], ResultT]):
        self._function = function
        self._captured: dict[Shapes, _Captured[InputsT, ResultT] | None] = {}
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, inputs: InputsT) -> ResultT:
        """Call the function: the results are valid until the next call."""
        tensors = list(tensors_in(inputs))
        shapes = tuple((tensor.shape, tensor.dtype) for tensor in tensors)
        if shapes not in self._captured:
            self._captured[shapes] = None
            return self._function(inputs)
        captured = self._captured[shapes] or self._capture(inputs)
        self._captured[shapes] = captured
        for kept, given in zip(tensors_in(captured.inputs), tensors, strict=True):
            if kept is not given:
                kept.copy_(given)
        captured.graph.replay()
        return captured.results

    def _capture(self, inputs: InputsT) -> _Captured[InputsT, ResultT]:
        """Capture the kernels that the function launches; the inputs then belong to the graph.

        All graphs share the memory of intermediate results. Another thread may prepare the next
        batch in the meantime.
        """
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            results = self._function(inputs)
        return _Captured(graph, inputs, results)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Return all tensors in dataclasses and sequences, in order."""
    if isinstance(value, Tensor):
        yield value
        return
    parts: Iterable[Any] = ()
    if is_dataclass(value):
        parts = (getattr(value, field.name) for field in fields(value))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        parts = value
    for part in parts:
        yield from tensors_in(part)
