"""The report on one model, as a page."""

from collections.abc import Sequence

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import Baseline, Metrics
from wordgate.evaluation.error_analysis import ErrorAnalysis
from wordgate.evaluation.intervals import Interval
from wordgate.report.charts import Dots, Estimate, axis, dot_plot
from wordgate.report.model_section import model_section
from wordgate.report.page import Figure, PageTable, Section, render
from wordgate.report.text import (
    UNDEFINED,
    family_name,
    format_evidence,
    format_interval,
    format_points,
    format_share,
    leak_warning,
    source_name,
    verdict,
)


def model_page(
    config: Config, metrics: Metrics, analysis: ErrorAnalysis, audit: Sequence[Section]
) -> str:
    """Show how a model scores, as a self-contained HTML page.

    Args:
        config: How the model came about.
        metrics: Its scores.
        analysis: What its predictions on the test rows show.
        audit: What was found in the data, by subject.

    Returns:
        The page: no script, nothing fetched, every text of the data escaped.
    """
    return render(
        "model.html.j2",
        title=f"{family_name(config.family)} on {source_name(str(config.data.get('source')))}",
        verdict=verdict(config.family, metrics.difference_to_count),
        sentences=[
            leak_warning(metrics.split),
            *metrics.split.warnings,
            *metrics.remarks,
            *metrics.sentences("teacher", "vectors"),
        ],
        metrics=metrics,
        headline=_headline(metrics),
        score=_score(metrics),
        scores=_scores(metrics),
        difference=_difference(metrics),
        split=_split(metrics),
        section=model_section(analysis, metrics.history, metrics.best_epoch),
        audit=audit,
        methods=[
            metrics.split.reason,
            f"Interval of accuracy: {metrics.intervals.accuracy.method}.",
            f"Difference to word counts: {metrics.difference_to_count.method}.",
            f"Recipe {config.recipe}, seed {config.seed}.",
        ],
        versions=list(config.environment.items()),
    )


def _baselines(metrics: Metrics) -> list[tuple[str, Baseline]]:
    """Name what the model has to beat."""
    both = metrics.baselines
    return [
        ("word counts + logistic regression", both.count),
        ("always the most frequent label", both.majority),
    ]


def _headline(metrics: Metrics) -> list[tuple[str, str, str]]:
    """Give the figures that open the page: name, value and remark."""
    intervals = metrics.intervals
    groups = f"of {metrics.split.n_test_groups:,} groups"
    return [
        ("accuracy", format_share(metrics.accuracy), _interval(intervals.accuracy)),
        ("macro F1", format_share(metrics.macro_f1), _interval(intervals.macro_f1)),
        ("log loss", f"{metrics.log_loss:.3f}", "nats, less is better"),
        ("test rows", f"{metrics.n:,}", groups),
    ]


def _score(metrics: Metrics) -> Figure:
    """Show the accuracy and its interval beside the baselines'."""
    interval, baselines = metrics.intervals.accuracy, _baselines(metrics)
    own = Estimate.of(metrics.accuracy, interval)
    rows = [Dots("this model", [own])]
    rows += [Dots(name, [Estimate(one.accuracy)]) for name, one in baselines]
    values = [end for row in rows for one in row.estimates for end in one.ends()]
    table = [["this model", format_share(metrics.accuracy), format_interval(interval)]]
    table += [[name, format_share(one.accuracy), UNDEFINED] for name, one in baselines]
    return Figure(
        "Accuracy, beside what it has to beat",
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


def _difference(metrics: Metrics) -> str:
    found = metrics.difference_to_count
    return (
        f"{format_points(found)} points against word counts on the same rows"
        f" ({format_evidence(found)})."
    )


def _scores(metrics: Metrics) -> PageTable:
    named: list[tuple[str, Metrics | Baseline]] = [("this model", metrics), *_baselines(metrics)]
    rows = [
        (name, *map(format_share, (one.accuracy, one.macro_f1, one.log_loss)))
        for name, one in named
    ]
    return PageTable(("", "accuracy", "macro F1", "log loss"), rows)


def _split(metrics: Metrics) -> Section:
    split = metrics.split
    rows = [
        ("training", f"{split.n_train:,}"),
        ("validation", f"{split.n_valid:,}"),
        ("test", f"{split.n_test:,}"),
        ("test rows whose group stands in train", f"{split.leaked_by_group:,}"),
        ("test rows with a near copy in train", f"{split.near_duplicates_in_train:,}"),
    ]
    return Section("Train-test split", [split.reason], ("", "rows"), rows)
