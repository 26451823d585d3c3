"""From a file to a table of labeled texts: where bad input ends.

``read_table`` takes the columns that `wordgate.tables` reads, finds their roles (``roles``), and
keeps the rows that can be used (``table``).
"""

from wordgate.data.columns import Choice, Column, ColumnError, Columns
from wordgate.data.read import read_table
from wordgate.data.table import ReadReport, Table, TableRow

__all__ = [
    "Choice",
    "Column",
    "ColumnError",
    "Columns",
    "ReadReport",
    "Table",
    "TableRow",
    "read_table",
]
