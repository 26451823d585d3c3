"""The texts of a batch, and a model's predictions for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.data.columns import Column, joined
from wordgate.data.structured import has_structured, why_structured
from wordgate.prediction.decision import Answer, DecisionRule
from wordgate.prediction.predictor import Predictor
from wordgate.tables import Batch
from wordgate.tables.values import EMPTY_TEXT, is_empty


@dataclass(frozen=True)
class BatchPredictions:
    """Predictions for the records of a batch that can be scored, in order.

    Attributes:
        answers: Each text's label, None where it abstains; or its labels.
        numbers: float64 [n, k], of the columns of numbers that are added: the probability of each
            label; with one label per text, before them that of the label itself, or of the most
            probable one where it abstains.
    """

    answers: list[Answer]
    numbers: NDArray[np.float64]

    @property
    def abstained(self) -> int:
        """The number of texts without a label."""
        return self.answers.count(None) + self.answers.count(())


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


def texts_of(blank: str, batch: Batch, columns: Sequence[Column]) -> BatchTexts:
    """Take the texts of a batch that can be scored; the main one of their columns is last.

    `blank` is a record without cells, as it would stand in the source.
    """
    errors = dict(batch.undecoded)
    raws = batch.raws
    if batch.rejected:
        raws = list(raws or ())
        for place, why in batch.rejected.items():
            before = f"{errors[place]}; " if place in errors else ""
            errors[place] = f"{before}{why}: {raws[place]}"
            raws[place] = blank
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


def predict_batch(predictor: Predictor, texts: list[str], rule: DecisionRule) -> BatchPredictions:
    """Predict texts, and give them labels by a rule."""
    proba = np.empty((0, len(predictor.labels)))
    if texts:
        proba = predictor.predict_proba(texts)
    numbers = proba
    if not rule.gives_several:
        own = np.take_along_axis(proba, rule.columns(proba)[:, None], axis=1)
        numbers = np.concatenate([own, proba], axis=1)
    return BatchPredictions(rule.answers(proba), numbers)
