"""The effect of each technique of the training engine: `make bench-engine`.

The peer is the engine itself without one technique (or with a further one), on the rows of
`make bench-train`, recipe `notebook-fast`. Each variant runs in a process of its own, an epoch to
warm up and one that is measured, three times in turn; the table has the medians. Beside each ratio
is the prediction made before the measurement, by counting multiplications and bytes.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from printing import print_header, print_row
from training.rows import read_datasets, write_rows
from wordgate.runtime.cpu import available_cores, processor
from wordgate.runtime.progress import Silent
from wordgate.runtime.threads import wait_asleep
from wordgate.settings import load_settings
from wordgate.training.families import fit
from wordgate.training.fitting import FitData, RunContext

REPEATS = 3
RECIPE = "notebook-fast"


@dataclass(frozen=True)
class Variant:
    """The engine with something changed.

    Attributes:
        name: What was changed.
        predicted: How many times the whole engine's epoch it was expected to take.
        settings: Settings that differ from the recipe's.
        environment: Variables of the process that differ.
        patch: What is replaced inside the process, if settings don't reach it.
        processes: In how many processes it trains; None for as many as wordgate chooses.
    """

    name: str
    predicted: float
    settings: dict[str, object] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    patch: Callable[[], None] | None = None
    processes: int | None = 1


def one_by_one() -> None:
    """Prepare each batch on demand, in the same thread."""
    from wordgate.training import loop

    @contextmanager
    def as_they_come(items: Iterable[Any], **_: object) -> Iterator[Iterator[Any]]:
        yield iter(items)

    loop.prefetch = as_they_come


def distinct_projection() -> None:
    """Project each distinct word of a batch once; which takes a recurrence without the kernel."""
    import torch

    from wordgate.training import recurrent
    from wordgate.training.recurrent import Packing, packed_states

    def states(words, direction, input_mask, state_mask, precision):
        time, batch = words.positions.shape
        packing = Packing.of(np.full(batch, time))
        weights = direction.input_weights * input_mask
        table = torch.nn.functional.linear(words.vectors, weights, direction.bias).to(precision)
        projected = table[words.positions.reshape(-1)]
        hidden = (direction.hidden_weights * state_mask).to(precision)
        nothing = torch.ones(batch, 1, hidden.shape[1], dtype=precision)
        return packed_states(projected, hidden, nothing, packing).view(time, batch, -1)

    recurrent._fused = states


def to_the_letter() -> None:
    """Pad each batch to its longest text exactly, so that many shapes occur."""
    from wordgate.training import lstm_trainer

    real = lstm_trainer.bucketed
    lstm_trainer.bucketed = lambda *arguments, **options: real(*arguments, **options, round_to=1)


WHOLE = Variant("the whole engine", 1.0)
VARIANTS = [
    WHOLE,
    Variant("float32, not bfloat16", 1.4, {"lstm.precision": "float32"}),
    Variant("one thread, not all cores", 1.8, environment={"OMP_NUM_THREADS": "1"}),
    Variant("texts of any length share a batch", 2.5, {"lstm.batches": "shuffled"}),
    Variant(
        "dropout masks of each text's own, outside the kernel, in float32",
        3.0,
        {"lstm.dropout_masks": "text"},
    ),
    Variant("every word vector moved, not the batch's", 1.8, {"lstm.embedding_updates": "keras"}),
    Variant("lengths not rounded up", 1.05, patch=to_the_letter),
    Variant("batches prepared when they are needed", 1.05, patch=one_by_one),
    Variant("threads that spin while they wait", 1.0, environment={"OMP_WAIT_POLICY": "ACTIVE"}),
    Variant("added: a process for each core, with a part of every batch", 0.65, processes=None),
    Variant("added: each distinct word projected once", 0.6, patch=distinct_projection),
]


def main() -> None:
    """Print the table, or run one variant and print its seconds."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(seconds_of(VARIANTS[int(sys.argv[2])], Path(sys.argv[3]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows-0.npz"
        write_rows(rows, 0)
        runs = [[run(number, rows) for number in range(len(VARIANTS))] for _ in range(REPEATS)]
    print_table([statistics.median(taken) for taken in zip(*runs, strict=True)])


def run(number: int, rows: Path) -> float:
    """Time a variant in a process of its own."""
    command = [sys.executable, __file__, "--one", str(number), str(rows)]
    environment = {**os.environ, **VARIANTS[number].environment}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(json.loads(done.stdout))


def seconds_of(variant: Variant, rows: Path) -> float:
    """Train for two epochs and give the seconds of the second."""
    wait_asleep()
    if variant.patch is not None:
        variant.patch()
    _, (train, valid, _) = read_datasets(rows)
    changes = {"lstm.epochs": 2, "lstm.min_updates": 0, **variant.settings}
    data = FitData(train, valid, ["0", "1", "2"])
    context = RunContext(0, Silent(), "cpu", processes=variant.processes)
    fitted = fit("lstm", data, load_settings(RECIPE, changes), context)
    return fitted.history[-1].seconds


def print_table(medians: list[float]) -> None:
    """Print seconds an epoch and what they are of the whole engine's."""
    print(f"{processor()}, {available_cores()} cores; recipe {RECIPE}, medians of {REPEATS}\n")
    print_header("configuration", "s per epoch", "relative to the full engine", "predicted")
    for variant, seconds in zip(VARIANTS, medians, strict=True):
        ratio = seconds / medians[0]
        print_row(variant.name, f"{seconds:.2f}", f"{ratio:.2f}", f"{variant.predicted:.2f}")


if __name__ == "__main__":
    main()
