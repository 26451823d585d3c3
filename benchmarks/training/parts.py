"""Batches of a peer's rows: numpy alone, for every peer's environment.

Shapes: ``n`` texts of a part, ``batch`` texts of a batch, ``time`` steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LONGEST = 96
BATCH = 128
BATCHES_A_CHUNK = 50


@dataclass(frozen=True)
class Part:
    """Texts of one part of the split, as word ids laid end to end.

    Attributes:
        ids: int32 [total], from 1; 0 is padding.
        offsets: int64 [n + 1], where each text begins and the last one ends.
        targets: int64 [n].
    """

    ids: np.ndarray
    offsets: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.targets)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each text: int64 [n]."""
        return np.diff(self.offsets)

    def texts(self, rows: np.ndarray) -> list[np.ndarray]:
        """List the ids of some texts."""
        return [self.ids[self.offsets[row] : self.offsets[row + 1]] for row in rows]

    def some(self, rows: np.ndarray) -> "Part":
        """Take some of the texts."""
        offsets = np.concatenate([[0], np.cumsum(self.lengths[rows])])
        return Part(np.concatenate(self.texts(rows)), offsets, self.targets[rows])

    def padded(self, rows: np.ndarray, time: int, side: str) -> np.ndarray:
        """Pad texts at their ``front`` or ``end``: int32 [batch, time]."""
        lengths, steps = self.lengths[rows][:, None], np.arange(time)
        inside = steps < lengths if side == "end" else steps >= time - lengths
        ids = np.zeros((len(rows), time), np.int32)
        ids[inside] = np.concatenate(self.texts(rows))
        return ids

    def width(self, rows: np.ndarray, multiple: int) -> int:
        """Give the longest of some texts, rounded up: few shapes are compiled, and cached."""
        return max(1, -(-int(self.lengths[rows].max()) // multiple)) * multiple


def read_parts(file: Path) -> tuple[dict[str, Part], np.ndarray]:
    """Read what `rows.py` wrote: train, valid and test, and the first word vectors."""
    rows = dict(np.load(file))
    table = Part(rows["ids"], rows["offsets"], rows["targets"])
    return {name: table.some(rows[name]) for name in ("train", "valid", "test")}, rows["vectors"]


def shuffled(part: Part, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Deal all rows into batches at random."""
    order = rng.permutation(len(part))
    return (order[i : i + BATCH] for i in range(0, len(part), BATCH))


def bucketed(part: Part, rng: np.random.Generator) -> list[np.ndarray]:
    """Deal all rows into batches of similar length, in random order.

    Rows are sorted by length within fifty batches' worth of shuffled rows, as wordgate does.
    """
    order = rng.permutation(len(part))
    chunk = np.arange(len(part)) // (BATCHES_A_CHUNK * BATCH)
    order = order[np.lexsort((part.lengths[order], chunk))]
    batches = [order[i : i + BATCH] for i in range(0, len(part), BATCH)]
    return [batches[i] for i in rng.permutation(len(batches))]


def by_length(part: Part) -> list[np.ndarray]:
    """Cut all rows, sorted by length, into batches: for judging."""
    order = np.argsort(part.lengths, kind="stable")
    return [order[i : i + BATCH] for i in range(0, len(part), BATCH)]
