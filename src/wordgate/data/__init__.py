"""Tables of labeled texts, read from files and data frames.

``read_table`` reads the columns by `wordgate.tables`, finds their roles (``roles``), and selects
the rows that can be used (``read``).
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
