"""`wordgate evaluate`: a saved model on a file."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from wordgate.cli import params
from wordgate.cli.streams import (
    line_width,
    print_json,
    remark,
    warn_of_changes,
    wrapped,
    write_result,
)
from wordgate.runtime.display import counted

if TYPE_CHECKING:
    from wordgate.experiments.evaluate import Evaluation, Seen


@click.command(short_help="Evaluate a model on a file.")
@click.argument("bundle", type=params.FILE, metavar="MODEL")
@click.argument("data", type=params.FILE)
@params.reading
@params.kernel
@params.threads
@params.as_json
def evaluate(
    bundle: str, data: str, *, kernel: str, threads: int | None, as_json: bool, **reading: Any
) -> None:
    """Evaluate MODEL on the labeled texts of DATA.

    Columns with the names of the text and label columns of the training data are used, unless
    --text and --label name others.

    Rows seen during training are counted first, because scores on them may measure memorization.
    The number of near duplicates is an estimate, reported with the expected number of false
    positives; for the model's own test rows, the count is exact. For an imported model, nothing is
    known about its training rows.
    """
    from wordgate.experiments.evaluate import evaluate as run_evaluation
    from wordgate.runtime.progress import Console

    evaluation = run_evaluation(
        bundle, data, kernel=kernel, threads=threads, progress=Console(), **reading
    )
    warn_of_changes(bundle, evaluation.predictor.changed_files)
    remark("\n".join(evaluation.reading.lines()))
    if kernel != "numpy":
        remark(f"predicted by kernel {kernel}; the temperature and any thresholds were computed in"
               " float32")  # fmt: skip
    if not as_json:
        write_result(format_evaluation(evaluation))
        return
    seen, unseen = evaluation.seen, evaluation.unseen
    print_json(
        {
            "kernel": kernel,
            "seen": None if seen is None else asdict(seen),
            "scores": evaluation.scores.model_dump(mode="json"),
            "unseen": None if unseen is None else unseen.model_dump(mode="json"),
        }
    )


def format_evaluation(evaluation: "Evaluation") -> str:
    """Format a model's scores on a file for a terminal, rows seen in training first."""
    from wordgate.report.text import format_share, label_tables

    parts = [
        wrapped(format_seen(evaluation.seen)),
        *label_tables(evaluation.scores, line_width(sys.stdout)),
    ]
    if evaluation.unseen is not None:
        unseen, all_rows = evaluation.unseen, evaluation.scores
        pairs = [(unseen.main, all_rows.main.value)]
        if unseen.deciding != unseen.main:
            pairs.append((unseen.deciding, all_rows.macro_f1))
        scores = "; ".join(
            f"{name} {format_share(value)}, 95% interval {interval}"
            f" (all rows: {format_share(of_all)})"
            for (name, value, interval), of_all in pairs
        )
        parts.append(wrapped(f"On the {counted(unseen.n, 'unseen row')} only: {scores}."))
    return "\n\n".join(filter(None, parts))


def format_seen(seen: "Seen | None") -> str:
    """Describe how many rows of a file were seen in the model's training."""
    if seen is None:
        return (
            "The model was imported without its training texts, so rows that it was trained on"
            " cannot be recognized: scores on such rows mostly measure memorization."
        )

    if seen.rows == 0:
        none = "The 1 row was not" if seen.n == 1 else f"None of these {seen.n:,} rows was"
        return f"{none} seen during the model's training."
    near = counted(seen.near_copies - seen.texts, "as a near duplicate", "as near duplicates")
    kinds = [
        counted(seen.texts, "as an exact duplicate", "as exact duplicates"),
        f"{near}{_doubt(seen)}",
    ]
    if seen.groups is not None:
        kinds.append(f"{seen.groups:,} by their group")
    rows = (
        f"All {seen.n:,} rows" if seen.rows == seen.n else f"{seen.rows:,} of these {seen.n:,} rows"
    )
    rows = "The 1 row" if seen.n == 1 else rows
    were = "was" if seen.rows == 1 else "were"
    effect = "scores on these rows mostly measure memorization"
    if seen.rows > max(seen.texts, seen.groups or 0):
        effect += " (less so if the near duplicates come from a template)"
    return f"{rows} {were} seen during the model's training ({'; '.join(kinds)}): {effect}."


def _doubt(seen: "Seen") -> str:
    """Describe how many near duplicates are an estimate, and the expected false positives."""
    if not seen.estimated:
        return ""
    near = seen.near_copies - seen.texts
    what = "an estimate" if seen.estimated == near else f"{seen.estimated:,} of them an estimate"
    return f", {what} with {seen.false_alarms:.1f} expected false positives"
