"""From a judged model to the page that shows what it is worth."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import Metrics
from wordgate.data import Table
from wordgate.evaluation.metrics import Scores
from wordgate.report.findings import HeldOut, find
from wordgate.report.model_page import model_page
from wordgate.report.model_report import ModelReport, Told
from wordgate.report.words import count_words
from wordgate.training.fitting import Examples
from wordgate.workflows.audit import Audit
from wordgate.workflows.audit_sections import advice, sections
from wordgate.workflows.splits import DataSplits, all_rows
from wordgate.workflows.verdicts import family_name, leak, verdict


def report_page(
    table: Table,
    splits: DataSplits,
    found: Audit,
    config: Config,
    metrics: Metrics,
    scores: Scores,
    untempered: NDArray[np.float64],
    log_proba: NDArray[np.float64],
    *,
    by_folds: NDArray[np.float64] | None,
    texts: bool,
) -> str:
    """Show in pictures what a model is worth on its test rows.

    Args:
        table: All rows.
        splits: Who learned, who chose and who judged.
        found: What the audit found.
        config: How the model came about.
        metrics: What it is worth.
        scores: The scores among them.
        untempered: float64 [n_test, classes], the model's log-probabilities before calibration.
        log_proba: float64 [n_test, classes], as the bundle will give them.
        by_folds: float64 [n, classes], those of all rows by models that had not seen them, among
            which wrong labels are sought; None to seek them among the test rows.
        texts: Whether texts of the data may stand on the page.
    """
    findings = find(
        scores,
        held_out(table, splits.test, splits.split.test, log_proba),
        count_words(splits.test.texts, splits.train.texts),
        temperature=config.temperature,
        untempered=untempered,
        suspected=None
        if by_folds is None
        else held_out(
            table,
            all_rows(table, splits.labels, splits.copies),
            np.arange(len(table)),
            by_folds,
        ),
        texts=texts,
        seed=config.seed,
    )
    return model_page(ModelReport(_told(config, metrics, found), metrics, findings))


def held_out(
    table: Table, examples: Examples, rows: NDArray[np.int64], log_proba: NDArray[np.float64]
) -> HeldOut:
    """Join what a model says of rows to the rows.

    Args:
        table: All rows.
        examples: Those that judge.
        rows: int64 [n], where they stand in the table.
        log_proba: float64 [n, classes], what the model says of them.
    """
    return HeldOut(
        log_proba=log_proba,
        targets=examples.targets,
        texts=examples.texts,
        rows=[table.rows[row] for row in rows.tolist()],
        groups=examples.groups,
    )


def source_name(source: str) -> str:
    """Name a source without the folders it lies in: a page is for others, too."""
    return Path(source).name


def _told(config: Config, metrics: Metrics, found: Audit) -> Told:
    sentence, *_ = verdict(config.family, metrics.difference_to_count)
    return Told(
        title=f"{family_name(config.family)} on {source_name(str(config.data.get('source')))}",
        verdict=sentence,
        sentences=[
            leak(metrics.split),
            *metrics.split.warnings,
            *metrics.remarks,
            *metrics.teacher_told(),
            *metrics.word_vectors_told(),
        ],
        audit=[advice(found), *sections(found)],
        measured=[
            metrics.split.reason,
            f"Interval of accuracy: {metrics.intervals.accuracy.method}.",
            f"Difference to word counts: {metrics.difference_to_count.method}.",
            f"Recipe {config.recipe}, seed {config.seed}.",
        ],
        versions=list(config.environment.items()),
    )
