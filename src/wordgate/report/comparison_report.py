"""The report on a comparison: the families on the same splits, as a ladder."""

from collections.abc import Sequence
from dataclasses import dataclass

from wordgate.report.charts import Dots, Estimate, Tone, axis, dot_plot
from wordgate.report.figures import Figure, Section, Table, p_text, share, span
from wordgate.report.findings import Findings, Learning
from wordgate.report.look import look_at
from wordgate.report.pages import render


@dataclass(frozen=True)
class Difference:
    """How far a rung stands above the one below, in points of accuracy (hundredths).

    Attributes:
        points: Accuracy of this rung less that of the rung below, times 100.
        low: Lower end of its 95 % interval; ``None`` where there is none.
        high: Upper end of its 95 % interval; ``None`` where there is none.
        p_value: Of the paired test; ``None`` where there is none.
    """

    points: float
    low: float | None
    high: float | None
    p_value: float | None


@dataclass(frozen=True)
class Trial:
    """One family on one split. Scores are shares of 1.

    Attributes:
        kind: The split's name, like ``"grouped"`` or ``"random"``.
        accuracy: Of the test rows; its interval is ``low`` to ``high``.
        low: Lower end; ``None`` where there is none.
        high: Upper end; ``None`` where there is none.
        macro_f1: Its interval is ``macro_f1_low`` to ``macro_f1_high``.
        macro_f1_low: Lower end; ``None`` where there is none.
        macro_f1_high: Upper end; ``None`` where there is none.
        difference: To the rung below on the same split; ``None`` for the lowest.
        train_seconds: Of fitting alone.
        texts_per_second: Of predicting.
        model_mb: Size of the model, 10^6 bytes; ``None`` where it was not written.
    """

    kind: str
    accuracy: float
    low: float | None
    high: float | None
    macro_f1: float | None
    macro_f1_low: float | None
    macro_f1_high: float | None
    difference: Difference | None
    train_seconds: float
    texts_per_second: float | None
    model_mb: float | None


@dataclass(frozen=True)
class Rung:
    """One family: its name as shown, and its trials, at most one a split."""

    name: str
    trials: Sequence[Trial]

    def trial(self, kind: str) -> Trial | None:
        """Give the trial on a split, if there is one."""
        return next((trial for trial in self.trials if trial.kind == kind), None)


@dataclass(frozen=True)
class ComparisonReport:
    """The report on a comparison.

    Attributes:
        title: What was compared on what.
        advice: Which to take, and why; two sentences.
        rungs: The families, the simplest first.
        ladder_header: The heads of the ladder's table as the terminal shows it.
        ladder_rows: Its rows; the first cell names the row.
        leaks: What the splits let slip, in sentences.
        measured: How it was measured, one sentence each.
        versions: What computed, by name: (``"torch"``, ``"2.13.0"``).
        advised: The name of the rung to take.
        looks: What each rung's answers on the last kind of split show, by its name.
        audit: What was found in the data, by subject.
    """

    title: str
    advice: Sequence[str]
    rungs: Sequence[Rung]
    ladder_header: Sequence[str]
    ladder_rows: Sequence[Sequence[str]]
    leaks: Sequence[str] = ()
    measured: Sequence[str] = ()
    versions: Sequence[tuple[str, str]] = ()
    advised: str = ""
    looks: Sequence[tuple[str, Findings, Learning]] = ()
    audit: Sequence[Section] = ()

    def kinds(self) -> list[str]:
        """Name the splits, in the order in which the rungs have them."""
        return list(dict.fromkeys(trial.kind for rung in self.rungs for trial in rung.trials))


def comparison_page(comparison: ComparisonReport) -> str:
    """Show a comparison as a self-contained HTML page.

    Args:
        comparison: What was found.

    Returns:
        The page: no script, nothing fetched, every text of the data escaped.
    """
    kinds = comparison.kinds()
    differences = [_differences(comparison, kind) for kind in kinds]
    return render(
        "comparison.html.j2",
        comparison=comparison,
        kinds=kinds,
        ladder=_ladder(comparison, kinds),
        differences=[figure for figure in differences if figure is not None],
        looks=[(name, look_at(found, learning)) for name, found, learning in comparison.looks],
    )


def _tones(kinds: Sequence[str]) -> list[tuple[str, Tone]]:
    """Give the honest split the first colour, wherever it stands, and the others the second."""
    first = "grouped" if "grouped" in kinds else next(iter(kinds), "")
    return [(kind, "one" if kind == first else "two") for kind in kinds]


def _ladder(comparison: ComparisonReport, kinds: Sequence[str]) -> Figure:
    rows = [
        Dots(rung.name, [_estimate(rung.trial(kind)) for kind in kinds])
        for rung in comparison.rungs
    ]
    ends = [value for row in rows for one in row.estimates
            for value in (one.value, one.low, one.high) if value is not None]  # fmt: skip
    table = [
        [
            f"{rung.name}, {trial.kind}",
            *(share(trial.accuracy), span(trial.low, trial.high)),
            *(share(trial.macro_f1), span(trial.macro_f1_low, trial.macro_f1_high)),
        ]
        for rung in comparison.rungs
        for trial in rung.trials
    ]
    best = ", ".join(f"{row[0]} {row[1]}" for row in table)
    return Figure(
        "Accuracy with 95 % intervals",
        dot_plot(
            rows,
            _tones(kinds),
            x=axis("accuracy", ends or [0, 1], form="{:.2f}".format),
            label=f"Accuracy of each family: {best}.",
        ),
        Table(("", "accuracy", "95 %", "macro F1", "95 %"), table),
        "Shares of the test rows that are right; whiskers are intervals that resample groups.",
    )


def _estimate(trial: Trial | None) -> Estimate:
    return Estimate(None) if trial is None else Estimate(trial.accuracy, trial.low, trial.high)


def _differences(comparison: ComparisonReport, kind: str) -> Figure | None:
    """Show the steps between rungs on one split; nothing where there are none."""
    rows, table, ends = [], [], [0.0]
    for below, rung in zip(comparison.rungs, comparison.rungs[1:], strict=False):
        trial = rung.trial(kind)
        if trial is None or trial.difference is None:
            continue
        found = trial.difference
        rows.append(Dots(rung.name, [Estimate(found.points, found.low, found.high)]))
        ends += [end for end in (found.points, found.low, found.high) if end is not None]
        table.append(
            [
                f"{rung.name} over {below.name}",
                f"{found.points:+.1f}",
                _points(found),
                p_text(found.p_value),
            ]
        )
    if not rows:
        return None
    told = ", ".join(f"{row[0]} {row[1]}" for row in table)
    return Figure(
        f"What each rung adds, {kind} split",
        dot_plot(
            rows,
            [(kind, dict(_tones(comparison.kinds()))[kind])],
            x=axis("points of accuracy, on the same rows", ends, form=_signed),
            label=f"Differences in points, {kind} split: {told}.",
            told="{:+.1f}".format,
            zero=True,
        ),
        Table(("", "points", "95 %", "p"), table),
        "Against the rung below, paired by group. An interval that holds 0 leaves it open.",
    )


def _signed(points: float) -> str:
    return f"{points:+g}" if points else "0"


def _points(found: Difference) -> str:
    if found.low is None or found.high is None:
        return "–"
    return f"{found.low:+.1f} to {found.high:+.1f}"
