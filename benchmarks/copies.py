"""Quality and cost of the search for near duplicates: `make bench-copies`.

The search does not see the ids of the tweets, which then evaluate it: texts of one id are
paraphrases of one tweet. Peer: plain word-set similarity from 0.5 on, chained, with recall 0.81 and
a group of 254 strangers, as it was measured when the search was written.

    python benchmarks/copies.py              the table over levels, and 75,000 texts
    python benchmarks/copies.py --million    1,000,000 texts as well (minutes, gigabytes)
    python benchmarks/copies.py --pairs      100 random pairs joined across ids, to be read
    python benchmarks/copies.py --groups     one pair from each of 40 random mixed groups, likewise

`joined_pairs.md` keeps the pairs with a reading of each.
"""

import json
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from printing import print_header, print_row
from real_data import read_tweets, real_file, rotation
from wordgate.data import read_table
from wordgate.dedup.keys import group_keys
from wordgate.dedup.near_duplicates import (
    JOINED,
    NEAR,
    ComparedTexts,
    find_near_duplicates,
    merge_groups,
)
from wordgate.dedup.shingles import MIN_WORDS, shingle

LEVELS = (0.40, 0.43, 0.45, 0.50)
SIZES = (75_000, 1_000_000)
PAIRS, MIXED_GROUPS = 100, 40


def main(options: Sequence[str]) -> None:
    """Print the requested tables."""
    if "--size" in options:
        print(json.dumps(_measure(int(options[1]))))
    elif "--pairs" in options or "--groups" in options:
        _print_pairs(by_group="--groups" in options)
    else:
        _print_levels()
        _print_costs(SIZES if "--million" in options else SIZES[:1])


def _tweets() -> tuple[list[str], list[str]]:
    """Read the tweets of five words or more and their ids."""
    table = read_tweets()
    long_enough = shingle(table.texts)[2] >= MIN_WORDS
    table = table.select(np.flatnonzero(long_enough))
    return table.texts, list(table.groups or ())


def _print_levels() -> None:
    texts, ids = _tweets()
    reviews = read_table(real_file("movie_reviews.csv")).texts
    compared = ComparedTexts.of(texts, least=min(LEVELS))
    compared_reviews = ComparedTexts.of(reviews, least=min(LEVELS))
    print(f"{len(texts):,} tweets of five words or more, {len(set(ids)):,} ids, hidden\n")
    print_header("level", "same-id pairs together", "largest group", "share of rows",
                 "groups of several ids", "cross-id pairs together",
                 "movie reviews joined")  # fmt: skip
    for level in LEVELS:
        found = merge_groups(compared, group_keys(texts, None), least=level)
        joined = merge_groups(compared_reviews, group_keys(reviews, None), least=level).n_joined
        together, of_pairs, mixed, across = _judge(found.groups, ids)
        largest = max(Counter(found.groups).values())
        used = " (used)" if level == JOINED else ""
        print_row(f"{level:.2f}{used}", f"{together / of_pairs:.3f}", largest,
                  f"{largest / len(texts):.2%}", mixed, f"{across:,}",
                  f"{joined / len(reviews):.2%}")  # fmt: skip


def _judge(groups: Sequence[str], ids: Sequence[str]) -> tuple[int, int, int, int]:
    """Count same-id pairs in one group, all same-id pairs, groups of several ids, other pairs."""
    of_both = Counter(zip(groups, ids, strict=True))
    together = sum(map(_n_pairs, of_both.values()))
    all_in_group = sum(map(_n_pairs, Counter(groups).values()))
    ids_of_group = Counter(group for group, _ in of_both)
    mixed = sum(n > 1 for n in ids_of_group.values())
    return together, sum(map(_n_pairs, Counter(ids).values())), mixed, all_in_group - together


def _n_pairs(n: int) -> int:
    return n * (n - 1) // 2


def _print_costs(sizes: Sequence[int]) -> None:
    print()
    print_header("texts", "seconds", "peak GB", "rows joined", "largest group")
    for size in sizes:
        command = [sys.executable, __file__, "--size", str(size)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        cost = json.loads(done.stdout)
        print_row(f"{size:,}", f"{cost['seconds']:.1f}", f"{cost['peak_gb']:.2f}",
                  f"{cost['joined']:,}", f"{cost['largest']:,}")  # fmt: skip


def _measure(size: int) -> dict[str, float]:
    """Join texts in this process, and return time and memory."""
    texts = _made_texts(size)
    started = time.perf_counter()
    found = find_near_duplicates(texts, None).joined
    return {
        "seconds": time.perf_counter() - started,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "joined": found.n_joined,
        "largest": max(Counter(found.groups).values()),
    }


def _made_texts(size: int) -> list[str]:
    """Make as many texts as asked of the tweets: each further round in an alphabet rotated on.

    A round has the same copies within it as the tweets have, and shares no word with another.
    """
    table = read_table(real_file("twitter_training.csv"))
    texts: list[str] = []
    for turn in range(-(-size // len(table.texts))):
        change = rotation(turn)
        texts += [text.lower().translate(change) for text in table.texts]
    return texts[:size]


def _print_pairs(*, by_group: bool) -> None:
    texts, ids = _tweets()
    groups = np.array(find_near_duplicates(texts, None).joined.groups, dtype=object)
    _, number = np.unique(groups, return_inverse=True)
    rows_of = np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
    mixed = [rows for rows in rows_of if len({ids[row] for row in rows}) > 1]
    weights = np.array([_cross_pairs([ids[row] for row in rows]) for rows in mixed], float)
    rng = np.random.default_rng(0)
    print(f"{len(mixed)} groups of several ids, {int(weights.sum()):,} pairs across ids\n")
    chosen = (
        rng.choice(len(mixed), MIXED_GROUPS, replace=False)
        if by_group
        else rng.choice(len(mixed), PAIRS, p=weights / weights.sum())
    )
    for place, group in enumerate(chosen, start=1):
        while True:
            a, b = rng.choice(mixed[group], 2, replace=False)
            if ids[a] != ids[b]:
                break
        print(f"{place}. ids {ids[a]}, {ids[b]}; a group of {len(mixed[group])} rows")
        print(f"   - {_line(texts[a])}\n   - {_line(texts[b])}")


def _cross_pairs(ids: Sequence[str]) -> int:
    return _n_pairs(len(ids)) - sum(map(_n_pairs, Counter(ids).values()))


def _line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    if not min(LEVELS) <= JOINED <= NEAR:
        sys.exit("the levels no longer surround the one in use")
    main(sys.argv[1:])
