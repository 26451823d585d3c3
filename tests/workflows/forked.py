"""Runs commands in children of one process, which loads everything once: `python forked.py DATA`.

For each line of JSON on standard input, `{"arguments": [...], "stderr": FILE, "waits": BOOL}`, it
writes the child's number, and once that has ended, its exit code. A training keeps a checkpoint
as often as it may; one that `waits` does no more after its first until a signal comes.
"""

import gc
import json
import os
import signal
import sys

import torch  # noqa: F401

from wordgate.cli.main import run
from wordgate.progress import Silent
from wordgate.training import checkpoint as pace
from wordgate.training.checkpoint import Checkpoint
from wordgate.workflows.train import train


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


def tell(number):
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main(data):
    pace._SOONEST = 0.0
    train(data, model="count", progress=Silent())  # what a training needs is loaded at its first
    gc.freeze()  # a collection in a child would copy all of it
    for line in sys.stdin:
        child = os.fork()
        if not child:
            work(**json.loads(line))
        tell(child)
        tell(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
