"""Scoring on Ray and Spark, on this machine, and a simulation of 10,000: `make bench-cluster`.

Shards are made of the real tweets, as in `make bench-score`. Four parts, each by itself if named:

    python benchmarks/cluster.py faults      kills workers and the driver at random times
    python benchmarks/cluster.py rates       Ray against the plain command, and tasks per second
    python benchmarks/cluster.py spark       Spark against Ray, on Parquet
    python benchmarks/cluster.py simulation  shards, stragglers and failures, by discrete events

    python benchmarks/cluster.py --rows 100000 --shards 8 --kills 4 --driver-kills 1 --rounds 1
    python benchmarks/cluster.py --bundle model --out day.json
"""

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import wordgate
from cluster_simulation import World
from command import COMMAND, circumstances, print_facts, trained, write_json
from printing import print_header, print_row
from real_data import crossed_tweets, write_csv
from wordgate.runtime.engine import Engine, map_tasks
from wordgate.runtime.progress import Silent

PARTS = ("faults", "rates", "spark", "simulation")
COLUMNS = ("id", "topic", "text")
TASKS = 2000  # that do nothing, to see how many a driver hands out


def main() -> None:
    """Measure, and print the tables."""
    chosen = _parsed()
    if chosen.child:
        print(json.dumps(CHILDREN[chosen.child](chosen)))
        return
    facts = circumstances("wordgate", "numpy", "pyarrow", "ray", "pyspark")
    print_facts(facts)
    figures: dict[str, Any] = {"facts": facts}
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        place = Path(folder)
        for part in chosen.parts or PARTS:
            if part != "simulation" and chosen.bundle is None:
                chosen.bundle = str(trained(place / "model"))
            figures[part] = globals()[f"_{part}"](place, chosen)
    write_json(chosen.out, figures)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--bundle", help="a model; else recipe default is trained on the tweets")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--spark-rows", type=int, default=500_000)
    parser.add_argument("--kills", type=int, default=20, help="of workers, over all rounds")
    parser.add_argument("--driver-kills", type=int, default=5, help="over all rounds")
    parser.add_argument("--rounds", type=int, default=5, help="runs that the kills are spread over")
    parser.add_argument("--repeats", type=int, default=3, help="of each rate, of which the median")
    parser.add_argument("--simulated-rows", type=int, default=100_000_000_000)
    parser.add_argument("--folder", help="where the files are made")
    parser.add_argument("--out", help="a JSON file for the figures")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--input", help=argparse.SUPPRESS)
    parser.add_argument("--output", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return chosen


def _made(folder: Path, rows: int, shards: int) -> Path:
    """Write the rows into as many CSV files, unless they are there."""
    if not folder.is_dir():
        folder.mkdir()
        source = crossed_tweets(rows)
        for number in range(shards):
            own = islice(source, _share(rows, number, shards))
            write_csv(folder / f"part-{number:05d}.csv", COLUMNS, own)
    return folder


def _share(total: int, number: int, parts: int) -> int:
    """Return the size of one of some parts that are as equal as can be."""
    return total * (number + 1) // parts - total * number // parts


# Faults


def _faults(place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Kill workers and drivers, and hold the outputs against those of one process."""
    source = _made(place / "in", chosen.rows, chosen.shards)
    started = time.perf_counter()
    _score(chosen.bundle, source, place / "plain")
    alone = time.perf_counter() - started
    expected = _contents(place / "plain")
    started = time.perf_counter()
    _score(chosen.bundle, source, place / "unhurt", "--engine", "ray")
    whole = time.perf_counter() - started
    if _contents(place / "unhurt") != expected:
        sys.exit("the outputs of Ray differ from those of one process, with no kill at all")
    print(f"\n{chosen.rows:,} rows in {chosen.shards} shards: {alone:.0f} s in one process,"
          f" {whole:.0f} s with --engine ray, start included", flush=True)  # fmt: skip
    ids = [str(i) for i in range(chosen.rows)]

    def is_right(out: Path) -> bool:
        return _contents(out) == expected and _ids(out) == ids

    chance, done, survived, killed = random.Random(0), 0, 0, Counter[str]()
    for number in range(chosen.rounds):
        kinds = ["worker"] * _share(chosen.kills, number, chosen.rounds)
        kinds += ["driver"] * _share(chosen.driver_kills, number, chosen.rounds)
        chance.shuffle(kinds)
        out = place / f"hurt-{number}"
        names = [str(chosen.bundle), str(source), str(out)]
        is_same = _run_with_kills(names, kinds, whole, chance, is_right)
        done += len(kinds)
        survived += len(kinds) * is_same
        killed.update(kinds)
        print(f"round {number + 1}: {', '.join(kinds)} killed, outputs"
              f" {'identical' if is_same else 'DIFFERENT'}", flush=True)  # fmt: skip
    print(f"{killed['worker']} workers and {killed['driver']} drivers killed (SIGKILL) at random"
          f" instants: {survived} of {done} with identical outputs, each row once")  # fmt: skip
    return {"rows": chosen.rows, "shards": chosen.shards, "kills": done, "identical": survived,
            "seconds_alone": alone, "seconds_ray": whole}  # fmt: skip


def _run_with_kills(
    names: list[str],
    kinds: list[str],
    whole: float,
    chance: random.Random,
    is_right: Callable[[Path], bool],
) -> bool:
    """Kill a command's workers or itself one after another; return whether all results are right.

    A command whose driver was killed is continued; one that is done before the last kill is checked
    and run again.
    """
    command = [*COMMAND, "score", *names, "--text", "text", "--engine", "ray"]
    process, right = _begun(command), True
    for kind in kinds:
        _wait_for_workers(process)
        time.sleep(chance.uniform(0, max(0.5, whole / (len(kinds) + 1))))
        if process.poll() is not None:
            _expect_success(process)
            right &= is_right(Path(names[-1]))
            shutil.rmtree(names[-1])
            process = _begun(command)
            _wait_for_workers(process)
        if kind == "worker":
            _kill_a_worker(process, chance)
            continue
        process.kill()
        if process.wait() != -signal.SIGKILL:
            sys.exit("the command had ended before it could be killed: give more rows")
        process = _begun([*command, "--resume"])
    _expect_success(process)
    return right and is_right(Path(names[-1]))


def _begun(command: list[str]) -> subprocess.Popen:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _expect_success(process: subprocess.Popen) -> None:
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(f"the command ended with {process.returncode}: {errors.decode()[-2000:]}")


def _wait_for_workers(process: subprocess.Popen) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and not _workers(process.pid) and time.monotonic() < until:
        time.sleep(0.05)


def _workers(driver: int) -> list[int]:
    """List the processes below a driver that are at work on a task."""
    parents, at_work = {}, []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
        if command.startswith(b"ray::_call"):
            at_work.append(int(entry.name))
    return [one for one in at_work if driver in _ancestors(one, parents)]


def _ancestors(process: int, parents: dict[int, int]) -> Iterator[int]:
    while process in parents:
        process = parents[process]
        yield process


def _kill_a_worker(driver: subprocess.Popen, chance: random.Random) -> None:
    """Kill one that is at work; where all have just ended, wait for the next."""
    while driver.poll() is None:
        if workers := _workers(driver.pid):
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
                return
        time.sleep(0.02)
    sys.exit("the command had ended before a worker could be killed: give more rows")


def _score(bundle: str, source: Path, out: Path, *options: str) -> dict[str, Any]:
    """Run `wordgate score`, and return its counts."""
    command = [*COMMAND, "score", bundle, str(source), str(out), "--text", "text", "--json"]
    ended = subprocess.run([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           check=True)  # fmt: skip
    return json.loads(ended.stdout)


def _contents(folder: Path) -> dict[str, bytes]:
    """Hash the outputs, the list of them included."""
    files = sorted(file for file in folder.iterdir() if file.is_file())
    return {file.name: hashlib.sha256(file.read_bytes()).digest() for file in files}


def _ids(folder: Path) -> list[str]:
    """List the ids of all rows, in the order of the files."""
    ids = []
    for file in sorted(folder.glob("part-*.csv")):
        with file.open(encoding="utf-8", newline="") as stream:
            ids += [row[0] for row in islice(csv.reader(stream), 1, None)]
    return ids


# Rates


def _rates(place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Compare rows a second after the start, the programs taking turns."""
    _made(place / "in", chosen.rows, chosen.shards)
    found: dict[str, list[float]] = {"local": [], "ray": []}
    for _ in range(chosen.repeats):
        for engine, rates in found.items():
            rates.append(_child(engine, chosen, place / "in", place / "rated")["rate"])
    tasks = _child("tasks", chosen, place / "in", place / "rated")["rate"]
    local, ray = (statistics.median(rates) for rates in found.values())
    print()
    print_header("engine", "rows/s after the start", "relative to local")
    print_row("local", f"{local:,.0f}", "")
    print_row("ray", f"{ray:,.0f}", f"{ray / local:.0%}")
    print(f"tasks that do nothing: {tasks:,.0f} per second from one driver", flush=True)
    return {"local": local, "ray": ray, "share": ray / local, "tasks_per_second": tasks}


def _child(kind: str, chosen: argparse.Namespace, source: Path, out: Path) -> dict[str, Any]:
    """Measure in a process of its own."""
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, __file__, "--child", kind, "--bundle", chosen.bundle,
               "--input", str(source), "--output", str(out)]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, check=False)
    if ended.returncode:
        sys.exit(f"{kind} ended with {ended.returncode}: {ended.stderr.decode()[-3000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


def _rate_of(engine: str) -> Callable[[argparse.Namespace], dict[str, float]]:
    def measure(chosen: argparse.Namespace) -> dict[str, float]:
        files = sorted(Path(chosen.input).iterdir())
        options = {"text": "text", "engine": engine, "progress": Silent(), "overwrite": True}
        wordgate.score(chosen.bundle, _first(files), f"{chosen.output}-first", **options)
        started = time.perf_counter()
        scored = wordgate.score(chosen.bundle, files, chosen.output, **options)
        return {"rate": scored.rows / (time.perf_counter() - started)}

    return measure


def _first(files: list[Path]) -> list[Path]:
    """Take the files that start the engine: they are scored before those that are measured."""
    return files[: 2 * (os.cpu_count() or 1)]


def _tasks(_: argparse.Namespace) -> dict[str, float]:
    engine = Engine("ray")
    list(map_tasks(_nothing, None, range(50), engine))
    started = time.perf_counter()
    list(map_tasks(_nothing, None, range(TASKS), engine))
    return {"rate": TASKS / (time.perf_counter() - started)}


def _nothing(_: None, item: int) -> int:
    return item


# Spark


def _spark(place: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """Score Parquet files in Spark and with --engine ray: the same labels, and the rates."""
    import pyarrow as pa
    from pyarrow import parquet

    source = place / "parquet"
    source.mkdir()
    rows = crossed_tweets(chosen.spark_rows)
    count = max(2, chosen.shards // 4)
    for number in range(count):
        columns = zip(*islice(rows, _share(chosen.spark_rows, number, count)), strict=True)
        table = pa.table(dict(zip(COLUMNS, map(list, columns), strict=True)))
        parquet.write_table(table, source / f"part-{number:05d}.parquet")
    found: dict[str, list[float]] = {"spark": [], "ray": []}
    for _ in range(chosen.repeats):
        for kind, measured in found.items():
            measured.append(_child(kind, chosen, source, place / kind)["rate"])
    rates = {kind: statistics.median(measured) for kind, measured in found.items()}
    labels = [_labels(place / kind) for kind in rates]
    same = labels[0] == labels[1]
    print()
    print_header("engine, on Parquet", "rows/s after the start")
    for kind, rate in rates.items():
        print_row(kind, f"{rate:,.0f}")
    print(f"{len(labels[0]):,} rows, {'the same labels' if same else 'DIFFERENT LABELS'};"
          f" Ray is {rates['ray'] / rates['spark']:.2f} times as fast as Spark")  # fmt: skip
    return {**rates, "rows": len(labels[0]), "same_labels": same}


def _labels(folder: Path) -> dict[str, str]:
    from pyarrow import parquet

    labels = {}
    for file in folder.rglob("*.parquet"):
        table = parquet.read_table(file, columns=["id", "label"])
        labels.update(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return labels


def _in_spark(chosen: argparse.Namespace) -> dict[str, float]:
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = spark.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")

    def score(files: list[Path], out: str) -> None:
        df = session.read.parquet(*map(str, files))
        scored = wordgate.spark.score(df, chosen.bundle, "text", probabilities=True)
        scored.write.mode("overwrite").parquet(out)

    files = sorted(Path(chosen.input).iterdir())
    score(_first(files), f"{chosen.output}-first")
    started = time.perf_counter()
    score(files, chosen.output)
    seconds = time.perf_counter() - started
    return {"rate": session.read.parquet(chosen.input).count() / seconds}


CHILDREN: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "local": _rate_of("local"), "ray": _rate_of("ray"), "tasks": _tasks, "spark": _in_spark,
}  # fmt: skip


# Simulation


def _simulation(_: Path, chosen: argparse.Namespace) -> list[dict[str, float]]:
    """Simulate many rows on 10,000 workers, by the size of the shards and the failures."""
    print(f"\n{chosen.simulated_rows:,} rows on 10,000 workers, the driver killed twice\n")
    print_header("shards", "rows per shard", "failures per minute", "s", "s without failures",
                 "attempts lost", "outputs replaced", "rows lost", "rows duplicated")  # fmt: skip
    measured = []
    for shards in (10_000, 100_000, 400_000):
        for failures in (1.0, 60.0):
            world = World(shards, chosen.simulated_rows // shards, failures=failures)
            found = {"shards": shards, "rows": world.rows, "failures": failures, **world.run()}
            print_row(*(f"{value:,.0f}" for value in found.values()))
            measured.append(found)
    return measured


if __name__ == "__main__":
    main()
