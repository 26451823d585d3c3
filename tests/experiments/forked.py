"""Runs commands in children of one process, which loads everything once: `python forked.py DATA`.

For each line of JSON on standard input, `{"arguments": [...], "stderr": FILE, "stop": STOP}`, it
writes a command's exit code to standard output. STOP is null, or `{"signal": N, "after": FILE,
"waits": BOOL}`: the signal is sent once the file is there, which a training is that `waits` for it
after its first checkpoint. Trainings keep checkpoints as often as they may.
"""

import gc
import json
import os
import signal
import sys
import time

import torch  # noqa: F401

from wordgate.cli.main import run
from wordgate.experiments.train import train
from wordgate.runtime.progress import Silent
from wordgate.training import checkpoint as pace
from wordgate.training.checkpoint import Checkpoint


def save_and_wait(checkpoint, state, real=Checkpoint.save):
    """Keep a state; wait for a signal, which may come as soon as the file is there."""
    Checkpoint.save = real
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    real(checkpoint, state)
    os.read(reading, 1)


def work(arguments, stderr, waits):
    """Run a command in place of this process."""
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)
    os.dup2(os.open(stderr, os.O_WRONLY | os.O_CREAT), 2)
    if waits:
        Checkpoint.save = save_and_wait
    run(arguments)


def ended(child, stop):
    """Wait for a child, and send it a signal if one is to stop it; give its exit code."""
    while stop and not os.path.exists(stop["after"]):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            stop = None  # it was never there
        time.sleep(0.005)
    if stop:
        os.kill(child, stop["signal"])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(data):
    pace._SOONEST = 0.0
    train(data, model="count", progress=Silent())  # what a training needs is loaded at its first
    gc.freeze()  # a collection in a child would copy all of it
    for line in sys.stdin:
        order = json.loads(line)
        child, stop = os.fork(), order["stop"]
        if not child:
            work(order["arguments"], order["stderr"], waits=stop and stop["waits"])
        sys.stdout.write(f"{ended(child, stop)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
