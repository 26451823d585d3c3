"""The report on one model: its page, and the section that other pages share."""

from collections.abc import Sequence
from typing import Any

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import AnyMetrics, MultilabelMetrics, SplitFacts
from wordgate.evaluation.error_analysis import ErrorAnalysis
from wordgate.evaluation.intervals import Interval
from wordgate.evaluation.metrics import Epoch
from wordgate.evaluation.multilabel_errors import MultilabelAnalysis
from wordgate.report.charts import Dots, Estimate, dot_plot
from wordgate.report.figures import analysis_figures, epoch_figure
from wordgate.report.page import Figure, PageTable, Section, render
from wordgate.report.text import (
    THRESHOLD_HEADER,
    capitalized,
    family_name,
    format_share,
    leak_warning,
    outcome,
    score_columns,
    search_sentence,
    source_name,
    threshold_rows,
    verdict,
)
from wordgate.runtime.display import counted


def model_page(
    config: Config,
    metrics: AnyMetrics,
    analysis: ErrorAnalysis | MultilabelAnalysis,
    audit: Sequence[Section],
) -> str:
    """Render the scores of a model as a self-contained HTML page, without scripts.

    Args:
        config: Labels, data, recipe and versions of the model.
        metrics: Its scores.
        analysis: The error analysis on the test rows.
        audit: The results of the data audit, by subject.
    """
    _, difference = metrics.difference_to_baseline(config.family)
    macro_f1 = metrics.macro_f1_difference_to_baseline(config.family)
    proven = outcome(config.family, metrics)
    leak = leak_warning(metrics.split)
    is_loud = leak.startswith("LEAKAGE")
    return render(
        "model.html.j2",
        title=f"{family_name(config.family)} model on"
        f" {source_name(str(config.data.get('source')))}",
        verdict=verdict(config.family, metrics),
        outcome=proven or "",
        badge={"better": "Better", "worse": "Worse"}.get(proven or "", "No significant gain"),
        warnings=[*([leak] if is_loud else []), *metrics.split.warnings],
        sentences=[*metrics.remarks, *metrics.sentences("teacher", "vectors")],
        searched="" if metrics.search is None else search_sentence(metrics.search),
        headline=_headline(metrics),
        score=_main_figure(config.family, metrics),
        scores=_scores_table(config.family, metrics),
        thresholds=_threshold_section(metrics),
        split=_split_section(metrics.split, [] if is_loud else [leak]),
        section=model_section(analysis, metrics.history, metrics.best_epoch),
        audit=audit,
        methods=[
            f"Confidence interval of {metrics.main.name}: {metrics.main.interval.method}.",
            *(
                f"Difference from the baseline{score}: {one.method}."
                for score, one in (("", difference), (" in macro F1", macro_f1))
                if one is not None
            ),
            f"Recipe {config.recipe}, seed {config.seed}.",
        ],
        versions=list(config.environment.items()),
    )


def _headline(metrics: AnyMetrics) -> list[tuple[str, str, str]]:
    """Return the numbers at the top of the page: name, value and note."""
    intervals, (name, value, interval) = metrics.intervals, metrics.main
    third = ("log loss", f"{metrics.log_loss:.3f}", "nats, lower is better")
    if isinstance(metrics, MultilabelMetrics):
        accuracy = format_share(metrics.accuracy)
        third = ("all labels correct", accuracy, _interval(intervals.accuracy))
    return [
        (name, format_share(value), _interval(interval)),
        ("macro F1", format_share(metrics.macro_f1), _interval(intervals.macro_f1)),
        third,
        ("test rows", f"{metrics.n:,}", f"from {counted(metrics.split.n_test_groups, 'group')}"),
    ]


def _main_figure(family: str, metrics: AnyMetrics) -> Figure:
    (name, value, interval), baselines = metrics.main, metrics.baselines.to_beat(family)
    rows = [Dots("this model", [Estimate.of(value, interval)])]
    rows += [Dots(other, [Estimate(one.main)]) for other, one in baselines]
    title = capitalized(name)
    label = f"{title} {format_share(value)}, with baselines."
    picture = dot_plot(rows, [(name, "one")], title=name, label=label)
    return Figure(f"{title} and baselines", picture, None)


def _interval(interval: Interval) -> str:
    return "no interval" if interval.low is None else f"95%: {interval}"


def _scores_table(family: str, metrics: AnyMetrics) -> PageTable:
    named: list[tuple[str, Any]] = [("this model", metrics), *metrics.baselines.to_beat(family)]
    columns = score_columns(metrics)
    rows = [
        (name, *(format_share(getattr(one, key)) for key in columns.values()))
        for name, one in named
    ]
    return PageTable(("", *columns), rows)


def _threshold_section(metrics: AnyMetrics) -> Section | None:
    if metrics.thresholds is None:
        return None
    sentences, rows = metrics.threshold_sentences(), threshold_rows(metrics.thresholds)
    return Section("Thresholds", sentences, THRESHOLD_HEADER, rows)


def _split_section(split: SplitFacts, leak: Sequence[str]) -> Section:
    rows = [
        ("training", f"{split.n_train:,}"),
        ("validation", f"{split.n_valid:,}"),
        ("test", f"{split.n_test:,}"),
    ]
    return Section("Train-test split", [split.reason, *leak], ("", "rows"), rows)


def model_section(
    analysis: ErrorAnalysis | MultilabelAnalysis,
    history: Sequence[Epoch],
    best_epoch: int,
    remarks: Sequence[str] = (),
) -> dict[str, object]:
    """Prepare the figures and sentences of an error analysis, for ``model_section.html.j2``.

    `remarks` are remarks on the training that are not shown elsewhere on the page.
    """
    calibrations = [("as predicted", analysis.after)]
    if analysis.before is not None:
        calibrations = [("before", analysis.before), ("after", analysis.after)]
    n_epochs = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    return {
        "analysis": analysis,
        "several": isinstance(analysis, MultilabelAnalysis),
        **analysis_figures(analysis, calibrations),
        "temperature": _temperature(analysis),
        "calibration": PageTable(
            ("", "ECE", "Brier score", "log loss"),
            [
                [name, f"{one.ece:.3f}", f"{one.brier:.3f}", f"{one.log_loss:.3f}"]
                for name, one in calibrations
            ],
        ),
        "learning": [
            epoch_figure(history, best_epoch, what) for what in ("loss", "accuracy") if history
        ],
        "learning_text": f"{n_epochs}; the model has the weights of epoch {best_epoch}."
        " Training accuracy is measured during the epoch, with dropout.",
        "remarks": remarks,
    }


def _temperature(analysis: ErrorAnalysis | MultilabelAnalysis) -> str:
    if analysis.before is None:
        return "The probabilities are uncalibrated: no temperature was fitted."
    values = "logits" if isinstance(analysis, MultilabelAnalysis) else "log-probabilities"
    if analysis.temperature is None:
        return (
            f"Each fold's {values} are divided by a temperature of its own, fitted on its"
            " validation rows. This does not change the predicted labels."
        )
    fault = "overconfident" if analysis.temperature > 1 else "underconfident"
    return (
        f"The model was {fault}: its {values} are divided by a temperature of"
        f" {analysis.temperature:.2f}, fitted on the validation rows. This does not change the"
        " predicted labels."
    )
