"""Runs commands in children of one process, which loads everything once.

`python forked.py DATA` trains word counts on DATA, to load what commands need. With `--torch` it
loads what an LSTM needs as well, and trainings keep checkpoints as often as they may.

For each line of JSON on standard input, `{"arguments": [...], "folder": FOLDER, "out": FILE,
"err": FILE, "stop": STOP}`, it writes a command's exit code to standard output. The bytes of an
argument are given as the characters of the same numbers. The standard streams are as Python made
them for this process, but go to the files. STOP is null, or `{"signal": N, "after": FILE, "waits":
BOOL}`: the signal is sent once the file is there, which a training is that `waits` for it after its
first checkpoint.
"""

import gc
import json
import os
import signal
import sys
import tempfile
import time

from wordgate.cli.main import run
from wordgate.experiments.train import train
from wordgate.runtime.progress import Silent


def wait_once_kept():
    """Let a training keep a state and wait for a signal, which comes once the file is there."""
    from wordgate.training.checkpoint import Checkpoint

    real = Checkpoint.save
    Checkpoint.save = lambda *given: save_and_wait(real, *given)


def save_and_wait(real, checkpoint, state):
    type(checkpoint).save = real
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    real(checkpoint, state)
    os.read(reading, 1)


def work(order):
    """Run a command in place of this process, which ends with it, all that was loaded untouched."""
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT), descriptor)
    os.chdir(order["folder"])
    if order["stop"] and order["stop"]["waits"]:
        wait_once_kept()
    try:
        run([os.fsdecode(argument.encode("latin-1")) for argument in order["arguments"]])
    except SystemExit as end:
        os._exit(end.code)


def ended(child, stop):
    """Wait for a child, and send it a signal if one is to stop it; give its exit code."""
    while stop and not os.path.exists(stop["after"]):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            stop = None  # it was never there
        time.sleep(0.005)
    if stop:
        os.kill(child, stop["signal"])
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(data, *options):
    if "--torch" in options:
        from wordgate.training import checkpoint

        checkpoint._SOONEST = 0.0
    with tempfile.TemporaryDirectory() as folder:
        train(data, model="count", out=f"{folder}/model", progress=Silent())
    gc.freeze()  # a collection in a child would copy all of it
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            work(order)
        sys.stdout.write(f"{ended(child, order['stop'])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
