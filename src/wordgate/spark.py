"""Spark: scores the rows of a DataFrame with a model.

>>> import wordgate.spark
>>> scored = wordgate.spark.score(df, "model", text="text")    # doctest: +SKIP

Each Python worker loads the model once. It takes it from the folder of this name, where workers
see the driver's files (one machine, a shared disk), else from the files that Spark has sent them:
``spark.sparkContext.addFile("model", recursive=True)``.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from wordgate.bundle.config import Config
from wordgate.data.columns import Columns
from wordgate.errors import BundleError
from wordgate.runtime.packages import require_extra
from wordgate.scoring.frames import Frame, FrameScorer, ScorerOptions

__all__ = ["schema", "score", "scorer", "udf"]


def score(
    df: Any, model: str | Path, text: Columns | None = None, **options: Unpack[ScorerOptions]
) -> Any:
    """Score the rows of a DataFrame: `scorer` and `schema` in one call, by ``mapInArrow``.

    Args:
        df: A Spark DataFrame.
        model: The folder of the model.
        text: The text columns, by name; None for those of the training.
        **options: See `ScorerOptions`; without `threads`, each task has one.

    Returns:
        A DataFrame with all columns of `df`, and the new ones.

    Raises:
        BundleError: There is no model.
        DataError: `df` has no column of the text.
        SettingsError: An option is out of range, or has no effect.
        MissingExtraError: PySpark is not installed.
    """
    frame_scorer = _frame_scorer(model, text, options)
    config = frame_scorer.config()
    frame_scorer.text_columns(df.columns, config)  # raises here, not in a task
    return df.mapInArrow(partial(_scored, frame_scorer), _extended(df.schema, frame_scorer, config))


def scorer(model: str | Path, text: Columns | None = None, **options: Unpack[ScorerOptions]) -> Any:
    """Return a function for ``df.mapInArrow`` or ``df.mapInPandas`` that scores rows.

    All columns are kept. pandas has no integers with nulls, so ``mapInPandas`` rounds those above
    2**53; ``mapInArrow`` changes nothing.

    Args:
        model: The folder of the model.
        text: The text columns, by name; None for those of the training.
        **options: See `ScorerOptions`; without `threads`, each task has one.

    Returns:
        A function of an iterator of batches; `schema` gives the columns of its result.

    Raises:
        BundleError: There is no model.
        SettingsError: An option is out of range, or has no effect.
        MissingExtraError: PySpark is not installed.
    """
    return partial(_scored, _frame_scorer(model, text, options))


def schema(of: Any, model: str | Path, **options: Unpack[ScorerOptions]) -> Any:
    """Return the schema of a DataFrame after scoring.

    Args:
        of: The ``StructType`` of the DataFrame, ``df.schema``.
        model: The folder of the model.
        **options: Those of `scorer`; `probabilities` and `top` change the columns.

    Returns:
        The fields of `of`, and the new ones: label and probability (or labels, if a text can have
        several), the probability of each label if `probabilities`, error.

    Raises:
        BundleError: There is no model.
        SettingsError: An option is out of range, or has no effect.
        MissingExtraError: PySpark is not installed.
    """
    frame_scorer = _frame_scorer(model, None, options)
    return _extended(of, frame_scorer, frame_scorer.config())


def udf(model: str | Path, **options: Unpack[ScorerOptions]) -> Any:
    """Return a pandas UDF from the text columns to a struct of the new columns.

    ``df.withColumn("prediction", wordgate.spark.udf("model")("text"))`` gives ``prediction.label``,
    ``prediction.probability`` and ``prediction.error``.

    Args:
        model: The folder of the model.
        **options: See `ScorerOptions`; without `threads`, each task has one.

    Returns:
        The UDF; it takes the text columns in the order of the training.

    Raises:
        BundleError: There is no model.
        SettingsError: An option is out of range, or has no effect.
        MissingExtraError: PySpark is not installed.
    """
    frame_scorer = _frame_scorer(model, None, options)
    import pandas as pd
    from pyspark.sql.functions import pandas_udf
    from pyspark.sql.types import StructType

    def predict(*texts: pd.Series) -> pd.DataFrame:
        names = [f"text {number}" for number in range(len(texts))]
        on_worker = replace(_on_this_worker(frame_scorer), text=tuple(names))
        return on_worker(pd.concat(texts, axis=1, keys=names)).drop(columns=names)

    return pandas_udf(
        predict, returnType=_extended(StructType(), frame_scorer, frame_scorer.config())
    )


def _frame_scorer(model: str | Path, text: Columns | None, options: ScorerOptions) -> FrameScorer:
    require_extra("spark", "scoring in Spark")
    return FrameScorer.of(model, text, {"threads": 1, **options})


def _extended(of: Any, frame_scorer: FrameScorer, config: Config) -> Any:
    """Add the fields of the new columns to a ``StructType``."""
    from pyspark.sql import types

    kinds = {
        "string": types.StringType(),
        "double": types.DoubleType(),
        "list": types.ArrayType(types.StringType()),
    }
    added = frame_scorer.added(of.names, config)
    fields = [types.StructField(name, kinds[kind]) for name, kind in added.items()]
    return types.StructType([*of.fields, *fields])


def _scored(frame_scorer: FrameScorer, batches: Iterable[Frame]) -> Iterator[Frame]:
    return map(_on_this_worker(frame_scorer), batches)


def _on_this_worker(frame_scorer: FrameScorer) -> FrameScorer:
    """Find the model on a worker: in its folder, else among the files distributed by Spark."""
    from pyspark import SparkFiles

    path = frame_scorer.path
    if os.path.isdir(path):
        return frame_scorer
    sent = SparkFiles.get(os.path.basename(path))
    if not os.path.isdir(sent):
        raise BundleError(
            f"there is no model at {path} on this worker: use a folder that every worker can read,"
            f" or distribute it with spark.sparkContext.addFile({path!r}, recursive=True)"
        )
    return replace(frame_scorer, path=sent)
