"""Where the benchmarks find the real data: one setting, WORDGATE_REAL_DATA."""

import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(os.environ.get("WORDGATE_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def real_file(name: str) -> Path:
    """Find a data file, or end with the way to set the folder."""
    path = FOLDER / name
    if not path.exists():
        sys.exit(f"{name} is not in {FOLDER}; set WORDGATE_REAL_DATA to the folder that has it")
    return path


def crossed_tweets(count: int) -> Iterator[tuple[str, str, str]]:
    """Make rows of id, topic and a text: halves of two tweets, so that no text comes twice."""
    with real_file("twitter_training.csv").open(encoding="utf-8", newline="") as stream:
        tweets = [(row[1], row[3].split()) for row in csv.reader(stream) if row[3].strip()]
    for i in range(count):
        topic, words = tweets[i % len(tweets)]
        _, others = tweets[(i * 7919 + i // len(tweets)) % len(tweets)]
        text = [*words[: (len(words) + 1) // 2], *others[len(others) // 2 :]]
        yield str(i), topic, " ".join(text)
