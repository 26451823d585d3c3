"""Scoring of tables in memory, for Spark and Ray Data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from wordgate.bundle.config import Config
from wordgate.bundle.folder import BundleFolder
from wordgate.data.columns import Column, Columns, Flag, as_flag, given_columns
from wordgate.errors import BundleError, DataError
from wordgate.models.lstm_forward import NUMPY
from wordgate.prediction.decision import DecisionRule, Threshold
from wordgate.prediction.predictor import Predictor, load
from wordgate.scoring.input import added_names, without_collisions
from wordgate.scoring.predictions import predict_batch, texts_of
from wordgate.scoring.writing import added_columns
from wordgate.tables import Records
from wordgate.tables.header import name_key
from wordgate.tables.typed import ParquetBatch

if TYPE_CHECKING:
    import pyarrow as pa

Frame = Any
"""A pandas DataFrame, an Arrow table or record batch, or a dictionary of NumPy arrays."""
_TEXT, _LABELS = "string", "list"
_MOST_MODELS = 4  # kept by a process; a job usually has one


class ScorerOptions(TypedDict, total=False):
    """Options of the scorers of tables in memory.

    Attributes:
        probabilities: Whether to add the probability of each label.
        abstain_below: Give no label that is less probable than this, from 0 to 1.
        threshold: Minimum probabilities of labels instead of the thresholds of the model, as for
            `Predictor.predict`.
        top: Give this many labels, the most probable ones, regardless of thresholds.
        kernel: The implementation of an LSTM, as for `wordgate.load`.
        threads: The number of threads, as for `wordgate.load`.
    """

    probabilities: bool
    abstain_below: float
    threshold: Threshold | None
    top: int | None
    kernel: str
    threads: int | None


@dataclass(frozen=True)
class FrameScorer:
    """Scores tables in memory as `wordgate.score` scores the rows of a file.

    It is small and can be pickled: a process loads the model when it scores its first table.

    Attributes:
        path: The folder of the model, absolute.
        digest: Hash of the model, by `BundleFolder.sha256`: a worker refuses another model.
        text: The columns of the text; None for those of the training.
        probabilities: As in `ScorerOptions`, like all that follow.
    """

    path: str
    digest: str
    text: Flag | None = None
    probabilities: bool = False
    abstain_below: float = 0.0
    threshold: Threshold | None = None
    top: int | None = None
    kernel: str = NUMPY
    threads: int | None = None

    @classmethod
    def of(cls, path: str | Path, text: Columns | None, options: ScorerOptions) -> FrameScorer:
        """Create a scorer for the model in a folder, and check the options.

        Raises:
            BundleError: There is no model.
            SettingsError: An option is out of range, or has no effect on the model.
        """
        folder = BundleFolder.open(path)
        scorer = cls(str(folder.path.absolute()), folder.sha256(), as_flag(text), **options)
        scorer.rule(folder.config())
        return scorer

    def config(self) -> Config:
        """Read the configuration of the model."""
        return BundleFolder.open(self.path).config()

    def load(self) -> Predictor:
        """Load the model at the first call in a process; later calls return the same predictor."""
        return _load(self.path, self.digest, self.kernel, self.threads)

    def rule(self, config: Config) -> DecisionRule:
        """Return the decision rule for the model."""
        return DecisionRule.of(
            config, threshold=self.threshold, top=self.top, abstain_below=self.abstain_below
        )

    def added(self, existing: Sequence[str], config: Config) -> dict[str, str]:
        """Return the names of the new columns and their types, without existing names."""
        several = self.rule(config).predicts_several
        label, *numbers, error = added_names(config, several=several)
        if not self.probabilities:
            numbers = numbers[: len(numbers) - len(config.labels)]
        names = without_collisions([label, *numbers, error], existing)
        types = [_LABELS if several else _TEXT, *("double" for _ in numbers), _TEXT]
        return dict(zip(names, types, strict=True))

    def text_columns(self, names: Sequence[str], config: Config) -> list[Column]:
        """Find the text columns among the names of a table, by name or number from 1.

        Raises:
            DataError: There are no such columns.
        """
        flag = self.text if self.text is not None else config.columns().get("text", ())
        known = set(map(name_key, names))
        if self.text is None and not (flag and all(name_key(name) in known for name in flag)):
            raise DataError(
                f"the table has no column of the texts with the name it had in training"
                f" ({', '.join(flag) or 'it had none'}); it has {', '.join(names)}: give text="
            )
        records = Records(list(names), [[] for _ in names], [], [], 0)
        positions = given_columns(records, "text", flag, "the table")
        return [Column(position + 1, names[position]) for position in positions]

    def __call__(self, frame: Frame) -> Frame:
        """Return a table with new columns; a row without a text gets an error and no label.

        Raises:
            BundleError: The model can't be loaded.
            DataError: There is no column of the text.
        """
        predictor = self.load()
        config, names = predictor.config, _names(frame)
        columns = self.text_columns(names, config)
        table = _table(frame, [column.number - 1 for column in columns])
        batch = ParquetBatch(None, range(len(table)), rows=table, name="the table")
        text = [replace(column, number=number) for number, column in enumerate(columns, 1)]
        texts = texts_of("", batch, text)
        predictions = predict_batch(predictor, texts.texts, self.rule(config))
        added = self.added(names, config)
        *values, errors = added_columns(texts, predictions, several=_LABELS in added.values())
        return _with_columns(
            frame, dict(zip(added, [*values[: len(added) - 1], errors], strict=True))
        )


@lru_cache(maxsize=_MOST_MODELS)
def _load(path: str, digest: str, kernel: str, threads: int | None) -> Predictor:
    if BundleFolder.open(path).sha256() != digest:
        raise BundleError(
            f"{path} holds another model on this worker than where the job was started: copy the"
            " same one to every worker"
        )
    return load(path, kernel=kernel, threads=threads)


def _names(frame: Frame) -> list[str]:
    if isinstance(frame, Mapping):
        return list(frame)
    return list(map(str, frame.columns if hasattr(frame, "assign") else frame.schema.names))


def _table(frame: Frame, positions: Sequence[int]) -> pa.Table:
    """Select columns by their positions from 0 as an Arrow table; NaN becomes null."""
    import pyarrow as pa

    names = _names(frame)
    try:
        if isinstance(frame, Mapping):
            columns = [pa.array(frame[names[i]], from_pandas=True) for i in positions]
        elif hasattr(frame, "assign"):
            columns = [pa.array(frame.iloc[:, i], from_pandas=True) for i in positions]
        else:
            columns = [frame.column(i) for i in positions]
    except pa.ArrowException as error:
        listed = ", ".join(f"'{names[i]}'" for i in positions)
        raise DataError(f"the texts of {listed} are not all strings: {error}") from error
    return pa.table(columns, names=list(map(str, positions)))


def _with_columns(frame: Frame, new: Mapping[str, pa.Array]) -> Frame:
    """Add columns to a table of any of the supported types."""
    import pyarrow as pa

    if isinstance(frame, Mapping):
        return {**frame, **{n: one.to_numpy(zero_copy_only=False) for n, one in new.items()}}
    if hasattr(frame, "assign"):
        return frame.assign(**{n: one.to_pandas().set_axis(frame.index) for n, one in new.items()})
    fields = [pa.field(name, column.type) for name, column in new.items()]
    schema = pa.schema([*frame.schema, *fields], metadata=frame.schema.metadata)
    return type(frame).from_arrays([*frame.columns, *new.values()], schema=schema)
