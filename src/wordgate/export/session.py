"""An exported file as ONNX Runtime runs it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError
from wordgate.models.lstm_network import Floats

_ERRORS_ALONE = 3  # of the severities of ONNX Runtime's log


class Session:
    """A file that has been loaded.

    Args:
        file: The file.
        threads: In how many threads it computes.

    Raises:
        BundleError: ONNX Runtime can't read it.
    """

    def __init__(self, file: Path, *, threads: int):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = _ERRORS_ALONE
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime knows no class of errors of its own
            raise BundleError(f"ONNX Runtime can't read what was written: {error}") from error

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file tells of itself."""
        told: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        return told

    def probabilities(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> Floats:
        """Compute probabilities.

        Args:
            ids: int64 [batch, time].
            lengths: int64 [batch].

        Returns:
            float32 [batch, classes].

        Raises:
            BundleError: ONNX Runtime fails.
        """
        try:
            (found,) = self._session.run(["probabilities"], {"ids": ids, "lengths": lengths})
        except Exception as error:  # onnxruntime knows no class of errors of its own
            raise BundleError(f"ONNX Runtime can't run what was written: {error}") from error
        return np.asarray(found, np.float32)
