"""The two phases of `make bench-train`: accuracy by epoch, and time per epoch."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from command import say
from training.journal import read_results
from training.peers import HERE, SLEEPY, Peer, run
from training.rows import write_rows

GOALS = (0.85, 0.90)
"""Validation accuracies; at the last one a training ends."""
REPEATS = 3
QUIET = 0.5
"""Load of a machine on which times can be taken."""


def rows_file(folder: Path, seed: int) -> Path:
    """Find the rows of a seed, or write them."""
    file = folder / f"rows-{seed}.npz"
    if not file.exists():
        write_rows(file, seed)
    return file


def curve_file(folder: Path, peer: Peer, seed: int) -> Path:
    """Name the results of a training."""
    return folder / f"{peer.key}-{seed}.jsonl"


def timing_file(folder: Path, peer: Peer, repeat: int) -> Path:
    """Name the results of a timing."""
    return folder / "timing" / f"{peer.key}-{repeat}.jsonl"


def ceiling_file(folder: Path, peer: Peer, repeat: int) -> Path:
    """Name the results of multiplying matrices before a timing."""
    return folder / "timing" / f"{peer.key}-{repeat}.ceiling.json"


def start_file(folder: Path) -> Path:
    """Name the file that tells when the last timing began, and how busy the machine was."""
    return folder / "timing" / "start.json"


def draw_curves(peers: Sequence[Peer], folder: Path, *, fresh: bool) -> None:
    """Train each peer with each of its seeds; what is finished is not repeated."""
    for peer in peers:
        for seed in peer.seeds:
            file = curve_file(folder, peer, seed)
            if read_results(file)[1] and not fresh:
                continue
            say(f"training {peer.key}, seed {seed}")
            end = () if peer.whole else ("--stop-at", str(GOALS[-1]))
            run(peer, rows_file(folder, seed), file, seed, *end)


def take_times(peers: Sequence[Peer], folder: Path) -> None:
    """Time all peers in turn, and again, and again, with the machine's ceiling before each."""
    _begin(peers, folder)
    rows = rows_file(folder, 0)
    for repeat in range(REPEATS):
        for peer in peers:
            say(f"timing {peer.key}, {repeat + 1} of {REPEATS}")
            ceiling_file(folder, peer, repeat).write_text(_ceiling(), encoding="utf-8")
            run(peer, rows, timing_file(folder, peer, repeat), 0, "--timed", str(peer.timed))


def _begin(peers: Sequence[Peer], folder: Path) -> None:
    """Forget the peers' older times, so that two runs are never mixed, and look at the load."""
    (folder / "timing").mkdir(exist_ok=True)
    for peer in peers:
        for repeat in range(REPEATS):
            timing_file(folder, peer, repeat).unlink(missing_ok=True)
    load = os.getloadavg()[0]
    if load > QUIET:
        say(f"the machine is busy, load {load:.1f}: these times will mislead")
    began = datetime.now(timezone.utc).isoformat(timespec="minutes")
    start_file(folder).write_text(json.dumps({"began": began, "load": load}), encoding="utf-8")


def _ceiling() -> str:
    command = [sys.executable, HERE / "ceiling.py"]
    environment = {**os.environ, **SLEEPY}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout
