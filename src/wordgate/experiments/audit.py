"""Auditing a data set: duplicates, conflicting labels, leakage, and which split to use."""

from typing import Any

from typing_extensions import Unpack

from wordgate.data import read_table
from wordgate.dedup.near_duplicates import find_near_duplicates
from wordgate.errors import DataError
from wordgate.experiments.reading import ReadingOptions, limit_rows, without_limit
from wordgate.runtime.packages import require_extra
from wordgate.split.audit import Audit, audit_table


def audit(data: Any, **reading: Unpack[ReadingOptions]) -> Audit:
    """Look for copies, conflicts and leaks in labelled texts.

    Args:
        data: The path of a CSV, TSV, JSONL or Parquet file, the name of a data set, or a pandas
            or polars frame. Where no labels are found, the rest is audited.
        **reading: How to read the data: see `ReadingOptions`.

    Returns:
        What was found.

    Raises:
        DataError: The data can't be read.
        MissingExtraError: The extra `train` is not installed.
    """
    require_extra("train", "auditing a data set")
    options, limit = without_limit(reading)
    try:
        table = read_table(data, **options)
    except DataError:
        table = read_table(data, **options, labelled=False)
    table = limit_rows(table, limit, seed=0)
    return audit_table(table, find_near_duplicates(table.bodies, table.groups))
