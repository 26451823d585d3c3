"""The model that is served, as the server sees it and as ``/v1/model`` tells of it."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import Metrics
from wordgate.serve.limits import Limits


class Explained(Protocol):
    """A verdict and its reasons."""

    def to_json(self) -> dict[str, Any]:
        """Give them in types that JSON has."""


class Served(Protocol):
    """What a server needs of a `Predictor`."""

    labels: tuple[str, ...]
    config: Config
    metrics: Metrics | None
    changed_files: tuple[str, ...]

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Give the probability of each label for each text, float64 [n, classes]."""

    def explain(self, text: str) -> Explained:
        """Tell why a text was given its label."""


def model_facts(model: Served, limits: Limits) -> dict[str, Any]:
    """Tell what a model is, what it is worth, and how much of it a request may ask."""
    config, metrics = model.config, model.metrics
    return {
        "family": config.family,
        "recipe": config.recipe,
        "labels": list(model.labels),
        "text_form": config.text_form(),
        "temperature": config.temperature,
        "trained": _trained(config, metrics),
        "scores": None if metrics is None else _scores(metrics),
        "abstain_coverage": None if metrics is None else _coverage(metrics),
        "limits": {
            "max_texts": limits.max_texts,
            "max_text_length": limits.max_text_length,
            "max_explain_length": limits.max_explain_length,
            "max_body_bytes": limits.max_body_bytes,
        },
        "remarks": _remarks(model),
    }


def _trained(config: Config, metrics: Metrics | None) -> dict[str, Any]:
    """Tell what is known of the training; of the file only its name, not where it lay."""
    source = str(config.data.get("source") or "").replace("\\", "/").rpartition("/")[2]
    rows = config.data.get("n_kept") if config.knows_training() else None
    return {
        "source": source or None,
        "rows": rows if type(rows) is int else None,
        "seed": config.seed,
        "seconds": None if metrics is None else metrics.train_seconds,
        "epochs": None if metrics is None else metrics.epochs,
        "wordgate": config.environment.get("wordgate"),
    }


def _scores(metrics: Metrics) -> dict[str, Any]:
    split, interval = metrics.split, metrics.intervals.accuracy
    return {
        "accuracy": metrics.accuracy,
        "low": interval.low,
        "high": interval.high,
        "macro_f1": metrics.macro_f1,
        "split": split.kind,
        "n_test": split.n_test,
        "n_test_groups": split.n_test_groups,
        "leaked_by_group": split.leaked_by_group,
        "near_duplicates_in_train": split.near_duplicates_in_train,
        "baseline_accuracy": metrics.baselines.count.accuracy,
        "majority_accuracy": metrics.baselines.majority.accuracy,
    }


def _coverage(metrics: Metrics) -> list[dict[str, Any]] | None:
    if metrics.coverage is None:
        return None
    return [
        {"threshold": one.threshold, "coverage": one.coverage, "accuracy": one.accuracy}
        for one in metrics.coverage
    ]


def _remarks(model: Served) -> list[str]:
    metrics = model.metrics
    remarks = list(model.config.notes())
    if metrics is not None:
        remarks += [*metrics.split.warnings, *metrics.remarks, *metrics.sentences("calibration")]
    if model.changed_files:
        names = ", ".join(model.changed_files)
        remarks.append(f"Changed or lost since the model was written: {names}.")
    return remarks
