"""A comparison of families of models, as a page and as plain text."""

from collections.abc import Mapping, Sequence

from wordgate.evaluation.comparison import Comparison, ModelResult
from wordgate.evaluation.error_analysis import ErrorAnalysis
from wordgate.report.charts import Dots, Estimate, Tone, axis, dot_plot
from wordgate.report.model_section import model_section
from wordgate.report.page import Figure, PageTable, Section, render
from wordgate.report.text import (
    UNDEFINED,
    format_interval,
    format_p_value,
    format_points,
    format_points_interval,
    format_share,
    source_name,
    text_table,
)

HEADER = ("accuracy", "95 % interval", "macro F1", "95 % interval", "train s", "texts/s", "MB")


def comparison_page(
    comparison: Comparison, analyses: Mapping[str, ErrorAnalysis], audit: Sequence[Section]
) -> str:
    """Show a comparison as a self-contained HTML page.

    Args:
        comparison: The whole comparison.
        analyses: What each family's predictions on the last kind of split show.
        audit: What was found in the data, by subject.

    Returns:
        The page: no script, nothing fetched, every text of the data escaped.
    """
    chosen, kind = comparison.recommendation, comparison.kinds[-1]
    results = [(family, comparison.result(family, kind)) for family in analyses]
    differences = [_difference_figure(comparison, one) for one in comparison.kinds]
    rows = [(f"{one.family}, {one.kind}", *result_row(one)[1:]) for one in comparison.results]
    return render(
        "comparison.html.j2",
        title=f"Families of models on {source_name(comparison.source)}",
        recommendation=() if chosen is None else chosen.sentences,
        recommended="" if chosen is None else chosen.family,
        figures=[_accuracy_figure(comparison), *filter(None, differences)],
        table=PageTable(("family, split", *HEADER), rows),
        leaks=[*(comparison.leaks or {}).values(), *comparison.left_out],
        kind=kind,
        sections=[
            (family, model_section(analyses[family], one.history, one.best_epoch, one.remarks))
            for family, one in results
            if one is not None
        ],
        audit=audit,
        methods=methods(comparison),
        versions=list((comparison.environment or {}).items()),
    )


def format_comparison(comparison: Comparison) -> str:
    """Write a comparison for a terminal: scores and costs, paired tests, leaks, what to use."""
    parts = [format_results(comparison)]
    if comparison.paired_tests:
        parts.append(_format_paired_tests(comparison))
    if {"random", "grouped"} <= set(comparison.kinds):
        parts.append(_format_gaps(comparison))
    parts.append("\n".join([*(comparison.leaks or {}).values(), *comparison.left_out]))
    parts.append("\n".join(methods(comparison)))
    if comparison.recommendation is not None:
        parts.append("\n".join(comparison.recommendation.sentences))
    return "\n\n".join(parts)


def format_results(comparison: Comparison) -> str:
    """Write scores and costs of what has been run, a table for each kind of split."""
    blocks = []
    for kind in comparison.kinds:
        found = [comparison.result(family, kind) for family in comparison.families]
        rows = [result_row(result) for result in found if result is not None]
        blocks += ["\n".join(text_table([(f"{kind} split", *HEADER), *rows]))]
    return "\n\n".join(blocks)


def result_row(result: ModelResult) -> tuple[str, ...]:
    """Give a family's scores and costs, after its name, as `HEADER` names them."""
    scores = result.scores
    return (
        result.family,
        format_share(scores.accuracy),
        format_interval(scores.intervals.accuracy),
        format_share(scores.macro_f1),
        format_interval(scores.intervals.macro_f1),
        f"{result.train_seconds:,.1f}",
        f"{result.texts_per_second:,.0f}",
        f"{result.megabytes:,.1f}",
    )


def methods(comparison: Comparison) -> list[str]:
    """Say how models were evaluated and compared, a sentence each."""
    folds = comparison.folds
    tested = "the test rows of one split" if folds is None else f"{folds} folds"
    sentences = [f"Evaluated on: {tested}; seed {comparison.seed}, recipe {comparison.recipe}."]
    if comparison.vectors is not None:
        sentences.append(f"Word vectors: {comparison.vectors}.")
    for kind in comparison.kinds:
        tests = [test for test in comparison.paired_tests if test.kind == kind]
        used = sorted({test.difference.method for test in tests})
        sentences += [f"Paired tests, {kind} split: {method}." for method in used]
    costs = (
        "train s: fitting, a model. texts/s: from strings to probabilities. MB: the model's size."
    )
    return [*sentences, costs]


def _format_paired_tests(comparison: Comparison) -> str:
    rows: list[tuple[str, ...]] = [("paired tests, in points of accuracy", *comparison.kinds)]
    for simpler, family in zip(comparison.families, comparison.families[1:], strict=False):
        tests = [comparison.paired_test(family, kind) for kind in comparison.kinds]
        cells = []
        for test in tests:
            if test is None:
                cells.append(UNDEFINED)
                continue
            cell = format_points(test.difference)
            if test.difference.low is not None:
                cell += f" ({format_points_interval(test.difference)})"
            cells.append(f"{cell}, {format_p_value(test.difference.p_value)}")
        rows.append((f"{family} over {simpler}", *cells))
    return "\n".join(text_table(rows))


def _format_gaps(comparison: Comparison) -> str:
    """Write what each family gains by a random split: memory."""
    rows: list[tuple[str, ...]] = [("accuracy", "random", "grouped", "difference")]
    for family in comparison.families:
        at_random, grouped = (comparison.result(family, kind) for kind in ("random", "grouped"))
        if at_random is None or grouped is None:
            continue
        accuracies = (at_random.scores.accuracy, grouped.scores.accuracy)
        gap = f"{100 * (accuracies[0] - accuracies[1]):+.1f} points"
        rows.append((family, *map(format_share, accuracies), gap))
    return "\n".join(text_table(rows))


def _tones(kinds: Sequence[str]) -> list[tuple[str, Tone]]:
    """Give the honest split the first colour, wherever it stands, and the others the second."""
    first = "grouped" if "grouped" in kinds else next(iter(kinds), "")
    return [(kind, "one" if kind == first else "two") for kind in kinds]


def _accuracy_figure(comparison: Comparison) -> Figure:
    rows = [
        Dots(family, [_estimate(comparison.result(family, kind)) for kind in comparison.kinds])
        for family in comparison.families
    ]
    ends = [end for row in rows for one in row.estimates for end in one.ends()]
    table = [(f"{one.family}, {one.kind}", *result_row(one)[1:5]) for one in comparison.results]
    named = ", ".join(f"{row[0]} {row[1]}" for row in table)
    return Figure(
        "Accuracy with 95 % intervals",
        dot_plot(
            rows,
            _tones(comparison.kinds),
            x=axis("accuracy", ends or [0, 1], form="{:.2f}".format),
            label=f"Accuracy of each family: {named}.",
        ),
        PageTable(("", "accuracy", "95 %", "macro F1", "95 %"), table),
        "Shares of the test rows that are correct; whiskers are intervals that resample groups.",
    )


def _estimate(result: ModelResult | None) -> Estimate:
    if result is None:
        return Estimate(None)
    return Estimate.of(result.scores.accuracy, result.scores.intervals.accuracy)


def _difference_figure(comparison: Comparison, kind: str) -> Figure | None:
    """Show the paired tests on one split; nothing where there are none."""
    tests = [test for test in comparison.paired_tests if test.kind == kind]
    if not tests:
        return None
    rows, table = [], []
    for test in tests:
        found = test.difference
        points = [None if one is None else 100 * one for one in (found.low, found.high)]
        rows.append(Dots(test.family, [Estimate(100 * found.difference, *points)]))
        cells = (format_points(found), format_points_interval(found))
        table.append((f"{test.family} over {test.simpler}", *cells, format_p_value(found.p_value)))
    ends = [0.0, *(end for row in rows for one in row.estimates for end in one.ends())]
    named = ", ".join(f"{row[0]} {row[1]}" for row in table)
    return Figure(
        f"Differences between neighbouring families, {kind} split",
        dot_plot(
            rows,
            [(kind, dict(_tones(comparison.kinds))[kind])],
            x=axis("points of accuracy, on the same rows", ends, form=_signed),
            label=f"Differences in points, {kind} split: {named}.",
            form="{:+.1f}".format,
            zero=True,
        ),
        PageTable(("", "points", "95 %", "p"), table),
        "Against the next simpler family, paired by group; 0 in the interval leaves it open.",
    )


def _signed(points: float) -> str:
    return f"{points:+g}" if points else "0"
