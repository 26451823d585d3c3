"""From a ladder to the page that shows it."""

from wordgate.report import comparison_report as page
from wordgate.workflows.ladder import Comparison, Rung, Step
from wordgate.workflows.ladder_told import HEADER, measured, scores_row
from wordgate.workflows.verdicts import family_name


def comparison_page(ladder: Comparison) -> str:
    """Show a ladder in pictures, as a self-contained HTML page."""
    rungs = []
    for family in ladder.families:
        found = [(ladder.rung(family, kind), ladder.step(family, kind)) for kind in ladder.kinds]
        trials = [_trial(rung, step) for rung, step in found if rung is not None]
        rungs.append(page.Rung(family_name(family), trials))
    rows = [(f"{rung.family}, {rung.kind}", *scores_row(rung)[1:]) for rung in ladder.rungs]
    report = page.ComparisonReport(
        title=f"Families of models on {ladder.source}",
        advice=ladder.advice,
        rungs=rungs,
        ladder_header=("family, split", *HEADER),
        ladder_rows=rows,
        leaks=[*(ladder.leaks or {}).values(), *ladder.left_out],
        measured=measured(ladder),
        versions=list((ladder.environment or {}).items()),
    )
    return page.comparison_page(report)


def _trial(rung: Rung, step: Step | None) -> page.Trial:
    accuracy, macro_f1 = rung.scores.intervals["accuracy"], rung.scores.intervals["macro_f1"]
    return page.Trial(
        kind=rung.kind,
        accuracy=rung.scores.accuracy,
        low=accuracy.low,
        high=accuracy.high,
        macro_f1=rung.scores.macro.f1,
        macro_f1_low=macro_f1.low,
        macro_f1_high=macro_f1.high,
        difference=None if step is None else _difference(step),
        train_seconds=rung.train_seconds,
        texts_per_second=rung.texts_per_second,
        model_mb=rung.megabytes,
    )


def _difference(step: Step) -> page.Difference:
    found = step.difference

    def points(share: float | None) -> float | None:
        return None if share is None else 100 * share

    return page.Difference(
        100 * found.difference, points(found.low), points(found.high), found.p_value
    )
