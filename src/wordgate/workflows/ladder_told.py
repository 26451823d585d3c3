"""The ladder in words and cells, for a terminal and a page."""

from wordgate.evaluation.intervals import PairedDifference
from wordgate.report.figures import p_told, share, span
from wordgate.workflows.ladder import Comparison, Rung

HEADER = ("accuracy", "95 % interval", "macro F1", "95 % interval", "train s", "texts/s", "MB")


def scores_row(rung: Rung) -> tuple[str, ...]:
    """Give a rung's scores and costs, after its name, as `HEADER` names them."""
    accuracy, macro_f1 = rung.scores.intervals["accuracy"], rung.scores.intervals["macro_f1"]
    return (
        rung.family,
        share(rung.scores.accuracy),
        span(accuracy.low, accuracy.high),
        share(rung.scores.macro.f1),
        span(macro_f1.low, macro_f1.high),
        f"{rung.train_seconds:,.1f}",
        f"{rung.texts_per_second:,.0f}",
        f"{rung.megabytes:,.1f}",
    )


def step_told(difference: PairedDifference) -> str:
    """Say a paired difference: points, 95 % interval, p-value."""
    points = f"{100 * difference.difference:+.1f}"
    if difference.low is not None and difference.high is not None:
        points += f" ({100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
    return f"{points}, {p_told(difference.p_value)}"


def measured(ladder: Comparison) -> list[str]:
    """Say how the ladder was measured, a sentence each."""
    judged = "the test rows of one split" if ladder.folds is None else f"{ladder.folds} folds"
    sentences = [f"Judged: {judged}; seed {ladder.seed}, recipe {ladder.recipe}."]
    if ladder.vectors is not None:
        sentences.append(f"Word vectors: {ladder.vectors}.")
    for kind in ladder.kinds:
        methods = {step.difference.method for step in ladder.steps if step.kind == kind}
        sentences += [f"Steps, {kind} split: {method}." for method in sorted(methods)]
    costs = (
        "train s: fitting, a model. texts/s: from strings to probabilities. MB: the model's size."
    )
    return [*sentences, costs]
