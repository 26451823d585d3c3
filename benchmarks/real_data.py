"""The real data of the benchmarks, in the folder WORDGATE_REAL_DATA."""

import csv
import os
import string
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wordgate.data import Table, read_table

FOLDER = Path(os.environ.get("WORDGATE_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def real_file(name: str) -> Path:
    """Find a data file, or end with the way to set the folder."""
    path = FOLDER / name
    if not path.exists():
        sys.exit(f"{name} is not in {FOLDER}; set WORDGATE_REAL_DATA to the folder that has it")
    return path


def read_tweets() -> Table:
    """Read the tweets, without those that are labelled Irrelevant."""
    return read_table(real_file("twitter_training.csv"), drop_labels=["Irrelevant"])


def tweet_records() -> Iterator[list[str]]:
    """Read the tweets as they stand: id, topic, sentiment and a text that is not blank."""
    with real_file("twitter_training.csv").open(encoding="utf-8", newline="") as stream:
        yield from (record for record in csv.reader(stream) if record[3].strip())


def crossed_tweets(count: int) -> Iterator[tuple[str, str, str]]:
    """Make rows of id, topic and a text: halves of two tweets, so that no text comes twice."""
    tweets = [(topic, text.split()) for _, topic, _, text in tweet_records()]
    for i in range(count):
        topic, words = tweets[i % len(tweets)]
        _, others = tweets[(i * 7919 + i // len(tweets)) % len(tweets)]
        text = [*words[: (len(words) + 1) // 2], *others[len(others) // 2 :]]
        yield str(i), topic, " ".join(text)


def rotation(turn: int) -> dict[int, int]:
    """Make a table for `str.translate` that puts a letter for each one, so many places on."""
    lower, upper = string.ascii_lowercase, string.ascii_uppercase
    place = turn % len(lower)
    letters = lower[place:] + lower[:place] + upper[place:] + upper[:place]
    return str.maketrans(lower + upper, letters)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """Write rows as CSV with a header."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)
    return path
