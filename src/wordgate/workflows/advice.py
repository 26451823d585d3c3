"""What to make of a ladder: two sentences in plain words."""

import math
from collections.abc import Sequence

from wordgate.evaluation.intervals import PairedDifference, paired_difference
from wordgate.workflows.ladder import Advice, Comparison, Rung

_EVIDENCE = 0.05
"""A difference whose p-value is below this is taken for real."""


def advise(ladder: Comparison, groups: Sequence[str] | None) -> Advice:
    """Say which model to use, and what else to know before using it.

    The one to use is the lowest rung that is not shown to be worse than the most accurate one: what
    more a higher rung costs should buy something.

    Args:
        ladder: The whole ladder.
        groups: The group of each row judged on the last kind of split, which decides.
    """
    kind = ladder.kinds[-1]
    rungs = [rung for rung in ladder.rungs if rung.kind == kind]
    best = max(rungs, key=lambda rung: rung.scores.accuracy)
    against_best = {
        rung.family: paired_difference(rung.right, best.right, groups, seed=ladder.seed)
        for rung in rungs
    }
    chosen = next(
        rung for rung in rungs if rung is best or not _is_worse(against_best[rung.family])
    )
    use = _use(chosen, best, rungs, against_best[chosen.family])
    return Advice(chosen.family, (use, _beware(ladder, chosen, best)))


def _is_worse(difference: PairedDifference) -> bool:
    return difference.difference < 0 and difference.p_value < _EVIDENCE


def _use(chosen: Rung, best: Rung, rungs: Sequence[Rung], less: PairedDifference) -> str:
    worth = f"{chosen.scores.accuracy:.3f} accuracy {_where(chosen.kind)}"
    if len(rungs) == 1:
        return f"{chosen.family} reaches {worth}; there was nothing to compare it with."
    if chosen is best is rungs[0]:
        return f"Use {chosen.family}: {worth}, the most accurate and the simplest."
    if chosen is best:
        return (
            f"Use {chosen.family}: with {worth} it is the most accurate, and every simpler model is"
            " worse by more than chance."
        )
    return (
        f"Use {chosen.family}: {worth}, and {best.family}, the most accurate with"
        f" {best.scores.accuracy:.3f}, is not better by more than chance (p = {less.p_value:.2f})."
    )


def _beware(ladder: Comparison, chosen: Rung, best: Rung) -> str:
    shown = ladder.rung(chosen.family, "random")
    honest = ladder.rung(chosen.family, "grouped")
    if shown is not None and honest is not None:
        return _memory(shown, honest)
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


def _memory(shown: Rung, honest: Rung) -> str:
    """Say what a family's accuracy on a random split, beside that on a grouped one, comes from."""
    gap = 100 * (shown.scores.accuracy - honest.scores.accuracy)
    if abs(gap) < 1:
        return "Random and grouped splits agree, so hardly anything is gained by memory here."
    if gap > 0 and _is_beyond_chance(shown, honest):
        return (
            f"Don't believe the random split: the {gap:.0f} points that {shown.family} gains there"
            " are memory of copies, which new texts don't have."
        )
    return (
        f"Believe the grouped split: random and grouped differ by {abs(gap):.0f} points for"
        f" {shown.family}, which on {honest.scores.n:,} rows may be chance."
    )


def _is_beyond_chance(higher: Rung, lower: Rung) -> bool:
    """Tell whether 95 % intervals leave a difference of accuracies above 0.

    The two were judged on rows of their own, so the distances to the ends that face each other are
    squared and added (Newcombe 1998, "Interval estimation for the difference between independent
    proportions", method 10). Without intervals nothing is shown.
    """
    above, below = higher.scores.intervals["accuracy"], lower.scores.intervals["accuracy"]
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
