"""Scoring with Ray Data.

>>> import ray, wordgate.ray
>>> rows = ray.data.read_parquet("rows")    # doctest: +SKIP
>>> scored = rows.map_batches(
...     wordgate.ray.Scorer, fn_constructor_args=["model"], concurrency=2, batch_size=8192
... )    # doctest: +SKIP
"""

from pathlib import Path

from typing_extensions import Unpack

from wordgate.data.columns import Columns
from wordgate.runtime.packages import require_extra
from wordgate.scoring.frames import Frame, FrameScorer, ScorerOptions

__all__ = ["Scorer"]


class Scorer:
    """Scores the batches of a data set, for ``ray.data.Dataset.map_batches``.

    Batches can have any batch format (``numpy``, ``pandas``, ``pyarrow``) and keep it; the columns
    that `wordgate.score` adds are added. Each actor loads the model once, from a folder that
    every node can read: on a shared disk, or in the ``working_dir`` of the job's
    ``runtime_env``.

    Args:
        model: The folder of the model.
        text: The text columns, by name; None for those of the training.
        **options: See `ScorerOptions`. Without `threads`, an actor uses as many as it has
            CPUs (``num_cpus`` of ``map_batches``, 1 by default).

    Raises:
        BundleError: There is no model.
        SettingsError: An option is out of range, or has no effect.
        MissingExtraError: PyArrow is not installed.
    """

    def __init__(
        self, model: str | Path, text: Columns | None = None, **options: Unpack[ScorerOptions]
    ):
        require_extra("parquet", "scoring in Ray Data")
        self._scorer = FrameScorer.of(model, text, options)
        self._scorer.load()

    def __call__(self, batch: Frame) -> Frame:
        """Score a batch; a row without a text gets an error and no label.

        Raises:
            DataError: There is no column of the text.
        """
        return self._scorer(batch)
