"""The tables of `make bench-train`."""

import json
import platform
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import mean, median

from printing import header, row
from training.figures import Curve, Figures, work_of_an_epoch
from training.peers import versions
from training.phases import GOALS, start_file
from wordgate.runtime.cpu import available_cores, processor

METHOD = """\
Each peer trains on the same rows, on all cores, in a process of its own, from the same first word
vectors; notebook-fast, whose vocabulary is train's alone, from vectors drawn likewise. How many
epochs it takes to a validation accuracy depends on the seed and not on the clock, so it is read
from trainings made before (the median where there are several seeds), whose times are not used.
Seconds an epoch are of the updates alone, over whole epochs after a warm-up, in repeats that take
the peers in turn; the table shows medians over the repeats. Seconds to an accuracy are epochs times
seconds an epoch; in brackets, with each epoch's validation. The share is of the rate at which this
machine multiplies matrices, measured just before, in the precision named; padding counts as no
work."""


def main_table(all_figures: Sequence[Figures]) -> str:
    """Lay out one row a peer."""
    goals = [column for goal in GOALS for column in (f"epochs to {goal:.2f}", f"s to {goal:.2f}")]
    names = header("peer", "s an epoch", "texts/s", "fraction of the peak", "peak MB", *goals)
    return "\n".join([names, *map(_row, all_figures)])


def _row(figures: Figures) -> str:
    share = _shown(figures.typical("share"), "{:.0%}")
    if figures.timings:
        share += f" of {figures.timings[0].precision}"
    cells = [
        figures.peer.name,
        _shown(figures.typical("seconds"), "{:.1f}"),
        _shown(figures.typical("texts_per_second"), "{:,.0f}"),
        share,
        _shown(figures.typical("peak_memory_mb"), "{:,.0f}"),
    ]
    for goal in GOALS:
        updates = _shown(figures.seconds_to(goal, "seconds"), "{:.0f}")
        whole = _shown(figures.seconds_to(goal, "seconds_with_validation"), " ({:.0f})", "")
        cells += [_epochs(figures, goal), updates + whole]
    return row(*cells)


def _epochs(figures: Figures, goal: float) -> str:
    epochs = figures.epochs_to(goal)
    if epochs is not None or not figures.curves:
        return _shown(epochs, "{:g}")
    runs = [curve.val_accuracy for curve in figures.curves if curve.epochs_to(goal) is None]
    return f"not in {max(map(len, runs))} (at best {max(map(max, runs)):.3f})"


def _shown(value: float | None, form: str, otherwise: str = "-") -> str:
    return otherwise if value is None else form.format(value)


def ratios(ours: Figures, theirs: Figures, goal: float) -> str:
    """Tell the engine's part and the schedule's part in being faster."""
    pair = f"{ours.peer.name} against {theirs.peer.name}, to {goal:.2f}"
    seconds = [figures.typical("seconds") for figures in (theirs, ours)]
    epochs = [figures.epochs_to(goal) for figures in (theirs, ours)]
    if not theirs.curves or None in (*seconds, epochs[1]):
        return f"{pair}: not known yet"
    bound = ""
    if epochs[0] is None:  # a seed that never got there takes more than it was given
        given = [one.epochs_to(goal) or len(one.val_accuracy) for one in theirs.curves]
        bound, epochs[0] = "more than ", median(given)
    engine, schedule = seconds[0] / seconds[1], epochs[0] / epochs[1]
    return (
        f"{pair}: engine: {engine:.1f} times faster an epoch; schedule: {bound}{schedule:.1f} times"
        f" fewer epochs; together: {bound}{engine * schedule:.1f} times faster"
    )


def pair_table(pair: Sequence[Figures]) -> str:
    """Lay out two peers' validation accuracies, epoch by epoch, seeds side by side."""
    curves = [curve for figures in pair for curve in figures.curves]
    names = [f"{fig.peer.key}, seed {curve.seed}" for fig in pair for curve in fig.curves]
    lines = [header("epoch", *names)]
    by_epoch = zip_longest(*(curve.val_accuracy for curve in curves))
    for epoch, values in enumerate(by_epoch, start=1):
        lines.append(row(epoch, *(_shown(value, "{:.4f}", "") for value in values)))
    return "\n".join(lines)


def pair_lines(pair: Sequence[Figures]) -> list[str]:
    """Tell two peers' ends: test accuracies, epochs, seconds, and the differences seed by seed."""
    lines = [_end_line(figures) for figures in pair]
    tests = [{curve.seed: curve.test_accuracy for curve in figures.curves} for figures in pair]
    shared = sorted(tests[0].keys() & tests[1].keys())
    points = [100 * (tests[1][seed] - tests[0][seed]) for seed in shared]
    if points:
        each = ", ".join(f"{one:+.2f}" for one in points)
        lines.append(
            f"{pair[1].peer.name} less {pair[0].peer.name}: {mean(points):+.2f} points of test"
            f" accuracy in the mean over {len(points)} seeds ({each})"
        )
    return lines


def _end_line(figures: Figures) -> str:
    if not figures.curves:
        return f"{figures.peer.name}: not trained"
    tests = [curve.test_accuracy for curve in figures.curves]
    return (
        f"{figures.peer.name}: test accuracy, best epoch restored, {_listed(tests, '{:.4f}')},"
        f" mean {mean(tests):.4f}; epochs run"
        f" {_listed([len(curve.val_accuracy) for curve in figures.curves], '{}')}; best epoch"
        f" {_listed(list(map(_best_epoch, figures.curves)), '{}')};"
        f" {_shown(figures.typical('seconds'), '{:.1f}')} s an epoch"
    )


def _best_epoch(curve: Curve) -> int:
    return curve.val_accuracy.index(max(curve.val_accuracy)) + 1


def _listed(values: Sequence[float], form: str) -> str:
    return ", ".join(form.format(value) for value in values)


def circumstances(all_figures: Sequence[Figures], folder: Path) -> dict[str, object]:
    """Gather the machine, its ceiling, the size of the work, the times' date, the versions."""
    texts, operations = work_of_an_epoch(folder)
    measured = [timing.ceiling for figures in all_figures for timing in figures.timings]
    start = start_file(folder)
    return {
        "machine": f"{processor()}, {available_cores()} cores, {platform.system()}",
        "an epoch": f"{texts:,} texts, {operations / 1e12:.2f} TFLOP",
        "2048-cubed matrix products": _rates(measured),
        "timing": json.loads(start.read_text(encoding="utf-8")) if start.exists() else {},
        "versions": {
            python: versions(python)
            for python in dict.fromkeys(figures.peer.python for figures in all_figures)
        },
    }


def circumstance_lines(facts: dict[str, object]) -> list[str]:
    """Lay out what `circumstances` gathered."""
    timing, versions_of = facts["timing"], facts["versions"]
    lines = [
        f"{name}: {facts[name]}" for name in ("machine", "an epoch", "2048-cubed matrix products")
    ]
    if timing:
        lines.append(f"timing began {timing['began']} at load {timing['load']:.1f}")
    packages = [", ".join(map(" ".join, one.items())) for one in versions_of.values()]
    return [*lines, *packages]


def _rates(measured: Sequence[dict[str, float]]) -> str:
    if not measured:
        return "not measured"
    rates = [
        f"{median(one[precision] for one in measured):,.0f} GFLOP/s in {precision}"
        for precision in ("float32", "bfloat16")
    ]
    return f"{', '.join(rates)}, {measured[0]['threads']} threads"
