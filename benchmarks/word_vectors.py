"""The word vectors of the benchmarks: distilled from MiniLM, once, as users would."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import wordgate
from wordgate.runtime.progress import Silent

RESULTS = Path(__file__).parent / "results"
TEACHER = os.environ.get("WORDGATE_BENCH_TEACHER", "minilm")


def distilled(name: str, texts: Sequence[str]) -> Path:
    """Give vectors for the words of some texts; distil them if there is no file of that name."""
    RESULTS.mkdir(exist_ok=True)
    out, data = RESULTS / f"{name}.bin", RESULTS / f"{name}.csv"
    if not out.exists():
        with data.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([["text"], *([text] for text in texts)])
        wordgate.distill(data, teacher=TEACHER, out=out, text="text", progress=Silent())
        data.unlink()
    return out
