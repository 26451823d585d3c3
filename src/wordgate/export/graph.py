"""A builder of ONNX graphs.

Shapes: ``batch`` texts, ``time`` ids of the longest of them, ``classes`` labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import SettingsError
from wordgate.models.base import Floats
from wordgate.models.int8 import quantize
from wordgate.text.vocabulary import PADDING

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto, ValueInfoProto


OPSET, IR_VERSION = 17, 8
"""Supported by onnxruntime from 1.12 (2022) on; the extra `onnx` requires 1.17."""

LARGEST = 2_000_000_000
"""Maximum bytes of arrays: protobuf, the format of ONNX files, is limited to 2 GiB."""

SAFE_WEIGHT = 64
"""The largest weight in 8 bits of the recurrence.

Processors with AVX2 alone add two products of 8 bits in 16 and cut off what doesn't fit: with 127 a
model would answer otherwise there than where it was checked. 2 * 255 * 64 always fits.
"""


class Graph:
    """An ONNX graph that is built node by node; values are referred to by name."""

    def __init__(self) -> None:
        self._inputs: list[ValueInfoProto] = []
        self._nodes: list[NodeProto] = []
        self._arrays: list[TensorProto] = []

    def input(self, name: str, dtype: type[np.generic], *axes: str) -> str:
        """Add an input, each of whose axes is of any size, and return its name."""
        from onnx import helper

        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self._inputs.append(helper.make_tensor_value_info(name, kind, axes))
        return name

    def add(
        self,
        operator: str,
        *inputs: str,
        outputs: int = 1,
        named: str | None = None,
        **attributes: Any,
    ) -> str:
        """Add a node, and return the name of its first output; the second one's ends in ``_1``."""
        from onnx import helper

        name = named or f"{operator}_{len(self._nodes)}"
        names = [name, *(f"{name}_{number}" for number in range(1, outputs))]
        self._nodes.append(helper.make_node(operator, inputs, names, name=name, **attributes))
        return name

    def array(self, name: str, values: NDArray[Any] | np.generic) -> str:
        """Add a constant array, and return its name."""
        from onnx import numpy_helper

        name = f"{name}_{len(self._arrays)}"
        self._arrays.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def numbers(self, *values: int) -> str:
        """Add whole numbers, int64 [n]: axes, shapes."""
        return self.array("numbers", np.array(values, np.int64))

    def cast(self, values: str, dtype: type[np.generic]) -> str:
        """Return values in another type."""
        from onnx import helper

        return self.add("Cast", values, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def column(self, values: str) -> str:
        """Turn [batch] into [batch, 1]."""
        return self.add("Unsqueeze", values, self.numbers(1))

    def steps(self, values: str) -> str:
        """Number the steps of [batch, time]: int64 [time], from 0 on."""
        zero, one = (self.array("number", np.int64(number)) for number in (0, 1))
        return self.add("Range", zero, self.add("Gather", self.add("Shape", values), one), one)

    def one_step_at_least(self, values: str) -> str:
        """Pad [batch, 0] to one step of zeros."""
        zero, one = (self.array("number", np.int64(number)) for number in (0, 1))
        time = self.add("Gather", self.add("Shape", values), one)
        lacking = self.add("Max", self.add("Sub", one, time), zero)
        lacking = self.add("Reshape", lacking, self.numbers(1))
        return self.add("Pad", values, self.add("Concat", self.numbers(0, 0, 0), lacking, axis=0))

    def lookup(self, ids: str, name: str, rows: Floats, *, int8: bool) -> str:
        """Look up rows of a table: float32, the shape of the ids and one axis more."""
        if not int8:
            return self.add("Gather", self.array(name, rows), ids)
        whole, scales = quantize(rows)
        found = self.add("Gather", self.array(name, whole), ids)
        found = self.cast(found, np.float32)
        scale = self.add("Gather", self.array(f"{name}_scales", scales[:, None]), ids)
        return self.add("Mul", found, scale)

    def serialized(
        self, logits: str, classes: int, metadata: Mapping[str, str], *, multilabel: bool = False
    ) -> bytes:
        """Add the two outputs, and return the bytes of the file.

        Probabilities are the softmax of the logits, float32 [batch, classes]; or the sigmoid of
        each logit, if a text can have several labels.

        Raises:
            SettingsError: The file would be larger than ONNX allows.
        """
        from onnx import TensorProto, helper

        size = sum(len(array.raw_data) for array in self._arrays)
        size += sum(len(text.encode()) for text in metadata.values())
        if size > LARGEST:
            raise SettingsError(
                f"the model has {size / 1e9:.1f} GB of weights, and a single ONNX file is limited"
                " to 2 GB; --int8 needs a quarter"
            )
        self._add_outputs(logits, multilabel=multilabel)
        batch: Sequence[str | int] = ["batch", classes]
        graph = helper.make_graph(
            self._nodes,
            "wordgate",
            self._inputs,
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, batch)
                for name in ("probabilities", "log_probabilities")
            ],
            self._arrays,
        )
        domains = {node.domain for node in self._nodes if node.domain}
        opsets = [helper.make_opsetid("", OPSET)]
        opsets += [helper.make_opsetid(domain, 1) for domain in sorted(domains)]
        model = helper.make_model(graph, producer_name="wordgate", opset_imports=opsets)
        model.ir_version = IR_VERSION
        helper.set_model_props(model, dict(metadata))
        return bytes(model.SerializeToString())

    def _add_outputs(self, logits: str, *, multilabel: bool) -> None:
        """Add both outputs, probabilities and log-probabilities, float32 [batch, classes]."""
        if multilabel:
            complement = self.add("Softplus", self.add("Neg", logits))
            self.add("Neg", complement, named="log_probabilities")
            self.add("Sigmoid", logits, named="probabilities")
        else:
            log_proba = self.add("LogSoftmax", logits, axis=1, named="log_probabilities")
            self.add("Exp", log_proba, named="probabilities")


class WordGraph(Graph):
    """A graph over words.

    It starts with ``ids``, int64 [batch, time], with at least one step, and `PADDING` beyond the
    length of each text, regardless of the input; and ``inside``, bool [batch, time].
    """

    def __init__(self) -> None:
        super().__init__()
        ids = self.one_step_at_least(self.input("ids", np.int64, "batch", "time"))
        lengths = self.input("lengths", np.int64, "batch")
        self.inside = self.add("Less", self.steps(ids), self.column(lengths))
        self.ids = self.add("Where", self.inside, ids, self.array("padding", np.int64(PADDING)))
