"""Tables of any size as records: one reader of CSV, JSON Lines and Parquet for every use.

A table goes through the modules of this folder in this order: ``source`` (bytes, as they come),
``encoding`` and ``characters`` (a part of the text at a time), one of ``delimited``, ``jsonl`` and
``typed`` (batches of ``records``). ``opening`` joins them.
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
    gathered,
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
    "gathered",
    "open_source",
    "open_table",
]
