"""Files of `wordgate export`: size, speed, and agreement with the labels of the model.

Each file is run by the program of docs/onnx.md for its family, from strings to labels, in batches
of similar length; the model by `wordgate.load`. All run on one core, alternating, on
the same tweets. Speeds are by CPU time, on which other work on the machine has little influence:
that of the quickest repeat, as a ratio to the model's own. The time outside ONNX Runtime is that
of the program's Python, which tokenizes the texts.

    python benchmarks/export.py MODEL [MODEL ...]   models that `wordgate train` wrote
    python benchmarks/export.py MODEL --texts 200   fewer tweets, for a transformer
"""

import argparse
import csv
import io
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime

import wordgate
from printing import print_header, print_row
from real_data import real_file

PAGE = Path(__file__).parents[1] / "docs" / "onnx.md"
BATCH, REPEATS = 32, 3
Classify = Callable[[list[str]], list[str]]


def main() -> None:
    """Export, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--texts", type=int, default=900, help="how many tweets")
    options = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    texts = tweets(options.texts)
    print_header("model", "file", "MB", "texts/s, ratio", "time in ONNX Runtime", "same labels")
    for folder in options.models:
        for cells in rows(folder, texts):
            print_row(*cells)


def tweets(n: int) -> list[str]:
    """Read validation tweets, each once, the shortest first."""
    with real_file("twitter_validation.csv").open(encoding="utf-8", newline="") as file:
        texts = dict.fromkeys(row[3].strip().replace("\n", " ") for row in csv.reader(file))
    return sorted(list(filter(None, texts))[:n], key=len)


def rows(folder: str, texts: list[str]) -> list[list[str]]:
    """Measure a model and its two files."""
    predictor = wordgate.load(folder)
    runners: dict[str, Classify] = {"none": predictor.predict}
    sessions: dict[str, TimedSession] = {}
    sizes = {"none": sum(path.stat().st_size for path in Path(folder).iterdir())}
    with tempfile.TemporaryDirectory() as place:
        for precision in ("float32", "int8"):
            file = Path(place) / f"{precision}.onnx"
            wordgate.export_onnx(folder, file, int8=precision == "int8")
            runners[precision], sessions[precision] = program(predictor.config.family, file)
            sizes[precision] = file.stat().st_size
        seconds: dict[str, list[float]] = {name: [] for name in runners}
        labels = {}
        for _ in range(REPEATS):
            for name, run in runners.items():
                start = time.process_time()
                labels[name] = [
                    label
                    for i in range(0, len(texts), BATCH)
                    for label in run(texts[i : i + BATCH])
                ]
                seconds[name].append(time.process_time() - start)
    own = min(seconds["none"])
    return [
        [
            f"`{predictor.config.family}`",
            name,
            f"{sizes[name] / 1e6:.1f}",
            f"{own / min(seconds[name]):.2f}",
            f"{sessions[name].seconds / sum(seconds[name]):.0%}" if name in sessions else "",
            f"{sum(map(str.__eq__, labels[name], labels['none'])) / len(texts):.1%}",
        ]
        for name in runners
    ]


class TimedSession:
    """A session of ONNX Runtime in one thread, which counts the seconds it computes."""

    def __init__(self, file: Path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(file, options)
        self.seconds = 0.0

    def run(self, *arguments: Any) -> list[Any]:
        """Run the file."""
        start = time.process_time()
        found = self._session.run(*arguments)
        self.seconds += time.process_time() - start
        return found


def program(family: str, file: Path) -> tuple[Classify, TimedSession]:
    """Take the program of the page that runs files of a family, and its session."""
    page = PAGE.read_text(encoding="utf-8")
    words, count, transformer = re.findall(r"^```python\n(.+?)^```$", page, re.M | re.S)
    source = {"count": count, "transformer": transformer}.get(family, words)
    namespace: dict[str, Any] = {}
    arguments, lines = sys.argv, sys.stdin
    sys.argv, sys.stdin = ["", str(file)], io.StringIO()
    try:
        exec(source, namespace)
    finally:
        sys.argv, sys.stdin = arguments, lines
    namespace["session"] = session = TimedSession(file)
    return lambda texts: [label for label, _ in namespace["classify"](texts)], session


if __name__ == "__main__":
    main()
