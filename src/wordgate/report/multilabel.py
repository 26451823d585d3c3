"""Report sections for models of several labels per text."""

from collections.abc import Sequence

from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.multilabel import MultilabelScores
from wordgate.evaluation.multilabel_errors import (
    MICRO_AVERAGE,
    MultilabelAnalysis,
    PrecisionRecallCurve,
)
from wordgate.report.charts import Panel, curve_grid, matrix
from wordgate.report.figures import (
    MANY_LABELS,
    label_figures,
    reliability_figure,
    slice_figures,
)
from wordgate.report.page import Figure, PageTable
from wordgate.report.text import format_share, label_pairs

MOST_CELLS, MOST_PAIRS = 20, 30
_RECALLS_TOLD = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def multilabel_figures(
    analysis: MultilabelAnalysis, calibrations: Sequence[tuple[str, Calibration]]
) -> dict[str, object]:
    """Draw the figures of an error analysis, by their names in ``model_section.html.j2``."""
    labels = [
        *label_figures(analysis.scores.per_class, analysis.intervals),
        _cooccurrence_figure(analysis.scores),
    ]
    if analysis.curves:
        labels.append(_curve_figure(analysis.curves, len(analysis.scores.per_class)))
    reliability = reliability_figure(
        calibrations,
        title="Reliability: frequency of a label against its probability",
        x="probability of a label",
        y="share of rows with the label",
    )
    return {
        "labels": labels,
        "probabilities": [reliability],
        "abstention": (),
        "slices": slice_figures(analysis.by_length, analysis.by_unseen, "micro F1"),
    }


def _cooccurrence_figure(scores: MultilabelScores) -> Figure:
    """Show which labels occur together; of many labels, only the most frequent ones."""
    names = [score.label for score in scores.per_class]
    support = [score.support for score in scores.per_class]
    counts, n = scores.cooccurrence, range(len(names))
    chosen = sorted(sorted(n, key=lambda i: -support[i])[:MOST_CELLS])
    note = "Test rows with both labels; percentages are of the test rows with the label of the row."
    if len(chosen) == len(names):
        rows = [[names[i], *(f"{count:,}" for count in counts[i])] for i in n]
        table = PageTable(("label", *names), rows)
    else:
        pairs = label_pairs(scores)[:MOST_PAIRS]
        rows = [[first, second, f"{count:,}"] for count, first, second in pairs]
        table = PageTable(("label", "with", "rows"), rows)
        note += f" Only the {len(chosen)} of {len(names)} labels with the most rows are shown."
    return Figure(
        "Labels that occur together",
        matrix(
            [names[i] for i in chosen],
            [[counts[i][j] for j in chosen] for i in chosen],
            label=f"Co-occurrence of {len(chosen)} labels; the table contains the counts.",
            across="also has",
            down="label",
            totals=[support[i] for i in chosen],
        ),
        table,
        note,
        wide=len(chosen) > MANY_LABELS,
    )


def _curve_figure(curves: Sequence[PrecisionRecallCurve], n_labels: int) -> Figure:
    """Show precision-recall curves: over all labels, and of the most frequent ones."""
    panels = [
        Panel(one.name, f"{one.average_precision:.2f}", one.points, one.chosen) for one in curves
    ]
    rows = [
        [one.name, *(format_share(_precision_at(one, recall), 2) for recall in _RECALLS_TOLD),
         f"{one.average_precision:.3f}"]
        for one in curves
    ]  # fmt: skip
    told = ", ".join(f"{one.name} {one.average_precision:.2f}" for one in curves)
    note = (
        f"With the average precision of each label. Dotted: {MICRO_AVERAGE}. Marked: the threshold."
    )
    if n_labels > len(curves) - 1:
        note += f" Only the {len(curves) - 1} of {n_labels} labels with the most rows are shown."
    return Figure(
        "Precision against recall",
        curve_grid(
            panels,
            reference=curves[0].points,
            x="recall",
            y="precision",
            label=f"Precision against recall; average precision: {told}.",
        ),
        PageTable(("precision at recall", *map(str, _RECALLS_TOLD), "average precision"), rows),
        note,
    )


def _precision_at(curve: PrecisionRecallCurve, recall: float) -> float | None:
    """Give the precision at the first point with at least this recall."""
    return next((y for x, y in curve.points if x >= recall - 1e-9), None)
