"""The pictures of what a model's answers show, and of how it learned."""

from collections.abc import Sequence
from dataclasses import replace

from wordgate.bundle.metrics import Epoch
from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.slices import Slice
from wordgate.report.charts import (
    Axis,
    Bar,
    Estimate,
    Line,
    axis,
    bar_chart,
    heat_map,
    line_chart,
    shares,
)
from wordgate.report.figures import Figure, Table, share, span
from wordgate.report.findings import Findings, Learning

MOST_BARS, MOST_CELLS, MOST_CONFUSIONS = 30, 10, 30


def learning_figures(learning: Learning) -> list[Figure]:
    """Show loss and accuracy epoch by epoch; nothing for families without epochs."""
    if not learning.history:
        return []
    return [_learning(learning, "loss"), _learning(learning, "accuracy")]


def confusion_figure(findings: Findings) -> Figure:
    """Show which labels are taken for which; of many labels those with the most errors."""
    labels = [score.label for score in findings.scores.per_class]
    counts = findings.scores.confusion
    chosen = _most_confused(counts, MOST_CELLS)
    few = len(chosen) == len(labels)
    note = "Rows are true labels, columns what the model said; shares are of a row."
    if not few:
        note += f" The {len(chosen)} of {len(labels)} labels with the most errors."
    return Figure(
        "What is taken for what",
        heat_map(
            [labels[i] for i in chosen],
            [[counts[i][j] for j in chosen] for i in chosen],
            label=f"Confusion matrix of {len(chosen)} labels; the table has its numbers.",
        ),
        _confusion_table(labels, counts) if few else _confusions(labels, counts),
        note,
    )


def label_figure(findings: Findings) -> Figure:
    """Show every label's F1 with its interval, and precision and recall in the table."""
    scores = list(zip(findings.scores.per_class, findings.intervals, strict=True))
    shown = sorted(scores, key=lambda pair: pair[0].f1 or 0.0)[:MOST_BARS]
    chosen = {score.label for score, _ in shown}
    bars = [
        Bar(score.label, Estimate(score.f1, found.f1.low, found.f1.high), f"{score.support:,} rows")
        for score, found in scores
        if score.label in chosen
    ]
    rows = [
        [
            score.label,
            *(share(score.precision), span(found.precision.low, found.precision.high)),
            *(share(score.recall), span(found.recall.low, found.recall.high)),
            *(share(score.f1), span(found.f1.low, found.f1.high)),
            f"{score.support:,}",
        ]
        for score, found in scores
    ]
    header = ("label", "precision", "95 %", "recall", "95 %", "F1", "95 %", "rows")
    less = len(scores) - len(bars)
    note = "Harmonic mean of precision and recall; whiskers are intervals by groups."
    if less:
        note += f" The {len(bars)} labels of {len(scores)} that fare worst."
    return Figure(
        "F1 of each label",
        bar_chart(
            bars, x=shares("F1, with 95 % interval"), label="F1 of each label: " + _list(bars)
        ),
        Table(header, rows),
        note,
    )


def reliability_figure(findings: Findings) -> Figure:
    """Show accuracy against confidence, before and after the temperature."""
    lines = [Line("perfect", [(0, 0), (1, 1)], "quiet")]
    rows = []
    named = [("as told", findings.after)] if findings.before is None else [
        ("before", findings.before), ("after", findings.after)]  # fmt: skip
    for name, found in named:
        points = [(one.confidence, one.accuracy) for one in found.bins]
        last = found is findings.after
        lines.append(Line(name, points, "one" if last else "two", marks=True))
        rows += _reliability_rows(name, found)
    return Figure(
        "Is it as often right as it is sure?",
        line_chart(
            lines,
            x=shares("probability of its answer"),
            y=shares("accuracy"),
            label=f"Reliability; expected calibration error {findings.after.ece:.3f}.",
        ),
        Table(("", "probability", "mean", "accuracy", "rows"), rows),
        "Below the diagonal it is too sure of itself, above it not sure enough.",
    )


def coverage_figure(findings: Findings) -> Figure:
    """Show what answering only sure texts would give."""
    points = findings.coverage
    answered = [(one.threshold, one.coverage) for one in points]
    accuracy = [(one.threshold, one.accuracy) for one in points if one.accuracy is not None]
    rows = [[f"{one.threshold:.2f}", f"{one.coverage:.1%}", share(one.accuracy), f"{one.n:,}"]
            for one in points]  # fmt: skip
    return Figure(
        "What silence buys",
        line_chart(
            [Line("texts answered", answered, "two"), Line("accuracy among them", accuracy, "one")],
            x=shares("P of --abstain-below"),
            y=shares("share"),
            label="Share of texts answered, and accuracy among them, by threshold.",
        ),
        Table(("P", "answered", "accuracy", "rows"), rows),
        "Answers less probable than P are withheld: fewer texts are answered, mostly better.",
    )


def slice_figure(title: str, what: str, slices: Sequence[Slice], note: str = "") -> Figure:
    """Show the accuracy in bins of a number."""
    bars = [
        Bar(
            one.name, Estimate(one.accuracy, one.interval.low, one.interval.high), f"{one.n:,} rows"
        )
        for one in slices
    ]
    rows = [
        [one.name, share(one.accuracy), span(one.interval.low, one.interval.high), f"{one.n:,}"]
        for one in slices
    ]
    return Figure(
        title,
        bar_chart(bars, x=shares("accuracy, with 95 % interval"), label=f"{title}: {_list(bars)}"),
        Table((what, "accuracy", "95 % interval", "rows"), rows),
        note,
    )


def _learning(learning: Learning, what: str) -> Figure:
    history, best = learning.history, learning.best_epoch
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
            x=_epoch_axis(history),
            y=axis(what, values, form="{:.2f}".format),
            label=f"{title}; validation ends at {last:.3f}.",
            marked=(best, f"kept: {best}") if best else None,
        ),
        Table(("epoch", "training", "validation"), rows),
    )


def _epoch_axis(history: Sequence[Epoch]) -> Axis:
    """Make a scale of epochs, numbered at whole ones alone."""
    found = axis("epoch", [one.epoch for one in history])
    return replace(found, ticks=[tick for tick in found.ticks if tick == int(tick)])


def _reliability_rows(name: str, found: Calibration) -> list[list[str]]:
    return [
        [name, f"{one.low:.2f} to {one.high:.2f}", share(one.confidence), share(one.accuracy),
         f"{one.n:,}"]
        for one in found.bins
    ]  # fmt: skip


def _most_confused(counts: Sequence[Sequence[int]], most: int) -> list[int]:
    n = len(counts)
    errors = [sum(counts[i][j] + counts[j][i] for j in range(n) if j != i) for i in range(n)]
    return sorted(sorted(range(n), key=lambda i: -errors[i])[:most])


def _confusion_table(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> Table:
    rows = [[label, *(f"{count:,}" for count in row)]
            for label, row in zip(labels, counts, strict=True)]  # fmt: skip
    return Table(("true \\ predicted", *labels), rows)


def _confusions(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> Table:
    """List the most frequent errors: a matrix of many labels is mostly zeros."""
    n = range(len(labels))
    errors = sorted(((counts[i][j], i, j) for i in n for j in n if i != j), reverse=True)
    rows = [
        [labels[i], labels[j], f"{count:,}"] for count, i, j in errors[:MOST_CONFUSIONS] if count
    ]
    return Table(("true", "predicted", "rows"), rows)


def _list(bars: Sequence[Bar]) -> str:
    told = [f"{bar.name} " + ("undefined" if bar.estimate.value is None
                              else f"{bar.estimate.value:.2f}") for bar in bars]  # fmt: skip
    return ", ".join(told) + "."
