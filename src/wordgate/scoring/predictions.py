"""The texts of a batch, and a model's predictions for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.data.columns import Column, joined
from wordgate.data.structured import has_structured, why_structured
from wordgate.prediction.predictor import Predictor
from wordgate.tables import Batch, Reader
from wordgate.tables.values import EMPTY_TEXT, is_empty

ABSTAINED = -1


@dataclass(frozen=True)
class BatchPredictions:
    """Predictions for the records of a batch that can be scored, in order.

    Attributes:
        labels: The most probable label's place among the model's labels; `ABSTAINED` where it is
            not probable enough.
        proba: float64 [n, classes].
    """

    labels: list[int]
    proba: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)

    def with_top(self) -> NDArray[np.float64]:
        """Give each text's highest probability, then all: float64 [n, 1 + classes]."""
        top = self.proba.max(axis=1, initial=0.0, keepdims=True)
        return np.concatenate([top, self.proba], axis=1)

    @property
    def abstained(self) -> int:
        """The number of texts without a label."""
        return self.labels.count(ABSTAINED)


@dataclass(frozen=True)
class BatchTexts:
    """Records of a batch with those set apart that can't be scored.

    Attributes:
        batch: The records.
        texts: The texts of those that can be scored, in order.
        errors: Why the others can't be, by their places in the batch from 0. Where one could not
            be taken apart the record itself follows after a colon.
        raws: The records as they stood; one that could not be taken apart as one without cells.
            None where records have no lines.
    """

    batch: Batch
    texts: list[str]
    errors: dict[int, str]
    raws: Sequence[str] | None

    def __len__(self) -> int:
        return len(self.batch)


def texts_of(reader: Reader, batch: Batch, columns: Sequence[Column]) -> BatchTexts:
    """Take the texts of a batch that can be scored.

    Args:
        reader: Where the batch comes from.
        batch: The records.
        columns: The columns that make the text, the main one last.
    """
    errors = dict(batch.misfits)
    raws = batch.raws
    if batch.rejected:
        raws = list(raws or ())
        for place, why in batch.rejected.items():
            before = f"{errors[place]}; " if place in errors else ""
            errors[place] = f"{before}{why}: {raws[place]}"
            raws[place] = reader.blank
    *fronts, bodies = (batch.column(column.number - 1) for column in columns)
    for cells in (*fronts, bodies):
        if has_structured(cells):
            whys = ((place, why_structured(cell, "text")) for place, cell in enumerate(cells))
            errors = {place: why for place, why in whys if why} | errors
    texts = [body for body in bodies if body is not None and not is_empty(body)]
    if not (fronts or errors) and len(texts) == len(batch):  # as nearly always
        return BatchTexts(batch, texts, errors, raws)
    texts = []
    for place, body in enumerate(bodies):
        if place in errors:
            continue
        if body is None:
            errors[place] = f"no key '{columns[-1].name}'"
        elif is_empty(body):
            errors[place] = EMPTY_TEXT
        else:
            texts.append(joined((front[place] for front in fronts), body))
    return BatchTexts(batch, texts, errors, raws)


def predict_batch(predictor: Predictor, texts: list[str], abstain_below: float) -> BatchPredictions:
    """Predict texts.

    Args:
        predictor: The model.
        texts: The texts.
        abstain_below: Give no label where the most probable one is less probable than this.
    """
    if not texts:
        return BatchPredictions([], np.empty((0, len(predictor.labels))))
    proba = predictor.predict_proba(texts)
    labels = proba.argmax(axis=1)
    labels[proba.max(axis=1) < abstain_below] = ABSTAINED
    return BatchPredictions(labels.tolist(), proba)
