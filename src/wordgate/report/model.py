"""The report on one model: its page, and the section on it that other pages have, too."""

from collections.abc import Sequence
from dataclasses import replace

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import Baseline, Metrics, SplitFacts
from wordgate.evaluation.calibration import Calibration
from wordgate.evaluation.error_analysis import ErrorAnalysis, Slice
from wordgate.evaluation.intervals import Interval
from wordgate.evaluation.metrics import Epoch
from wordgate.evaluation.selective_prediction import CoveragePoint, abstention_sentences
from wordgate.report.charts import (
    ChartBar,
    Dots,
    Estimate,
    Line,
    axis,
    bar_chart,
    dot_plot,
    heat_map,
    line_chart,
    shares,
)
from wordgate.report.page import Figure, PageTable, Section, render
from wordgate.report.text import (
    UNDEFINED,
    difference_sentence,
    family_name,
    format_interval,
    format_share,
    leak_warning,
    outcome,
    source_name,
    verdict,
)

MOST_BARS, MOST_CELLS, MOST_CONFUSIONS = 30, 10, 30


def model_page(
    config: Config, metrics: Metrics, analysis: ErrorAnalysis, audit: Sequence[Section]
) -> str:
    """Render the scores of a model as a self-contained HTML page.

    Args:
        config: Labels, data, recipe and versions of the model.
        metrics: Its scores.
        analysis: The error analysis on the test rows.
        audit: The findings of the data audit, by subject.

    Returns:
        The page: no script, nothing fetched, every text of the data escaped.
    """
    _, difference = metrics.difference_to_baseline(config.family)
    proven = outcome(config.family, metrics)
    return render(
        "model.html.j2",
        title=f"{family_name(config.family)} on {source_name(str(config.data.get('source')))}",
        verdict=verdict(config.family, metrics),
        outcome=proven or "",
        badge={"better": "Better", "worse": "Worse"}.get(proven or "", "Not proven better"),
        sentences=[
            leak_warning(metrics.split),
            *metrics.split.warnings,
            *metrics.remarks,
            *metrics.sentences("teacher", "vectors"),
        ],
        metrics=metrics,
        headline=_headline(metrics),
        score=_accuracy_figure(config.family, metrics),
        scores=_scores_table(config.family, metrics),
        difference=difference_sentence(config.family, metrics),
        split=_split_section(metrics.split),
        section=model_section(analysis, metrics.history, metrics.best_epoch),
        audit=audit,
        methods=[
            metrics.split.reason,
            f"Interval of accuracy: {metrics.intervals.accuracy.method}.",
            *([] if difference is None else [f"Difference: {difference.method}."]),
            f"Recipe {config.recipe}, seed {config.seed}.",
        ],
        versions=list(config.environment.items()),
    )


def _headline(metrics: Metrics) -> list[tuple[str, str, str]]:
    """Give the numbers at the top of the page: name, value and remark."""
    intervals = metrics.intervals
    groups = f"of {metrics.split.n_test_groups:,} groups"
    return [
        ("accuracy", format_share(metrics.accuracy), _interval(intervals.accuracy)),
        ("macro F1", format_share(metrics.macro_f1), _interval(intervals.macro_f1)),
        ("log loss", f"{metrics.log_loss:.3f}", "nats, lower is better"),
        ("test rows", f"{metrics.n:,}", groups),
    ]


def _accuracy_figure(family: str, metrics: Metrics) -> Figure:
    interval, baselines = metrics.intervals.accuracy, metrics.baselines.to_beat(family)
    own = Estimate.of(metrics.accuracy, interval)
    rows = [Dots("this model", [own])]
    rows += [Dots(name, [Estimate(one.accuracy)]) for name, one in baselines]
    values = [end for row in rows for one in row.estimates for end in one.ends()]
    table = [["this model", format_share(metrics.accuracy), format_interval(interval)]]
    table += [[name, format_share(one.accuracy), UNDEFINED] for name, one in baselines]
    return Figure(
        "Accuracy and baselines",
        dot_plot(
            rows,
            [("accuracy", "one")],
            x=axis("accuracy", values, form="{:.2f}".format),
            label=f"Accuracy {metrics.accuracy:.3f}, with baselines.",
        ),
        PageTable(("", "accuracy", "95 % interval"), table),
    )


def _interval(interval: Interval) -> str:
    return "no interval" if interval.low is None else f"95 %: {format_interval(interval)}"


def _scores_table(family: str, metrics: Metrics) -> PageTable:
    named: list[tuple[str, Metrics | Baseline]] = [
        ("this model", metrics),
        *metrics.baselines.to_beat(family),
    ]
    rows = [
        (name, *map(format_share, (one.accuracy, one.macro_f1, one.log_loss)))
        for name, one in named
    ]
    return PageTable(("", "accuracy", "macro F1", "log loss"), rows)


def _split_section(split: SplitFacts) -> Section:
    rows = [
        ("training", f"{split.n_train:,}"),
        ("validation", f"{split.n_valid:,}"),
        ("test", f"{split.n_test:,}"),
        ("test rows with their group in train", f"{split.leaked_by_group:,}"),
        ("test rows with a near duplicate in train", f"{split.near_duplicates_in_train:,}"),
    ]
    return Section("Train-test split", [split.reason], ("", "rows"), rows)


def model_section(
    analysis: ErrorAnalysis,
    history: Sequence[Epoch],
    best_epoch: int,
    remarks: Sequence[str] = (),
) -> dict[str, object]:
    """Prepare the figures and sentences of an error analysis.

    Args:
        analysis: The analysis.
        history: The epochs of its training; none for a family that has no epochs.
        best_epoch: The number of the best epoch, from 1; 0 without epochs.
        remarks: Remarks about its training that are not elsewhere on the page.

    Returns:
        The values of the template ``model_section.html.j2``, by their names.
    """
    calibrations = [("as predicted", analysis.after)]
    if analysis.before is not None:
        calibrations = [("before", analysis.before), ("after", analysis.after)]
    n_epochs = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    return {
        "analysis": analysis,
        "labels": [_label_figure(analysis), _confusion_figure(analysis)],
        "temperature": _temperature(analysis),
        "calibration": PageTable(
            ("", "calibration error", "Brier score", "log loss"),
            [
                [name, f"{one.ece:.3f}", f"{one.brier:.3f}", f"{one.log_loss:.3f}"]
                for name, one in calibrations
            ],
        ),
        "probabilities": [_reliability_figure(calibrations), _coverage_figure(analysis.coverage)],
        "abstention": abstention_sentences(analysis.coverage),
        "slices": [
            _slice_figure("By text length", "words", analysis.by_length,
                          "Number of words, in bins with about the same number of rows."),
            _slice_figure("By share of unseen words", "unseen", analysis.by_unseen,
                          "Share of the words that occur in no training text."),
        ],
        "learning": [
            _epoch_figure(history, best_epoch, what) for what in ("loss", "accuracy") if history
        ],
        "learning_text": f"{n_epochs}; the model has the weights of epoch {best_epoch}."
        " Training accuracy is measured during the epoch, with dropout.",
        "remarks": remarks,
    }  # fmt: skip


def _temperature(analysis: ErrorAnalysis) -> str:
    if analysis.before is None:
        return "The probabilities are uncalibrated: no temperature was fitted."
    if analysis.temperature is None:
        return (
            "Each fold's log-probabilities are divided by a temperature of its own, fitted on its"
            " validation rows. This does not change the predicted labels."
        )
    way = "overconfident" if analysis.temperature > 1 else "underconfident"
    return (
        f"The model was {way}: its log-probabilities are divided by a temperature of"
        f" {analysis.temperature:.2f}, fitted on the validation rows. This does not change the"
        " predicted labels."
    )


def _confusion_figure(analysis: ErrorAnalysis) -> Figure:
    """Show the confusion matrix; of many labels, only those with the most errors."""
    labels = [score.label for score in analysis.scores.per_class]
    counts = analysis.scores.confusion
    n = range(len(labels))
    n_errors = [sum(counts[i][j] + counts[j][i] for j in n if j != i) for i in n]
    chosen = sorted(sorted(n, key=lambda i: -n_errors[i])[:MOST_CELLS])
    note = "Rows are true labels, columns are predicted labels; shares are of the row."
    if len(chosen) == len(labels):
        rows = [[labels[i], *(f"{count:,}" for count in counts[i])] for i in n]
        table = PageTable(("true \\ predicted", *labels), rows)
    else:  # the most frequent errors: a matrix of many labels is mostly zeros
        errors = sorted(((counts[i][j], i, j) for i in n for j in n if i != j), reverse=True)
        most = [one for one in errors[:MOST_CONFUSIONS] if one[0]]
        rows = [[labels[i], labels[j], f"{count:,}"] for count, i, j in most]
        table = PageTable(("true", "predicted", "rows"), rows)
        note += f" Only the {len(chosen)} of {len(labels)} labels with the most errors are shown."
    return Figure(
        "Confusion matrix",
        heat_map(
            [labels[i] for i in chosen],
            [[counts[i][j] for j in chosen] for i in chosen],
            label=f"Confusion matrix of {len(chosen)} labels; the table has its numbers.",
        ),
        table,
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
    note = "Harmonic mean of precision and recall, with 95 % intervals (groups are resampled)."
    if less:
        note += f" Only the {len(bars)} of {len(scores)} labels with the lowest F1 are shown."
    return Figure(
        "F1 of each label",
        bar_chart(
            bars, x=shares("F1, with 95 % interval"), label="F1 of each label: " + _list(bars)
        ),
        PageTable(header, rows),
        note,
    )


def _reliability_figure(calibrations: Sequence[tuple[str, Calibration]]) -> Figure:
    """Show accuracy against confidence, before and after the temperature."""
    lines = [Line("perfect", [(0, 0), (1, 1)], "quiet")]
    rows, last = [], calibrations[-1][1]
    for name, found in calibrations:
        points = [(one.confidence, one.accuracy) for one in found.bins]
        lines.append(Line(name, points, "one" if found is last else "two", marks=True))
        for one in found.bins:
            edges, shares_of = f"{one.low:.2f} to {one.high:.2f}", (one.confidence, one.accuracy)
            rows.append([name, edges, *map(format_share, shares_of), f"{one.n:,}"])
    return Figure(
        "Reliability: accuracy against confidence",
        line_chart(
            lines,
            x=shares("predicted probability"),
            y=shares("accuracy"),
            label=f"Reliability; expected calibration error {last.ece:.3f}.",
        ),
        PageTable(("", "probability", "mean", "accuracy", "rows"), rows),
        "Below the diagonal the model is overconfident, above it underconfident.",
    )


def _coverage_figure(points: Sequence[CoveragePoint]) -> Figure:
    """Show coverage and accuracy by threshold."""
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
            x=shares("threshold of --abstain-below"),
            y=shares("share"),
            label="Coverage, and accuracy of the labelled texts, by threshold.",
        ),
        PageTable(("threshold", "coverage", "accuracy", "rows"), rows),
        "Texts whose label is less probable than the threshold get no label.",
    )


def _slice_figure(title: str, what: str, slices: Sequence[Slice], note: str) -> Figure:
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
