"""Auditing a data set: duplicates, conflicting labels, leakage, and which split to use."""

from typing import Any

from typing_extensions import Unpack

from wordgate.data import read_table
from wordgate.data.structured import StructuredColumnError
from wordgate.errors import DataError
from wordgate.experiments.reading import (
    ReadingOptions,
    called,
    limit_rows,
    near_duplicates_of,
    without_limit,
)
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress, Silent, stage
from wordgate.split.audit import Audit, audit_table


def audit(
    data: Any, *, progress: Progress | None = None, **reading: Unpack[ReadingOptions]
) -> Audit:
    """Look for copies, conflicts and leaks in labelled texts.

    Args:
        data: The path of a CSV, TSV, JSONL or Parquet file, the name of a data set, or a pandas
            or polars frame. Where no labels are found, the rest is audited.
        progress: Where it is shown what is being done; None for nowhere.
        **reading: How to read the data: see `ReadingOptions`.

    Returns:
        What was found.

    Raises:
        DataError: The data can't be read, or its texts or labels are lists or objects.
        MissingExtraError: The extra `train` is not installed.
    """
    require_extra("train", "auditing a data set")
    progress = progress or Silent()
    options, limit = without_limit(reading)
    with stage(progress, f"Reading {called(data)}"):
        try:
            table = read_table(data, **options)
        except StructuredColumnError:
            raise
        except DataError:
            table = read_table(data, **options, labelled=False)
    table = limit_rows(table, limit, seed=0)
    copies = near_duplicates_of(table, progress)
    with stage(progress, "Measuring the leakage of splits"):
        return audit_table(table, copies)
