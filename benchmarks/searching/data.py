"""The data sets of `make bench-search`: the rows to learn from, and the test rows, as files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from real_data import read_tweets, real_file, tweet_records, write_csv
from wordgate.data import Table, read_table
from wordgate.experiments.splits import split_table
from wordgate.settings import load_settings

SEED = 0
COLUMNS = {"text": "text", "label": "label"}
BLOCK, TEXTS_OF_A_BLOCK, TWEETS_OF_A_TEXT = 24, 12, 8
"""Of the long texts: ids of a block, texts drawn from it, tweets that are joined to a text."""


@dataclass(frozen=True)
class Rows:
    """Texts with their labels and groups; no groups where the data has none."""

    texts: Sequence[str]
    labels: Sequence[str]
    groups: Sequence[str] | None

    @classmethod
    def of(cls, table: Table) -> "Rows":
        """Take the rows of a table."""
        return cls(table.texts, table.labels, table.groups)

    def take(self, places: Sequence[int]) -> "Rows":
        """Take the rows at some places."""
        groups = None if self.groups is None else [self.groups[i] for i in places]
        return Rows([self.texts[i] for i in places], [self.labels[i] for i in places], groups)

    def write(self, path: Path) -> Path:
        """Write them as CSV with the columns text, label and, if there are some, group."""
        columns = {"text": self.texts, "label": self.labels}
        if self.groups is not None:
            columns["group"] = self.groups
        return write_csv(path, list(columns), zip(*columns.values(), strict=True))


@dataclass(frozen=True)
class TrainTest:
    """Rows to learn from, validation included, and the test rows."""

    train: Rows
    test: Rows


def reviews() -> Table:
    """Read the movie reviews."""
    return read_table(real_file("movie_reviews.csv"))


def trec() -> Table:
    """Read the questions of TREC."""
    return read_table(real_file("trec.csv"))


TABLES: dict[str, Callable[[], Table]] = {"reviews": reviews, "tweets": read_tweets, "trec": trec}


def emoji() -> TrainTest:
    """Take the tweets with 20 emoji, by their own parts."""
    table = read_table(real_file("emoji.csv"), split_column="part")
    rows, in_test = Rows.of(table), np.array(table.parts) == "test"
    return TrainTest(*(rows.take(np.flatnonzero(part).tolist()) for part in (~in_test, in_test)))


def threads(folder: Path) -> Table:
    """Make long texts: tweets of one topic joined, labelled with what most of them are labelled.

    The ids of a topic are shuffled and dealt to blocks of 24. From each block 12 texts are drawn: a
    paraphrase of each of 8 ids, joined. A block is a group, so that no id is in train and in test.
    Texts with a tie for the most frequent label are left out.
    """
    topics: dict[str, dict[str, list[tuple[str, str]]]] = {}
    for number, topic, label, text in tweet_records():
        if label != "Irrelevant":
            of_topic = topics.setdefault(topic, {})
            of_topic.setdefault(number, []).append((label, " ".join(text.split())))
    rng, found = np.random.default_rng(SEED), []
    for topic, own in sorted(topics.items()):
        order = rng.permutation(sorted(own)).tolist()
        for start in range(0, len(order) - BLOCK + 1, BLOCK):
            block = [own[number] for number in order[start : start + BLOCK]]
            for _ in range(TEXTS_OF_A_BLOCK):
                chosen = [block[i] for i in rng.permutation(BLOCK)[:TWEETS_OF_A_TEXT]]
                tweets = [variants[rng.integers(len(variants))] for variants in chosen]
                names, counts = np.unique([label for label, _ in tweets], return_counts=True)
                if (counts == counts.max()).sum() == 1:
                    text = " ".join(text for _, text in tweets)
                    found.append((text, str(names[counts.argmax()]), f"{topic} {start}"))
    rows = Rows(*zip(*found, strict=True))
    return read_table(rows.write(folder / "threads.csv"), **COLUMNS, group="group")


def split(table: Table, n_train: int | None = None, test_size: float = 0.2) -> TrainTest:
    """Split a table as `wordgate train` does; of the rows to learn from, keep some at random."""
    parts = split_table(table, load_settings("default", {"test_size": test_size}), SEED).split
    learned = np.concatenate([parts.train, parts.valid])
    chosen = np.random.default_rng(SEED).permutation(learned)[:n_train]
    rows = Rows.of(table)
    return TrainTest(rows.take(sorted(chosen.tolist())), rows.take(parts.test.tolist()))


def hold_out(rows: Rows, folder: Path) -> TrainTest:
    """Hold out a tenth of the rows for validation, in whole groups."""
    group = {} if rows.groups is None else {"group": "group"}
    return split(read_table(rows.write(folder / "rows.csv"), **COLUMNS, **group), test_size=0.1)


SETS: dict[str, Callable[[Path], TrainTest]] = {
    "reviews-200": lambda _: split(reviews(), 200),
    "tweets-200": lambda _: split(read_tweets(), 200),
    "reviews-1000": lambda _: split(reviews(), 1000),
    "tweets-1000": lambda _: split(read_tweets(), 1000),
    "threads": lambda folder: split(threads(folder)),
    "reviews": lambda _: split(reviews()),
    "tweets": lambda _: split(read_tweets()),
    "emoji": lambda _: emoji(),
}
"""The data sets, made with a folder for files; the smallest first."""
