"""Trains in children of one process, which loads everything once, and kills them.

`python killed_training.py DATA FOLDER EPOCHS SEED N_ONCE N_OFTEN KILLS` prints a line of JSON for
each training: how it was killed, and whether its result is that of an uninterrupted one. N_ONCE
are killed once, and more until N_ONCE / 4 of them were killed while they wrote; N_OFTEN are killed
KILLS times.
"""

import hashlib
import json
import mmap
import os
import random
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from wordgate.bundle.folder import BundleFolder
from wordgate.errors import WordgateError
from wordgate.experiments import train as training_experiment
from wordgate.runtime.progress import Silent
from wordgate.training import checkpoint
from wordgate.training.checkpoint import Checkpoint
from wordgate.training.loop import TrainingLoop
from wordgate.training.lstm_trainer import LSTMTrainer

SETTINGS = {
    "lstm.patience": 100,
    "lstm.min_updates": 1,
    "lstm.hidden_size": 8,
    "lstm.embedding_size": 8,
    "text.min_groups": 1,
    "lstm.recurrent_dropout": 0.2,
}
NOTHING, CHECKPOINT, BUNDLE = 0, 1, 2
TIMES = ("second", "wall", "memory")  # what differs from run to run

# What a child reports in shared memory, which a kill does not change.
WRITING, UPDATES, BEGUN, KEPT, SAVES = range(5)
board = np.frombuffer(mmap.mmap(-1, 64), np.int64)


def announced(function, what):
    """Wrap a function that writes, so that the parent knows when it does."""

    def call(*arguments, **options):
        board[WRITING] = what
        result = function(*arguments, **options)
        board[WRITING] = NOTHING
        return result

    return call


def save(checkpoint, state, real=Checkpoint.save):
    """Record which state is about to be saved, and then that it is."""
    board[BEGUN] = board[UPDATES]
    board[SAVES] += 1
    real(checkpoint, state)
    board[KEPT] = board[UPDATES]


def update(trainer, prepared, real=LSTMTrainer.update):
    """Record the number of updates."""
    result = real(trainer, prepared)
    board[UPDATES] = trainer.updates
    return result


def run_loop(loop, real=TrainingLoop.run):
    """Write the hash of the result: weights, moments, best network, history."""
    remarks = real(loop)
    state = loop.state
    content = hashlib.sha256(json.dumps(timeless(state.facts())).encode())
    for name, array in sorted(state.arrays().items()):
        content.update(name.encode() + array.tobytes())
    Path("state").write_text(content.hexdigest())
    return remarks


def timeless(value):
    """Leave out JSON values that differ between runs."""
    if isinstance(value, dict):
        return {
            key: timeless(each)
            for key, each in value.items()
            if not any(word in key for word in TIMES)
        }
    return [timeless(each) for each in value] if isinstance(value, list) else value


def start(data, **options):
    """Begin a training in a child; give its process."""
    board[:] = [NOTHING, 0, -1, -1, 0, 0, 0, 0]
    with warnings.catch_warnings():  # the parent's other threads only wait for work
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    try:
        Checkpoint.save, TrainingLoop.run = announced(save, CHECKPOINT), run_loop
        LSTMTrainer.update = update
        training_experiment.write_bundle = announced(training_experiment.write_bundle, BUNDLE)
        training_experiment.train(
            data, out="m", settings=SETTINGS, seed=3, progress=Silent(), **options
        )
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        sys.stderr.flush()
        os._exit(1)


def kept_updates():
    """Read the checkpoint to its last byte; give the number of updates in it, None without one."""
    if not Path("m.checkpoint").exists():
        return None
    with safe_open("m.checkpoint", framework="numpy") as kept:
        facts = json.loads(kept.metadata()["wordgate"])["state"]
        for name in kept.keys():  # noqa: SIM118
            kept.get_tensor(name)
    return facts["updates"]


def bundle_hash():
    """Read the bundle; give the hash of all in it but times, None without one."""
    try:
        folder = BundleFolder.open("m")
    except WordgateError:
        return None
    assert folder.changed_files() == []
    folder.model(folder.config())
    content = hashlib.sha256(json.dumps(timeless(folder.metrics().model_dump())).encode())
    for name in ("model.json", "weights.safetensors"):
        content.update(folder.read(name))
    return content.hexdigest()


def outcome():
    return bundle_hash(), Path("state").read_text()


class Instant:
    """When to kill: at any moment of the run, after an update, or within a write.

    Args:
        rng: Draws it.
        measures: How long the parts of a run take.
        kind: ``any``, ``start``, ``update``, ``checkpoint`` or ``bundle``.
        target: The update after which, where that matters.
    """

    def __init__(self, rng, measures, kind, target=0):
        self.rng, self.measures, self.kind, self.target = rng, measures, kind, target

    def wait(self, is_over):
        """Sleep until it has come, or the child has ended."""
        rng, measures = self.rng, self.measures
        if self.kind == "any":
            time.sleep(rng.uniform(0, measures["seconds"]))
        elif self.kind == "start":
            time.sleep(rng.uniform(0, measures["start"]))
        elif self.kind == "update":
            self._watch(lambda: board[UPDATES] >= self.target, is_over)
            time.sleep(rng.uniform(0, 3 * measures["checkpoint"]))
        elif self.kind == "checkpoint":
            self._watch(
                lambda: board[UPDATES] >= self.target and board[WRITING] == CHECKPOINT, is_over
            )
            time.sleep(rng.uniform(0, measures["checkpoint"]))
        else:
            self._watch(lambda: board[WRITING] == BUNDLE, is_over)
            time.sleep(rng.uniform(0, measures["bundle"]))

    @staticmethod
    def _watch(has_come, is_over):
        while not has_come() and not is_over():
            time.sleep(0.00005)


def is_over(child):
    """Tell whether a child has ended, and leave it to be waited for."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def kill(child, instant, before):
    """Kill a child and read the files that it left.

    Args:
        child: Its process.
        instant: When.
        before: The hash of the bundle that stood there when it began.

    Returns:
        What it was writing, and what checkpoint there is; None if it had ended before.
    """
    instant.wait(lambda: is_over(child))
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status):
        assert status == 0, "the training failed"
        return None
    there = bundle_hash()
    if before is not None:
        assert there is not None, "there was a model, and there is none"
    return int(board[WRITING]), checkpoint_left(is_new=there not in (None, before))


def checkpoint_left(*, is_new):
    """Describe the checkpoint of a killed training, read to its last byte.

    Args:
        is_new: Whether its model is there, which needs no checkpoint any more.
    """
    try:
        updates = kept_updates()
    except (OSError, SafetensorError, LookupError, TypeError, ValueError) as error:
        return f"damaged: {error}"
    if updates is None:
        return "none yet" if board[KEPT] < 0 else "its model" if is_new else "missing"
    before_this = board[KEPT] < 0  # of the training that it resumed, perhaps
    if is_new or before_this or updates in (board[KEPT], board[BEGUN]):
        return "readable"
    return f"of {updates} updates, where {board[KEPT]} or {board[BEGUN]} were kept"


def is_kept():
    """Tell whether a killed training can be resumed."""
    return Path("m.checkpoint").exists() or Path("m.baseline").exists()


def finish(data, old):
    """Resume to the end, with the options that the messages name."""
    options = {"overwrite": old}
    if is_kept():
        options["resume"] = True
    elif bundle_hash() is not None and Path("state").exists():
        return
    assert os.waitpid(start(data, **options), 0)[1] == 0, "it cannot be resumed"


def begin(data, old):
    """Clear the place, put an old model there or none, and start."""
    for name in ("m.checkpoint", "state"):
        Path(name).unlink(missing_ok=True)
    for name in ("m", "m.baseline"):
        shutil.rmtree(name, ignore_errors=True)
    if old:
        shutil.copytree("old", "m")
    return start(data, overwrite=old)


def killed_once(data, rng, measures):
    """Kill a training at one instant and resume it; try again if it had ended before."""
    while True:
        old = rng.random() < 0.25
        kind = rng.choice(["any", "any", "checkpoint", "bundle"])
        instant = Instant(rng, measures, kind, rng.randrange(measures["updates"]))
        child = begin(data, old)
        found = kill(child, instant, measures["old"] if old else None)
        if found is not None:
            finish(data, old)
            return {"kind": instant.kind, "writing": [found[0]], "kept": [found[1]]}


def killed_often(data, rng, measures, kills):
    """Kill a training several times, at its start or each time later; then let it end."""
    targets = sorted(rng.sample(range(measures["updates"] * 9 // 10), kills))
    child, left = begin(data, old=False), []
    for target in targets:
        kind = "start" if rng.random() < 0.2 else "update"
        found = kill(child, Instant(rng, measures, kind, target), None)
        if found is None:  # it was faster than its killer: another one, then
            return killed_often(data, rng, measures, kills)
        left.append(found)
        child = start(data, resume=is_kept())
    assert os.waitpid(child, 0)[1] == 0, "it cannot be resumed"
    writing, kept = zip(*left, strict=True)
    return {"kind": "often", "writing": writing, "kept": kept}


def measure(data):
    """Train without an interruption; measure how long its parts take."""
    child, began, spells, start_up = begin(data, old=False), time.monotonic(), [0, 0, 0], None
    before = began
    while not is_over(child):
        time.sleep(0.0002)
        now = time.monotonic()
        spells[board[WRITING]] += now - before
        before = now
        if start_up is None and board[UPDATES]:
            start_up = now - began
    assert os.waitpid(child, 0)[1] == 0, "the training failed"
    return {
        "seconds": time.monotonic() - began,
        "start": start_up,
        "checkpoint": spells[CHECKPOINT] / int(board[SAVES]),
        "bundle": spells[BUNDLE],
        "updates": int(board[UPDATES]),
        "saves": int(board[SAVES]),
    }


def write_report(report):
    sys.stdout.write(f"{json.dumps(report)}\n")
    sys.stdout.flush()


def main(data, folder, epochs, seed, n_once, n_often, kills):
    os.chdir(folder)
    SETTINGS["lstm.epochs"] = epochs
    checkpoint._SOONEST, checkpoint._SHARE = 0.0, 1.0  # checkpoints take half of the time
    training_experiment.train(data, out="old", model="count", progress=Silent())
    shutil.copytree("old", "m")
    old = bundle_hash()
    measures = measure(data)
    expected = outcome()
    measures["old"] = old
    rng = random.Random(seed)

    def judge(report):
        left = sorted(set(os.listdir()) - {"m", "old", "state"})
        write_report({**report, "equal": outcome() == expected, "left": left})
        return report["writing"][0] != NOTHING

    died_writing = []
    while len(died_writing) < n_once or 4 * sum(died_writing) < n_once:
        died_writing.append(judge(killed_once(data, rng, measures)))
    for _ in range(n_often):
        judge(killed_often(data, rng, measures, kills))


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
