"""Options that training and comparing share: which rows, in which parts, and how they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wordgate.data import Table
from wordgate.experiments.reading import ReadingOptions, Sources, called, read_parts
from wordgate.experiments.resolving import refuse_idle_sizes, refuse_idle_split
from wordgate.experiments.students import TeacherConfig
from wordgate.runtime.progress import Progress, stage
from wordgate.settings import Settings


@dataclass(frozen=True)
class DataOptions:
    """What `wordgate.train` and `wordgate.compare` are told of the data.

    Attributes:
        data: The file, the data set or the frame.
        reading: How to read it.
        unlabelled: Files of texts without labels.
        split: ``grouped`` or ``random``; None where it was not given.
        valid: A file of the same columns for validation.
        test: A file of the same columns for test.
        split_column: A column that says ``train``, ``valid`` or ``test``.
        weight: A column that says how much each text counts in training.
        seed: Random seed, of the rows that a limit keeps, too.

    Raises:
        SettingsError: The kind of split has no effect, since the parts are given.
    """

    data: Any
    reading: ReadingOptions
    unlabelled: Sequence[str]
    split: str | None
    valid: str | Path | None
    test: str | Path | None
    split_column: str | None
    weight: str | None
    seed: int

    def __post_init__(self) -> None:
        refuse_idle_split(self.split, self.valid, self.test, self.split_column)

    @property
    def names_parts(self) -> bool:
        """Whether the data itself says which rows are for which part."""
        return any(part is not None for part in (self.valid, self.test, self.split_column))

    def read(
        self,
        settings: Settings,
        overrides: Mapping[str, object],
        progress: Progress,
        *,
        grouped: bool,
        remarks: Sequence[str] = (),
    ) -> Sources:
        """Read the rows, and report them.

        Args:
            settings: All settings: what stands for an empty text matters.
            overrides: Those that the user set.
            progress: Where it is reported what was read.
            grouped: Whether only whole groups are split.
            remarks: What to report after it.

        Raises:
            DataError: The data can't be read.
            SettingsError: The data leaves a setting or an option without effect.
        """
        with stage(progress, f"Reading {called(self.data)}"):
            sources = read_parts(
                self.data,
                valid=self.valid,
                test=self.test,
                split_column=self.split_column,
                weight=self.weight,
                empty_text_as=settings.empty_text_as,
                seed=self.seed,
                **self.reading,
            )
        sources.report(progress, remarks)
        refuse_idle_sizes(overrides, sources.table.parts, grouped=grouped)
        return sources

    def with_unlabelled(
        self, teaching: TeacherConfig | None, table: Table, progress: Progress
    ) -> TeacherConfig | None:
        """Read the texts without labels for the teachers, if there are any of both.

        Raises:
            DataError: They can't be read.
        """
        if teaching is None:
            return None
        encoding = self.reading.get("encoding")
        return teaching.beside(table, self.unlabelled, progress, encoding=encoding)
