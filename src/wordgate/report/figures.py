"""Figures of the reports on models: labels, calibration, text length and unseen words, epochs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from markupsafe import Markup

from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.error_analysis import Slice
from wordgate.evaluation.metrics import ClassIntervals, Epoch, LabelScore
from wordgate.report.charts import ChartBar, Estimate, Line, axis, bar_chart, line_chart, shares
from wordgate.report.page import Figure, PageTable
from wordgate.report.text import format_interval, format_share

MOST_BARS = 30
FEWEST_ROWS = 10
"""Bins of fewer rows are not drawn; the table of the figure has them."""
MANY_LABELS = 10
"""With more labels, the matrix and the bars take the whole width."""


def label_figures(
    per_class: Sequence[LabelScore], intervals: Sequence[ClassIntervals]
) -> list[Figure]:
    """Show the F1 of every label with its interval, in two figures if there are many labels."""
    scores = list(zip(per_class, intervals, strict=True))
    lowest = sorted(scores, key=lambda pair: pair[0].f1 or 0.0)[:MOST_BARS]
    chosen = {score.label for score, _ in lowest}
    bars = [
        ChartBar(score.label, Estimate.of(score.f1, found.f1), f"{score.support:,} rows")
        for score, found in scores
        if score.label in chosen
    ]
    rows = [
        [
            score.label,
            *(format_share(score.precision), format_interval(found.precision)),
            *(format_share(score.recall), format_interval(found.recall)),
            *(format_share(score.f1), format_interval(found.f1)),
            f"{score.support:,}",
        ]
        for score, found in scores
    ]
    header = ("label", "precision", "95%", "recall", "95%", "F1", "95%", "rows")
    note = "Harmonic mean of precision and recall; with 95% intervals (groups are resampled)."
    if len(bars) < len(scores):
        note += f" Only the {len(bars)} of {len(scores)} labels with the lowest F1 are shown."
    middle = len(bars) if len(bars) <= MANY_LABELS else (len(bars) + 1) // 2
    title = "F1 of each label"
    first = Figure(title, _label_chart(title, bars[:middle]), PageTable(header, rows), note)
    if middle == len(bars):
        return [first]
    title += ", continued"
    return [first, Figure(title, _label_chart(title, bars[middle:]), None)]


def _label_chart(title: str, bars: Sequence[ChartBar]) -> Markup:
    scale = shares("F1, with 95% interval")
    return bar_chart(bars, x=scale, label=f"{title}: {_list(bars)}")


def reliability_figure(
    calibrations: Sequence[tuple[str, Calibration]],
    *,
    title: str = "Reliability: accuracy against confidence",
    x: str = "predicted probability",
    y: str = "accuracy",
) -> Figure:
    """Show accuracy against confidence, before and after the temperature.

    Args:
        calibrations: The calibrations by name, the most important one last.
        title: The title of the figure.
        x: The name of the horizontal axis.
        y: The name of the vertical axis.
    """
    lines = [Line("perfect", [(0, 0), (1, 1)], "quiet")]
    rows, last = [], calibrations[-1][1]
    for name, found in calibrations:
        points = [(one.confidence, one.accuracy) for one in found.bins if one.n >= FEWEST_ROWS]
        lines.append(Line(name, points, "one" if found is last else "two", marks=True))
        for one in found.bins:
            edges, shares_of = f"{one.low:.2f} to {one.high:.2f}", (one.confidence, one.accuracy)
            rows.append([name, edges, *map(format_share, shares_of), f"{one.n:,}"])
    return Figure(
        title,
        line_chart(
            lines,
            x=shares(x),
            y=shares(y),
            label=f"Reliability; expected calibration error {last.ece:.3f}.",
        ),
        PageTable(("", "probability", "mean", y, "rows"), rows),
        "Below the diagonal the model is overconfident, above it underconfident."
        + _left_out(one.n for _, found in calibrations for one in found.bins),
    )


def slice_figures(
    by_length: Sequence[Slice], by_unseen: Sequence[Slice], score: str
) -> list[Figure]:
    """Show a score by text length and by the share of unseen words."""
    return [
        _slice_figure("By text length", "words", by_length, score,
                      "Number of words, in bins with about the same number of rows."),
        _slice_figure("By share of unseen words", "unseen", by_unseen, score,
                      "Share of the words that occur in no training text."),
    ]  # fmt: skip


def _slice_figure(title: str, what: str, slices: Sequence[Slice], score: str, note: str) -> Figure:
    bars = [
        ChartBar(one.name, Estimate.of(one.score, one.interval), f"{one.n:,} rows")
        for one in slices
        if one.n >= FEWEST_ROWS
    ]
    rows = [
        [one.name, format_share(one.score), format_interval(one.interval), f"{one.n:,}"]
        for one in slices
    ]
    return Figure(
        title,
        bar_chart(bars, x=shares(f"{score}, with 95% interval"), label=f"{title}: {_list(bars)}"),
        PageTable((what, score, "95% interval", "rows"), rows),
        note + _left_out(one.n for one in slices),
    )


def _left_out(sizes: Iterable[int]) -> str:
    """Write that bins are too small to be drawn, if some are."""
    few = any(size < FEWEST_ROWS for size in sizes)
    return f" Bins with fewer than {FEWEST_ROWS} rows are only in the table." if few else ""


def epoch_figure(history: Sequence[Epoch], best: int, what: str) -> Figure:
    """Show loss or accuracy by epoch, with ticks only at whole epochs."""
    epochs = axis("epoch", [one.epoch for one in history])
    epochs = replace(epochs, ticks=[tick for tick in epochs.ticks if tick == int(tick)])
    train, valid = f"train_{what}", f"valid_{what}"
    lines = [
        Line("training", [(one.epoch, getattr(one, train)) for one in history], "two"),
        Line("validation", [(one.epoch, getattr(one, valid)) for one in history], "one"),
    ]
    values = [y for one in lines for _, y in one.points]
    rows = [[str(one.epoch), f"{getattr(one, train):.3f}", f"{getattr(one, valid):.3f}"]
            for one in history]  # fmt: skip
    title = f"{what.capitalize()} by epoch"
    last = lines[1].points[-1][1]
    return Figure(
        title,
        line_chart(
            lines,
            x=epochs,
            y=axis(what, values, form="{:.2f}".format),
            label=f"{title}; validation ends at {last:.3f}.",
            marked=(best, f"best: {best}") if best else None,
        ),
        PageTable(("epoch", "training", "validation"), rows),
    )


def _list(bars: Sequence[ChartBar]) -> str:
    values = [f"{bar.name} " + ("undefined" if bar.estimate.value is None
                              else f"{bar.estimate.value:.2f}") for bar in bars]  # fmt: skip
    return ", ".join(values) + "."
