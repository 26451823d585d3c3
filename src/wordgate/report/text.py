"""Results as plain text: numbers, tables and sentences, the same in a terminal and on a page."""

from collections.abc import Sequence
from pathlib import Path

from wordgate.bundle.metrics import Baseline, Metrics, SplitFacts, TeacherFacts
from wordgate.evaluation.intervals import Interval, PairedDifference
from wordgate.evaluation.metrics import Average, Scores
from wordgate.evaluation.selective_prediction import abstention_sentences
from wordgate.families import FAMILIES
from wordgate.runtime.display import one_line

UNDEFINED = "–"
NOTABLE_COPIES = 0.1
"""The share of test rows with a near duplicate in train above which a warning is given."""


def format_share(value: float | None, digits: int = 3) -> str:
    """Write a share of 1; a dash where it is undefined."""
    return UNDEFINED if value is None else f"{value:.{digits}f}"


def format_interval(interval: Interval) -> str:
    """Write an interval; a dash where there is none."""
    if interval.low is None or interval.high is None:
        return UNDEFINED
    return f"{interval.low:.3f} to {interval.high:.3f}"


def format_points_interval(difference: PairedDifference) -> str:
    """Write the interval of a difference in points (hundredths); a dash where there is none."""
    if difference.low is None or difference.high is None:
        return UNDEFINED
    return f"{100 * difference.low:+.1f} to {100 * difference.high:+.1f}"


def format_p_value(p_value: float | None) -> str:
    """Write a p-value for a sentence; a dash where there is none."""
    if p_value is None:
        return UNDEFINED
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def format_points(difference: PairedDifference) -> str:
    """Write a difference in points (hundredths), with its sign."""
    return f"{100 * difference.difference:+.1f}"


def format_evidence(difference: PairedDifference) -> str:
    """Write what makes a difference believable: its interval and its p-value."""
    interval = "no interval"
    if difference.low is not None:
        interval = f"95 % interval {format_points_interval(difference)}"
    if difference.p_value is None:
        return interval
    return f"{interval}, {format_p_value(difference.p_value)}"


def source_name(source: str) -> str:
    """Give the file name of a source, without its folders: a report may be shared."""
    return Path(source).name


def family_name(family: str) -> str:
    """Give the title of a family."""
    return FAMILIES[family].title if family in FAMILIES else family


def headline(family: str, metrics: Metrics) -> str:
    """Write the accuracy of a model with its interval, of its baselines and of its teacher."""
    cells = [
        f"Accuracy on {metrics.n:,} test rows, 95 % interval\n"
        f"  this model ({family_name(family)}) {metrics.accuracy:.3f}"
        f" ({format_interval(metrics.intervals.accuracy)})"
    ]
    if metrics.teacher is not None:
        cells.append(f"teacher {metrics.teacher.accuracy:.3f}")
    cells += [f"{name} {one.accuracy:.3f}" for name, one in metrics.baselines.to_beat(family)]
    return "   ".join(cells)


def weakest_label(scores: Scores) -> list[str]:
    """Name the label with the lowest recall, in one line; no line if all recalls are equal."""
    recalls = {score.label: score.recall for score in scores.per_class if score.recall is not None}
    if len(set(recalls.values())) < 2:
        return []
    label = min(recalls, key=lambda name: recalls[name])
    return [f"Weakest label: {one_line(label)}, recall {recalls[label]:.0%}"]


def outcome(family: str, metrics: Metrics) -> str | None:
    """Tell whether a model is significantly ``better`` or ``worse`` than its best baseline."""
    _, difference = metrics.difference_to_baseline(family)
    return None if difference is None else difference.proven


def verdict(family: str, metrics: Metrics) -> str:
    """Write whether a model is better than its best baseline."""
    baseline, difference = metrics.difference_to_baseline(family)
    if difference is None:  # an older wordgate measured none
        return f"The {family_name(family)} model was not compared with {baseline}."
    return format_verdict(family, baseline, difference)


def format_verdict(family: str, baseline: str, difference: PairedDifference) -> str:
    """Write whether a model of a family is better than a baseline."""
    name = family_name(family)
    facts = f"{format_points(difference)} points, {format_evidence(difference)}"
    if difference.proven == "better":
        return f"The {name} model beats {baseline}: {facts}."
    if difference.proven == "worse":
        remedy = "" if family == "count" else ": use --model count"
        return f"The {name} model is WORSE than {baseline} ({facts}){remedy}."
    remedy = "" if family == "count" else ": --model count is simpler"
    return f"The {name} model does NOT beat {baseline} by more than chance ({facts}){remedy}."


def difference_sentence(family: str, metrics: Metrics) -> str:
    """Write the difference between a model and its best baseline."""
    baseline, difference = metrics.difference_to_baseline(family)
    if difference is None:
        return f"The difference to {baseline} was not measured."
    points, evidence = format_points(difference), format_evidence(difference)
    return f"{points} points against {baseline} on the same rows ({evidence})."


def leak_warning(split: SplitFacts) -> str:
    """Write how many test rows the model could know from training, and how this affects scores."""
    known = split.leaked_by_group if split.known_in_train is None else split.known_in_train
    remedy = {
        "random": "; use --split grouped to evaluate on unseen groups",
        "given": "; remove these rows from train to evaluate on unseen groups",
    }.get(split.kind, "")
    if split.templated:
        memory = (
            f" Scores on the {known:,} with the same text or group measure memorization{remedy}."
        )
        return (
            f"{'LEAK: ' if known else ''}{split.leakage()}{memory if known else ''} The similar"
            " rows look like texts made from templates, not like duplicates: they have different"
            " labels as well."
        )
    near = split.near_duplicates_in_train
    if split.leaked_by_group == 0 or not (known or near):
        memory = " Scores on these may measure memorization, unless they only share a template."
        return split.leakage() + (memory if near > NOTABLE_COPIES * split.n_test else "")
    may = "" if known else "may "
    return f"LEAK: {split.leakage()} These scores {may}partly measure memorization{remedy}."


def classification_report(scores: Scores) -> str:
    """Lay out precision, recall and F1 of every label as scikit-learn does.

    Undefined values are printed as ``–``, and a line names the labels that averages leave out.

    Args:
        scores: From :func:`wordgate.evaluation.metrics.evaluate`.

    Returns:
        Lines of text, without a final newline.
    """
    names = [score.label for score in scores.per_class]
    first = max(len(name) for name in [*names, "weighted avg"])
    lines = [_report_line("", ["precision", "recall", "f1-score", "support"], first), ""]
    for score in scores.per_class:
        shares = [format_share(one, 2) for one in (score.precision, score.recall, score.f1)]
        lines.append(_report_line(score.label, [*shares, str(score.support)], first))
    accuracy = ["", "", format_share(scores.accuracy, 2), str(scores.n)]
    lines += ["", _report_line("accuracy", accuracy, first)]
    for name, by_support in (("macro avg", False), ("weighted avg", True)):
        average = Average.over(scores.per_class, by_support=by_support)
        shares = [format_share(one, 2) for one in average]
        lines.append(_report_line(name, [*shares, str(scores.n)], first))
    return "\n".join([*lines, *_undefined(scores)])


def confusion_table(scores: Scores) -> str:
    """Lay out the confusion matrix: true labels as rows, predicted labels as columns.

    Args:
        scores: From :func:`wordgate.evaluation.metrics.evaluate`.

    Returns:
        Lines of text, without a final newline.
    """
    names = [score.label for score in scores.per_class]
    rows = [("true \\ predicted", *names)]
    rows += [(n, *map(str, row)) for n, row in zip(names, scores.confusion, strict=True)]
    first = max(len(row[0]) for row in rows)
    return "\n".join(text_table([(row[0].rjust(first), *row[1:]) for row in rows]))


def scores_beside_baselines(family: str, metrics: Metrics) -> str:
    """Lay out the scores of a model, its baselines and its teacher in a table."""
    rows: list[tuple[str, Baseline | TeacherFacts | Metrics]] = [
        *reversed(metrics.baselines.to_beat(family)),
    ]
    if (teacher := metrics.teacher) is not None:
        rows.append((f"its teacher ({one_line(teacher.name):.19})", teacher))
    rows.append((f"this model ({family_name(family)})", metrics))
    header = ("accuracy", "macro F1", "log loss")
    lines = [f"{'on the test rows':<34}" + "".join(f"{name:>10}" for name in header)]
    for name, one in rows:
        cells = map(format_share, (one.accuracy, one.macro_f1, one.log_loss))
        lines.append(f"{name:<34}" + "".join(f"{cell:>10}" for cell in cells))
    lines[0] += "   95 % interval of accuracy"
    lines[-1] += f"   {format_interval(metrics.intervals.accuracy)}"
    return "\n".join(lines)


def calibration_sentences(metrics: Metrics) -> list[str]:
    """Describe the calibration of the probabilities, and the effect of --abstain-below."""
    return [*metrics.sentences("calibration"), *abstention_sentences(metrics.coverage or ())]


def costs(metrics: Metrics) -> str:
    """Write the time, the epochs and the memory of a training."""
    epochs = f" for {metrics.epochs} epochs (best: {metrics.best_epoch})" if metrics.epochs else ""
    return (
        f"Trained in {metrics.train_seconds:.1f} s{epochs}; total time {metrics.wall_seconds:.1f}"
        f" s, peak memory {metrics.peak_memory_mb:,.0f} MB."
    )


def text_table(rows: Sequence[Sequence[str]], margin: str = "", gap: str = "  ") -> list[str]:
    """Lay rows out in columns: the first one to the left, the others to the right.

    Args:
        rows: The rows, all of the same length.
        margin: Text before each line.
        gap: Text between columns.

    Returns:
        The lines.
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        margin
        + gap.join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _report_line(name: str, cells: Sequence[str], first: int) -> str:
    return f"{name:>{first}} " + " ".join(f"{cell:>9}" for cell in cells)


def _undefined(scores: Scores) -> list[str]:
    """Explain dashes and averages that leave labels out; nothing where all is defined."""
    without_rows = [score.label for score in scores.per_class if not score.support]
    never_predicted = [score.label for score in scores.per_class if score.precision is None]
    lines = []
    if never_predicted:
        lines.append(f"{UNDEFINED} precision: never predicted: {', '.join(never_predicted)}")
    if without_rows:
        lines.append(f"{UNDEFINED} recall, f1-score: no rows: {', '.join(without_rows)}")
        n_averaged, n_labels = len(scores.macro_over), len(scores.per_class)
        lines.append(f"the averages are over the {n_averaged} of {n_labels} labels with rows")
    return ["", *lines] if lines else []
