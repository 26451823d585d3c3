"""ONNX Runtime in `make bench-predict`: the file that `wordgate.export_onnx` writes of a bundle.

Texts are encoded by wordgate's encoder; batches are of similar length. Each thread has a batch of
its own, which was faster than threads that share one.

python onnx_peer.py TEXTS BUNDLE {float32,int8}
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from worker import read_texts, serve

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.runtime.parallel import parallel_for
from wordgate.text.batches import PaddedBatch, bucketed

BATCH = 128


def main() -> None:
    """Export, load and serve."""
    file, bundle, variant = sys.argv[1:]
    folder = BundleFolder.open(bundle)
    config = folder.config()
    encoder = folder.model(config).encoder
    session = exported(bundle, int8=variant == "int8")

    def predict(texts: list[str]) -> np.ndarray:
        encoded = encoder.encode(texts)
        proba = np.empty((len(texts), len(config.labels)), np.float32)

        def judge(batch: PaddedBatch) -> None:
            fed = {"ids": batch.ids, "lengths": batch.lengths}
            (proba[batch.rows],) = session.run(["probabilities"], fed)

        parallel_for(judge, bucketed(encoded, batch_size=BATCH, rng=None), threads=None)
        return proba

    serve(predict, read_texts(file), ["onnxruntime", "numpy"])


def exported(bundle: str, *, int8: bool) -> onnxruntime.InferenceSession:
    """Export the bundle and load what was written."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.onnx"
        wordgate.export_onnx(bundle, out, int8=int8)
        return onnxruntime.InferenceSession(
            os.fspath(out), options, providers=["CPUExecutionProvider"]
        )


if __name__ == "__main__":
    main()
