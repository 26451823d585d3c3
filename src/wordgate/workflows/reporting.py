"""From a judged model to the page that shows what it is worth."""

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import Metrics
from wordgate.data import Table
from wordgate.report.model_page import model_page
from wordgate.report.model_report import HeldOut, Told, model_report
from wordgate.workflows.audit import Audit
from wordgate.workflows.audit_sections import advice, sections
from wordgate.workflows.study import Study
from wordgate.workflows.verdicts import family_name, leak, verdict


def report_page(
    table: Table,
    study: Study,
    found: Audit,
    config: Config,
    metrics: Metrics,
    untempered: NDArray[np.float64],
    log_proba: NDArray[np.float64],
    *,
    texts: bool,
) -> str:
    """Show in pictures what a model is worth on its test rows.

    Args:
        table: All rows.
        study: Who learned, who chose and who judged.
        found: What the audit found.
        config: How the model came about.
        metrics: What it is worth.
        untempered: float64 [n_test, classes], the model's log-probabilities before calibration.
        log_proba: float64 [n_test, classes], as the bundle will give them.
        texts: Whether texts of the data may stand on the page.
    """
    judged = HeldOut(
        log_proba=log_proba,
        targets=study.test.targets,
        texts=study.test.texts,
        rows=[table.rows[row] for row in study.split.test.tolist()],
        groups=study.test.groups,
    )
    tempered = metrics.calibration is not None and metrics.calibration.temperature != 1.0
    report = model_report(
        _told(config, metrics, found),
        metrics,
        judged,
        study.train.texts,
        temperature=config.temperature if tempered else None,
        untempered=untempered if tempered else None,
        texts=texts,
        seed=config.seed,
    )
    return model_page(report)


def _told(config: Config, metrics: Metrics, found: Audit) -> Told:
    sentence, *_ = verdict(config.family, metrics.difference_to_count)
    return Told(
        title=f"{family_name(config.family)} on {config.data.get('source')}",
        verdict=sentence,
        sentences=[
            leak(metrics.split),
            *metrics.split.warnings,
            *metrics.remarks,
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
