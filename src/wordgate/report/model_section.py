"""The section on one model, wherever it stands: figures, tables and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.error_analysis import ErrorAnalysis, Slice
from wordgate.evaluation.metrics import Epoch
from wordgate.evaluation.selective_prediction import abstention_sentences
from wordgate.report.charts import (
    Axis,
    ChartBar,
    Estimate,
    Line,
    axis,
    bar_chart,
    heat_map,
    line_chart,
    shares,
)
from wordgate.report.page import Figure, PageTable
from wordgate.report.text import format_interval, format_share

MOST_BARS, MOST_CELLS, MOST_CONFUSIONS = 30, 10, 30


@dataclass(frozen=True)
class ModelSection:
    """What the template lays out.

    Attributes:
        analysis: What the model's predictions show; its rows stand in lists.
        labels: F1 of every label, and the confusion matrix.
        temperature: The temperature, in a sentence.
        calibration: Measures of calibration, before and after.
        probabilities: The reliability diagram, and accuracy against coverage.
        abstention: How to choose a threshold, in sentences.
        slices: Accuracy by the length of texts and by words new to the model.
        learning: Loss and accuracy by epoch; none for families without epochs.
        learning_text: The same in a sentence.
        remarks: What a user should know about its training.
    """

    analysis: ErrorAnalysis
    labels: Sequence[Figure]
    temperature: str
    calibration: PageTable
    probabilities: Sequence[Figure]
    abstention: Sequence[str]
    slices: Sequence[Figure]
    learning: Sequence[Figure]
    learning_text: str
    remarks: Sequence[str]


def model_section(
    analysis: ErrorAnalysis,
    history: Sequence[Epoch],
    best_epoch: int,
    remarks: Sequence[str] = (),
) -> ModelSection:
    """Draw and word what a model's predictions show.

    Args:
        analysis: What they show.
        history: The epochs of its training; none for a family that has no epochs.
        best_epoch: The number of the one that was kept, from 1; 0 without epochs.
        remarks: What a user should know about its training, where the page doesn't say it already.
    """
    return ModelSection(
        analysis=analysis,
        labels=[_label_figure(analysis), _confusion_figure(analysis)],
        temperature=_temperature(analysis),
        calibration=_calibration_table(analysis),
        probabilities=[_reliability_figure(analysis), _coverage_figure(analysis)],
        abstention=abstention_sentences(analysis.coverage),
        slices=[
            _slice_figure("By the length of a text", "words", analysis.by_length,
                          "Words of a text, in bins of about as many rows."),
            _slice_figure("By the share of words new to it", "unseen", analysis.by_unseen,
                          "Words of a text that stand in no training text."),
        ],
        learning=[_epoch_figure(history, best_epoch, what) for what in ("loss", "accuracy")]
        if history
        else [],
        learning_text=_learning_text(len(history), best_epoch),
        remarks=remarks,
    )  # fmt: skip


def _calibrations(analysis: ErrorAnalysis) -> list[tuple[str, Calibration]]:
    """Name the calibrations that were measured."""
    if analysis.before is None:
        return [("as predicted", analysis.after)]
    return [("before", analysis.before), ("after", analysis.after)]


def _calibration_table(analysis: ErrorAnalysis) -> PageTable:
    rows = [
        [name, f"{one.ece:.3f}", f"{one.brier:.3f}", f"{one.log_loss:.3f}"]
        for name, one in _calibrations(analysis)
    ]
    return PageTable(("", "calibration error", "Brier score", "log loss"), rows)


def _temperature(analysis: ErrorAnalysis) -> str:
    if analysis.before is None:
        return "The probabilities are the model's own; no temperature was fitted."
    if analysis.temperature is None:
        return (
            "Each fold's log-probabilities are divided by a temperature of its own, fitted on its"
            " validation rows. That changes no predicted label."
        )
    way = "overconfident" if analysis.temperature > 1 else "underconfident"
    return (
        f"The model was {way}: its log-probabilities are divided by a temperature of"
        f" {analysis.temperature:.2f}, fitted on the validation rows. That changes no predicted"
        " label."
    )


def _learning_text(n_epochs: int, best_epoch: int) -> str:
    return (
        f"{n_epochs} {'epoch' if n_epochs == 1 else 'epochs'}; the model is that of epoch"
        f" {best_epoch}. Accuracy on training rows is measured on the way, with dropout."
    )


def _confusion_figure(analysis: ErrorAnalysis) -> Figure:
    """Show true labels against predicted ones; of many labels those with the most errors."""
    labels = [score.label for score in analysis.scores.per_class]
    counts = analysis.scores.confusion
    chosen = _most_confused(counts, MOST_CELLS)
    few = len(chosen) == len(labels)
    note = "Rows are true labels, columns predicted ones; shares are of a row."
    if not few:
        note += f" The {len(chosen)} of {len(labels)} labels with the most errors."
    return Figure(
        "Confusion matrix",
        heat_map(
            [labels[i] for i in chosen],
            [[counts[i][j] for j in chosen] for i in chosen],
            label=f"Confusion matrix of {len(chosen)} labels; the table has its numbers.",
        ),
        _confusion_table(labels, counts) if few else _confusions(labels, counts),
        note,
    )


def _label_figure(analysis: ErrorAnalysis) -> Figure:
    """Show every label's F1 with its interval, and precision and recall in the table."""
    scores = list(zip(analysis.scores.per_class, analysis.intervals, strict=True))
    shown = sorted(scores, key=lambda pair: pair[0].f1 or 0.0)[:MOST_BARS]
    chosen = {score.label for score, _ in shown}
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
        PageTable(header, rows),
        note,
    )


def _reliability_figure(analysis: ErrorAnalysis) -> Figure:
    """Show accuracy against confidence, before and after the temperature."""
    lines = [Line("perfect", [(0, 0), (1, 1)], "quiet")]
    rows = []
    for name, found in _calibrations(analysis):
        points = [(one.confidence, one.accuracy) for one in found.bins]
        last = found is analysis.after
        lines.append(Line(name, points, "one" if last else "two", marks=True))
        rows += _reliability_rows(name, found)
    return Figure(
        "Reliability: accuracy against confidence",
        line_chart(
            lines,
            x=shares("probability of its answer"),
            y=shares("accuracy"),
            label=f"Reliability; expected calibration error {analysis.after.ece:.3f}.",
        ),
        PageTable(("", "probability", "mean", "accuracy", "rows"), rows),
        "Below the diagonal it is overconfident, above it underconfident.",
    )


def _coverage_figure(analysis: ErrorAnalysis) -> Figure:
    """Show coverage and accuracy by the threshold of `--abstain-below`."""
    points = analysis.coverage
    answered = [(one.threshold, one.coverage) for one in points]
    accuracy = [(one.threshold, one.accuracy) for one in points if one.accuracy is not None]
    rows = [
        [f"{one.threshold:.2f}", f"{one.coverage:.1%}", format_share(one.accuracy), f"{one.n:,}"]
        for one in points
    ]
    return Figure(
        "Accuracy against coverage",
        line_chart(
            [Line("texts answered", answered, "two"), Line("accuracy among them", accuracy, "one")],
            x=shares("P of --abstain-below"),
            y=shares("share"),
            label="Share of texts answered, and accuracy among them, by threshold.",
        ),
        PageTable(("P", "answered", "accuracy", "rows"), rows),
        "Answers less probable than P are withheld: fewer texts are answered, mostly better.",
    )


def _slice_figure(title: str, what: str, slices: Sequence[Slice], note: str = "") -> Figure:
    """Show the accuracy in bins of a number."""
    bars = [
        ChartBar(one.name, Estimate.of(one.accuracy, one.interval), f"{one.n:,} rows")
        for one in slices
    ]
    rows = [
        [one.name, format_share(one.accuracy), format_interval(one.interval), f"{one.n:,}"]
        for one in slices
    ]
    return Figure(
        title,
        bar_chart(bars, x=shares("accuracy, with 95 % interval"), label=f"{title}: {_list(bars)}"),
        PageTable((what, "accuracy", "95 % interval", "rows"), rows),
        note,
    )


def _epoch_figure(history: Sequence[Epoch], best: int, what: str) -> Figure:
    """Show loss or accuracy epoch by epoch."""
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
        PageTable(("epoch", "training", "validation"), rows),
    )


def _epoch_axis(history: Sequence[Epoch]) -> Axis:
    """Make a scale of epochs, numbered at whole ones alone."""
    found = axis("epoch", [one.epoch for one in history])
    return replace(found, ticks=[tick for tick in found.ticks if tick == int(tick)])


def _reliability_rows(name: str, found: Calibration) -> list[list[str]]:
    return [
        [
            name,
            f"{one.low:.2f} to {one.high:.2f}",
            *map(format_share, (one.confidence, one.accuracy)),
            f"{one.n:,}",
        ]
        for one in found.bins
    ]


def _most_confused(counts: Sequence[Sequence[int]], most: int) -> list[int]:
    n = len(counts)
    errors = [sum(counts[i][j] + counts[j][i] for j in range(n) if j != i) for i in range(n)]
    return sorted(sorted(range(n), key=lambda i: -errors[i])[:most])


def _confusion_table(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> PageTable:
    rows = [[label, *(f"{count:,}" for count in row)]
            for label, row in zip(labels, counts, strict=True)]  # fmt: skip
    return PageTable(("true \\ predicted", *labels), rows)


def _confusions(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> PageTable:
    """List the most frequent errors: a matrix of many labels is mostly zeros."""
    n = range(len(labels))
    errors = sorted(((counts[i][j], i, j) for i in n for j in n if i != j), reverse=True)
    rows = [
        [labels[i], labels[j], f"{count:,}"] for count, i, j in errors[:MOST_CONFUSIONS] if count
    ]
    return PageTable(("true", "predicted", "rows"), rows)


def _list(bars: Sequence[ChartBar]) -> str:
    values = [f"{bar.name} " + ("undefined" if bar.estimate.value is None
                              else f"{bar.estimate.value:.2f}") for bar in bars]  # fmt: skip
    return ", ".join(values) + "."
