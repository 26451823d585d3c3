"""The form of `config.json`: how the model came about, and what it needs to be read again."""

import platform
from importlib import metadata
from typing import Any

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1
"""Of the bundle's whole layout. Raise it with every change that an older wordgate can't read."""


class Config(BaseModel):
    """What `config.json` holds.

    Attributes:
        schema_version: The layout of the bundle.
        family: Which family of models this is.
        labels: The labels, in the order of the probabilities' columns.
        seed: The run's seed.
        recipe: The recipe's name.
        settings: Every setting of the run, recipe and overrides together.
        data: What was read, and how: source, columns, counts.
        environment: Versions of what trained it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = SCHEMA_VERSION
    family: str
    labels: tuple[str, ...]
    seed: int
    recipe: str
    settings: dict[str, Any]
    data: dict[str, Any]
    environment: dict[str, str]


def environment(*packages: str) -> dict[str, str]:
    """Name the versions of Python, wordgate and the packages given, where installed."""
    versions = {"python": platform.python_version(), "machine": platform.machine()}
    installed = {distribution.name for distribution in metadata.distributions()}
    for package in {"wordgate", "numpy", *packages} & installed:
        versions[package] = metadata.version(package)
    return dict(sorted(versions.items()))
