"""The time that a command takes to start: `make bench-startup`.

Peer: the same interpreter importing click alone. Medians of 15 alternating runs.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from printing import print_header, print_row

COMMANDS = {
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "wordgate --help": [str(Path(sys.executable).parent / "wordgate"), "--help"],
}
REPEATS = 15


def main() -> None:
    """Print the table."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(REPEATS):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            seconds[name].append(time.perf_counter() - started)
    peer = statistics.median(next(iter(seconds.values())))
    print_header("command", "median s", "times the peer")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print_row(f"`{name}`", f"{median:.3f}", f"{median / peer:.1f}")


if __name__ == "__main__":
    main()
