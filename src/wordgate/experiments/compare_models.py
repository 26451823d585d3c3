"""Comparison of saved models on the same labeled rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Unpack

from wordgate.data import ReadReport
from wordgate.data.labels import match_labels
from wordgate.errors import DataError, SettingsError
from wordgate.evaluation.intervals import PairedDifference
from wordgate.evaluation.multilabel import AnyScores
from wordgate.experiments.evaluate import LabelledRows, Seen, labelled_rows, predicted, unknown_rows
from wordgate.experiments.evaluator import Evaluator
from wordgate.experiments.fitting import ModelOutput
from wordgate.experiments.reading import ReadingOptions, called
from wordgate.prediction.predictor import Predictor, load_with_progress
from wordgate.report.text import (
    UNDEFINED,
    difference_cells,
    family_name,
    format_share,
    score_cells,
    score_header,
)
from wordgate.runtime.display import counted, html_table, one_line
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress, Silent, stage
from wordgate.runtime.threads import choose_threads, limited_blas

DIFFERENCE_HEADER = ("points", "95% interval", "p", "agreement")


@dataclass(frozen=True)
class ModelEvaluation:
    """A saved model's scores on some rows, and its paired differences from the first model.

    Attributes:
        scores: The scores on these rows.
        difference: Its accuracy minus the first model's, or its micro F1; None for the first.
        macro_f1_difference: The same of macro F1; None unless labels are skewed.
        agreement: The fraction of rows with the same predictions; None for the first.
    """

    scores: AnyScores
    difference: PairedDifference | None
    macro_f1_difference: PairedDifference | None
    agreement: float | None

    def difference_cells(self) -> tuple[str, ...]:
        """Format the difference from the first model, for the columns of `DIFFERENCE_HEADER`."""
        agreement = UNDEFINED if self.agreement is None else f"{self.agreement:.1%}"
        return (*difference_cells(self.difference), agreement)

    def to_json(self) -> dict[str, object]:
        """Return the evaluation as JSON values."""
        difference, macro_f1 = (
            None if one is None else one.model_dump(mode="json")
            for one in (self.difference, self.macro_f1_difference)
        )
        return {
            "scores": self.scores.model_dump(mode="json"),
            "difference": difference,
            "macro_f1_difference": macro_f1,
            "agreement": self.agreement,
        }


@dataclass(frozen=True)
class ComparedModel:
    """One of several saved models.

    Attributes:
        path: Its folder, as given.
        name: The name of the folder, or the path if two names are equal.
        predictor: The model.
        seen: Counts of the rows seen in its training; None if unknown.
        evaluation: Its scores on all rows.
        unseen: Its scores on the rows that no model was trained on; None if these are all or none,
            or unknown.
    """

    path: str
    name: str
    predictor: Predictor
    seen: Seen | None
    evaluation: ModelEvaluation
    unseen: ModelEvaluation | None

    def title(self) -> str:
        """Format its name and family."""
        return one_line(f"{self.name} ({family_name(self.predictor.config.family)})")

    def to_json(self) -> dict[str, object]:
        """Return the model as JSON values."""
        return {
            "model": self.path,
            "family": self.predictor.config.family,
            "seen": None if self.seen is None else asdict(self.seen),
            **self.evaluation.to_json(),
            "unseen": None if self.unseen is None else self.unseen.to_json(),
        }


@dataclass(frozen=True)
class ModelComparison:
    """Saved models on the same labeled rows.

    Attributes:
        models: The models, in the order that they were given.
        n: Number of rows.
        known: Number of rows that at least one model was trained on; None if this is unknown.
        reading: How the rows were read.
    """

    models: tuple[ComparedModel, ...]
    n: int
    known: int | None
    reading: ReadReport

    def __repr__(self) -> str:
        """Show each model's main score."""
        scores = [
            f"{model.name} {format_share(model.evaluation.scores.main.value)}"
            for model in self.models
        ]
        return f"ModelComparison({', '.join(scores)}, n={self.n})"

    def _repr_html_(self) -> str:
        rows = [
            (model.title(), *score_cells(one.scores), *one.difference_cells())
            for model in self.models
            for one in [model.evaluation]
        ]
        scores = score_header(self.models[0].evaluation.scores.main.name)
        header = ("model", *scores, *DIFFERENCE_HEADER)
        return html_table(f"Comparison of models on {counted(self.n, 'row')}", rows, header)

    def to_json(self) -> dict[str, object]:
        """Return the comparison as JSON values."""
        models = [model.to_json() for model in self.models]
        return {"n": self.n, "known": self.known, "models": models}


def compare_models(
    bundles: Sequence[str | Path],
    data: Any,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptions],
) -> ModelComparison:
    """Compare saved models on the same labeled texts.

    A model that was trained on several text columns reads the same columns here, unless others are
    given.

    Args:
        bundles: The folders of the models, at least two; each is compared with the first.
        data: Labeled texts, as for `wordgate.evaluate`.
        threads: Number of CPU threads, as for `wordgate.load`.
        progress: Shows progress; None for no output.
        **reading: How to read the data: see `ReadingOptions`.

    Returns:
        Scores with intervals, and paired differences from the first model.

    Raises:
        BundleError: A model cannot be loaded, or its fingerprints of the training are damaged.
        DataError: The data cannot be read, has a label that the models do not know, or gives
            different rows for different models.
        SettingsError: There are fewer than two models, or their labels differ.
        MissingExtraError: The extra `train` is not installed.
    """
    require_extra("train", "comparing models")
    paths = [] if isinstance(bundles, str | Path) else [str(bundle) for bundle in bundles]
    if len(paths) < 2:
        raise SettingsError("at least two models are needed; `evaluate` is for a single one")
    shown, names = progress or Silent(), _names(paths)
    predictors = [load_with_progress(path, lambda: shown, threads=threads) for path in paths]
    first = predictors[0]
    _check_same_kind(predictors, paths)
    orders = [
        _label_order(first, one, (paths[0], path))
        for path, one in zip(paths, predictors, strict=True)
    ]
    with limited_blas(choose_threads(threads)):
        with stage(shown, f"Reading {called(data)}, and looking for rows seen during training"):
            rows = [
                labelled_rows(path, one.config, data, seed=first.config.seed, **reading)
                for path, one in zip(paths, predictors, strict=True)
            ]
        _check_same_rows(rows, paths)
        outputs = []
        for name, one, own, order in zip(names, predictors, rows, orders, strict=True):
            with stage(shown, f"Predicting {counted(len(own.rows), 'text')} with {name}"):
                outputs.append(predicted(one, own.dataset.texts).labels_in_order(order))
        known_rows = [own.known for own in rows if own.known is not None]
        known = np.logical_or.reduce(known_rows) if len(known_rows) == len(rows) else None
        with stage(shown, "Evaluating, with bootstrap intervals by group"):
            on_all, on_unseen = _evaluations(rows, outputs, first, unknown_rows(known))
    seen = [own.seen for own in rows]
    models = zip(paths, names, predictors, seen, on_all, on_unseen, strict=True)
    return ModelComparison(
        models=tuple(ComparedModel(*one) for one in models),
        n=len(rows[0].dataset),
        known=None if known is None else int(known.sum()),
        reading=rows[0].reading,
    )


def _check_same_kind(predictors: Sequence[Predictor], paths: Sequence[str]) -> None:
    """Raise a `SettingsError` if only some of the models have several labels per text."""
    several = [one.config.multilabel for one in predictors]
    if any(several) and not all(several):
        one, other = paths[several.index(False)], paths[several.index(True)]
        raise SettingsError(
            f"the models must be of one kind: {one} assigns one label to a text, and {other}"
            " several"
        )


def _names(paths: Sequence[str]) -> list[str]:
    """Return the names of the folders, or the paths if names are equal."""
    names = [Path(path).name for path in paths]
    return names if all(names) and len(set(names)) == len(names) else list(paths)


def _label_order(first: Predictor, other: Predictor, paths: tuple[str, str]) -> list[int]:
    """Return the positions of the first model's labels in another model; refuse other labels."""
    labels, _ = match_labels(other.labels, first.labels)
    if set(labels) != set(first.labels):
        known = [", ".join(map(repr, one.labels)) for one in (first, other)]
        raise SettingsError(
            f"the models must have the same labels: {paths[0]} has {known[0]:.200}, and {paths[1]}"
            f" has {known[1]:.200}"
        )
    return [labels.index(label) for label in first.labels]


def _check_same_rows(rows: Sequence[LabelledRows], paths: Sequence[str]) -> None:
    """Refuse models whose trainings had other columns, if these give other rows or labels."""
    labels = [choice for own in rows if (choice := own.reading.choice("label")) is not None]
    for choice, path in zip(labels, paths, strict=True):
        if choice.columns != labels[0].columns:
            raise DataError(
                f"{paths[0]} and {path} read the labels from different columns of the data,"
                f" {labels[0].short_line()} and {choice.short_line()}, as in training: name one"
                " for all models with --label"
            )
    for own, path in zip(rows, paths, strict=True):
        if own.rows != rows[0].rows:
            raise DataError(
                f"{paths[0]} and {path} read different rows of the data, {len(rows[0].rows):,} and"
                f" {len(own.rows):,}: they use different text or group columns. Name the same ones"
                " for all models with --text and --group"
            )


def _evaluations(
    rows: Sequence[LabelledRows],
    outputs: Sequence[ModelOutput],
    first: Predictor,
    unknown: NDArray[np.bool_] | None,
) -> tuple[list[ModelEvaluation], list[ModelEvaluation] | list[None]]:
    """Evaluate the models on all rows, and on those that no model was trained on, bool [n]."""
    found = [own.dataset.groups for own in rows if own.dataset.groups is not None]
    groups = min(found, key=lambda groups: len(set(groups)), default=None)
    test = replace(rows[0].dataset, groups=groups)
    evaluator = Evaluator(test, first.labels, first.config.seed)
    on_all = _evaluate_each(evaluator, outputs)
    if unknown is None:
        return on_all, [None] * len(rows)
    parts = [one.part(unknown) for one in outputs]
    return on_all, _evaluate_each(evaluator.part(unknown), parts)


def _evaluate_each(evaluator: Evaluator, outputs: Sequence[ModelOutput]) -> list[ModelEvaluation]:
    """Compute the scores of each model, and its differences from the first."""
    first = outputs[0]
    evaluations = [ModelEvaluation(evaluator.scores(first), None, None, None)]
    evaluations += [
        ModelEvaluation(
            evaluator.scores(other),
            evaluator.paired_difference(other, first),
            evaluator.macro_f1_difference(other, first),
            evaluator.agreement(other, first),
        )
        for other in outputs[1:]
    ]
    return evaluations
