"""The word vectors of the benchmarks: distilled from MiniLM, once, as users would."""

import os
from collections.abc import Sequence
from pathlib import Path

import wordgate
from command import RESULTS
from real_data import write_csv
from wordgate.runtime.progress import Silent

TEACHER = os.environ.get("WORDGATE_BENCH_TEACHER", "minilm")


def distilled(name: str, texts: Sequence[str]) -> Path:
    """Give vectors for the words of some texts; distil them if there is no file of that name."""
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / f"{name}.bin"
    if not out.exists():
        data = write_csv(RESULTS / f"{name}.csv", ["text"], ([text] for text in texts))
        wordgate.distill(data, teacher=TEACHER, out=out, text="text", progress=Silent())
        data.unlink()
    return out
