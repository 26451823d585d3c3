"""Results as plain text: numbers, tables and sentences, for terminals and pages."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wordgate.bundle.metrics import AnyMetrics, MultilabelMetrics, SplitFacts
from wordgate.evaluation.intervals import PairedDifference
from wordgate.evaluation.metrics import LabelScore, Scores, Shares
from wordgate.evaluation.multilabel import AnyScores, MultilabelScores
from wordgate.evaluation.search import OBJECTIVE_NAMES, SearchFacts
from wordgate.evaluation.selective_prediction import abstention_sentences
from wordgate.evaluation.thresholds import ThresholdGain
from wordgate.families import FAMILIES
from wordgate.runtime.display import counted, display_width, escaped, in_list, one_line, padded

UNDEFINED = "–"
THRESHOLD_HEADER = ("label", "threshold", "F1", "F1 at 0.5", "points", "95% interval")
MOST_PAIRS = 10
"""Maximum pairs of labels in a terminal, of those that occur together or are confused."""
NOTABLE_COPIES = 0.1
"""Fraction of test rows with a near duplicate in the training set that causes a warning."""


def format_share(value: float | None, digits: int = 3) -> str:
    """Format a fraction; a dash if it is undefined."""
    return UNDEFINED if value is None else f"{value:.{digits}f}"


def score_header(main: str) -> tuple[str, ...]:
    """Return the column names of `score_cells`, for the name of the main score."""
    return (main, "95% interval", "macro F1", "95% interval")


def score_cells(scores: AnyScores) -> tuple[str, ...]:
    """Format the main score and macro F1, with their intervals."""
    return (
        format_share(scores.main.value),
        str(scores.main.interval),
        format_share(scores.macro_f1),
        str(scores.intervals.macro_f1),
    )


def difference_cells(difference: PairedDifference | None) -> tuple[str, str, str]:
    """Format a difference in points, its interval and its p-value; dashes without one."""
    if difference is None:
        return (UNDEFINED, UNDEFINED, UNDEFINED)
    p_value = difference.p().removeprefix("p = ").removeprefix("p ")
    return (difference.points(), difference.interval(), p_value)


def capitalized(name: str) -> str:
    """Capitalize the first letter of a name."""
    return name[:1].upper() + name[1:]


def source_name(source: str) -> str:
    """Return the file name of a source, without its folders, because reports may be shared."""
    return Path(source).name


def family_name(family: str) -> str:
    """Return the title of a family."""
    return FAMILIES[family].title if family in FAMILIES else family


def headline(family: str, metrics: AnyMetrics) -> str:
    """Format the main score of a model with its interval, of its baselines and of its teacher.

    The main score is the accuracy, or the micro F1 with several labels per text. If labels are
    skewed, macro F1 follows.
    """
    others: list[tuple[str, Any]] = [*metrics.baselines.to_beat(family)]
    if metrics.teacher is not None:
        others.insert(0, ("teacher", metrics.teacher))
    lines = []
    for name, value, interval in dict.fromkeys((metrics.main, metrics.deciding)):
        key = name.replace(" ", "_").lower()
        cells = [f"  this model ({family_name(family)}) {format_share(value)} ({interval})"]
        cells += [f"{other} {format_share(getattr(one, key))}" for other, one in others]
        title = f"{capitalized(name)} on {counted(metrics.n, 'test row')}, 95% interval"
        lines += [title, "   ".join(cells)]
    return "\n".join(lines)


def weakest_label(scores: AnyScores) -> list[str]:
    """Describe the label with the lowest recall; empty if all recalls are equal."""
    recalls = {score.label: score.recall for score in scores.per_class if score.recall is not None}
    if len(set(recalls.values())) < 2:
        return []
    label = min(recalls, key=lambda name: recalls[name])
    return [f"Weakest label: {one_line(label)}, recall {recalls[label]:.0%}"]


def outcome(family: str, metrics: AnyMetrics) -> str | None:
    """Return whether a model is significantly ``better`` or ``worse`` than its best baseline."""
    _, difference = metrics.difference_to_baseline(family)
    difference = metrics.macro_f1_difference_to_baseline(family) or difference
    return None if difference is None else difference.proven


def verdict(family: str, metrics: AnyMetrics) -> str:
    """Describe whether a model is better than its best baseline."""
    baseline, difference = metrics.difference_to_baseline(family)
    if difference is None:  # a model of an older version
        return f"The {family_name(family)} model was not compared with {baseline}."
    macro_f1 = metrics.macro_f1_difference_to_baseline(family)
    judged = format_verdict(family, baseline, difference, points_of(metrics), macro_f1)
    return judged if macro_f1 is None else f"{judged} {skewed_labels(metrics)}"


def skewed_labels(scores: AnyScores) -> str:
    """Explain why models are compared by macro F1."""
    frequent = max(scores.per_class, key=lambda score: score.support)
    return (
        f"Labels are skewed ({frequent.support / scores.n:.0%} of the rows have the label"
        f" {in_list(frequent.label)}), so models are compared by macro F1, in which every label has"
        " the same weight."
    )


def search_sentence(search: SearchFacts) -> str:
    """Describe the score by which a search selected a model, and that on the test rows."""
    name = OBJECTIVE_NAMES[search.objective]
    trials = counted(search.n_trials, "trial")
    return (
        f"Chosen from {trials} by its {name} on inner folds of the training rows,"
        f" {format_share(search.chosen_score)}; on the test rows it is"
        f" {format_share(search.test_score)}."
    )


def points_of(metrics: AnyMetrics) -> str:
    """Return the unit of differences: points, or points of another score than accuracy."""
    return f"points of {metrics.main.name}" if isinstance(metrics, MultilabelMetrics) else "points"


def format_verdict(
    family: str,
    baseline: str,
    difference: PairedDifference,
    unit: str = "points",
    macro_f1: PairedDifference | None = None,
) -> str:
    """Describe whether a model is better than a baseline; by macro F1, if it is given."""
    name = family_name(family)
    facts = format_difference(difference, macro_f1, unit)
    difference = macro_f1 or difference
    if difference.proven == "better":
        return f"The {name} model beats {baseline}: {facts}."
    if difference.proven == "worse":
        remedy = "" if family == "count" else ": use --family count"
        return f"The {name} model is worse than {baseline} ({facts}){remedy}."
    remedy = "" if family == "count" else ": --family count is simpler"
    return f"The {name} model is not significantly better than {baseline} ({facts}){remedy}."


def format_difference(
    difference: PairedDifference, macro_f1: PairedDifference | None, unit: str = "points"
) -> str:
    """Format a difference of the main score, preceded by that of macro F1 if it is given."""
    if macro_f1 is None:
        return f"{difference.points()} {unit}, {difference.evidence()}"
    return (
        f"{macro_f1.points()} points of macro F1, {macro_f1.evidence()};"
        f" {difference.points()} points of accuracy, {difference.evidence()}"
    )


def leak_warning(split: SplitFacts) -> str:
    """Describe how many test rows were seen in training, and how this affects scores."""
    known = split.leaked_by_group if split.known_in_train is None else split.known_in_train
    remedy = {
        "random": "; use --split grouped to evaluate on unseen groups",
        "given": "; remove rows of their groups from the training set to evaluate on unseen groups",
    }.get(split.kind, "")
    if split.templated:
        memory = (
            f" Scores on the {known:,} with the same text or group measure memorization{remedy}."
        )
        return (
            f"{'LEAKAGE: ' if known else ''}{split.leakage()}{memory if known else ''} The similar"
            " rows look like texts made from templates, not like duplicates: their labels also"
            " differ."
        )
    near = split.near_duplicates_in_train
    if split.leaked_by_group == 0 or not (known or near):
        memory = " Scores on these may measure memorization, unless they only share a template."
        return split.leakage() + (memory if near > NOTABLE_COPIES * split.n_test else "")
    may = "" if known else "may "
    return f"LEAKAGE: {split.leakage()} These scores {may}partly measure memorization{remedy}."


def label_tables(scores: AnyScores, width: int | None = None) -> list[str]:
    """Format the scores of each label, and which labels are confused or occur together.

    A confusion matrix wider than `width` characters is replaced by its most frequent errors.
    """
    report = classification_report(scores)
    if isinstance(scores, MultilabelScores):
        return [report, cooccurrence_table(scores)]
    matrix = confusion_table(scores)
    if width is not None and max(map(display_width, matrix.splitlines())) > width:
        return [report, confused_labels(scores)]
    return [report, matrix]


def classification_report(scores: AnyScores) -> str:
    """Format precision, recall and F1 of every label as scikit-learn does.

    Undefined values are shown as ``–``, and a line lists the labels that averages leave out.
    With several labels per text, average precision and thresholds are added.
    """
    n = str(sum(one.support for one in scores.per_class))
    head = ["", "precision", "recall", "f1-score", "support"]
    rows = [[escaped(one.label), *_share_cells(one), str(one.support)] for one in scores.per_class]
    if isinstance(scores, MultilabelScores):
        head += ["avg-prec", "threshold"]
        for row, one in zip(rows, scores.per_class, strict=True):
            row += [format_share(one.average_precision, 2), f"{one.threshold:.2f}"]
        micro = Shares(scores.micro_precision, scores.micro_recall, scores.micro_f1)
        summary, more = ["micro avg", *_share_cells(micro), n], _multilabel_lines(scores)
    else:
        summary, more = ["accuracy", "", "", format_share(scores.accuracy, 2), n], []
    averages = [
        [name, *_share_cells(Shares.average(scores.per_class, by_support=by_support)), n]
        for name, by_support in (("macro avg", False), ("weighted avg", True))
        if scores.macro_over
    ]
    width = max(display_width(name) for name, *_ in (*rows, ["weighted avg"]))
    lines = [
        f"{padded(name, width, left=True)} " + " ".join(f"{cell:>9}" for cell in cells)
        if cells
        else ""
        for name, *cells in (head, [""], *rows, [""], summary, *averages)
    ]
    return "\n".join([*lines, *_undefined(scores), *more])


def _share_cells(one: LabelScore | Shares) -> list[str]:
    return [format_share(share, 2) for share in (one.precision, one.recall, one.f1)]


def _multilabel_lines(scores: MultilabelScores) -> list[str]:
    """Format the scores that exist only with several labels per text."""
    lines = [
        "",
        f"all labels correct {format_share(scores.accuracy)},"
        f" label ranking average precision {format_share(scores.label_ranking_average_precision)},"
        f" Hamming loss {scores.hamming_loss:.3f}",
    ]
    if scores.n_without_labels:
        lines.append(f"{scores.n_without_labels:,} of {scores.n:,} test rows have no label")
    return lines


def cooccurrence_table(scores: MultilabelScores) -> str:
    """Format the most frequent pairs of labels, with their rows; empty without any."""
    rows = [
        (f"{first} + {second}", f"{count:,}")
        for count, first, second in label_pairs(scores)[:MOST_PAIRS]
    ]
    return "\n".join(text_table([("labels of one text", "rows"), *rows])) if rows else ""


def label_pairs(scores: MultilabelScores) -> list[tuple[int, str, str]]:
    """Return the pairs of labels that occur together: rows and names, by descending frequency."""
    names = [score.label for score in scores.per_class]
    pairs = [
        (count, names[i], names[j])
        for i, row in enumerate(scores.cooccurrence)
        for j, count in enumerate(row[:i])
        if count
    ]
    return sorted(pairs, key=lambda pair: -pair[0])


def confusion_table(scores: Scores) -> str:
    """Format the confusion matrix: true labels as rows, predicted labels as columns."""
    names = [escaped(score.label) for score in scores.per_class]
    rows = [("true \\ predicted", *names)]
    rows += [(n, *map(str, row)) for n, row in zip(names, scores.confusion, strict=True)]
    first = max(display_width(row[0]) for row in rows)
    return "\n".join(text_table([(padded(row[0], first, left=True), *row[1:]) for row in rows]))


def confused_labels(scores: Scores) -> str:
    """List the most frequent errors: the true label, the predicted one, and the number of rows."""
    names = [score.label for score in scores.per_class]
    errors = [
        (count, true, predicted)
        for true, row in zip(names, scores.confusion, strict=True)
        for predicted, count in zip(names, row, strict=True)
        if count and true != predicted
    ]
    if not errors:
        return "No row has a wrong label."
    errors.sort(key=lambda error: -error[0])
    rows = [(f"{true} -> {predicted}", f"{n:,}") for n, true, predicted in errors[:MOST_PAIRS]]
    return "\n".join(text_table([("true -> predicted", "rows"), *rows]))


def scores_beside_baselines(family: str, metrics: AnyMetrics) -> str:
    """Format the scores of a model, its baselines and its teacher in a table."""
    rows: list[tuple[str, Any]] = [*reversed(metrics.baselines.to_beat(family))]
    if (teacher := metrics.teacher) is not None:
        rows.append((f"its teacher ({one_line(teacher.name):.19})", teacher))
    rows.append((f"this model ({family_name(family)})", metrics))
    columns = score_columns(metrics)
    table = [("on the test rows", *columns)]
    table += [
        (name, *(format_share(getattr(one, column)) for column in columns.values()))
        for name, one in rows
    ]
    intervals = ["95% interval", *[""] * (len(rows) - 1), str(metrics.main.interval)]
    with_intervals = [
        (name, main, interval, *others)
        for (name, main, *others), interval in zip(table, intervals, strict=True)
    ]
    return "\n".join(text_table(with_intervals))


def score_columns(metrics: AnyMetrics) -> dict[str, str]:
    """Return the scores that a model and its baselines have in common, with their keys."""
    common = {"accuracy": "accuracy", "macro F1": "macro_f1", "log loss": "log_loss"}
    return {"micro F1": "micro_f1", **common} if isinstance(metrics, MultilabelMetrics) else common


def calibration_sentences(metrics: AnyMetrics) -> list[str]:
    """Describe the calibration of the probabilities, and the effect of --abstain-below."""
    return [*metrics.sentences("calibration"), *abstention_sentences(metrics.coverage or ())]


def threshold_table(metrics: AnyMetrics) -> str:
    """Format the thresholds of labels, and F1 on the test rows; empty without any."""
    if metrics.thresholds is None:
        return ""
    return "\n".join(text_table([THRESHOLD_HEADER, *threshold_rows(metrics.thresholds)]))


def threshold_rows(chosen: ThresholdGain) -> list[tuple[str, ...]]:
    """Format the threshold of each label, its F1 on the test rows, F1 at 0.5, and the gain."""
    rows: list[tuple[str, ...]] = []
    for one in chosen.labels:
        gain = (UNDEFINED, UNDEFINED)
        if one.difference is not None:
            gain = (one.difference.points(), one.difference.interval())
        f1 = (format_share(one.test_f1), format_share(one.test_f1_at_half))
        rows.append((one.label, f"{one.threshold:.3f}", *f1, *gain))
    return rows


def costs(metrics: AnyMetrics) -> str:
    """Describe the time, the epochs and the memory of a training run."""
    epochs = ""
    if metrics.epochs:
        epochs = f" for {counted(metrics.epochs, 'epoch')} (best: {metrics.best_epoch})"
    return (
        f"Trained in {metrics.train_seconds:.1f} s{epochs}; total time {metrics.wall_seconds:.1f}"
        f" s, peak memory {metrics.peak_memory_mb:,.0f} MB."
    )


def text_table(rows: Sequence[Sequence[str]], margin: str = "") -> list[str]:
    """Format rows in columns: the first one left-aligned, the others right-aligned.

    Line breaks and control characters are escaped.
    """
    rows = [[escaped(cell) for cell in row] for row in rows]
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    return [
        margin
        + "  ".join(
            padded(cell, width, left=column > 0)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _undefined(scores: AnyScores) -> list[str]:
    """Explain dashes, and averages that leave labels out; empty if all scores are defined."""
    without_rows = [in_list(one.label) for one in scores.per_class if not one.support]
    never_predicted = [in_list(one.label) for one in scores.per_class if one.precision is None]
    lines = []
    if never_predicted:
        lines.append(f"{UNDEFINED} precision: never predicted: {', '.join(never_predicted)}")
    if without_rows:
        lines.append(f"{UNDEFINED} recall, f1-score: no rows: {', '.join(without_rows)}")
        n_averaged, n_labels = len(scores.macro_over), len(scores.per_class)
        lines.append(f"the averages are over the {n_averaged} of {n_labels} labels with rows")
    return ["", *lines] if lines else []
