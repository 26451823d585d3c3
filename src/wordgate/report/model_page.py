"""The report on one model as a page."""

from wordgate.report.charts import Dots, Estimate, axis, dot_plot
from wordgate.report.figures import Figure, Section, Table, p_told, share, span
from wordgate.report.findings import Learning
from wordgate.report.look import look_at
from wordgate.report.model_report import ModelReport
from wordgate.report.pages import render


def model_page(report: ModelReport) -> str:
    """Show the report on one model as a self-contained HTML page.

    Returns:
        The page: no script, nothing fetched, every text of the data escaped.
    """
    metrics = report.metrics
    return render(
        "model.html.j2",
        report=report,
        told=report.told,
        headline=_headline(report),
        score=_score(report),
        scores=_scores(report),
        difference=_difference(report),
        split=_split(report),
        look=look_at(report.findings, Learning(metrics.history, metrics.best_epoch)),
        intervals=metrics.intervals,
    )


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


def _score(report: ModelReport) -> Figure:
    """Show the accuracy and its interval beside the baselines'."""
    metrics = report.metrics
    interval = metrics.intervals.accuracy
    own = Estimate(metrics.accuracy, interval.low, interval.high)
    rows = [Dots("this model", [own])]
    rows += [Dots(name, [Estimate(one.accuracy)]) for name, one in report.baselines()]
    values = [value for row in rows for one in row.estimates
              for value in (one.value, one.low, one.high) if value is not None]  # fmt: skip
    table = [["this model", share(metrics.accuracy), span(interval.low, interval.high)]]
    table += [[name, share(one.accuracy), "–"] for name, one in report.baselines()]
    return Figure(
        "Accuracy, beside what it has to beat",
        dot_plot(
            rows,
            [("accuracy", "one")],
            x=axis("accuracy", values, form="{:.2f}".format),
            label=f"Accuracy {metrics.accuracy:.3f}, with baselines.",
        ),
        Table(("", "accuracy", "95 % interval"), table),
    )


def _interval(low: float | None, high: float | None) -> str:
    return "no interval" if low is None else f"95 %: {span(low, high)}"


def _difference(report: ModelReport) -> str:
    found = report.metrics.difference_to_count
    told = f"{100 * found.difference:+.1f} points against word counts on the same rows"
    if found.low is not None and found.high is not None:
        told += f" (95 %: {100 * found.low:+.1f} to {100 * found.high:+.1f}"
        told += ")" if found.p_value is None else f", {p_told(found.p_value)})"
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
