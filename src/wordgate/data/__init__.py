"""From a file to a table of labelled texts: where bad input ends.

``read_table`` goes through the files of this folder in this order: ``source`` (bytes),
``decoding`` (characters), one of ``delimited``, ``jsonl`` and ``typed`` (columns of cells),
``roles`` (which column is what), ``table`` (the rows that remain).
"""

from wordgate.data.named import NAMED_SETS, NamedSet
from wordgate.data.read import read_table
from wordgate.data.reading import Choice, Malformed, PreviewRow, Reading
from wordgate.data.table import Table

__all__ = [
    "NAMED_SETS",
    "Choice",
    "Malformed",
    "NamedSet",
    "PreviewRow",
    "Reading",
    "Table",
    "read_table",
]
