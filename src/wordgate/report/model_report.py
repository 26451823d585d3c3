"""All that the report on one model tells, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass

from wordgate.bundle.metrics import Baseline, Metrics
from wordgate.report.figures import Section
from wordgate.report.findings import Findings


@dataclass(frozen=True)
class Told:
    """What the page says that is not computed from the test rows.

    Attributes:
        title: Names the model, like ``"LSTM on tweets.csv"``.
        verdict: What it is worth, in one sentence.
        sentences: More of that: what it began with, what a user should know about the run.
        audit: What was found in the data, by subject.
        measured: How it was measured: one sentence each.
        versions: What computed, by name: (``"torch"``, ``"2.13.0"``).
    """

    title: str
    verdict: str
    sentences: Sequence[str] = ()
    audit: Sequence[Section] = ()
    measured: Sequence[str] = ()
    versions: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class ModelReport:
    """The report on one model.

    Attributes:
        told: Title, verdict and all else in words.
        metrics: What stands in the bundle's `metrics.json`.
        findings: What its answers on the test rows show.
    """

    told: Told
    metrics: Metrics
    findings: Findings

    def baselines(self) -> list[tuple[str, Baseline]]:
        """Name what the model has to beat."""
        both = self.metrics.baselines
        return [
            ("word counts + logistic regression", both.count),
            ("always the most frequent label", both.majority),
        ]
