"""Which model of a comparison to use, in two plain sentences."""

import math
from collections.abc import Sequence

from wordgate.evaluation.comparison import Comparison, ModelResult, Recommendation
from wordgate.evaluation.intervals import PairedDifference, paired_difference
from wordgate.report.text import format_p_value

_EVIDENCE = 0.05
"""A difference is taken for real if its p-value is below this."""


def recommend(comparison: Comparison, groups: Sequence[str] | None) -> Recommendation:
    """Say which model to use, and what else to know before using it.

    The one to use is the simplest model that is not shown to be worse than the most accurate one:
    a larger one should be worth what it costs.

    Args:
        comparison: The whole comparison.
        groups: The group of each test row of the last kind of split, which decides.
    """
    kind = comparison.kinds[-1]
    results = [result for result in comparison.results if result.kind == kind]
    best = max(results, key=lambda result: result.scores.accuracy)
    against_best = {
        result.family: paired_difference(result.correct, best.correct, groups, seed=comparison.seed)
        for result in results
    }
    chosen = next(
        result for result in results if result is best or not _is_worse(against_best[result.family])
    )
    use = _use(chosen, best, results, against_best[chosen.family])
    return Recommendation(chosen.family, (use, _caution(comparison, chosen, best)))


def _is_worse(difference: PairedDifference) -> bool:
    p_value = difference.p_value
    return difference.difference < 0 and p_value is not None and p_value < _EVIDENCE


def _use(
    chosen: ModelResult, best: ModelResult, results: Sequence[ModelResult], less: PairedDifference
) -> str:
    worth = f"{chosen.scores.accuracy:.3f} accuracy {_where(chosen.kind)}"
    if len(results) == 1:
        return f"{chosen.family} reaches {worth}; there was nothing to compare it with."
    if chosen is best is results[0]:
        return f"Use {chosen.family}: {worth}, the most accurate and the simplest."
    if chosen is best:
        return (
            f"Use {chosen.family}: with {worth} it is the most accurate, and every simpler model is"
            " worse by more than chance."
        )
    return (
        f"Use {chosen.family}: {worth}, and {best.family}, the most accurate with"
        f" {best.scores.accuracy:.3f}, is not better by more than chance"
        f" ({format_p_value(less.p_value)})."
    )


def _caution(comparison: Comparison, chosen: ModelResult, best: ModelResult) -> str:
    at_random = comparison.result(chosen.family, "random")
    grouped = comparison.result(chosen.family, "grouped")
    if at_random is not None and grouped is not None:
        return _memory(at_random, grouped)
    faster = chosen.texts_per_second / max(1e-9, best.texts_per_second)
    if chosen is not best and faster > 2:
        return f"It also predicts {faster:.0f} times as many texts a second as {best.family}."
    if chosen.kind == "random":
        return (
            "These are scores of a random split, which memory of copies can raise: without --split"
            " both kinds are shown."
        )
    return (
        f"It trains in {chosen.train_seconds:.0f} s and predicts"
        f" {chosen.texts_per_second:,.0f} texts a second on this machine."
    )


def _memory(at_random: ModelResult, grouped: ModelResult) -> str:
    """Say what a family's accuracy on a random split, beside that on a grouped one, comes from."""
    gap = 100 * (at_random.scores.accuracy - grouped.scores.accuracy)
    if abs(gap) < 1:
        return "Random and grouped splits agree, so hardly anything is gained by memory here."
    if gap > 0 and _is_beyond_chance(at_random, grouped):
        return (
            f"Don't believe the random split: the {gap:.0f} points that {at_random.family} gains"
            " there are memory of copies, which new texts don't have."
        )
    return (
        f"Believe the grouped split: random and grouped differ by {abs(gap):.0f} points for"
        f" {at_random.family}, which on {grouped.scores.n:,} rows may be chance."
    )


def _is_beyond_chance(higher: ModelResult, lower: ModelResult) -> bool:
    """Tell whether 95 % intervals leave a difference of accuracies above 0.

    Each was measured on rows of its own, so the distances to the ends that face each other are
    squared and added (Newcombe 1998, "Interval estimation for the difference between independent
    proportions", method 10). Without intervals nothing is shown.
    """
    above, below = higher.scores.intervals.accuracy, lower.scores.intervals.accuracy
    if above.low is None or below.high is None:
        return False
    doubt = math.hypot(higher.scores.accuracy - above.low, below.high - lower.scores.accuracy)
    return higher.scores.accuracy - lower.scores.accuracy > doubt


def _where(kind: str) -> str:
    return {
        "grouped": "on groups it has never seen",
        "random": "on a random split",
        "given": "on the test rows given",
    }[kind]
