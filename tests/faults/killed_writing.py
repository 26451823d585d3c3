"""Writes bundles in children of one process, each of which kills itself at a step of it.

`python killed_writing.py BUNDLE OTHER FOLDER` prints a line of JSON for each step, and for systems
that can exchange two names at once as well as for those that can't: the step, and what stood in
the bundle's place after the kill.
"""

import json
import os
import pathlib
import shutil
import signal
import sys
from contextlib import suppress

from wordgate.errors import BundleError
from wordgate.storage import files
from wordgate.storage.files import check_folder, write_folder


def contents(folder):
    return {file.name: file.read_bytes() for file in pathlib.Path(folder).iterdir()}


def mortal(function, left):
    """Let the process die before a call, the so-many-th of all such calls."""

    def call(*arguments, **options):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)

    return call


STEPS = (
    (os, ("fsync", "open", "rmdir", "unlink")),
    (pathlib.Path, ("mkdir", "open", "rename")),
    (files, ("_exchange",)),
)


def run(step, new):
    """Replace the bundle by another in a child that dies at a step; give its exit status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    left = [step]
    for owner, names in STEPS:
        for name in names:
            setattr(owner, name, mortal(getattr(owner, name), left))
    write_folder(pathlib.Path("m"), "model", new)
    os._exit(0)


def look(old, new):
    """Say what stands in the bundle's place."""
    there = contents("m") if os.path.exists("m") else None
    return "old" if there == old else "new" if there == new else f"{there}"


def kill_at_each_step(exchanges, old, new):
    step = 0
    while True:
        step += 1
        shutil.rmtree("m", ignore_errors=True)
        os.mkdir("m")
        for name, content in old.items():
            pathlib.Path("m", name).write_bytes(content)
        status = run(step, new)
        if status == 0:
            return
        found = look(old, new)
        with suppress(BundleError):  # it exists
            check_folder(pathlib.Path("m"), "model", overwrite=False, check_replaceable=lambda _: 0)
        report = {"exchanges": exchanges, "step": step, "found": found, "then": look(old, new)}
        write_folder(pathlib.Path("m"), "model", new)
        report |= {"end": look(old, new), "left": os.listdir()}
        sys.stdout.write(f"{json.dumps(report)}\n")


def main(bundle, other, folder):
    old, new = contents(bundle), contents(other)
    os.chdir(folder)
    kill_at_each_step(True, old, new)
    files._exchange = lambda one, other: False
    kill_at_each_step(False, old, new)


if __name__ == "__main__":
    main(*sys.argv[1:])
