"""From a file to a table of labelled texts: where bad input ends.

``read_table`` takes the columns that `wordgate.tables` reads, and goes through the files of this
folder in this order: ``roles`` (which column is what), ``rows`` (which remain), ``table``.
"""

from wordgate.data.flags import ColumnError, Columns
from wordgate.data.named import NAMED_SETS, NamedSet
from wordgate.data.read import read_table
from wordgate.data.reading import Choice, Column, PreviewRow, Reading
from wordgate.data.table import Table
from wordgate.tables import Malformed

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
