"""Figures from the files of results: medians, epochs to an accuracy, fractions of the peak."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median

import numpy as np

from training.journal import read_results
from training.peers import Peer
from training.phases import GOALS, REPEATS, ceiling_file, curve_file, timing_file

HIDDEN = 128


@dataclass(frozen=True)
class Curve:
    """A whole training.

    Attributes:
        val_accuracy: After each epoch.
        test_accuracy: That of the best epoch.
    """

    seed: int
    val_accuracy: list[float]
    test_accuracy: float

    def epochs_to(self, goal: float) -> int | None:
        """Count the epochs until validation accuracy is so good; None if it never was."""
        reached = (i for i, value in enumerate(self.val_accuracy, start=1) if value >= goal)
        return next(reached, None)


@dataclass(frozen=True)
class Timing:
    """One repeat's seconds an epoch, in the mean over the epochs timed.

    Attributes:
        seconds: Of the updates alone.
        seconds_with_validation: Of the whole epoch.
        texts_per_second: Of the updates alone.
        share: Of the floating point operations that matrix products make in that time.
        precision: That of these matrix products, and of the peer.
        ceiling: How fast matrices were multiplied just before, in GFLOP/s, by precision.
        peak_memory_mb: Of the process.
    """

    seconds: float
    seconds_with_validation: float
    texts_per_second: float
    share: float
    precision: str
    ceiling: dict[str, float]
    peak_memory_mb: float


@dataclass(frozen=True)
class Figures:
    """All that is known of a peer."""

    peer: Peer
    curves: list[Curve]
    timings: list[Timing]

    def typical(self, name: str) -> float | None:
        """Give the median over the repeats of one of a timing's numbers."""
        return median(getattr(one, name) for one in self.timings) if self.timings else None

    def epochs_to(self, goal: float) -> float | None:
        """Give the median over the seeds of the epochs needed; None if one never got there."""
        needed = [curve.epochs_to(goal) for curve in self.curves]
        return median(needed) if needed and None not in needed else None

    def seconds_to(self, goal: float, name: str) -> float | None:
        """Multiply the epochs needed by the seconds an epoch."""
        epochs, seconds = self.epochs_to(goal), self.typical(name)
        return None if epochs is None or seconds is None else epochs * seconds

    def as_json(self) -> dict[str, object]:
        """Tell everything in types that JSON has."""
        kinds = ("seconds", "seconds_with_validation")
        return {
            "name": self.peer.name,
            "curves": [asdict(curve) for curve in self.curves],
            "timings": [asdict(timing) for timing in self.timings],
            "epochs_to": {goal: self.epochs_to(goal) for goal in GOALS},
            "to": {goal: {kind: self.seconds_to(goal, kind) for kind in kinds} for goal in GOALS},
        }


def figures_of(peer: Peer, folder: Path) -> Figures:
    """Read a peer's results, as far as there are any."""
    curves = [_curve(curve_file(folder, peer, seed), seed) for seed in peer.seeds]
    timings = [_timing(folder, peer, repeat) for repeat in range(REPEATS)]
    return Figures(
        peer,
        [curve for curve in curves if curve is not None],
        [timing for timing in timings if timing is not None],
    )


def work_of_an_epoch(folder: Path) -> tuple[int, float]:
    """Count the training texts, and the floating point operations that their tokens need.

    Of a token, forward and backward, its four gates' matrices are multiplied three times:
    ``6 * (embedding + hidden) * 4 * hidden``. Padding counts for nothing.
    """
    rows = np.load(folder / "rows-0.npz")
    tokens = int(np.diff(rows["offsets"])[rows["train"]].sum())
    embedding = rows["vectors"].shape[1]
    return len(rows["train"]), tokens * 6.0 * (embedding + HIDDEN) * 4 * HIDDEN


def _curve(file: Path, seed: int) -> Curve | None:
    epochs, end = read_results(file)
    if not epochs:
        return None
    return Curve(seed, [epoch["val_accuracy"] for epoch in epochs], end["test_accuracy"])


def _timing(folder: Path, peer: Peer, repeat: int) -> Timing | None:
    epochs, end = read_results(timing_file(folder, peer, repeat))
    if not epochs:
        return None
    texts, operations = work_of_an_epoch(folder)
    ceiling = json.loads(ceiling_file(folder, peer, repeat).read_text(encoding="utf-8"))
    precision = end.get("precision", "float32")
    seconds = _mean(epochs, "seconds")
    return Timing(
        seconds=seconds,
        seconds_with_validation=_mean(epochs, "seconds_with_validation"),
        texts_per_second=texts / seconds,
        share=operations / seconds / 1e9 / ceiling[precision],
        precision=precision,
        ceiling=ceiling,
        peak_memory_mb=end["peak_memory_mb"],
    )


def _mean(epochs: Sequence[dict[str, float]], name: str) -> float:
    return mean(epoch[name] for epoch in epochs)
