"""Where the benchmarks find the real data: one setting, WORDGATE_REAL_DATA."""

import os
import sys
from pathlib import Path

FOLDER = Path(os.environ.get("WORDGATE_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def real_file(name: str) -> Path:
    """Find a data file, or end with the way to set the folder."""
    path = FOLDER / name
    if not path.exists():
        sys.exit(f"{name} is not in {FOLDER}; set WORDGATE_REAL_DATA to the folder that has it")
    return path
