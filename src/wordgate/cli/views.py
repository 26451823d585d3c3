"""Results as a terminal shows them. Every function gives a string; the commands print it."""

from typing import TYPE_CHECKING

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import Metrics, PairedDifference, SplitFacts
from wordgate.evaluation.report_text import classification_report, confusion_table

if TYPE_CHECKING:
    from wordgate.bundle.folder import BundleFolder
    from wordgate.workflows.evaluate import Evaluation, Seen
    from wordgate.workflows.train import Training

NAMES = {"lstm": "LSTM", "count": "word counts"}


def training_view(training: "Training") -> str:
    """Show what a training came to: scores, ladder, verdict, leak, costs."""
    metrics = training.metrics
    parts = [
        classification_report(metrics),
        confusion_table(metrics),
        ladder(training.bundle.config.family, metrics),
        "\n".join([verdict(metrics.difference_to_count), leak(metrics.split)]),
    ]
    if training.remarks:
        parts.append("\n".join(f"Note: {remark}" for remark in training.remarks))
    parts.append(_costs(metrics))
    return "\n\n".join(parts)
