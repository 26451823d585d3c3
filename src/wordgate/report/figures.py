"""Figures of an error analysis: labels, calibration, text length and unseen words, epochs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from markupsafe import Markup

from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.error_analysis import ErrorAnalysis, Slice
from wordgate.evaluation.metrics import ClassIntervals, Epoch, LabelScore, Scores
from wordgate.evaluation.multilabel import MultilabelScores
from wordgate.evaluation.multilabel_errors import (
    MICRO_AVERAGE,
    MultilabelAnalysis,
    PrecisionRecallCurve,
)
from wordgate.evaluation.selective_prediction import CoveragePoint, abstention_sentences
from wordgate.report.charts import (
    FEW_LABELS,
    ChartBar,
    Estimate,
    Line,
    Panel,
    axis,
    bar_chart,
    curve_grid,
    line_chart,
    matrix,
    shares,
)
from wordgate.report.page import Figure, PageTable
from wordgate.report.text import format_share, label_pairs
from wordgate.runtime.display import counted

MOST_BARS, MOST_CELLS, MOST_PAIRS = 30, 20, 30
FEWEST_ROWS = 10
"""Minimum rows of a bin in a chart; smaller bins are only in its table."""
MANY_LABELS = 10
"""Maximum labels for which matrix and bars are next to each other."""
_TABLE_RECALLS = (0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
_SLICES = {
    "words": (
        "By text length",
        "Number of words, in bins with about the same number of rows.",
    ),
    "unseen": (
        "By fraction of unseen words",
        "Fraction of the words that occur in no training text.",
    ),
}


def analysis_figures(
    analysis: ErrorAnalysis | MultilabelAnalysis, calibrations: Sequence[tuple[str, Calibration]]
) -> dict[str, object]:
    """Return the figures of an error analysis, by their names in ``model_section.html.j2``.

    `abstention` is None for a model that cannot abstain.
    """
    labels = _label_figures(analysis.scores.per_class, analysis.intervals)
    abstention = None
    if isinstance(analysis, MultilabelAnalysis):
        score = "micro F1"
        labels.append(_cooccurrence_figure(analysis.scores))
        if analysis.curves:
            labels.append(_curve_figure(analysis.curves, len(analysis.scores.per_class)))
        x, y = "mean predicted probability of a label", "fraction of rows with the label"
        probabilities = [_reliability_figure(calibrations, x, y)]
    else:
        score = "accuracy"
        labels.append(_confusion_figure(analysis.scores))
        probabilities = [_reliability_figure(calibrations, "mean predicted probability", score)]
        if analysis.coverage:
            probabilities.append(_coverage_figure(analysis.coverage))
            abstention = abstention_sentences(analysis.coverage)
    return {
        "labels": labels,
        "probabilities": probabilities,
        "abstention": abstention,
        "slices": [
            _slice_figure("words", analysis.by_length, score),
            _slice_figure("unseen", analysis.by_unseen, score),
        ],
    }


def _confusion_figure(scores: Scores) -> Figure:
    """Show the confusion matrix; of many labels, only those with the most errors."""
    names, counts = [score.label for score in scores.per_class], scores.confusion
    n = range(len(names))
    n_errors = [sum(counts[i][j] + counts[j][i] for j in n if j != i) for i in n]
    chosen = _highest(n_errors)
    table = None
    if len(names) > FEW_LABELS:  # the most frequent errors, because cells have no counts
        errors = sorted(((counts[i][j], i, j) for i in n for j in n if i != j), reverse=True)
        most = [one for one in errors[:MOST_PAIRS] if one[0]]
        rows = [[names[i], names[j], f"{count:,}"] for count, i, j in most]
        table = PageTable(("true", "predicted", "rows"), rows)
    note = "Rows are true labels, columns are predicted labels; percentages are of the row."
    if len(chosen) < len(names):
        note += f" Only the {len(chosen)} of {len(names)} labels with the most errors are shown."
    label = f"Confusion matrix of {len(chosen)} labels"
    picture = _label_matrix(scores.per_class, counts, chosen, label, "true", "predicted")
    return Figure("Confusion matrix", picture, table, note, wide=len(chosen) > MANY_LABELS)


def _cooccurrence_figure(scores: MultilabelScores) -> Figure:
    """Show which labels occur together; of many labels, only the most frequent ones."""
    names, counts = [score.label for score in scores.per_class], scores.cooccurrence
    chosen = _highest([score.support for score in scores.per_class])
    note = "Test rows with both labels; percentages are of the test rows with the label of the row."
    if len(chosen) == len(names):
        rows = [[name, *map("{:,}".format, row)] for name, row in zip(names, counts, strict=True)]
        table = PageTable(("label", *names), rows)
    else:
        pairs = label_pairs(scores)[:MOST_PAIRS]
        rows = [[first, second, f"{count:,}"] for count, first, second in pairs]
        table = PageTable(("label", "with", "rows"), rows)
        note += f" Only the {len(chosen)} of {len(names)} labels with the most rows are shown."
    label = f"Co-occurrence of {len(chosen)} labels; the table contains the counts."
    picture = _label_matrix(scores.per_class, counts, chosen, label, "label", "also has")
    title = "Labels that occur together"
    return Figure(title, picture, table, note, wide=len(chosen) > MANY_LABELS)


def _highest(values: Sequence[int]) -> list[int]:
    """Return the positions of the highest values, at most `MOST_CELLS`, in order."""
    return sorted(sorted(range(len(values)), key=lambda i: -values[i])[:MOST_CELLS])


def _label_matrix(
    per_class: Sequence[LabelScore], counts: Sequence[Sequence[int]], chosen: Sequence[int],
    label: str, down: str, across: str,
) -> Markup:  # fmt: skip
    """Format counts of pairs of labels, with fractions of the test rows of the first label."""
    return matrix(
        [per_class[i].label for i in chosen],
        [[counts[i][j] for j in chosen] for i in chosen],
        [per_class[i].support for i in chosen],
        label=label,
        down=down,
        across=across,
    )


def _curve_figure(curves: Sequence[PrecisionRecallCurve], n_labels: int) -> Figure:
    """Show precision-recall curves: over all labels, and of the most frequent ones."""
    panels = [
        Panel(one.name, f"{one.average_precision:.2f}", one.points, one.chosen) for one in curves
    ]
    rows = [
        [one.name, *(format_share(_precision_at(one, recall), 2) for recall in _TABLE_RECALLS),
         f"{one.average_precision:.3f}"]
        for one in curves
    ]  # fmt: skip
    values = ", ".join(f"{one.name} {one.average_precision:.2f}" for one in curves)
    note = (
        f"With the average precision of each label. Dotted: {MICRO_AVERAGE}. Marked: the threshold."
    )
    if n_labels > len(curves) - 1:
        note += f" Only the {len(curves) - 1} of {n_labels} labels with the most rows are shown."
    picture = curve_grid(
        panels,
        reference=curves[0].points,
        label=f"Precision against recall; average precision: {values}.",
    )
    header = ("precision at recall", *map(str, _TABLE_RECALLS), "average precision")
    return Figure("Precision against recall", picture, PageTable(header, rows), note)


def _precision_at(curve: PrecisionRecallCurve, recall: float) -> float | None:
    """Return the precision at the first point with at least this recall."""
    return next((y for x, y in curve.points if x >= recall - 1e-9), None)


def _label_figures(
    per_class: Sequence[LabelScore], intervals: Sequence[ClassIntervals]
) -> list[Figure]:
    """Show the F1 of every label with its interval, in two figures if there are many labels."""
    scores = list(zip(per_class, intervals, strict=True))
    lowest = sorted(scores, key=lambda pair: pair[0].f1 or 0.0)[:MOST_BARS]
    chosen = {score.label for score, _ in lowest}
    bars = [
        ChartBar(score.label, Estimate.of(score.f1, interval.f1), counted(score.support, "row"))
        for score, interval in scores
        if score.label in chosen
    ]
    rows = [
        [
            score.label,
            *(format_share(score.precision), str(interval.precision)),
            *(format_share(score.recall), str(interval.recall)),
            *(format_share(score.f1), str(interval.f1)),
            f"{score.support:,}",
        ]
        for score, interval in scores
    ]
    header = ("label", "precision", "95% CI", "recall", "95% CI", "F1", "95% CI", "rows")
    note = "Harmonic mean of precision and recall; with 95% intervals (groups are resampled)."
    if len(bars) < len(scores):
        note += f" Only the {len(bars)} of {len(scores)} labels with the lowest F1 are shown."
    middle = len(bars) if len(bars) <= MANY_LABELS else (len(bars) + 1) // 2
    title = "F1 of each label"
    first = Figure(title, _bars(title, "F1", bars[:middle]), PageTable(header, rows), note)
    if middle == len(bars):
        return [first]
    title += ", continued"
    return [first, Figure(title, _bars(title, "F1", bars[middle:]), None)]


def _bars(title: str, score: str, bars: Sequence[ChartBar]) -> Markup:
    values = ", ".join(f"{bar.name} {bar.value}" for bar in bars)
    return bar_chart(bars, title=f"{score}, with 95% interval", label=f"{title}: {values}.")


def _reliability_figure(calibrations: Sequence[tuple[str, Calibration]], x: str, y: str) -> Figure:
    """Show accuracy against confidence; the most important calibration is last."""
    lines = [Line("perfect calibration", [(0, 0), (1, 1)], "quiet")]
    rows, last = [], calibrations[-1][1]
    for name, measured in calibrations:
        points = [(one.confidence, one.accuracy) for one in measured.bins if one.n >= FEWEST_ROWS]
        lines.append(Line(name, points, "one" if measured is last else "two", marks=True))
        for one in measured.bins:
            edges, means = f"{one.low:.2f} to {one.high:.2f}", (one.confidence, one.accuracy)
            rows.append([name, edges, *map(format_share, means), f"{one.n:,}"])
    return Figure(
        "Reliability diagram",
        line_chart(
            lines,
            x=shares(x),
            y=shares(y),
            label=f"Reliability; expected calibration error {last.ece:.3f}.",
        ),
        PageTable(("", "probability", "mean", y, "rows"), rows),
        "Below the diagonal the model is overconfident, above it underconfident."
        + _left_out(one.n for _, measured in calibrations for one in measured.bins),
    )


def _slice_figure(kind: str, slices: Sequence[Slice], score: str) -> Figure:
    """Show a score by one of `_SLICES`."""
    title, note = _SLICES[kind]
    bars = [
        ChartBar(one.name, Estimate.of(one.score, one.interval), counted(one.n, "row"))
        for one in slices
        if one.n >= FEWEST_ROWS
    ]
    rows = [[one.name, format_share(one.score), str(one.interval), f"{one.n:,}"] for one in slices]
    return Figure(
        title,
        _bars(title, score, bars),
        PageTable((kind, score, "95% interval", "rows"), rows),
        note + _left_out(one.n for one in slices),
    )


def _left_out(sizes: Iterable[int]) -> str:
    """Return a note if some bins are too small for the chart."""
    few = any(size < FEWEST_ROWS for size in sizes)
    return f" Bins with fewer than {FEWEST_ROWS} rows are only in the table." if few else ""


def epoch_figure(history: Sequence[Epoch], best: int, what: str) -> Figure:
    """Show loss or accuracy by epoch, with ticks only at whole epochs."""
    numbers = [one.epoch for one in history]
    epochs = axis("epoch", numbers)
    epochs = replace(epochs, ticks=[tick for tick in epochs.ticks if tick == int(tick)])
    train = [getattr(one, f"train_{what}") for one in history]
    valid = [getattr(one, f"valid_{what}") for one in history]
    lines = [
        Line("training", list(zip(numbers, train, strict=True)), "two"),
        Line("validation", list(zip(numbers, valid, strict=True)), "one"),
    ]
    rows = [
        [str(number), f"{one:.3f}", f"{other:.3f}"]
        for number, one, other in zip(numbers, train, valid, strict=True)
    ]
    title = f"{what.capitalize()} by epoch"
    return Figure(
        title,
        line_chart(
            lines,
            x=epochs,
            y=axis(what, [*train, *valid], form="{:.2f}".format),
            label=f"{title}; validation ends at {valid[-1]:.3f}.",
            marked=(best, f"best: {best}") if best else None,
        ),
        PageTable(("epoch", "training", "validation"), rows),
    )


def _coverage_figure(points: Sequence[CoveragePoint]) -> Figure:
    answered = [(one.threshold, one.coverage) for one in points]
    accuracy = [(one.threshold, one.accuracy) for one in points if one.accuracy is not None]
    rows = [
        [f"{one.threshold:.2f}", f"{one.coverage:.1%}", format_share(one.accuracy), f"{one.n:,}"]
        for one in points
    ]
    return Figure(
        "Accuracy against coverage",
        line_chart(
            [Line("coverage", answered, "two"), Line("accuracy", accuracy, "one")],
            x=shares("threshold (--abstain-below)"),
            y=shares("accuracy, coverage"),
            label="Coverage, and accuracy of the labeled texts, by threshold.",
        ),
        PageTable(("threshold", "coverage", "accuracy", "rows"), rows),
        "Texts whose label is less probable than the threshold get no label.",
    )
