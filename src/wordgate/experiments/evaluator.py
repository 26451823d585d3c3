"""Evaluation of predictions for test rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.data import Table
from wordgate.data.dataset import Dataset
from wordgate.evaluation.error_analysis import (
    ErrorAnalysis,
    PredictedRows,
    WordCounts,
    analyse_errors,
)
from wordgate.evaluation.intervals import PairedDifference
from wordgate.evaluation.metrics import evaluate, is_skewed
from wordgate.evaluation.multilabel import AnyScores, MultilabelScores, evaluate_multilabel
from wordgate.evaluation.multilabel_errors import MultilabelAnalysis, analyse_multilabel_errors
from wordgate.evaluation.search import SearchObjective, paired_scores
from wordgate.experiments.fitting import ModelOutput


@dataclass(frozen=True)
class Evaluator:
    """Evaluates predictions for test rows; `seed` is that of the resampling."""

    test: Dataset
    labels: tuple[str, ...]
    seed: int

    def scores(self, output: ModelOutput) -> AnyScores:
        """Compute the scores of a model's predictions."""
        test, (log_proba, thresholds) = self.test, (output.log_proba, output.thresholds)
        rows = (test.targets, log_proba, self.labels, test.groups)
        if test.multilabel:
            return evaluate_multilabel(*rows, thresholds, seed=self.seed)
        return evaluate(*rows, predicted=output.classes(), seed=self.seed)

    def part(self, rows: NDArray[np.bool_]) -> "Evaluator":
        """Select rows, bool [n]."""
        return Evaluator(self.test.part(np.flatnonzero(rows)), self.labels, self.seed)

    def correct(self, output: ModelOutput) -> NDArray[np.bool_]:
        """Return which rows are classified correctly, with all labels, bool [n]."""
        return _agree(self.test.targets, output.decisions(multilabel=self.test.multilabel))

    def paired_difference(
        self, output: ModelOutput, other: ModelOutput, score: SearchObjective | None = None
    ) -> PairedDifference:
        """Test a model's predictions against another one's, paired by group.

        The difference is of a score; None for accuracy, or micro F1 with several labels per text.
        """
        test = self.test
        return paired_scores(
            score or ("micro_f1" if test.multilabel else "accuracy"),
            test.targets,
            output.decisions(multilabel=test.multilabel),
            other.decisions(multilabel=test.multilabel),
            test.groups,
            len(self.labels),
            seed=self.seed,
        )

    def macro_f1_difference(
        self, output: ModelOutput, other: ModelOutput
    ) -> PairedDifference | None:
        """Test macro F1 as `paired_difference` tests accuracy; None unless labels are skewed."""
        if self.test.multilabel or not is_skewed(np.bincount(self.test.targets)):
            return None
        return self.paired_difference(output, other, "macro_f1")

    def agreement(self, output: ModelOutput, other: ModelOutput) -> float:
        """Return the fraction of rows for which two models predict the same label or labels."""
        several = self.test.multilabel
        decisions = (one.decisions(multilabel=several) for one in (output, other))
        return float(_agree(*decisions).mean())


def _agree(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows have the same label, [n], or the same labels, [n, labels]: bool [n]."""
    same = one == other
    return np.asarray(same.all(axis=1) if same.ndim == 2 else same)


def predictions(
    table: Table, dataset: Dataset, rows: NDArray[np.int64], output: ModelOutput
) -> PredictedRows:
    """Join a model's predictions for a data set to its rows in the table, int64 [n]."""
    thresholds = output.thresholds
    return PredictedRows(
        log_proba=output.log_proba,
        decisions=None if thresholds is None else output.decisions(multilabel=dataset.multilabel),
        targets=dataset.targets,
        texts=dataset.texts,
        rows=[table.rows[row] for row in rows.tolist()],
        groups=dataset.groups,
    )


def analyse(
    scores: AnyScores, rows: PredictedRows, words: WordCounts, **options: Any
) -> ErrorAnalysis | MultilabelAnalysis:
    """Analyze a model's errors on the test rows; see `analyse_errors` for the options."""
    if isinstance(scores, MultilabelScores):
        return analyse_multilabel_errors(scores, rows, words, **options)
    return analyse_errors(scores, rows, words, **options)
