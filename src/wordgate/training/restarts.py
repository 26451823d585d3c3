"""Training that continues from its checkpoint when a process on a Ray cluster is lost."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from safetensors import SafetensorError

from wordgate.errors import WordgateError
from wordgate.storage.resumable import CORRUPT_FILE_ERRORS, read_resumable_facts
from wordgate.training.fitting import CheckpointConfig, Fitted, RunContext
from wordgate.training.processes import LostProcessError

MOST_RESTARTS = 3
"""How often a training on a Ray cluster is restarted."""


def fit_with_restarts(fit: Callable[[RunContext], Fitted], context: RunContext) -> Fitted:
    """Fit a model; on a Ray cluster continue from the checkpoint if a process is lost.

    Elsewhere, the processes have to be started again, for example by torchrun.

    Raises:
        WordgateError: A process was lost, and the training is not restarted; the message says
            where the checkpoint is, if this training has written one.
        Exception: As of `fit`.
    """
    kept, restarts = context.checkpoint, 0
    if kept is None:
        return fit(context)
    before, earlier = _written(kept), _earlier_seconds(kept)
    while True:
        try:
            fitted = fit(context)
            break
        except LostProcessError as error:
            if not kept.resume and _written(kept) == before:
                raise
            if context.engine.is_local or restarts == MOST_RESTARTS:
                raise WordgateError(f"{error}; {kept.remedy()}") from error
            restarts += 1
            context.progress.say(
                f"{error}. Continuing from the checkpoint with new processes (restart {restarts}"
                f" of {MOST_RESTARTS})."
            )
            resumed = replace(kept, resume=True)
            context = replace(context, checkpoint=resumed, started=time.monotonic())
    if restarts:  # without the time of this command
        return replace(fitted, earlier_seconds=earlier[0], earlier_wall_seconds=earlier[1])
    return fitted


def _written(kept: CheckpointConfig) -> int | None:
    """Return when the checkpoint was written, in nanoseconds; None if there is none."""
    with suppress(OSError):
        return kept.file.stat().st_mtime_ns
    return None


def _earlier_seconds(kept: CheckpointConfig) -> tuple[float, float]:
    """Return the seconds of fitting and of the earlier commands, as in the checkpoint."""
    if kept.resume:
        with suppress(OSError, SafetensorError, *CORRUPT_FILE_ERRORS):  # reported when it is loaded
            state = read_resumable_facts(kept.file)["state"]
            return float(state["seconds"]), float(state["wall_seconds"])
    return 0.0, 0.0
