"""The checkpoint: a training's state in a file, from which it can be resumed.

One safetensors file, written whole or not at all. Its arrays are the state's; what JSON can say
stands in its metadata: the state's facts, what the training is of, what it ran on, and a digest of
it all, so that a byte that changed on the disk is noticed.
"""

import time
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from wordgate.storage.resumable import (
    CORRUPT_FILE_ERRORS,
    RunFingerprint,
    damaged,
    read_resumable,
    read_resumable_facts,
    write_resumable,
)
from wordgate.training.state import TrainingState

# A checkpoint that took t seconds to write is followed by the next after fifty times t: a cost of
# 2 %, whatever the model's size and the disk's speed. Small ones come every two seconds. The first
# is due as if the disk were a slow one: a training may be over before a large one has paid.
_SHARE = 50.0
_SOONEST = 2.0
_BYTES_A_SECOND = 200e6


class Checkpoint:
    """A file that a training is kept in every few seconds.

    Args:
        file: The file.
        fingerprint: What the training is, and what it runs on.
        size: About how many bytes its state has.
    """

    def __init__(self, file: Path, fingerprint: RunFingerprint, size: int):
        self.file = file
        self.fingerprint = fingerprint
        self._due = _next(_SHARE * size / _BYTES_A_SECOND)

    def is_due(self) -> bool:
        """Tell whether it is time to save again."""
        return time.monotonic() >= self._due

    def save(self, state: TrainingState[Any]) -> None:
        """Keep a state in the file.

        Raises:
            BundleError: The disk refuses; the checkpoint before stays whole.
        """
        started = time.monotonic()
        content = {**self.fingerprint.facts(), "state": state.facts()}
        write_resumable(self.file, content, state.arrays())
        self._due = _next(_SHARE * (time.monotonic() - started))

    def restore(self, state: TrainingState[Any]) -> list[str]:
        """Bring a state to where the file has it.

        Returns:
            Warnings: what differs between then and now and may move the result a little.

        Raises:
            BundleError: The file can't be read, is damaged, or keeps another training.
        """
        content, arrays = read_resumable(self.file)
        try:
            warnings = self.fingerprint.check(content, "training", self.file)
            state.restore(arrays, content["state"])
        except CORRUPT_FILE_ERRORS as error:
            raise damaged(self.file, error) from error
        return warnings


def kept_histories(file: Path) -> list[list[dict[str, Any]]]:
    """Give the epochs that were over when a training was kept, as `Epoch` names what they came to.

    Returns:
        Those of the candidate at work, and of each before it.

    Raises:
        OSError, SafetensorError, and those of `CORRUPT_FILE_ERRORS`: The file can't be read, or is
            no checkpoint.
    """
    state = read_resumable_facts(file)["state"]
    return [state["history"], *(each["history"] for each in state["earlier"])]


def count_earlier_candidates(file: Path) -> int:
    """Count the candidates that were trained when a training was kept; 0 if that can't be read."""
    try:
        return len(read_resumable_facts(file)["state"]["earlier"])
    except (OSError, SafetensorError, *CORRUPT_FILE_ERRORS):
        return 0  # `Checkpoint.restore` says what is wrong with it


def _next(seconds: float) -> float:
    """Say when the next is due, so many seconds from now or at the soonest."""
    return time.monotonic() + max(_SOONEST, seconds)
