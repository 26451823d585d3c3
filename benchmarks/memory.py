"""Memory, disk and time that `wordgate train` takes by the number of rows: `make bench-memory`.

    python benchmarks/memory.py                          count and lstm, 200,000 and 400,000 rows
    python benchmarks/memory.py --rows 1600000 --family count
    python benchmarks/memory.py --rows 400000 --stages   the peak of every stage, too

Each training runs in a process of its own. Its memory and that of the processes it starts is read
from /proc twenty times a second: the sum of their resident sets, and the anonymous part of it; the
kernel can drop pages of mapped files, which count once for each process. Bytes per row are those of
the difference between the largest and the smallest number of rows. The rows are changed copies of
the tweets of *twitter-entity-sentiment*: see `changed_tweets`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from printing import print_header, print_row
from real_data import rotation, tweet_records, write_csv

ROWS = (200_000, 400_000)
FAMILIES = ("count", "lstm")
COLUMNS = ("id", "label", "text")
SHARE_CHANGED = 0.4
COMMON = 20  # words of so many tweets are exchanged for each other, rarer ones get other letters
SECONDS = 0.05


def main() -> None:
    """Print a table of trainings."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--family", nargs="+", default=FAMILIES)
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("options", nargs="*", help="more options of wordgate train, after --")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="wordgate-memory-"))
    try:
        files = {
            rows: write_csv(folder / f"rows-{rows}.csv", COLUMNS, changed_tweets(rows))
            for rows in given.rows
        }
        print_header("family", "rows", "peak MB", "anonymous MB", "disk MB", "processor min", "min")
        for family in given.family:
            peaks = {}
            for rows, file in files.items():
                run = Run(file, family, given.options, folder)
                peaks[rows] = run.anonymous
                sizes = (f"{one / 1e6:,.0f}" for one in (run.resident, run.anonymous, run.disk))
                minutes = (f"{one / 60:.1f}" for one in (run.processor, run.seconds))
                print_row(family, f"{rows:,}", *sizes, *minutes)
                if given.stages:
                    run.print_stages()
            if len(peaks) > 1:
                low, high = min(peaks), max(peaks)
                print(f"{family}: {(peaks[high] - peaks[low]) / (high - low):,.0f} bytes per row")
    finally:
        shutil.rmtree(folder)


class Run:
    """A training in a process of its own, and the most it took: bytes and seconds."""

    def __init__(self, file: Path, family: str, options: list[str], folder: Path) -> None:
        self.resident = self.anonymous = self.disk = 0
        self.stages: dict[str, list[float]] = {}  # bytes at most, seconds
        self._stage, self._ended = "starting", False
        temporary = folder / "temporary"
        temporary.mkdir()
        command = [sys.executable, "-m", "wordgate", "train", str(file), "--family", family]
        command += ["--out", str(folder / "model"), "--overwrite", *options]
        before, started = os.times(), time.monotonic()
        process = subprocess.Popen(
            command,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        watch = threading.Thread(target=self._watch, args=(process.pid, temporary))
        watch.start()
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.rstrip().endswith("..."):
                self._stage = line.strip().removesuffix(" ...")
        code = process.wait()
        self._ended = True
        watch.join()
        if code:
            sys.exit("".join(lines))
        after = os.times()
        self.seconds = time.monotonic() - started
        self.processor = sum(after[2:4]) - sum(before[2:4])
        left = list(temporary.iterdir())
        if left:
            sys.exit(f"temporary files are left: {left}")
        temporary.rmdir()

    def _watch(self, pid: int, temporary: Path) -> None:
        while not self._ended:
            processes = _with_descendants(pid)
            sizes = [_memory(one) for one in processes]
            anonymous = sum(own for _, own in sizes)
            self.resident = max(self.resident, sum(resident for resident, _ in sizes))
            self.anonymous = max(self.anonymous, anonymous)
            self.disk = max(self.disk, _on_disk(processes, temporary))
            most, seconds = self.stages.get(self._stage, (0, 0))
            self.stages[self._stage] = [max(most, anonymous), seconds + SECONDS]
            time.sleep(SECONDS)

    def print_stages(self) -> None:
        """Print the peak of each stage and about how long it took."""
        for stage, (most, seconds) in self.stages.items():
            print(f"    {most / 1e6:8,.0f} MB {seconds:7.1f} s  {stage}")


def _with_descendants(pid: int) -> list[int]:
    """List a process and all that it has started, as far as they run."""
    found = [pid]
    for process in found:
        with suppress(OSError):
            children = Path(f"/proc/{process}/task/{process}/children").read_text()
            found += map(int, children.split())
    return found


def _memory(pid: int) -> tuple[int, int]:
    """Return the bytes of a process that are resident, and anonymous; 0 if it has ended."""
    page = os.sysconf("SC_PAGE_SIZE")
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    except (OSError, ValueError):
        return 0, 0
    return resident * page, (resident - shared) * page


def _on_disk(processes: list[int], temporary: Path) -> int:
    """Add up the temporary files that processes map or hold, those without a name included."""
    sizes = {}
    folders = [Path(f"/proc/{pid}/{kind}") for pid in processes for kind in ("map_files", "fd")]
    for folder in folders:
        with suppress(OSError):
            for link in folder.iterdir():
                with suppress(OSError):
                    if os.readlink(link).startswith(str(temporary)):
                        found = link.stat()
                        sizes[found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())


def changed_tweets(count: int) -> Iterator[tuple[str, str, str]]:
    """Make rows of id, label and text: the tweets again and again, each time with other words.

    The first round is that of the tweets themselves. In every further one, two words of five have
    another in their place, the same throughout the round: so the paraphrases of a tweet stay
    paraphrases, and those of two rounds are none. Common words are exchanged for each other, rare
    ones get other letters, so that the vocabulary grows with the rows as that of real texts does.
    """
    tweets = [record for record in tweet_records() if record[2] != "Irrelevant"]
    words = [row[3].split() for row in tweets]
    counts = Counter(word for text in words for word in set(text))
    common = sorted(word for word, n in counts.items() if n >= COMMON)
    rare = sorted(word for word, n in counts.items() if n < COMMON)
    made = 0
    for turn in range(-(-count // len(tweets))):
        rng = np.random.default_rng(turn)
        table = rotation(turn)
        changes: dict[str, str] = {}
        if turn:
            others = [common[place] for place in rng.permutation(len(common))]
            chances = rng.random(len(common) + len(rare)) < SHARE_CHANGED
            others += [word.translate(table) for word in rare]
            changed = zip(common + rare, others, chances, strict=True)
            changes = {word: other for word, other, is_changed in changed if is_changed}
        for row, text in zip(tweets, words, strict=True):
            if made == count:
                return
            made += 1
            yield f"{turn}-{row[0]}", row[2], " ".join(changes.get(word, word) for word in text)


if __name__ == "__main__":
    main()
