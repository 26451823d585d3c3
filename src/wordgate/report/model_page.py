"""The report on one model as a page."""

from collections.abc import Sequence

from wordgate.evaluation.coverage import CoveragePoint
from wordgate.report import model_figures as figures
from wordgate.report.figures import Section, Table, p_text, share, span
from wordgate.report.model_report import ModelReport
from wordgate.report.pages import render

FEWEST_ANSWERS = 30
_STEPS = (0.7, 0.8, 0.9, 0.95, 0.99)


def model_page(report: ModelReport) -> str:
    """Show the report on one model as a self-contained HTML page.

    Args:
        report: From :func:`wordgate.report.model_report.model_report`.

    Returns:
        The page: no script, nothing fetched, every text of the data escaped.
    """
    metrics = report.metrics
    return render(
        "model.html.j2",
        report=report,
        told=report.told,
        headline=_headline(report),
        score=figures.score_figure(report),
        scores=_scores(report),
        difference=_difference(report),
        split=_split(report),
        learning=figures.learning_figures(report),
        labels=[figures.label_figure(report), figures.confusion_figure(report)],
        belief=[figures.reliability_figure(report), figures.coverage_figure(report)],
        calibration=_calibration(report),
        temperature=_temperature(report),
        abstention=abstention_sentences(report.coverage),
        slices=[
            figures.slice_figure("By the length of a text", "words", report.by_length),
            figures.slice_figure("By the share of words new to it", "unseen", report.by_unseen,
                                 "Words of a text that stand in no training text."),
        ],
        intervals=metrics.intervals,
    )  # fmt: skip


def abstention_sentences(points: Sequence[CoveragePoint]) -> list[str]:
    """Say which P of ``--abstain-below`` reaches which accuracy, and what it costs.

    Fewer than 30 answers tell too little to choose by.
    """
    at = points[0].accuracy or 0.0
    told = {}
    for step in _STEPS:
        reached = [one for one in points if one.n >= FEWEST_ANSWERS and (one.accuracy or 0) >= step]
        if step > at and reached:
            told[reached[0].threshold] = reached[0]
    return [
        f"With P = {one.threshold:g} it answers {one.coverage:.0%} of the texts and is right on"
        f" {one.accuracy:.0%} of these."
        for one in told.values()
    ][:3]


def _headline(report: ModelReport) -> list[tuple[str, str, str]]:
    """Give the figures that open the page: name, value and remark."""
    metrics = report.metrics
    accuracy, macro_f1 = metrics.intervals.accuracy, metrics.intervals.macro_f1
    groups = f"of {metrics.split.n_test_groups:,} groups"
    return [
        ("accuracy", share(metrics.accuracy), _interval(accuracy.low, accuracy.high)),
        ("macro F1", share(metrics.macro_f1), _interval(macro_f1.low, macro_f1.high)),
        ("log loss", f"{metrics.log_loss:.3f}", "nats, less is better"),
        ("test rows", f"{metrics.n:,}", groups),
    ]


def _interval(low: float | None, high: float | None) -> str:
    return "no interval" if low is None else f"95 %: {span(low, high)}"


def _difference(report: ModelReport) -> str:
    found = report.metrics.difference_to_count
    told = f"{100 * found.difference:+.1f} points against word counts on the same rows"
    if found.low is not None and found.high is not None:
        told += f" (95 %: {100 * found.low:+.1f} to {100 * found.high:+.1f}"
        told += f", p {_is(found.p_value)})"
    return told + "."


def _scores(report: ModelReport) -> Table:
    metrics = report.metrics
    rows = [
        ("this model", share(metrics.accuracy), share(metrics.macro_f1), share(metrics.log_loss))
    ]
    rows += [
        (name, share(one.accuracy), share(one.macro_f1), share(one.log_loss))
        for name, one in report.baselines()
    ]
    return Table(("", "accuracy", "macro F1", "log loss"), rows)


def _is(p_value: float | None) -> str:
    told = p_text(p_value)
    return told if told.startswith("below") else f"= {told}"


def _split(report: ModelReport) -> Section:
    split = report.metrics.split
    rows = [
        ("training", f"{split.n_train:,}"),
        ("validation", f"{split.n_valid:,}"),
        ("test", f"{split.n_test:,}"),
        ("test rows whose group stands in train", f"{split.leaked_by_group:,}"),
        ("test rows with a near copy in train", f"{split.near_duplicates_in_train:,}"),
    ]
    return Section("Was the test fair?", [split.reason], ("", "rows"), rows)


def _calibration(report: ModelReport) -> Table:
    named = [("as told", report.after)] if report.before is None else [
        ("before", report.before), ("after", report.after)]  # fmt: skip
    rows = [[name, f"{one.ece:.3f}", f"{one.brier:.3f}", f"{one.log_loss:.3f}"]
            for name, one in named]  # fmt: skip
    return Table(("", "calibration error", "Brier score", "log loss"), rows)


def _temperature(report: ModelReport) -> str:
    if report.temperature is None:
        return "The probabilities are the model's own; no temperature was fitted."
    way = "too sure" if report.temperature > 1 else "not sure enough"
    return (
        f"The model was {way} of itself: its log-probabilities are divided by a temperature of"
        f" {report.temperature:.2f}, fitted on the validation rows. That changes no answer."
    )
