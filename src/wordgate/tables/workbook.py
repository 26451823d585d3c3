"""Reader of workbooks of Excel and LibreOffice: one sheet, its cells as text."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wordgate.errors import DataError, did_you_mean
from wordgate.runtime.display import counted, shown
from wordgate.runtime.packages import require_extra
from wordgate.tables.delimited import DelimitedBatch
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.header import infer_header, n_before_header
from wordgate.tables.records import Reader, Records, collect_records
from wordgate.tables.source import OLE_MAGIC, ZIP_MAGIC, Source, check_unpacked

if TYPE_CHECKING:
    import python_calamine


_INSIDE = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
_SAMPLE = 8192
_Range = tuple[tuple[int, int], tuple[int, int]]
"""First and last cell, each by its 0-based row and column."""


class WorkbookReader(Reader):
    """Reads a sheet of a workbook: the one the user named, or the first with values.

    A workbook is read into memory: its sheets have at most a million rows. Empty rows are left out;
    messages have the number of a row in the sheet. `batch`, `given` and `header` are as for
    `open_table`.

    Raises:
        DataError: It is not a workbook, or has no such sheet, or no values.
        MissingExtraError: python-calamine is not installed.
    """

    blank = ""

    def __init__(
        self, source: Source, batch: int | None, *, given: Collection[str], header: bool | None
    ):
        content = b"".join(source.blocks())
        if content.startswith(ZIP_MAGIC):
            _check_archive(content, source.name)
        require_extra("files", f"reading the workbook '{source.name}'")
        self.form = source.name.rpartition(".")[2].lower() if "." in source.name else "xlsx"
        self._batch = batch
        rows = self._rows(_opened(content, source.name), source)
        self.width = max(len(row) for _, row in rows)
        self._records = [(n, row + [""] * (self.width - len(row))) for n, row in rows]
        self._find_header(given, header)
        self.n_rows = len(self._records)
        self._source = source

    def _rows(
        self, workbook: python_calamine.CalamineWorkbook, source: Source
    ) -> list[tuple[int, list[str]]]:
        """Choose a sheet, and return its non-empty rows with their numbers."""
        names = _visible(workbook)
        if source.sheet is not None:
            if source.sheet not in workbook.sheet_names:
                raise DataError(
                    f"'{source.name}' has no sheet '{source.sheet}'"
                    f"{did_you_mean(source.sheet, workbook.sheet_names)}"
                )
            names = [source.sheet]
        sheets = ((name, *_filled(workbook, name, source.name)) for name in names)
        filled = [(name, rows, n_merged) for name, rows, n_merged in sheets if rows]
        if not filled:
            sheet = "" if source.sheet is None else f" in the sheet '{source.sheet}'"
            raise DataError(f"'{source.name}' has no cells with a value{sheet}")
        [(name, rows, n_merged), *others] = filled
        self.quoting = f"sheet '{shown(name, 40)}'" if len(workbook.sheet_names) > 1 else ""
        if others:
            self.quoting += (
                f", the first of {len(filled)} with values: for another, give its name, as in"
                f" '{source.name}#{shown(others[0][0], 40)}'"
            )
        if n_merged:
            merged = counted(n_merged, "cell", "cells")
            self.quoting += (
                f"{', ' * bool(self.quoting)}{merged} merged across rows, repeated in each row"
            )
        return rows

    def _find_header(self, given: Collection[str], header: bool | None) -> None:
        """Remove the header and the rows before it, if there is one."""
        self.names, self.header, self.header_reason = None, header, "known for this data set"
        n_before = 0
        if header is None:
            records = [row for _, row in self._records[:_SAMPLE]]
            # A title above the table has cells in the first columns alone.
            n_before = n_before_header(list(map(_trimmed, records)), self.width, given)
            first, *rest = records[n_before:]
            self.header, self.header_reason = infer_header(first, rest, given)
        if not self.header:
            return
        self.skipped_lines = n_before
        self.names = [cell.strip() for cell in self._records[n_before][1]]
        self._records = self._records[n_before + 1 :]
        if n_before:
            self.header_reason += f"; rows left out before it: {n_before}"

    def sample(self) -> Records:
        """Return the first rows."""
        return collect_records(self, [self._batch_of(0, min(self.n_rows, _SAMPLE))])

    def batches(self, start: int = 0) -> Iterator[DelimitedBatch]:
        """Return the rows from a row on."""
        step = self._batch or max(1, self.n_rows)
        for first in range(start, self.n_rows, step):
            end = min(self.n_rows, first + step)
            self._source.taken = end
            yield self._batch_of(first, end)

    def _batch_of(self, start: int, end: int) -> DelimitedBatch:
        numbers = [number for number, _ in self._records[start:end]]
        cells = [row for _, row in self._records[start:end]]
        return DelimitedBatch([""] * len(cells), numbers, end, records=cells, width=self.width)


def is_workbook_content(head: bytes) -> bool:
    """Return whether a file may be a workbook, by its first bytes."""
    return head.startswith((ZIP_MAGIC, OLE_MAGIC))


def cell_text(value: Any) -> str:
    """Return the text of a cell: ``1``, not ``1.0``; ISO 8601 for dates; ``30:00:00``."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        minutes, seconds = divmod(value.total_seconds(), 60)
        return f"{int(minutes // 60)}:{int(minutes % 60):02}:{int(seconds):02}"
    return str(value)


def _visible(workbook: python_calamine.CalamineWorkbook) -> list[str]:
    """Return the names of the sheets that are not hidden; of all if all are hidden."""
    import python_calamine

    yes = python_calamine.SheetVisibleEnum.Visible
    visible = [sheet.name for sheet in workbook.sheets_metadata if sheet.visible == yes]
    return visible or list(workbook.sheet_names)


def _filled(
    workbook: python_calamine.CalamineWorkbook, sheet: str, name: str
) -> tuple[list[tuple[int, list[str]]], int]:
    """Return the non-empty rows of a sheet with their numbers, and the number of merged cells.

    Empty cells at the ends of rows are removed. Merged cells are those merged over several rows.
    """
    import python_calamine

    try:
        cells = workbook.get_sheet_by_name(sheet)
        rows = cells.to_python(skip_empty_area=False)
    except python_calamine.CalamineError as error:
        raise _unreadable(name, error) from error
    n_merged = _fill_merged(rows, getattr(cells, "merged_cell_ranges", None) or [])
    texts = ((number, _trimmed(list(map(cell_text, row)))) for number, row in enumerate(rows, 1))
    return [(number, row) for number, row in texts if row], n_merged


def _fill_merged(rows: list[list[Any]], ranges: Sequence[_Range]) -> int:
    """Repeat the value of each cell that is merged over several rows; return their number."""
    merged = [
        ((top, left), bottom)
        for (top, left), (bottom, _) in ranges
        if top < bottom and top < len(rows) and left < len(rows[top]) and rows[top][left] != ""
    ]
    if sum(bottom - top for (top, _), bottom in merged) > sum(map(len, rows)):
        return 0  # no program merges a cell twice
    for (top, left), bottom in merged:
        for row in rows[top + 1 : bottom + 1]:
            row[left] = rows[top][left]
    return len(merged)


def _trimmed(row: Sequence[str]) -> list[str]:
    length = len(row)
    while length and not row[length - 1].strip():
        length -= 1
    return list(row[:length])


def _opened(content: bytes, name: str) -> python_calamine.CalamineWorkbook:
    import python_calamine

    try:
        return python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    except python_calamine.PasswordError as error:
        raise DataError(f"'{name}' is protected by a password: save it without one") from error
    except python_calamine.CalamineError as error:
        raise _unreadable(name, error) from error


def _check_archive(content: bytes, name: str) -> None:
    """Refuse an archive that is not a workbook, or has too high a compression ratio."""
    names, unpacked = [], 0
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if not any(inside in names for inside in _INSIDE):
        raise DataError(f"'{name}' is a zip archive: unpack it")
    check_unpacked(unpacked, len(content), name)


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(
        f"'{name}' cannot be read as a workbook ({shown(str(error), 100)}): save the sheet as CSV"
    )
