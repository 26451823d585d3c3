"""Searches that are killed at random times and resumed.

    python benchmarks/search_kills.py                 20 searches
    python benchmarks/search_kills.py --kills 5 --trials 8

A search of the family `count` on 200 generated texts, with `trials` and without a limit of time,
runs in a child of this process, which is sent SIGKILL after a random time. The search is resumed
until a child ends by itself, and killed again with a probability of 1/2.
Reported are trials that had finished and are lost, and searches whose trials or winner differ
from those of an uninterrupted search.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import wordgate
from command import circumstances, print_facts
from wordgate.errors import WordgateError
from wordgate.runtime.progress import Silent
from wordgate.search.study import JOURNAL, SearchStudy

N_TEXTS = 200
FINISHED = ("complete", "pruned")


def main() -> None:
    """Kill and continue searches, and print what differs."""
    options = parsed()
    rng = random.Random(options.seed)
    lost = different = n_kills = early = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = write_texts(folder / "texts.csv")
        started = time.monotonic()
        whole = searched(file, folder / "whole.toml", options.trials)
        seconds = time.monotonic() - started
        print(f"uninterrupted: {seconds:.1f} s, winner {whole['settings']}", flush=True)
        for number in range(options.kills):
            out, found, known = folder / f"{number}.toml", None, []
            delay = rng.uniform(0.0, seconds)
            while found is None:
                found = searched(file, out, options.trials, delay)
                if found is None:
                    n_kills += 1
                    kept = finished_trials(folder / f"{out.name}.search")
                    lost += sum(one not in kept for one in known)
                    early += not kept
                    known = kept
                delay = rng.uniform(0.0, seconds) if rng.random() < 0.5 else None
            lost += sum(one not in found["trials"] for one in known)
            differs = found != whole
            different += differs
            print(f"search {number}: {'DIFFERENT' if differs else 'the same'}", flush=True)
    print(f"\n{n_kills} kills of {options.kills} searches ({early} before any trial had finished):")
    print(
        f"finished trials lost: {lost}; searches with other trials or another winner: {different}"
    )
    print_facts(circumstances("wordgate", "optuna"))
    sys.exit(1 if lost or different else 0)


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="searches that are killed")
    parser.add_argument("--trials", type=int, default=6, help="of each search")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def write_texts(file: Path) -> Path:
    """Write texts whose label depends on a word, with noise."""
    rng = random.Random(0)
    words = [f"word{number}" for number in range(60)]
    lines = ["text,label"]
    for _ in range(N_TEXTS):
        label = rng.choice(["bad", "good"])
        text = [rng.choice(words) for _ in range(9)]
        if rng.random() < 0.7:
            text[rng.randrange(9)] = "fine" if label == "good" else "poor"
        lines.append(f"{' '.join(text)},{label}")
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def searched(file: Path, out: Path, trials: int, delay: float | None = None):
    """Search in a child, killed after so many seconds; what it found, or None if it was killed."""
    answer = out.with_suffix(".json")
    child = os.fork()
    if not child:
        os._exit(search(file, out, trials, answer))
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return None
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"a search failed: {out}")
    return json.loads(answer.read_text(encoding="utf-8"))


def search(file: Path, out: Path, trials: int, answer: Path) -> int:
    """Search, or continue what is kept beside `out`, and write what was found."""
    try:
        tuned = wordgate.tune(
            file,
            model="count",
            minutes=60.0,
            trials=trials,
            settings={"count.c": "1"},
            out=out,
            resume=(out.parent / f"{out.name}.search").exists(),
            overwrite=out.exists(),
            progress=Silent(),
        )
    except WordgateError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    found = {
        "settings": dict(tuned.settings),
        "trials": [facts(one) for one in tuned.search.trials if one.state in FINISHED],
    }
    aside = answer.with_suffix(".part")
    aside.write_text(json.dumps(found), encoding="utf-8")
    aside.replace(answer)
    return 0


def facts(trial) -> list:
    """Give what a trial found, without its number and the time it took."""
    return [trial.family, dict(trial.settings), trial.state, list(trial.fold_scores)]


def finished_trials(folder: Path) -> list:
    """Read the finished trials that a killed search has kept, in a child that may be lost."""
    if not (folder / JOURNAL).exists():
        return []
    trials = SearchStudy(folder, ["count"], 0).trials()
    return [facts(one) for one in trials if one.state in FINISHED]


if __name__ == "__main__":
    main()
