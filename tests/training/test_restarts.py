"""A training whose process was lost is restarted on Ray, and nowhere else."""

import time
from types import SimpleNamespace

import pytest
from tests.conftest import RecordingProgress

from wordgate.errors import WordgateError
from wordgate.runtime.engine import Engine
from wordgate.storage.resumable import write_resumable
from wordgate.training.fitting import CheckpointConfig, Fitted, RunContext
from wordgate.training.processes import LostProcessError
from wordgate.training.restarts import MOST_RESTARTS, fit_with_restarts

LOST = "of the 2 training processes, one ended unexpectedly: memory may have run out"


@pytest.fixture
def kept(tmp_path):
    return CheckpointConfig(tmp_path / "model.checkpoint")


def write(kept, seconds):
    write_resumable(kept.file, {"state": {"seconds": seconds, "wall_seconds": 2 * seconds}}, {})


def fit_after(n_losses, kept, *, saves=True):
    """Give a fit that loses a process so often, and the contexts it was called with."""
    contexts = []

    def fit(context):
        contexts.append(context)
        if len(contexts) > n_losses:
            return Fitted(SimpleNamespace(), earlier_seconds=50.0, earlier_wall_seconds=60.0)
        if saves:
            write(kept, 10.0 * len(contexts))
        raise LostProcessError(None, 2)

    return fit, contexts


def context(kept, engine="ray"):
    return RunContext(0, RecordingProgress(), checkpoint=kept, engine=Engine(engine))


def test_it_continues_from_the_checkpoint(kept):
    fit, contexts = fit_after(MOST_RESTARTS, kept)
    started = time.monotonic()
    first = context(kept)
    fitted = fit_with_restarts(fit, first)
    assert [each.checkpoint.resume for each in contexts] == [False, True, True, True]
    assert contexts[-1].started >= started
    assert (fitted.earlier_seconds, fitted.earlier_wall_seconds) == (0.0, 0.0)
    assert first.progress.lines == [
        f"{LOST}. Continuing from the checkpoint with new processes (restart {n} of 3)."
        for n in (1, 2, 3)
    ]


def test_the_time_of_earlier_commands_is_that_of_the_first_checkpoint(kept):
    write(kept, 7.0)
    fit, _ = fit_after(2, kept)
    fitted = fit_with_restarts(fit, context(CheckpointConfig(kept.file, resume=True)))
    assert (fitted.earlier_seconds, fitted.earlier_wall_seconds) == (7.0, 14.0)


@pytest.mark.parametrize(("engine", "calls"), [("ray", MOST_RESTARTS + 1), ("local", 1)])
def test_the_last_loss_ends_it_and_the_checkpoint_is_named(kept, engine, calls):
    fit, contexts = fit_after(MOST_RESTARTS + 1, kept)
    with pytest.raises(WordgateError) as raised:
        fit_with_restarts(fit, context(kept, engine))
    assert str(raised.value) == f"{LOST}; {kept.remedy()}"
    assert len(contexts) == calls


@pytest.mark.parametrize("of_another_training", [True, False])
def test_without_a_checkpoint_of_its_own_it_ends(kept, of_another_training):
    if of_another_training:
        write(kept, 7.0)
    for config in (kept, None):
        fit, contexts = fit_after(1, kept, saves=False)
        with pytest.raises(LostProcessError, match=f"^{LOST}$"):
            fit_with_restarts(fit, context(config))
        assert len(contexts) == 1
