"""The schema of `config.json`: how the model was trained, and what is needed to load it."""

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
        family: The family of the model.
        labels: The labels, in the order of the columns of probabilities.
        seed: The random seed.
        recipe: The name of the recipe.
        settings: All settings, from recipe and overrides.
        set_by_user: The settings that the user set, by their dotted names; None if unknown.
        data: The source, its columns and counts.
        vectors: The file of pretrained word vectors; None without one.
        temperature: The divisor of the log-probabilities, or of the logits with several labels per
            text; 1 for no scaling.
        multilabel: Whether a text can have any number of labels; else it has one.
        thresholds: The minimum probability of each predicted label; None for 0.5 each with several
            labels per text, and for the most probable label with one. In binary classification the
            two sum to 1.
        label_separator: The separator of several labels in the data, such as ``;``; None without
            one.
        environment: Versions of the libraries.
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
        """Return the separator of several labels in a cell; None with one label per text."""
        return (self.label_separator or DEFAULT_SEPARATOR) if self.multilabel else None

    def knows_training(self) -> bool:
        """Return whether the training texts are known; those of an imported model are not."""
        return self.data.get("training_texts") != "unknown"

    def n_rows(self) -> int | None:
        """Return the number of rows of the data; None if unknown."""
        n_kept = self.data.get("n_kept")
        return n_kept if type(n_kept) is int else None

    def notes(self) -> list[str]:
        """Return the assumptions of an import."""
        notes = self.data.get("notes")
        return [str(note) for note in notes] if isinstance(notes, list) else []

    def columns(self) -> dict[str, tuple[str, ...]]:
        """Return the names or numbers of the columns by role.

        Each role has one column; the text can have several, in the order in which they are joined.
        """
        by_role: dict[str, tuple[str, ...]] = {}
        for choice in _dicts(self.data.get("columns")):
            columns = [*_dicts(choice.get("before")), choice]
            flags = [column.get("name") or column.get("number") for column in columns]
            if all(flags):
                by_role[str(choice.get("role"))] = tuple(map(str, flags))
        return by_role

    def text_form(self) -> str | None:
        """Show the form of a text joined from several columns; None for a single column."""
        columns = self.columns().get("text", ())
        return form(columns) if len(columns) > 1 else None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def environment(*packages: str) -> dict[str, str]:
    """Return the versions of Python, wordgate and installed packages among those given."""
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    return dict(sorted({**versions, **installed_versions("wordgate", "numpy", *packages)}.items()))
