"""Builder of ONNX graphs: nodes in order, arrays by name.

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

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

OPSET, IR_VERSION = 17, 8
"""What every onnxruntime from 1.12 (2022) on reads; the extra `onnx` asks for 1.17."""

LARGEST = 2_000_000_000
"""Bytes of arrays: protobuf, in which ONNX files are written, ends at 2 GiB."""

MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own operators, which it has on every processor."""


class Graph:
    """An ONNX graph that grows node by node; values are passed on by their names.

    It begins with ``ids``, int64 [batch, time], made safe: one step at least, and `PADDING` beyond
    every text's length whatever stood there; and with ``inside``, bool [batch, time].
    """

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._arrays: list[TensorProto] = []
        self.ids, self.inside = self._safe_ids()

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node, and give the name of its first output; the second's is that and ``_1``."""
        from onnx import helper

        name = f"{operator}_{len(self._nodes)}"
        names = [name, *(f"{name}_{number}" for number in range(1, outputs))]
        self._nodes.append(helper.make_node(operator, inputs, names, name=name, **attributes))
        return name

    def array(self, name: str, values: NDArray[Any] | np.generic) -> str:
        """Add an array that the file holds, and give its name."""
        from onnx import numpy_helper

        name = f"{name}_{len(self._arrays)}"
        self._arrays.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def numbers(self, *values: int) -> str:
        """Add whole numbers, int64 [n]: axes, shapes."""
        return self.array("numbers", np.array(values, np.int64))

    def lengths_as(self, dtype: type[np.generic]) -> str:
        """Give the lengths in another type, [batch]."""
        from onnx import helper

        return self.add("Cast", "lengths", to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def column(self, values: str) -> str:
        """Turn [batch] into [batch, 1]."""
        return self.add("Unsqueeze", values, self.numbers(1))

    def lookup(self, ids: str, name: str, rows: Floats, *, int8: bool) -> str:
        """Look up rows of a table: float32, the ids' shape and one axis more.

        Args:
            ids: int64 of any shape.
            name: The table's name in the file.
            rows: float32 [vocabulary, dim].
            int8: Quantize the table.
        """
        from onnx import TensorProto

        if not int8:
            return self.add("Gather", self.array(name, rows), ids)
        whole, scales = quantize(rows)
        found = self.add("Gather", self.array(name, whole), ids)
        found = self.add("Cast", found, to=TensorProto.FLOAT)
        scale = self.add("Gather", self.array(f"{name}_scales", scales[:, None]), ids)
        return self.add("Mul", found, scale)

    def serialized(self, logits: str, classes: int, metadata: Mapping[str, str]) -> bytes:
        """End the graph with its two outputs, and give the bytes of its file.

        Args:
            logits: The name of what softmax makes probabilities of, float32 [batch, classes].
            classes: How many labels there are.
            metadata: What the file tells of itself.

        Raises:
            SettingsError: The file would be larger than ONNX allows.
        """
        size = sum(len(array.raw_data) for array in self._arrays)
        if size > LARGEST:
            raise SettingsError(
                f"the model has {size / 1e9:.1f} GB of numbers, and an ONNX file in one piece holds"
                " less than 2; --int8 takes a quarter"
            )
        return bytes(self._model(logits, classes, metadata).SerializeToString())

    def _model(self, logits: str, classes: int, metadata: Mapping[str, str]) -> ModelProto:
        from onnx import TensorProto, helper

        log_proba = self.add("LogSoftmax", logits, axis=1)
        self._nodes.append(helper.make_node("Identity", [log_proba], ["log_probabilities"]))
        self._nodes.append(helper.make_node("Exp", [log_proba], ["probabilities"]))
        batch: Sequence[str | int] = ["batch", classes]
        graph = helper.make_graph(
            self._nodes,
            "wordgate",
            [
                helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "time"]),
                helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
            ],
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
        return model

    def _safe_ids(self) -> tuple[str, str]:
        """Pad a batch without any step to one, and blank out what lies beyond the lengths."""
        zero = self.array("zero", np.int64(0))
        time = self.add("Gather", self.add("Shape", "ids"), self.array("one", np.int64(1)))
        lacking = self.add("Sub", self.array("one", np.int64(1)), time)
        lacking = self.add("Reshape", self.add("Max", lacking, zero), self.numbers(1))
        ids = self.add("Pad", "ids", self.add("Concat", self.numbers(0, 0, 0), lacking, axis=0))
        steps = self.add("Gather", self.add("Shape", ids), self.array("one", np.int64(1)))
        steps = self.add("Range", zero, steps, self.array("one", np.int64(1)))
        inside = self.add("Less", steps, self.column("lengths"))
        return self.add("Where", inside, ids, zero), inside


def without_padding(rows: Floats) -> Floats:
    """Put zeros into the row of the id 0, which is padding and means nothing."""
    rows = rows.copy()
    rows[0] = 0
    return rows
