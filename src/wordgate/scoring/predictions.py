"""The texts of a batch, and a model's predictions for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.data.columns import Column, joined
from wordgate.data.structured import has_structured, why_structured
from wordgate.prediction.decision import DecisionRule, Prediction
from wordgate.prediction.predictor import Predictor
from wordgate.tables import Batch
from wordgate.tables.values import EMPTY_TEXT, is_empty


@dataclass(frozen=True)
class BatchPredictions:
    """Predictions for the valid records of a batch, in order.

    Attributes:
        labels: The label of each text, None if the model abstains; or its labels.
        numbers: float64 [n, k], the new numeric columns: the probability of each label; with one
            label per text, preceded by that of the predicted label, or of the most probable one if
            the model abstains.
    """

    labels: list[Prediction]
    numbers: NDArray[np.float64]

    @property
    def abstained(self) -> int:
        """The number of texts without a label."""
        return self.labels.count(None) + self.labels.count(())


@dataclass(frozen=True)
class BatchTexts:
    """The records of a batch, valid and invalid.

    Attributes:
        batch: The records.
        texts: The texts of valid records, in order.
        errors: The errors of invalid records, by their positions in the batch from 0. If a record
            could not be parsed, it follows after a colon.
        raws: The records as in the source; a blank one for each that could not be parsed. None for
            formats without lines.
    """

    batch: Batch
    texts: list[str]
    errors: dict[int, str]
    raws: Sequence[str] | None

    def __len__(self) -> int:
        return len(self.batch)


def texts_of(blank: str, batch: Batch, columns: Sequence[Column]) -> BatchTexts:
    """Extract the texts of a batch; the main one of their columns is last.

    `blank` is a record without cells, in the format of the source.
    """
    errors = dict(batch.undecoded)
    raws = batch.raws
    if batch.rejected:
        raws = list(raws or ())
        for position, why in batch.rejected.items():
            before = f"{errors[position]}; " if position in errors else ""
            errors[position] = f"{before}{why}: {raws[position]}"
            raws[position] = blank
    *fronts, bodies = (batch.column(column.number - 1) for column in columns)
    for cells in (*fronts, bodies):
        if has_structured(cells):
            whys = enumerate(why_structured(cell, "text") for cell in cells)
            errors = {position: why for position, why in whys if why} | errors
    texts = [body for body in bodies if body is not None and not is_empty(body)]
    if not (fronts or errors) and len(texts) == len(batch):  # the usual case
        return BatchTexts(batch, texts, errors, raws)
    texts = []
    for position, body in enumerate(bodies):
        if position in errors:
            continue
        if body is None:
            errors[position] = f"no key '{columns[-1].name}'"
        elif is_empty(body):
            errors[position] = EMPTY_TEXT
        else:
            texts.append(joined((front[position] for front in fronts), body))
    return BatchTexts(batch, texts, errors, raws)


def predict_batch(predictor: Predictor, texts: list[str], rule: DecisionRule) -> BatchPredictions:
    """Predict texts, with labels by a decision rule."""
    proba = np.empty((0, len(predictor.labels)))
    if texts:
        proba = predictor.predict_proba(texts)
    numbers = proba
    if not rule.predicts_several:
        of_label = np.take_along_axis(proba, rule.columns(proba)[:, None], axis=1)
        numbers = np.concatenate([of_label, proba], axis=1)
    return BatchPredictions(rule.predictions(proba), numbers)
