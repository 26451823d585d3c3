"""Speed and memory of `wordgate score`: `make bench-score`.

Files of 1,000,000 and 10,000,000 rows are made of the real tweets: each row's text is the first
half of one tweet and the second half of another, so that no text occurs twice. Each file is scored
by the command line, once, beside the rate of the predictor alone: the same texts from strings, in
lists as long as the batches. Then scoring 200,000 rows is killed (SIGKILL) at 50 random times and
resumed with `--resume`; every result must be that of an uninterrupted run.

    python benchmarks/score.py                        all of it, some ten minutes, 3 GB of disk
    python benchmarks/score.py --bundle model         with an existing model
    python benchmarks/score.py --rows 50000 --kill-rows 20000 --kills 5
    python benchmarks/score.py --out day.json         the figures, too
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import wordgate
from command import COMMAND, circumstances, print_facts, trained, write_json
from printing import print_header, print_row
from real_data import crossed_tweets, write_csv
from wordgate.scoring.options import BATCH

RATE_TEXTS = 200_000


def main() -> None:
    """Measure, and print the tables."""
    chosen = _parsed()
    if chosen.rate:
        print(_own_rate(chosen.bundle))
        return
    facts = circumstances("wordgate", "numpy", "pyarrow")
    print_facts(facts)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        place = Path(folder)
        bundle = chosen.bundle or trained(place / "model")
        figures = {"facts": facts, "sizes": _sizes(place, bundle, chosen.rows)}
        if chosen.kills:
            figures["kills"] = _kills(place, bundle, chosen.kill_rows, chosen.kills)
    write_json(chosen.out, figures)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", help="a model; else recipe default is trained on the tweets")
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--kill-rows", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--folder", help="where the files are made")
    parser.add_argument("--out", help="a JSON file for the figures")
    parser.add_argument("--rate", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _made(file: Path, count: int) -> Path:
    return write_csv(file, ("id", "topic", "text"), crossed_tweets(count))


def _own_rate(bundle: str) -> float:
    """Give texts a second of the predictor alone, after a list to warm it up."""
    predictor = wordgate.load(bundle)
    texts = [text for *_, text in crossed_tweets(RATE_TEXTS)]
    predictor.predict_proba(texts[:BATCH])
    started = time.perf_counter()
    for start in range(0, len(texts), BATCH):
        predictor.predict_proba(texts[start : start + BATCH])
    return len(texts) / (time.perf_counter() - started)


def _sizes(place: Path, bundle: str | Path, sizes: list[int]) -> list[dict[str, float]]:
    print()
    print_header(
        "rows", "GB", "texts/s", "predictor alone, texts/s", "ratio", "whole command, s", "peak MB"
    )
    measured = []
    for rows in sizes:
        source, out = _made(place / "in.csv", rows), place / "out.csv"
        own = float(_output([sys.executable, __file__, "--rate", "--bundle", str(bundle)]))
        started = time.perf_counter()
        account, peak = _run("score", bundle, source, out, "--text", "text", "--json")
        seconds = time.perf_counter() - started
        facts = json.loads(account)
        if facts["rows"] != rows:
            sys.exit(f"{facts['rows']:,} rows came out of {rows:,}")
        rate, size = facts["texts_per_second"], source.stat().st_size / 1e9
        print_row(f"{rows:,}", f"{size:.2f}", f"{rate:,.0f}", f"{own:,.0f}", f"{rate / own:.0%}",
                  f"{seconds:,.1f}", f"{peak:,.0f}")  # fmt: skip
        measured.append({"rows": rows, "gigabytes": size, "texts_per_second": rate,
                         "own_texts_per_second": own, "seconds": seconds,
                         "peak_megabytes": peak})  # fmt: skip
        source.unlink()
        out.unlink()
    return measured


def _kills(place: Path, bundle: str | Path, rows: int, kills: int) -> dict[str, int]:
    source, out = _made(place / "in.csv", rows), place / "out.csv"
    command = [*COMMAND, "score", str(bundle), str(source), str(out), "--text", "text"]
    started = time.perf_counter()
    _output(command)
    whole, result = time.perf_counter() - started, out.read_bytes()
    chance, same, resumed = random.Random(0), 0, 0
    for _ in range(kills):
        out.unlink()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, whole))
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed += Path(f"{out}.checkpoint").exists()
        _output([*command, "--resume"])
        same += out.read_bytes() == result
    print(f"\n{rows:,} rows, killed at {kills} random times within {whole:.1f} s, {resumed} of "
          f"them with a checkpoint: {same} of {kills} results identical")  # fmt: skip
    return {"rows": rows, "kills": kills, "with_checkpoint": resumed, "identical": same}


def _output(command: list[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=True).stdout  # fmt: skip


def _run(*arguments: object) -> tuple[str, float]:
    """Run a command; return its output, and its peak memory in MB."""
    process = subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    written = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"it ended with {process.returncode}")
    return written, used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
