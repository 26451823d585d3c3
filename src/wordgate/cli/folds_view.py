"""A cross-validation as a terminal shows it."""

from wordgate.bundle.metrics import CrossValidation
from wordgate.evaluation.report_text import UNDEFINED
from wordgate.report.figures import span


def folds_view(validation: CrossValidation) -> str:
    """Show each fold's scores, their accuracy over all rows, and its interval."""
    lines = [f"{'cross-validation':<20}{'judged rows':>12}{'accuracy':>12}{'macro F1':>12}"]
    for number, fold in enumerate(validation.folds, start=1):
        macro_f1 = UNDEFINED if fold.macro_f1 is None else f"{fold.macro_f1:.3f}"
        name = f"fold {number}"
        lines.append(f"{name:<20}{fold.n_test:>12,}{fold.accuracy:>12.3f}{macro_f1:>12}")
    interval, n_rows = validation.interval, sum(fold.n_test for fold in validation.folds)
    lines.append(f"{'all rows':<20}{n_rows:>12,}{validation.accuracy:>12.3f}")
    lines.append(
        f"95 % interval {span(interval.low, interval.high)}, groups resampled. Each row was"
        " judged once, by a model that saw none of its group; the model kept is that of the"
        " ordinary split."
    )
    return "\n".join(lines)
