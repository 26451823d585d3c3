"""Audit of a data set: duplicates, conflicting labels, leakage, and the recommended split."""

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
    table_options,
)
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress, Silent, stage
from wordgate.split.audit import Audit, audit_table


def audit(
    data: Any, *, progress: Progress | None = None, **reading: Unpack[ReadingOptions]
) -> Audit:
    """Find duplicates, conflicting labels and leakage in labeled texts.

    Args:
        data: The path of a CSV, TSV, JSONL or Parquet file, the name of a data set, or a pandas
            or Polars frame. Without labels, the rest is audited.
        progress: Shows progress; None for no output.
        **reading: How to read the data: see `ReadingOptions`.

    Returns:
        The result of the audit.

    Raises:
        DataError: The data cannot be read, or its texts or labels are lists or objects.
        MissingExtraError: The extra `train` is not installed.
    """
    require_extra("train", "auditing a data set")
    progress = progress or Silent()
    options = table_options(reading)
    with stage(progress, f"Reading {called(data)}"):
        try:
            table = read_table(data, **options)
        except StructuredColumnError:
            raise
        except DataError:
            table = read_table(data, **options, labelled=False)
    table = limit_rows(table, reading.get("limit"), seed=0)
    copies = near_duplicates_of(table, progress)
    with stage(progress, "Measuring the leakage of splits"):
        return audit_table(table, copies)
