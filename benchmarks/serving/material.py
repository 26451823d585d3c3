"""Request bodies: the real tweets, each of them once."""

import json
import random
from pathlib import Path

from real_data import tweet_records


def tweets() -> list[str]:
    """Give the texts that differ, in an order of their own."""
    texts = list(dict.fromkeys(record[3] for record in tweet_records()))
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
