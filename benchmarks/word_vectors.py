"""The word vectors of the benchmarks: distilled from MiniLM, once, by the command users have."""

import os
import subprocess
import sys
from pathlib import Path

from real_data import real_file

RESULTS = Path(__file__).parent / "results"
TEACHER = os.environ.get("WORDGATE_BENCH_TEACHER", "minilm")


def distilled(data: str) -> Path:
    """Give the vectors of a data file's words; distil them if they are not there yet."""
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / f"{Path(data).stem}.bin"
    if not out.exists():
        command = [
            Path(sys.executable).parent / "wordgate", "vectors", "distill",
            "--teacher", TEACHER, "--data", real_file(data), "--out", out,
        ]  # fmt: skip
        subprocess.run(command, check=True)
    return out
