"""Readers of tables of any size: CSV, JSON Lines, Parquet and workbooks as records.

A table passes through these modules: ``source`` (blocks of bytes), ``encoding`` and ``characters``
(windows of text), one of ``delimited``, ``jsonl``, ``typed`` and ``workbook`` (batches of
``records``). ``opening`` combines them.
"""

from wordgate.tables.opening import OpenTable, SourceFormat, open_table
from wordgate.tables.records import (
    Batch,
    Cell,
    ListCell,
    Malformed,
    Reader,
    Records,
    StructuredCell,
    collect_records,
)
from wordgate.tables.source import Source, open_source

__all__ = [
    "Batch",
    "Cell",
    "ListCell",
    "Malformed",
    "OpenTable",
    "Reader",
    "Records",
    "Source",
    "SourceFormat",
    "StructuredCell",
    "collect_records",
    "open_source",
    "open_table",
]
