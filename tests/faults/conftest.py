"""Tests of kills, full disks and malformed files: few in `make test-slow`, many in `make faults`.

A test takes its number of repetitions from `how_many`, and reports results to `found`;
`make faults` prints them as a table. Cases that are repeated many thousand times are in scripts of
the folder `many`.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from wordgate.runtime.cpu import available_cores

LONG = os.environ.get("WORDGATE_FAULTS") == "long"
SEED = os.environ.get("WORDGATE_FAULTS_SEED") or (date.today().isoformat() if LONG else "0")
_FOUND = pytest.StashKey[list[tuple[str, str]]]()


def pytest_configure(config):
    config.stash[_FOUND] = []


@pytest.fixture(scope="session")
def found(request):
    """Report what was tried, and with what result."""

    def report(what: str, figure: str) -> None:
        request.config.stash[_FOUND].append((what, figure))

    return report


def pytest_sessionfinish(session):
    """Send the results of the tests of a pytest-xdist worker."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["found"] = session.config.stash[_FOUND]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Receive the results of a worker, unless it has crashed."""
    node.config.stash[_FOUND] += getattr(node, "workeroutput", {}).get("found", [])


@pytest.fixture
def rng(request):
    """A random generator: in `make faults` another seed each day; a failure names it."""
    request.node.add_report_section("setup", "seed", f"WORDGATE_FAULTS_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def canary(tmp_path):
    """A path that does not exist; malicious files would create it."""
    return tmp_path / "canary"


class Payload:
    """Touches the canary when it is unpickled."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


@pytest.fixture
def payload(canary):
    """An object whose pickle touches the canary when it is loaded."""
    return Payload(canary)


@dataclass(frozen=True)
class Worked:
    """The results of many cases.

    Attributes:
        outcomes: The number of cases of each outcome.
        failures: The first cases with a wrong outcome, and processes that crashed.
        slowest: CPU seconds of the slowest case, and its number.
        peak_mb: The peak memory of a process, in 10^6 bytes.
    """

    outcomes: Counter
    failures: list[str]
    slowest: tuple[float, int]
    peak_mb: float

    @property
    def cases(self) -> int:
        return self.outcomes.total()

    def figure(self) -> str:
        """Format it as a cell of the table."""
        parts = ", ".join(f"{n:,} {outcome}" for outcome, n in sorted(self.outcomes.items()))
        return f"{parts}; slowest {self.slowest[0]:.2f} s, at most {self.peak_mb:.0f} MB"


@pytest.fixture
def many():
    """Run many cases in a script of the folder `many`, in a process per core."""

    def work(script: str, cases: int, *arguments: object) -> Worked:
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        with tempfile.TemporaryDirectory(dir=memory) as made:
            folders = [Path(made) / str(part) for part in range(_cores_of_a_worker())]
            processes = [
                _started(script, (part, len(folders), cases, folder, *arguments))
                for part, folder in enumerate(folders)
            ]
            ended = [(process.communicate(), process.returncode) for process in processes]
            crashes = [
                f"the process ended with {code} in case {_last_case(folder)}: {streams[1][-2000:]}"
                for folder, (streams, code) in zip(folders, ended, strict=True)
                if code
            ]
        results = [json.loads(streams[0]) for streams, code in ended if not code]
        return Worked(
            outcomes=sum((Counter(result["outcomes"]) for result in results), Counter()),
            failures=crashes + [case for result in results for case in result["failures"]],
            slowest=max(tuple(result["slowest"]) for result in results) if results else (0.0, -1),
            peak_mb=max((result["peak_mb"] for result in results), default=0.0),
        )

    return work


def _cores_of_a_worker() -> int:
    """Give the number of cores, or this worker's share where several run tests."""
    return max(1, available_cores() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)))


def _started(script, arguments):
    arguments[3].mkdir()
    # Otherwise each uses all cores, and much address space for each of its threads.
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    return subprocess.Popen(
        [sys.executable, Path(__file__).parent / "many" / script, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **alone},
    )  # fmt: skip


def _last_case(folder):
    note = folder / "case"
    return note.read_text().strip() if note.exists() else "none"


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[_FOUND]
    if not LONG or not rows:
        return
    terminalreporter.write_line("")
    terminalreporter.write_line("| test | figure |\n|---|---|")
    for what, figure in rows:
        terminalreporter.write_line(f"| {what} | {figure} |")
