"""The report on a model comparison, as a page and as plain text, and the recommendation."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from wordgate.evaluation.comparison import (
    Comparison,
    ModelResult,
    Recommendation,
    summary_of,
)
from wordgate.evaluation.error_analysis import ErrorAnalysis
from wordgate.evaluation.intervals import PairedDifference
from wordgate.evaluation.multilabel_errors import MultilabelAnalysis
from wordgate.report.charts import Dots, Estimate, Tone, dot_plot
from wordgate.report.model import model_section
from wordgate.report.page import Figure, PageTable, Section, render
from wordgate.report.text import (
    capitalized,
    difference_cells,
    format_share,
    score_cells,
    score_header,
    skewed_labels,
    source_name,
    text_table,
)
from wordgate.runtime.display import display_width

COSTS = ("train s", "texts/s", "MB")
_TITLES = {
    "grouped": "Grouped split: groups never seen during training",
    "random": "Random split",
    "given": "The given test rows",
}


def comparison_page(
    comparison: Comparison,
    analyses: Mapping[str, ErrorAnalysis | MultilabelAnalysis],
    audit: Sequence[Section],
) -> str:
    """Render a comparison as a self-contained HTML page, without scripts, with texts escaped.

    `analyses` are the error analyses of the families on the last kind of split.
    """
    chosen, kind = comparison.recommendation, comparison.kinds[-1]
    results = [(family, comparison.result(family, kind)) for family in analyses]
    return render(
        "comparison.html.j2",
        title=f"Model comparison on {source_name(comparison.source)}",
        recommendation=() if chosen is None else chosen.sentences,
        recommended="" if chosen is None else chosen.family,
        results=[_split_results(comparison, one) for one in _kinds_shown(comparison)],
        families=[(family, summary_of(family)) for family in comparison.families],
        left_out=comparison.left_out,
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


def format_comparison(comparison: Comparison, width: int | None = None) -> str:
    """Format a comparison for a terminal: scores, costs, paired tests, leakage, recommendation.

    Args:
        comparison: The comparison.
        width: Characters per line of the terminal; None for a file.
    """
    parts = [format_results(comparison, width)]
    if comparison.paired_tests:
        parts.append(_format_paired_tests(comparison))
    if {"random", "grouped"} <= set(comparison.kinds):
        parts.append(_format_gaps(comparison))
    parts.append("\n".join([*(comparison.leaks or {}).values(), *comparison.left_out]))
    parts.append("\n".join(methods(comparison)))
    if comparison.recommendation is not None:
        parts.append("\n".join(comparison.recommendation.sentences))
    return "\n\n".join(parts)


def format_results(comparison: Comparison, width: int | None = None) -> str:
    """Format the scores and costs of the finished models, a table for each kind of split.

    A table that is wider than `width` characters has no interval of macro F1.
    """
    blocks = []
    for kind in comparison.kinds:
        rows = [_result_row(result) for result in _results(comparison, kind)]
        rows.insert(0, (f"{kind} split", *_header(comparison)))
        table = text_table(rows)
        if width is not None and max(map(display_width, table)) > width:
            table = text_table([_without_macro_interval(row) for row in rows])
        blocks.append("\n".join(table))
    return "\n\n".join(blocks)


def _results(comparison: Comparison, kind: str) -> list[ModelResult]:
    """Return the finished results on a kind of split, the simplest family first."""
    results = (comparison.result(family, kind) for family in comparison.families)
    return [result for result in results if result is not None]


def main_score(comparison: Comparison) -> str:
    """Return the name of the main score."""
    return comparison.results[0].scores.main.name if comparison.results else "accuracy"


def _header(comparison: Comparison) -> tuple[str, ...]:
    return (*score_header(main_score(comparison)), *COSTS)


def _result_row(result: ModelResult) -> tuple[str, ...]:
    """Format a family's name, scores and costs, for the columns of `_header`."""
    return (
        result.family,
        *score_cells(result.scores),
        f"{result.train_seconds:,.1f}",
        f"{result.texts_per_second:,.0f}",
        "<0.1" if result.megabytes < 0.05 else f"{result.megabytes:,.1f}",
    )


def _without_macro_interval(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the interval of macro F1, to save width."""
    return cells[:4] + cells[5:]


def methods(comparison: Comparison) -> list[str]:
    """Describe the evaluation and the paired tests, a sentence each."""
    folds = comparison.folds
    tested = "the test rows of one split" if folds is None else f"{folds} folds"
    sentences = [f"Evaluated on: {tested}; seed {comparison.seed}, recipe {comparison.recipe}."]
    if comparison.vectors is not None:
        sentences.append(f"Word vectors: {comparison.vectors}.")
    for kind in comparison.kinds:
        for of_score, name in _tested_scores(comparison).items():
            differences = _differences(comparison, kind, name).values()
            used = sorted({difference.method for difference in differences})
            sentences += [f"Paired tests{of_score}, {kind} split: {method}." for method in used]
    sentences.append(
        "train s: training time in seconds. texts/s: prediction speed, from strings to"
        " probabilities. MB: model size."
    )
    return sentences


def _format_paired_tests(comparison: Comparison) -> str:
    """Format the paired tests on each kind of split: points, interval, p-value."""
    tables = []
    for of_score, name in _tested_scores(comparison).items():
        points = f"points{of_score or f' of {main_score(comparison)}'}"
        rows: list[tuple[str, ...]] = [("paired test", "split", points, "95% interval", "p-value")]
        for kind in comparison.kinds:
            differences = _differences(comparison, kind, name)
            for simpler, family in itertools.pairwise(comparison.families):
                cells = difference_cells(differences.get((family, simpler)))
                rows.append((f"{family} vs. {simpler}", kind, *cells))
        tables.append("\n".join(text_table(rows)))
    return "\n\n".join(tables)


def _tested_scores(comparison: Comparison) -> dict[str, str]:
    """Return the attributes of `PairedTest` that were tested, by the words that name the score."""
    has_macro_f1 = any(test.macro_f1 is not None for test in comparison.paired_tests)
    return {"": "difference", **({" of macro F1": "macro_f1"} if has_macro_f1 else {})}


def _differences(
    comparison: Comparison, kind: str, name: str
) -> dict[tuple[str, str], PairedDifference]:
    """Return an attribute of the paired tests on a kind of split, by both families."""
    return {
        (test.family, test.simpler): getattr(test, name)
        for test in comparison.paired_tests
        if test.kind == kind and getattr(test, name) is not None
    }


def _format_gaps(comparison: Comparison) -> str:
    """Format the differences of the main score between random and grouped split."""
    rows: list[tuple[str, ...]] = [(main_score(comparison), "random", "grouped", "difference")]
    for family in comparison.families:
        at_random, grouped = (comparison.result(family, kind) for kind in ("random", "grouped"))
        if at_random is None or grouped is None:
            continue
        higher, lower = _main_value(at_random), _main_value(grouped)
        gap = f"{100 * (higher - lower):+.1f} points"
        rows.append((family, format_share(higher), format_share(lower), gap))
    return "\n".join(text_table(rows))


def _kinds_shown(comparison: Comparison) -> list[str]:
    """Return the kinds of split in the order of the page: that of the recommendation first."""
    return list(reversed(comparison.kinds))


def _tones(comparison: Comparison) -> dict[str, Tone]:
    """Assign the first color to the split of the recommendation, and no color to the other."""
    first, *others = _kinds_shown(comparison)
    return {first: "one", **dict.fromkeys(others, "quiet")}


def _split_results(comparison: Comparison, kind: str) -> dict[str, object]:
    """Show the results on one kind of split: leakage, scores, paired tests."""
    decides = kind == comparison.kinds[-1]
    chosen = comparison.recommendation if decides else None
    results = _results(comparison, kind)
    best = None if chosen is None or len(chosen.tied) != 1 else chosen.tied[0]
    leak = (comparison.leaks or {}).get(kind, "").removeprefix(f"{kind} split: ")
    figures = [_main_figure(comparison)] if decides else []
    return {
        "title": _TITLES[kind] + ("" if decides else ", for comparison"),
        "sentences": [*_ranking(chosen, results), *([leak] if leak else [])],
        "table": PageTable(
            _without_macro_interval(("family", *_header(comparison))),
            [_without_macro_interval(_result_row(result)) for result in results],
        ),
        "bold": [number for number, one in enumerate(results) if one.family == best],
        "tone": "" if decides else "quiet",
        "figures": [*figures, *_difference_figures(comparison, kind)],
    }


def _ranking(chosen: Recommendation | None, results: Sequence[ModelResult]) -> list[str]:
    """Describe the best family, or those that are not significantly worse."""
    if chosen is None or not chosen.tied or len(results) == 1:
        return []
    if len(chosen.tied) == 1:
        return [f"{chosen.tied[0]} is significantly better than every other family."]
    score = {one.family: _deciding_value(one) for one in results}
    tied = sorted(chosen.tied, key=lambda family: -score[family])
    named = ", ".join(f"{family} ({format_share(score[family])})" for family in tied)
    best = "most accurate" if results[0].scores.deciding.name == "accuracy" else "best"
    return [f"A tie: these are not significantly worse than the {best}: {named}."]


def _main_value(result: ModelResult) -> float:
    """Return the main score; 0 if it is undefined."""
    return result.scores.main.value or 0.0


def _is_skewed(result: ModelResult) -> bool:
    return result.scores.deciding != result.scores.main


def _deciding_value(result: ModelResult) -> float:
    """Return the score that decides which model is better; 0 if it is undefined."""
    return result.scores.deciding.value or 0.0


def _main_figure(comparison: Comparison) -> Figure:
    kinds, score = _kinds_shown(comparison), main_score(comparison)
    title = capitalized(score)
    rows = [
        Dots(family, [_estimate(comparison.result(family, kind)) for kind in kinds])
        for family in comparison.families
    ]
    table = [
        (f"{one.family}, {kind}", *_result_row(one)[1:5])
        for kind in kinds
        for one in _results(comparison, kind)
    ]
    named = ", ".join(f"{row[0]} {row[1]}" for row in table)
    return Figure(
        f"{title} with 95% intervals",
        dot_plot(
            rows,
            list(_tones(comparison).items()),
            title=score,
            label=f"{title} of each family: {named}.",
        ),
        PageTable(("", score, "95% CI", "macro F1", "95% CI"), table),
        f"{_MEANINGS[score]}, with 95% confidence intervals (groups are resampled).",
    )


def _estimate(result: ModelResult | None) -> Estimate:
    if result is None:
        return Estimate(None)
    return Estimate.of(result.scores.main.value, result.scores.main.interval)


def _difference_figures(comparison: Comparison, kind: str) -> Iterator[Figure]:
    """Show the paired tests on one split; nothing where there are none."""
    for of_score, name in _tested_scores(comparison).items():
        rows, table = [], []
        for (family, simpler), found in _differences(comparison, kind, name).items():
            points = [None if one is None else 100 * one for one in (found.low, found.high)]
            rows.append(Dots(family, [Estimate(100 * found.difference, *points)]))
            cells = (found.points(), found.interval(), found.p())
            table.append((f"{family} vs. {simpler}", *cells))
        if not rows:
            continue
        named = ", ".join(f"{row[0]} {row[1]}" for row in table)
        points_of = f"points{of_score or f' of {main_score(comparison)}'}"
        yield Figure(
            f"Paired differences{of_score}, {kind} split",
            dot_plot(
                rows,
                [(kind, _tones(comparison)[kind])],
                title=f"{points_of}, on the same rows",
                label=f"Differences in points{of_score}, {kind} split: {named}.",
                tick_form=_signed,
                form="{:+.1f}".format,
                zero=True,
            ),
            PageTable(("", "points", "95% CI", "p"), table),
            "Difference from the next simpler family; not significant if the interval contains 0.",
        )


_MEANINGS = {
    "accuracy": "Fraction of correct test rows",
    "micro F1": "F1 over all pairs of a test row and a label",
}


def _signed(points: float) -> str:
    return f"{points:+g}" if points else "0"


def recommend(
    comparison: Comparison, difference: Callable[[ModelResult, ModelResult], PairedDifference]
) -> Recommendation:
    """Recommend a model, with a sentence on its score and another remark.

    The recommended model is the simplest one that is not significantly worse than the best one on
    the last kind of split, by accuracy, micro F1 of several labels per text, or macro F1 if labels
    are skewed. `difference` compares two results by this score.
    """
    kind = comparison.kinds[-1]
    results = _results(comparison, kind)
    best = max(results, key=_deciding_value)
    against_best = {result.family: difference(result, best) for result in results}
    tied_results = [
        result
        for result in results
        if result is best or against_best[result.family].proven != "worse"
    ]
    chosen = tied_results[0]
    use = _use(chosen, best, results, against_best[chosen.family])
    if _is_skewed(chosen):
        use += f" {skewed_labels(chosen.scores)}"
    tied = tuple(result.family for result in tied_results)
    return Recommendation(chosen.family, (use, _caution(comparison, chosen, best)), tied)


def _use(
    chosen: ModelResult,
    best: ModelResult,
    results: Sequence[ModelResult],
    difference: PairedDifference,
) -> str:
    where = {
        "grouped": "on unseen groups",
        "random": "on a random split",
        "given": "on the given test rows",
    }[chosen.kind]
    score, value, _ = chosen.scores.deciding
    of_main = f" (accuracy {_main_value(chosen):.3f})" if _is_skewed(chosen) else ""
    worth = f"{format_share(value)} {score}{of_main} {where}"
    superlative = (
        "the most accurate" if score == "accuracy" else f"the model with the highest {score}"
    )
    if len(results) == 1:
        return f"{chosen.family} has {worth}; no other model was compared."
    if chosen is best is results[0]:
        return f"Use {chosen.family}: {worth}, {superlative} and the simplest."
    if chosen is best:
        return (
            f"Use {chosen.family}: with {worth} it is {superlative}, and every simpler model is"
            " significantly worse."
        )
    return (
        f"Use {chosen.family}: {worth}, and {best.family}, {superlative} with"
        f" {_deciding_value(best):.3f}, is not significantly better ({difference.p()})."
    )


def _caution(comparison: Comparison, chosen: ModelResult, best: ModelResult) -> str:
    at_random = comparison.result(chosen.family, "random")
    grouped = comparison.result(chosen.family, "grouped")
    if at_random is not None and grouped is not None:
        return _memory(at_random, grouped)
    faster = chosen.texts_per_second / max(1e-9, best.texts_per_second)
    if chosen is not best and faster > 2:
        return f"It also predicts {faster:.0f} times as many texts per second as {best.family}."
    if chosen.kind == "random":
        return (
            "On a random split, memorized duplicates can raise scores: without --split, a grouped"
            " split is evaluated as well."
        )
    return (
        f"It trains in {chosen.train_seconds:.0f} s and predicts"
        f" {chosen.texts_per_second:,.0f} texts per second on this machine."
    )


def _memory(at_random: ModelResult, grouped: ModelResult) -> str:
    """Explain the difference between the scores on a random and a grouped split."""
    gap = 100 * (_main_value(at_random) - _main_value(grouped))
    if abs(gap) < 1:
        return "Random and grouped splits agree, so memorization has hardly any effect here."
    if gap > 0 and _is_beyond_chance(at_random, grouped):
        return (
            f"Do not trust the random split: the {gap:.0f} points that {at_random.family} gains"
            " there come from memorized duplicates, which new texts do not have."
        )
    return (
        f"Trust the grouped split: random and grouped differ by {abs(gap):.0f} points for"
        f" {at_random.family}, which may be due to chance with {grouped.scores.n:,} rows."
    )


def _is_beyond_chance(higher: ModelResult, lower: ModelResult) -> bool:
    """Return whether the difference of two accuracies is significantly above 0."""
    # The accuracies are on different rows, so the interval of the difference combines their own
    # (Newcombe 1998, "Interval estimation for the difference between independent proportions",
    # method 10). Without intervals the difference is not significant.
    above, below = higher.scores.main.interval, lower.scores.main.interval
    if above.low is None or below.high is None:
        return False
    high, low = _main_value(higher), _main_value(lower)
    return high - low > math.hypot(high - above.low, below.high - low)
