"""Counting of more distinct strings than fit into memory."""

import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable
from typing import IO

import numpy as np
from numpy.typing import NDArray

from wordgate.storage.arrays import temporary_file_errors
from wordgate.storage.strings import StringArray

MOST_IN_MEMORY = 2_000_000
"""Maximum number of distinct strings that are counted in memory: about 400 MB."""
_FILES = 32


class StringCounter:
    """Counts the occurrences of strings, which must not contain line feeds.

    If there are too many distinct ones, their counts are written to temporary files, which are
    selected by the hash of the string, and are added up file by file.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._files: list[IO[str]] = []

    def update(self, strings: Iterable[str]) -> None:
        """Count strings.

        Raises:
            DataError: A temporary file cannot be written.
        """
        self._counts.update(strings)
        if len(self._counts) >= MOST_IN_MEMORY:
            with temporary_file_errors():
                self._write()

    def at_least(self, least: int) -> tuple[StringArray, NDArray[np.int32]]:
        """Return the strings that occur at least `least` times, sorted, and their counts, int32.

        Raises:
            DataError: A temporary file cannot be written.
        """
        if not self._files:
            frequent = {string: n for string, n in self._counts.items() if n >= least}
        else:
            frequent = {}
            with temporary_file_errors():
                self._write()
                for file in self._files:
                    frequent |= _at_least(file, least)
        strings = sorted(frequent)
        counts = np.fromiter(map(frequent.__getitem__, strings), np.int32, len(strings))
        return StringArray.of(strings), counts

    def _write(self) -> None:
        if not self._files:
            for _ in range(_FILES):
                opened = tempfile.TemporaryFile(  # noqa: SIM115
                    "w+", prefix="wordgate-", encoding="utf-8", errors="surrogatepass", newline="\n"
                )
                weakref.finalize(self, opened.close)
                self._files.append(opened)
        lines: list[list[str]] = [[] for _ in self._files]
        for string, n in self._counts.items():
            lines[hash(string) % _FILES].append(f"{n} {string}\n")
        self._counts.clear()
        for file, own in zip(self._files, lines, strict=True):
            file.writelines(own)


def _at_least(file: IO[str], least: int) -> dict[str, int]:
    """Add up the counts in a file; keep the strings that occur at least `least` times."""
    file.seek(0)
    counts: dict[str, int] = {}
    for line in file:
        n, _, string = line[:-1].partition(" ")
        counts[string] = counts.get(string, 0) + int(n)
    return {string: n for string, n in counts.items() if n >= least}
