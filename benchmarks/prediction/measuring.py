"""Running the peers of `make bench-predict` in turn, each in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from command import say
from prediction.peers import HERE, Peer
from wordgate.models.lstm_forward import KERNELS

COLD = 7
WORDGATE = str(Path(sys.executable).parent / "wordgate")


@dataclass
class Figures:
    """What is known of a peer.

    Attributes:
        peer: Who it is.
        rates: Texts a second in each repeat.
        agreement: The share of the texts to warm up with that get the label which wordgate gives
            them; None for other models.
        versions: Of what it uses.
        missing: Why it was not measured.
    """

    peer: Peer
    rates: list[float] = field(default_factory=list)
    agreement: float | None = None
    versions: dict[str, str] = field(default_factory=dict)
    missing: str = ""

    @property
    def rate(self) -> float:
        """The median of the repeats."""
        return median(self.rates)

    def as_json(self) -> dict[str, object]:
        """Tell everything in types that JSON has."""
        if self.missing:
            return {"name": self.peer.name, "missing": self.missing}
        return {
            "name": self.peer.name,
            "texts_per_second": self.rate,
            "repeats": self.rates,
            "agreement": self.agreement,
            "versions": self.versions,
        }


class Worker:
    """A peer's process, which sleeps until it is asked for a repeat."""

    def __init__(self, peer: Peer, texts: Path):
        if shutil.which(peer.python) is None:
            raise RuntimeError(f"{peer.python} is not there")
        self._remarks = texts.with_name(f"{peer.key}.stderr")
        with self._remarks.open("wb") as remarks:
            self._process = subprocess.Popen(
                peer.command(texts),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=remarks,
                text=True,
            )
        self.ready = self._answer()

    def rate(self, repeat: int) -> float:
        """Have it predict the texts of a repeat: texts a second."""
        self._process.stdin.write(f"{repeat}\n")
        self._process.stdin.flush()
        answer = self._answer()
        return answer["texts"] / answer["seconds"]

    def end(self) -> None:
        """Let it go."""
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        for line in self._process.stdout:
            if line.startswith("{"):  # whatever else libraries print
                return json.loads(line)
        self._process.wait()
        errors = self._remarks.read_text(encoding="utf-8", errors="replace").strip()
        errors = errors or f"it ended with {self._process.returncode}"
        raise RuntimeError(errors.splitlines()[-1])


def take_rates(peers: Sequence[Peer], texts: Path, repeats: int) -> list[Figures]:
    """Get all peers ready, then time them in turn, and again; the first is what others are to."""
    workers: dict[str, Worker] = {}
    all_figures = [Figures(peer) for peer in peers]
    expected: list[int] = []
    for figures in all_figures:
        say(f"getting {figures.peer.key} ready")
        try:
            worker = workers[figures.peer.key] = Worker(figures.peer, texts)
        except RuntimeError as error:
            figures.missing = str(error)
            continue
        figures.versions = worker.ready["versions"]
        chosen = worker.ready["chosen"]
        expected = expected or chosen
        if figures.peer.same:
            figures.agreement = sum(map(int.__eq__, chosen, expected)) / len(expected)
    for repeat in range(repeats):
        say(f"repeat {repeat + 1} of {repeats}, load {os.getloadavg()[0]:.1f}")
        for figures in all_figures:
            if not figures.missing:
                figures.rates.append(workers[figures.peer.key].rate(repeat))
    for worker in workers.values():
        worker.end()
    return all_figures


def take_cold(bundles: dict[str, Path], texts: Path) -> dict[str, dict[str, Any]]:
    """Run `wordgate predict` in fresh processes, bundles in turn, and then single texts."""
    words = json.loads(texts.read_text(encoding="utf-8"))["warm"]
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in bundles}
    for number in range(COLD):
        say(f"cold, {number + 1} of {COLD}")
        for name, bundle in bundles.items():
            command = [WORDGATE, "predict", str(bundle), "--", words[number]]
            runs[name].append(_printed("cold.py", *command))
    figures = {}
    for name, bundle in bundles.items():
        say(f"single texts, {name}")
        kernels = KERNELS if name != "transformer" else KERNELS[:1]
        one = {kernel: _printed("single.py", str(texts), str(bundle), kernel) for kernel in kernels}
        figures[name] = {
            "cold_seconds": median(run["seconds"] for run in runs[name]),
            "cold_peak_megabytes": median(run["megabytes"] for run in runs[name]),
            "one_text_milliseconds": one,
        }
    return figures


def _printed(script: str, *arguments: str) -> dict[str, float]:
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script} failed: {done.stderr[-2000:]}")
    return json.loads(done.stdout)
