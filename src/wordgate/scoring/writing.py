"""Scored records as bytes: each batch by itself, so that bytes can be cut where a batch ends.

All text is UTF-8. Probabilities have six decimals.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wordgate.scoring.answers import Answers, Texts
from wordgate.storage.files import copy_mode, sync_folder
from wordgate.tables import Reader
from wordgate.tables.encoding import BYTE_ORDER_MARK
from wordgate.tables.header import is_number

# What a spreadsheet takes for the beginning of a formula, or passes over before one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
PREFIX = "predicted_"
_PACKING = 3  # of gzip: most of the gain at a third of the usual cost


class Writer(Protocol):
    """Writes batches in one format, and makes the file of what was written."""

    def heading(self) -> bytes:
        """Give what stands before the first batch."""

    def rows(self, texts: Texts, answers: Answers) -> bytes:
        """Give a batch with its answers."""

    def finish(self, written: Path, out: Path) -> None:
        """Put what was written, heading first and batch after batch, in its place as a whole."""


class DelimitedWriter:
    """Writes CSV and its kin.

    Where the source is such a file with the same delimiter, a record stays as it stood, to the
    byte but for its encoding, and the new cells follow it.

    Args:
        reader: Where the records come from.
        labels: The model's labels.
        added: The names of the new columns.
        delimiter: What separates cells.
        escape_formulas: Whether cells that a spreadsheet takes for formulas get an apostrophe.
    """

    def __init__(
        self,
        reader: Reader,
        labels: Sequence[str],
        added: Sequence[str],
        delimiter: str,
        *,
        escape_formulas: bool,
    ):
        self._reader = reader
        self._added = added
        self._delimiter = delimiter
        self._escapes = escape_formulas
        self._special = re.compile(f'["\r\n{re.escape(delimiter)}]')
        self._keeps = reader.delimiter == delimiter and not escape_formulas
        end = reader.end_of_line
        self._scored = f"{delimiter}%s%s{delimiter}{end}"
        self._failed = f"{delimiter * (3 + len(labels))}%s{end}"
        self._labels = [*map(self._cell, labels), ""]  # the last is for ABSTAINED

    def heading(self) -> bytes:
        """Give the header, where the source has one, and a byte-order mark where it has that."""
        reader = self._reader
        mark = BYTE_ORDER_MARK if reader.marked else ""
        if reader.names is None:
            return mark.encode()
        there = [self._line(reader.names)]
        if self._keeps and reader.heading is not None:
            there = [reader.heading]
        cells = self._delimiter.join([*there, self._line(self._added)])
        return f"{mark}{cells}{reader.end_of_line}".encode()

    def rows(self, texts: Texts, answers: Answers) -> bytes:
        """Give the records, each with its answer or its error."""
        before: Iterable[str] = texts.raws or ()
        if not self._keeps:
            before = map(self._line, texts.batch.cells())
        labels = [self._labels[label] for label in answers.labels]
        numbers = rows_of_decimals(answers.with_top(), self._delimiter)
        after = [self._scored % both for both in zip(labels, numbers, strict=True)]
        if texts.errors:
            failed = {i: self._failed % self._cell(why) for i, why in texts.errors.items()}
            after = merged(after, failed, len(texts))
        return "".join([a + b for a, b in zip(before, after, strict=True)]).encode()

    def finish(self, written: Path, out: Path) -> None:
        """Move the file to its place."""
        moved(written, out)

    def _line(self, cells: Iterable[str]) -> str:
        return self._delimiter.join(map(self._cell, cells))

    def _cell(self, cell: str) -> str:
        if self._escapes and cell.startswith(_FORMULA) and not is_number(cell):
            cell = f"'{cell}"
        if self._special.search(cell) is None:
            return cell
        return '"' + cell.replace('"', '""') + '"'


class JsonlWriter:
    """Writes one JSON object a line; an object of JSON Lines stays as it stood, and grows keys.

    Args:
        reader: Where the records come from.
        labels: The model's labels.
        added: The names of the new keys.
    """

    def __init__(self, reader: Reader, labels: Sequence[str], added: Sequence[str]):
        self._keeps = reader.form == "jsonl"
        self._names = own_names(reader.names, reader.width)
        label, *numbers, error = (_json(name).replace("%", "%%") for name in added)
        shares = ", ".join(f"{name}: %s" for name in numbers)
        nulls = ", ".join(f"{name}: null" for name in (label, *numbers))
        self._scored = f"{label}: %s, {shares}, {error}: null}}\n"
        self._failed = f"{nulls}, {error}: %s}}\n"
        self._labels = [*map(_json, labels), "null"]

    def heading(self) -> bytes:
        """Give nothing: every line names its cells."""
        return b""

    def rows(self, texts: Texts, answers: Answers) -> bytes:
        """Give the objects, each with its answer or its error."""
        raws: Iterable[str] = texts.raws or ()
        if not self._keeps:
            raws = map(_json, texts.batch.objects(self._names))
        rows = zip(answers.labels, decimals(answers.with_top()).tolist(), strict=True)
        after = [self._scored % (self._labels[label], *numbers) for label, numbers in rows]
        if texts.errors:
            failed = {i: self._failed % _json(why) for i, why in texts.errors.items()}
            after = merged(after, failed, len(texts))
        lines = [_open_object(raw) + rest for raw, rest in zip(raws, after, strict=True)]
        return "".join(lines).encode()

    def finish(self, written: Path, out: Path) -> None:
        """Move the file to its place."""
        moved(written, out)


class Packed:
    """Writes what another writer writes, gzipped: a member a batch."""

    def __init__(self, writer: Writer):
        self._writer = writer

    def heading(self) -> bytes:
        """Give the other's heading."""
        return _packed(self._writer.heading())

    def rows(self, texts: Texts, answers: Answers) -> bytes:
        """Give the other's rows."""
        return _packed(self._writer.rows(texts, answers))

    def finish(self, written: Path, out: Path) -> None:
        """Finish as the other does."""
        self._writer.finish(written, out)


def decimals(proba: NDArray[np.float64]) -> NDArray[np.str_]:
    """Write probabilities with six decimals, all at once: strings of eight characters, [n, k]."""
    return _digits(proba).view("S8")[:, :, 0].astype("U8")


def rows_of_decimals(proba: NDArray[np.float64], delimiter: str) -> list[str]:
    """Write each row of probabilities as one string, a delimiter before each of them.

    Python would take longer to format the numbers than some models take to find them.
    """
    digits = _digits(proba)
    before = np.full((*digits.shape[:2], 1), ord(delimiter), np.uint8)
    rows = np.concatenate([before, digits], axis=2).reshape(len(proba), proba.shape[1] * 9)
    written: list[str] = rows.view(f"S{rows.shape[1]}")[:, 0].astype(np.str_).tolist()
    return written


def _digits(proba: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Give the characters of ``0.123456``: uint8 [n, k, 8]."""
    millionths = np.rint(proba * 1e6).astype(np.int64)
    characters = np.full((*proba.shape, 8), ord("."), np.uint8)
    for place in (7, 6, 5, 4, 3, 2, 0):
        millionths, digit = np.divmod(millionths, 10)
        characters[:, :, place] = digit + ord("0")
    return characters


def merged(scored: Iterable[str], failed: dict[int, str], count: int) -> list[str]:
    """Put answers and errors in the order of their records."""
    following = iter(scored)
    return [failed[i] if i in failed else next(following) for i in range(count)]


def moved(written: Path, out: Path) -> None:
    """Move a file that is on the disk to its place beside, and force its name there.

    The permissions of the file that it replaces stay.
    """
    if out.exists():
        copy_mode(out, written)
    written.replace(out)
    sync_folder(out.parent)


def _packed(content: bytes) -> bytes:
    return gzip.compress(content, _PACKING, mtime=0) if content else b""


def _open_object(raw: str) -> str:
    """Take the last brace off an object, so that it can grow."""
    opened = raw[:-1].rstrip()
    return opened if opened == "{" else f"{opened}, "


_json = json.JSONEncoder(ensure_ascii=False).encode


def own_names(names: Sequence[str] | None, width: int) -> list[str]:
    """Give each column a name of its own.

    Args:
        names: The names there are, some perhaps empty or twice; None without a header.
        width: How many columns there are.

    Returns:
        The names; ``column_3`` where there was none, ``text_2`` where one stood before.
    """
    chosen: list[str] = []
    taken: set[str] = set()
    next_numbers: dict[str, int] = {}  # where to go on, or many equal names would take for ever
    for number in range(width):
        name = (names[number] if names else "") or f"column_{number + 1}"
        chosen.append(_numbered(name, taken, next_numbers))
        taken.add(_folded(chosen[-1]))
    return chosen


def added_names(labels: Iterable[str]) -> list[str]:
    """Name the columns that a model adds, if nothing is in their way.

    Returns:
        ``label``, ``probability``, one for each label, and ``error``.
    """
    return ["label", "probability", *(f"probability_{label}" for label in labels), "error"]


def without_collisions(wanted: Sequence[str], there: Iterable[str]) -> list[str]:
    """Give other names to columns whose names are taken, in whatever case.

    Args:
        wanted: The names of new columns.
        there: Names that are taken.

    Returns:
        The names, in order: ``predicted_label`` where ``label`` is taken, then ``label_2``.
    """
    taken, chosen = {_folded(name) for name in there}, []
    for name in wanted:
        free = name
        if _folded(free) in taken:
            free = PREFIX + name
        if _folded(free) in taken:
            free = _numbered(name, taken)
        taken.add(_folded(free))
        chosen.append(free)
    return chosen


def _numbered(name: str, taken: set[str], next_numbers: dict[str, int] | None = None) -> str:
    """Give the name, or the name with the first number from 2 that is free."""
    counted = {} if next_numbers is None else next_numbers
    free, key = name, _folded(name)
    while _folded(free) in taken:
        number = counted.get(key, 2)
        free, counted[key] = f"{name}_{number}", number + 1
    return free


def _folded(name: str) -> str:
    return name.strip().casefold()
