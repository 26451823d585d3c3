"""The peers of `make bench-predict`, and the command of each."""

import sys
from dataclasses import dataclass
from pathlib import Path

from command import program_of

HERE = Path(__file__).parent
FEW = 1000
"""Texts of each repeat that are enough for a transformer."""


@dataclass(frozen=True)
class Peer:
    """One way to predict.

    Attributes:
        key: Its name in the JSON file.
        name: Its name in the table.
        script: The file that runs it.
        arguments: That file's, after the file of texts.
        python: The interpreter that has what it needs.
        same: It computes what wordgate does, so it should choose the same labels.
    """

    key: str
    name: str
    script: str
    arguments: tuple[str, ...] = ()
    python: str = sys.executable
    same: bool = False

    def command(self, texts: Path) -> list[str]:
        """Give the command line of its process."""
        return [self.python, str(HERE / self.script), str(texts), *self.arguments]


KERAS, FASTTEXT = program_of("keras"), program_of("fasttext")
OURS = "wordgate-numpy"


def peers_of(bundles: dict[str, Path], network: Path) -> list[Peer]:
    """List all peers.

    Args:
        bundles: The folders of `lstm128`, `default` and `transformer`.
        network: The weights and words of `lstm128` for what can't read a bundle.
    """
    lstm, default, transformer = map(str, bundles.values())
    ours, keras = "wordgate_peer.py", "keras_peer.py"
    return [
        Peer(OURS, "wordgate, LSTM(128), numpy", ours, (lstm, "numpy"), same=True),
        Peer("wordgate-numba", "wordgate, LSTM(128), kernel numba", ours,
             (lstm, "numba"), same=True),
        Peer("wordgate-numba-int8", "wordgate, LSTM(128), kernel numba-int8", ours,
             (lstm, "numba-int8"), same=True),
        Peer("default", "wordgate, recipe default, numpy", ours, (default, "numpy")),
        Peer("default-numba", "wordgate, recipe default, kernel numba", ours,
             (default, "numba")),
        Peer("default-numba-int8", "wordgate, recipe default, kernel numba-int8", ours,
             (default, "numba-int8")),
        Peer("onnx-float32", "ONNX Runtime, LSTM(128), float32", "onnx_peer.py",
             (lstm, "float32"), same=True),
        Peer("onnx-int8", "ONNX Runtime, LSTM(128), int8", "onnx_peer.py",
             (lstm, "int8"), same=True),
        Peer("torch-float32", "torch nn.LSTM(128), float32", "torch_peer.py",
             (lstm, "float32"), same=True),
        Peer("torch-bfloat16", "torch nn.LSTM(128), bfloat16", "torch_peer.py",
             (lstm, "bfloat16"), same=True),
        Peer("keras-notebook", "Keras on TensorFlow, LSTM(128), as the notebook predicts", keras,
             (str(network), "notebook"), KERAS, same=True),
        Peer("keras-best", "Keras on TensorFlow, LSTM(128), at its best", keras,
             (str(network), "best"), KERAS, same=True),
        Peer("fasttext", "fastText", "fasttext_peer.py", (), FASTTEXT),
        Peer("scikit-learn", "scikit-learn, word counts, logistic regression", "counts_peer.py"),
        Peer("minilm", f"MiniLM, wordgate's family transformer, {FEW:,} texts", ours,
             (transformer, "numpy", str(FEW))),
    ]  # fmt: skip
