"""The arguments and the results file of a peer: standard library alone.

A file of results has one JSON object per epoch, then one with the accuracy on test (after a whole
training) and the peak memory. A file without that last line is of a run that was cut short.
"""

import argparse
import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def asked_for(variants: Sequence[str], description: str | None) -> argparse.Namespace:
    """Read a peer's command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("variant", choices=variants)
    parser.add_argument("rows", type=Path, help="what rows.py wrote")
    parser.add_argument("results", type=Path, help="lines are appended to it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=35, help="at most so many")
    parser.add_argument("--patience", type=int, default=5, help="epochs without a better one")
    parser.add_argument("--stop-at", type=float, default=2.0, help="validation accuracy")
    parser.add_argument("--timed", type=int, default=0, help="warm up, then time so many epochs")
    parser.add_argument("--threads", type=int, default=0, help="0: as the peer itself chooses")
    return parser.parse_args()


def record(results: Path, **facts: object) -> None:
    """Append one JSON object."""
    with results.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(facts) + "\n")


def record_end(results: Path, **facts: object) -> None:
    """Append the last JSON object, with the peak memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bytes_a_unit = 1 if sys.platform == "darwin" else 1024
    record(results, **facts, peak_memory_mb=peak * bytes_a_unit / 1e6)


def read_results(results: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Read a finished run's epochs and its end; ``([], {})`` where there is none."""
    if not results.exists():
        return [], {}
    lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    if not lines or "peak_memory_mb" not in lines[-1]:
        return [], {}
    return lines[:-1], lines[-1]
