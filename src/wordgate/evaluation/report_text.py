"""Scores as plain text: the report that scikit-learn prints, and the confusion matrix."""

from collections.abc import Sequence

from wordgate.evaluation.metrics import Average, Scores

UNDEFINED = "–"
_COLUMNS = ("precision", "recall", "f1-score", "support")
_WIDTH = 9
_CORNER = "true \\ predicted"


def classification_report(scores: Scores) -> str:
    """Lay out precision, recall and F1 of every label as scikit-learn does.

    What is undefined is printed as ``–``, and a line says which labels the averages leave out.

    Args:
        scores: From :func:`wordgate.evaluation.metrics.evaluate`.

    Returns:
        Lines of text, without a final newline.
    """
    names = [score.label for score in scores.per_class]
    first = max(len(name) for name in [*names, "weighted avg"])
    lines = [_report_line("", _COLUMNS, first), ""]
    for score in scores.per_class:
        shares = [_share(value) for value in (score.precision, score.recall, score.f1)]
        lines.append(_report_line(score.label, [*shares, str(score.support)], first))
    accuracy = ["", "", _share(scores.accuracy), str(scores.n)]
    lines += [
        "",
        _report_line("accuracy", accuracy, first),
        _report_line("macro avg", _average_cells(scores.macro, scores.n), first),
        _report_line("weighted avg", _average_cells(scores.weighted, scores.n), first),
        *_remarks(scores),
    ]
    return "\n".join(lines)


def confusion_table(scores: Scores) -> str:
    """Lay out how many rows of each label (one line each) were given each label (columns).

    Args:
        scores: From :func:`wordgate.evaluation.metrics.evaluate`.

    Returns:
        Lines of text, without a final newline.
    """
    names = [score.label for score in scores.per_class]
    first = max(len(name) for name in [*names, _CORNER])
    largest = max(len(str(count)) for row in scores.confusion for count in row)
    widths = [max(len(name), largest) for name in names]
    lines = [_table_line(_CORNER, names, first, widths)]
    for name, row in zip(names, scores.confusion, strict=True):
        lines.append(_table_line(name, [str(count) for count in row], first, widths))
    return "\n".join(lines)


def _report_line(name: str, cells: Sequence[str], first: int) -> str:
    return f"{name:>{first}} " + " ".join(f"{cell:>{_WIDTH}}" for cell in cells)


def _table_line(name: str, cells: Sequence[str], first: int, widths: Sequence[int]) -> str:
    padded = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]
    return "  ".join([f"{name:>{first}}", *padded])


def _share(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.2f}"


def _average_cells(average: Average, n: int) -> list[str]:
    return [_share(average.precision), _share(average.recall), _share(average.f1), str(n)]


def _remarks(scores: Scores) -> list[str]:
    """Explain dashes and averages that leave labels out; nothing where all is defined."""
    without_rows = [score.label for score in scores.per_class if not score.support]
    never_said = [score.label for score in scores.per_class if score.precision is None]
    lines = []
    if never_said:
        lines.append(f"{UNDEFINED} precision: never predicted: {', '.join(never_said)}")
    if without_rows:
        lines.append(f"{UNDEFINED} recall, f1-score: no rows: {', '.join(without_rows)}")
        n_judged, n_labels = len(scores.macro_over), len(scores.per_class)
        lines.append(f"the averages are over the {n_judged} of {n_labels} labels with rows")
    return ["", *lines] if lines else []
