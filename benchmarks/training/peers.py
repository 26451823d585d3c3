"""The peers of `make bench-train`, and the command of each."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from command import program_of

HERE = Path(__file__).parent

SLEEPY = {"GOMP_SPINCOUNT": "1000"}
"""What wordgate sets for itself: without it torch is much slower as soon as a core is shared."""


@dataclass(frozen=True)
class Peer:
    """One way to train.

    Attributes:
        key: Its name in file names and on the command line.
        name: Its name in the table.
        script: The file that runs it.
        variant: That file's first argument.
        python: The interpreter that has what it needs.
        environment: Settings of its process.
        seeds: It is trained once with each.
        whole: Trained to its own end, instead of until it is good enough.
        timed: How many epochs are timed in each repeat.
    """

    key: str
    name: str
    script: str
    variant: str
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    whole: bool = False
    timed: int = 2


KERAS, KERAS_ON_TORCH = program_of("keras"), program_of("keras-torch")
TENSORFLOW = {"KERAS_BACKEND": "tensorflow"}

PEERS = [
    Peer(
        "keras-notebook", "Keras on TensorFlow, the notebook's program", "keras_peer.py",
        "notebook", KERAS, TENSORFLOW, seeds=(0, 1, 2), whole=True, timed=1,
    ),
    Peer(
        "keras-best", "Keras on TensorFlow at its best", "keras_peer.py", "best", KERAS,
        TENSORFLOW, seeds=(0, 1, 2),
    ),
    Peer(
        "keras-torch", "Keras on torch at its best", "keras_peer.py", "best", KERAS_ON_TORCH,
        {"KERAS_BACKEND": "torch", **SLEEPY}, timed=1,
    ),
    Peer(
        "torch-padded", "torch nn.LSTM, padded to 96", "torch_peer.py", "padded",
        environment=SLEEPY, timed=1,
    ),
    Peer(
        "torch-bucketed", "torch nn.LSTM, bucketed", "torch_peer.py", "bucketed",
        environment=SLEEPY,
    ),
    Peer(
        "torch-packed", "torch nn.LSTM, PackedSequence", "torch_peer.py", "packed",
        environment=SLEEPY, timed=1,
    ),
    Peer(
        "wordgate-notebook-fast", "wordgate, notebook-fast", "wordgate_peer.py", "notebook-fast",
        seeds=(0, 1, 2),
    ),
    Peer(
        "wordgate-notebook", "wordgate, notebook", "wordgate_peer.py", "notebook",
        seeds=(0, 1, 2), whole=True, timed=1,
    ),
]  # fmt: skip


def run(peer: Peer, rows: Path, results: Path, seed: int, *options: str) -> bool:
    """Run a peer in a process of its own, writing new results; say so if it fails."""
    results.unlink(missing_ok=True)
    command = [peer.python, HERE / peer.script, peer.variant, rows, results, "--seed", str(seed)]
    process = subprocess.run(
        [*command, *options],
        env={**os.environ, **peer.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    if process.returncode:
        print(f"{peer.key} failed:\n{process.stderr[-2000:]}", file=sys.stderr)
    return process.returncode == 0


def versions(python: str) -> dict[str, str]:
    """Ask an interpreter for its version and its packages'; nothing if it is not there."""
    if shutil.which(python) is None:
        return {}
    code = (
        "import json, platform\n"
        "from importlib.metadata import distributions\n"
        "found = {d.metadata['Name'].lower(): d.version for d in distributions()}\n"
        "wanted = ('numpy', 'torch', 'keras', 'tensorflow')\n"
        "known = {name: found[name] for name in wanted if name in found}\n"
        "print(json.dumps({'python': platform.python_version(), **known}))\n"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
