"""What is asked: the real tweets, each of them once, as bodies of requests."""

import csv
import json
import random
from pathlib import Path

from real_data import real_file


def tweets() -> list[str]:
    """Give the texts that differ, in an order of their own."""
    with real_file("twitter_training.csv").open(encoding="utf-8", newline="") as stream:
        found = {row[3]: None for row in csv.reader(stream) if row[3].strip()}
    texts = list(found)
    random.Random(0).shuffle(texts)
    return texts


def bodies(texts: list[str], at_once: int) -> list[bytes]:
    """Write requests of so many texts, no text twice."""
    last = len(texts) - at_once + 1
    return [
        json.dumps({"texts": texts[start : start + at_once]}).encode()
        for start in range(0, last, at_once)
    ]


def write_bodies(file: Path, requests: list[bytes]) -> Path:
    """Write them a line each, as post.lua reads them."""
    file.write_bytes(b"\n".join(requests) + b"\n")
    return file
