"""Runs a part of many cases in a separate process, within limits; shared by the scripts here.

Each script is run as ``SCRIPT PART PARTS CASES FOLDER ARGUMENTS``; it works on every so-manieth of
the cases, and prints what became of them. ``SCRIPT --case N FOLDER ARGUMENTS`` works on one alone,
and lets whatever happens happen.
"""

import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from wordgate.runtime.cpu import available_cores

ADDRESSES, STACK = 2 * 2**30, 2**24
UNUSUAL, HANGS = 0.1, 30.0  # seconds


def main(prepare):
    """Run the cases that the command line asks for.

    Args:
        prepare: Given a folder to work in and the arguments, gives a function of a case's number
            that tells in a word what became of it, and raises where that must not be.
    """
    if sys.argv[1] == "--case":
        number, folder, *arguments = sys.argv[2:]
        sys.stdout.write(f"{prepare(Path(folder), arguments)(int(number))}\n")
        return
    part, parts, cases = map(int, sys.argv[1:4])
    work = prepare(Path(sys.argv[4]), sys.argv[5:])
    _limit_addresses()
    signal.signal(signal.SIGALRM, _hangs)
    result = _worked_off(work, range(part, cases, parts), Path(sys.argv[4]) / "case")
    sys.stdout.write(json.dumps(result))


def _limit_addresses():
    """Allow 2 GiB of addresses beside what is mapped now, and a stack for a thread of each core.

    The libraries alone map 1 to 4 GiB: that depends on how PyTorch was built.
    """
    status = Path("/proc/self/status")
    if not status.exists():  # such a system knows no limit of addresses either
        return
    allowed = _kilobytes(status, "VmSize") * 1024 + ADDRESSES + available_cores() * STACK
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))


def _kilobytes(status, name):
    (line,) = [line for line in status.read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1])


def _worked_off(work, cases, note):
    outcomes, failures, slowest = Counter(), [], (0.0, -1)
    with note.open("wb", buffering=0) as stream:
        for case in cases:
            os.pwrite(stream.fileno(), b"%9d" % case, 0)  # a crash leaves it for the parent
            outcome, seconds = _timed(work, case)
            if seconds > UNUSUAL:  # a busy machine stops any process now and then
                seconds = min(seconds, _timed(work, case)[1])
            slowest = max(slowest, (seconds, case))
            if outcome.startswith("!"):
                failures.append(f"case {case}: {outcome[1:]}")
            else:
                outcomes[outcome] += 1
    return {"outcomes": outcomes, "failures": failures[:100], "n_failures": len(failures),
            "slowest": slowest, "peak_mb": _peak_mb()}  # fmt: skip


def _peak_mb():
    """Say how much memory this process has had; `ru_maxrss` begins with what its parent had."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return _kilobytes(status, "VmHWM") * 1.024e-3


def _timed(work, case):
    """Give a case's outcome, `!` before one that must not be, and the processor's seconds."""
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    started = time.process_time()
    try:
        outcome = work(case)
    except BaseException as error:
        outcome = f"!{type(error).__name__}: {error}"[:500]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return outcome, time.process_time() - started


def _hangs(*_):
    raise TimeoutError(f"still running after {HANGS} s")
