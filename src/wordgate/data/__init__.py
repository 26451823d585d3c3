"""From a file to a table of labelled texts: where bad input ends.

``read_table`` goes through the files of this folder in this order: ``source`` (bytes),
``decoding`` (characters), one of ``delimited``, ``jsonl`` and ``typed`` (columns of cells),
``roles`` (which column is what), ``table`` (the rows that remain).
"""

from wordgate.data.flags import ColumnError, Columns
from wordgate.data.named import NAMED_SETS, NamedSet
from wordgate.data.read import read_table
from wordgate.data.reading import Choice, Column, Malformed, PreviewRow, Reading
from wordgate.data.table import Table

__all__ = [
    "NAMED_SETS",
    "Choice",
    "Column",
    "ColumnError",
    "Columns",
    "Malformed",
    "NamedSet",
    "PreviewRow",
    "Reading",
    "Table",
    "read_table",
]
