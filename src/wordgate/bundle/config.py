"""The form of `config.json`: how the model came about, and what it needs to be read again."""

import platform
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from wordgate.data.columns import form
from wordgate.runtime.packages import installed_versions

SCHEMA_VERSION = 4
"""Version of the bundle layout; a bundle of any other version is refused."""

DEFAULT_SEPARATOR = ";"
"""Separator of the labels of a text if the data has none."""

_ROUNDING = 1e-9  # of two thresholds that sum to 1


class Config(BaseModel):
    """The content of `config.json`.

    Attributes:
        schema_version: The layout of the bundle.
        family: Which family of models this is.
        labels: The labels, in the order of the probabilities' columns.
        seed: The run's seed.
        recipe: The recipe's name.
        settings: Every setting of the run, recipe and overrides together.
        set_by_user: Those of them that the user set, by their dotted names; None where that is not
            known.
        data: What was read, and how: source, columns, counts.
        vectors: The file of pretrained word vectors it began with; None if they were drawn.
        temperature: What the model's log-probabilities are divided by before they are
            probabilities again, with several labels per text their log-odds; 1 leaves them as they
            are.
        multilabel: Whether a text may have any number of labels; else it has one.
        thresholds: The probability of each label from which on it is given. None for 0.5 each with
            several labels per text, and for the most probable label with one. With one
            label per text there are two labels then, and their thresholds sum to 1.
        label_separator: What stood between the labels of a text in the data, such as ``;``; None
            where nothing did.
        environment: Versions of what trained it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    family: str
    labels: tuple[str, ...]
    seed: int
    recipe: str
    settings: dict[str, Any]
    set_by_user: tuple[str, ...] | None = None
    data: dict[str, Any]
    vectors: str | None = None
    temperature: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1.0
    multilabel: bool = False
    thresholds: list[Annotated[float, Field(ge=0.0, le=1.0)]] | None = None
    label_separator: Annotated[str, Field(min_length=1)] | None = None
    environment: dict[str, str]

    @field_validator("labels")
    @classmethod
    def _two_or_more_different(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(labels) < 2 or len(set(labels)) < len(labels):
            raise ValueError("at least two labels are required, all different")
        return labels

    @field_validator("thresholds")
    @classmethod
    def _one_for_each_label(
        cls, thresholds: list[float] | None, info: ValidationInfo
    ) -> list[float] | None:
        labels = info.data.get("labels", ())
        if thresholds is None or not labels:  # which has its own error
            return thresholds
        if len(thresholds) != len(labels):
            raise ValueError(f"there are {len(thresholds)} thresholds for {len(labels)} labels")
        if not info.data.get("multilabel") and (
            len(labels) != 2 or abs(sum(thresholds) - 1.0) > _ROUNDING
        ):
            raise ValueError(
                "with one label per text, thresholds are possible only for two labels, and must sum"
                " to 1"
            )
        return thresholds

    def separator(self) -> str | None:
        """Return what joins several labels of a text in one cell; None where a text has one."""
        return (self.label_separator or DEFAULT_SEPARATOR) if self.multilabel else None

    def knows_training(self) -> bool:
        """Return whether the bundle's fingerprints are those of what the model was trained on.

        Those of an imported model are empty, since another library trained it on unknown texts.
        """
        return self.data.get("training_texts") != "unknown"

    def n_rows(self) -> int | None:
        """Return the number of rows of the data; None where it is unknown."""
        n_kept = self.data.get("n_kept")
        return n_kept if type(n_kept) is int else None

    def notes(self) -> list[str]:
        """Return what an import took for granted."""
        notes = self.data.get("notes")
        return [str(note) for note in notes] if isinstance(notes, list) else []

    def columns(self) -> dict[str, tuple[str, ...]]:
        """Name the columns that were read, or give their numbers, by the role they played.

        Each role has one column; the text may have several, in the order they are joined.
        """
        found: dict[str, tuple[str, ...]] = {}
        for choice in _dicts(self.data.get("columns")):
            columns = [*_dicts(choice.get("before")), choice]
            flags = [column.get("name") or column.get("number") for column in columns]
            if all(flags):
                found[str(choice.get("role"))] = tuple(map(str, flags))
        return found

    def text_form(self) -> str | None:
        """Show how a text is written that joins several columns; None where one column is it."""
        columns = self.columns().get("text", ())
        return form(columns) if len(columns) > 1 else None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def environment(*packages: str) -> dict[str, str]:
    """Name the versions of Python, wordgate and the packages given, where installed."""
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    return dict(sorted({**versions, **installed_versions("wordgate", "numpy", *packages)}.items()))
