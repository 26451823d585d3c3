"""A search over families and settings as plain text: sentences, trials, and a summary."""

import statistics
from collections.abc import Sequence

from pydantic import TypeAdapter

from wordgate.evaluation.search import (
    FEWEST_FOR_IMPORTANCES,
    OBJECTIVE_NAMES,
    SearchResult,
    SearchTrial,
    distinct_trials,
    score_of,
)
from wordgate.report.text import UNDEFINED, format_share, text_table
from wordgate.settings import format_setting

TRIAL_HEADER = ("trial", "family", "score", "±", "ms", "MB", "s", "settings")
SHOWN_LIVE = 10
"""Maximum trials in the table in a terminal."""
_LIMIT_NAMES = {"latency": "--max-ms", "size": "--max-mb"}
_ENDS = {
    "minutes": "no other trial fits into the time limit",
    "trials": "no trial was left to try",
    "interruption": "it was interrupted",
}


def format_search(result: SearchResult) -> str:
    """Format a search for a terminal: selection, bias, runner-up and the best trials."""
    sentences = [choice(result), price(result), *runner_up(result), *_measured_costs(result)]
    sentences += [ending(result), *result.left_out]
    return "\n\n".join(["\n".join(sentences), format_best(result), important_settings(result)])


def format_best(result: SearchResult) -> str:
    """Format the best trials in columns; the selected one has a star."""
    return _format_trials(ranked(result.trials)[:SHOWN_LIVE], result.chosen)


def _format_trials(trials: Sequence[SearchTrial], marked: int | None) -> str:
    """Format trials in columns, the last one left-aligned; the marked trial has a star."""
    rows = [TRIAL_HEADER, *(_trial_cells(trial, marked) for trial in trials)]
    lines = text_table([row[:-1] for row in rows])
    return "\n".join(f"{line}  {row[-1]}".rstrip() for line, row in zip(lines, rows, strict=True))


def format_progress(trials: Sequence[SearchTrial]) -> str:
    """Format the trials so far for a terminal: the best ones, and the last one."""
    ranking = ranked(trials)
    shown = ranking[:SHOWN_LIVE]
    last = max(ranking, key=lambda trial: trial.number)
    if last not in shown:
        shown = [*shown[:-1], last]
    best = best_of(trials)
    return _format_trials(shown, None if best is None else best.number)


def trial_line(trial: SearchTrial, objective: str, trials: Sequence[SearchTrial]) -> str:
    """Format a finished trial as a line of a log, and whether it is the best so far."""
    settings = ", ".join(short_settings(trial))
    costs = [*_costs(trial), f"{trial.seconds:.0f} s"]
    score = f"{OBJECTIVE_NAMES[objective]} {format_share(trial.score)}"
    if len(trial.fold_scores) > 1:
        score += f" ± {format_error(trial)}"
    marks = [*(("best so far",) if trial is best_of(trials) else ()), *trial_remarks(trial)]
    return (
        f"Trial {trial.number}, {trial.family}{f' ({settings})' if settings else ''}:"
        f" {', '.join([score, *costs])}{''.join(f'; {mark}' for mark in marks)}"
    )


def _costs(trial: SearchTrial) -> list[str]:
    """Format latency and size, if they were measured."""
    costs = ((trial.latency_ms, "ms"), (trial.megabytes, "MB"))
    return [f"{value:.2f} {unit}" for value, unit in costs if value is not None]


def _trial_cells(trial: SearchTrial, marked: int | None) -> tuple[str, ...]:
    words = [*(f"[{remark}]" for remark in trial_remarks(trial)), *short_settings(trial)]
    return (
        f"{trial.number}{'*' if trial.number == marked else ''}",
        trial.family,
        *number_cells(trial),
        " ".join(words),
    )


def number_cells(trial: SearchTrial) -> tuple[str, ...]:
    """Format the score of a trial, its standard error, latency, size and time."""
    return (
        format_share(trial.score),
        format_error(trial),
        format_share(trial.latency_ms, 2),
        format_share(trial.megabytes, 2),
        f"{trial.seconds:,.0f}",
    )


def inner_folds(trial: SearchTrial) -> str:
    """Format the number of folds of a trial."""
    n = len(trial.fold_scores)
    return "1 inner fold" if n == 1 else f"{n} inner folds"


def format_error(trial: SearchTrial) -> str:
    """Format the standard error of a score over the inner folds; a dash for a single fold."""
    scores = trial.fold_scores
    if len(scores) < 2:
        return UNDEFINED
    return f"{statistics.stdev(scores) / len(scores) ** 0.5:.3f}"


def trial_remarks(trial: SearchTrial) -> list[str]:
    """Return remarks on a trial: an exceeded limit, an early stop, an error."""
    remarks = [f"over {_LIMIT_NAMES[name]}" for name in trial.over_limits]
    if trial.state == "pruned" and not trial.over_limits:
        whole = trial.rows == 1.0
        part = inner_folds(trial) if whole else f"{trial.rows:.0%} of the rows"
        remarks.append(f"stopped early, after {part}")
    elif trial.state == "failed":
        remarks.append("not finished")
    if trial.is_cut:
        remarks.append("stopped by the time limit")
    return remarks


def short_settings(trial: SearchTrial) -> list[str]:
    """Format the settings that differ from the recipe, without the family's prefix."""
    settings = [
        f"{name.removeprefix(f'{trial.family}.')}={_short_value(value)}"
        for name, value in trial.settings.items()
    ]
    return [f"recipe {trial.recipe}", *settings] if trial.recipe == "taught" else settings


def _short_value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else format_setting(value)


def ranked(trials: Sequence[SearchTrial]) -> list[SearchTrial]:
    """Order trials by state (complete, pruned, failed), then by score.

    Running trials, and those that repeat the settings of another one, are left out.
    """
    order = {"complete": 0, "pruned": 1, "failed": 2}
    ended = [trial for trial in trials if trial.state in order]
    ordered = sorted(
        ended, key=lambda one: (order[one.state], -score_of(one), one.megabytes or 0.0, one.number)
    )
    return distinct_trials(ordered)


def candidates(trials: Sequence[SearchTrial]) -> list[SearchTrial]:
    """Return the trials that can be selected, the best first: complete and within the limits."""
    return [one for one in ranked(trials) if one.can_win]


def best_of(trials: Sequence[SearchTrial]) -> SearchTrial | None:
    """Return the candidate with the highest score; None without one."""
    return next(iter(candidates(trials)), None)


def trial_name(trial: SearchTrial) -> str:
    """Name a trial in a sentence."""
    return f"{trial.family} (trial {trial.number})"


def choice(result: SearchResult) -> str:
    """Describe which trial was selected, and its scores."""
    chosen, name = result.trial(result.chosen), OBJECTIVE_NAMES[result.objective]
    finished = [trial for trial in ranked(result.trials) if trial.state != "failed"]
    n_families = len({trial.family for trial in finished})
    families = "" if n_families == 1 else f" of {n_families} families"
    n_trials = len(finished)
    selected = (
        "is the only finished trial"
        if n_trials == 1
        else f"was selected from {n_trials:,} trials{families}"
    )
    score = format_share(result.chosen_score)
    rows = "" if chosen.rows == 1.0 else f"{chosen.rows:.0%} of "
    scores = f"{name} {score} on {inner_folds(chosen)} of {rows}the training rows"
    cut = " The time limit stopped its trial; the score is the best that it had reached."
    best = best_of(result.trials)
    is_second = best is not None and best.number == result.second  # as `runner_up` explains
    smaller = "" if is_second else _why_not_best(result)
    return (
        f"{trial_name(chosen)} {selected}: {scores}{_tested(result)}.{smaller}"
        f"{cut if chosen.is_cut else ''}"
    )


def _why_not_best(result: SearchResult) -> str:
    """Explain why a trial with a higher score was not selected; empty without one."""
    best = best_of(result.trials)
    if best is None or score_of(best) - result.chosen_score < 0.0005:
        return ""
    return (
        f" {trial_name(best)} has {format_share(best.score)}, but of models that are equally good"
        " (within half a point and one standard error), the smallest one is selected."
    )


def _tested(result: SearchResult) -> str:
    if result.test_score is None:
        return ""
    interval = "" if result.interval.low is None else f" ({result.interval})"
    return f", {format_share(result.test_score)} on the test rows{interval}"


def price(result: SearchResult) -> str:
    """Describe the selection bias: the maximized score minus the test score."""
    reason = _why_optimistic(result)
    if result.difference is None:
        bias = f"the selection score is optimistic{reason}. By how much is unknown"
        return f"Selection bias: {bias if reason else 'unknown'} without a score on test rows."
    points = 100 * result.difference
    if points < 0.05:
        higher = "equals" if points > -0.05 else f"is {-points:.1f} points above"
        return (
            f"Selection bias: none observed. The test score {higher} the selection score;"
            " the trials were trained on fewer rows than the final model."
        )
    low, high = result.interval.low, result.interval.high
    chance = ""
    if low is not None and high is not None and low <= result.chosen_score <= high:
        chance = " (within its interval)"
    return (
        f"Selection bias: the selection score is {points:.1f} points above the test"
        f" score{chance}{reason}; expect the test score on new texts."
    )


def selection_score(result: SearchResult) -> str:
    """Describe the score by which a trial was selected, for a search without test rows."""
    score, folds = format_share(result.chosen_score), inner_folds(result.trial(result.chosen))
    reason = _why_optimistic(result)
    optimistic = f", which is optimistic{reason}" if reason else ""
    name = OBJECTIVE_NAMES[result.objective]
    return f"{name} {score} on {folds} of the training rows{optimistic}.{_why_not_best(result)}"


def _why_optimistic(result: SearchResult) -> str:
    """Explain why a selection score is optimistic; empty without another trial."""
    n_tried = len(candidates(result.trials))
    if n_tried < 2:
        return ""
    return f", because the highest of {n_tried:,} scores is partly due to chance"


def runner_up(result: SearchResult) -> list[str]:
    """Describe the second-best trial; empty without one."""
    if result.second is None:
        return []
    second = result.trial(result.second)
    points = 100 * ((second.score or 0.0) - result.chosen_score)
    difference = "the same" if abs(points) < 0.05 else f"{points:+.1f} points"
    why = (
        ""
        if points < 0.05
        else "; it is better by less than a standard error, and larger or slower"
    )
    score = f"{format_share(second.score)} on {inner_folds(second)}"
    facts = ", ".join([difference, *_costs(second)])
    return [f"Runner-up: {trial_name(second)}, {score} ({facts}){why}."]


def _measured_costs(result: SearchResult) -> list[str]:
    """Describe latency and size of the saved model, with their limits; empty if not measured."""
    costs = (
        (result.latency_ms, "ms per text", result.limits.max_ms),
        (result.megabytes, "MB on disk", result.limits.max_mb),
    )
    measured = [
        f"{value:.2f} {unit}" + ("" if limit is None else f" (limit {limit:g})")
        for value, unit, limit in costs
        if value is not None
    ]
    return [f"Measured on the saved model: {', '.join(measured)}."] if measured else []


def ending(result: SearchResult) -> str:
    """Describe how many trials were over a limit, and why the search ended."""
    broken = sum(bool(trial.over_limits) for trial in ranked(result.trials))
    over = "1 trial was" if broken == 1 else f"{broken:,} trials were"
    return (f"{over} over a limit and could not be selected. " if broken else "") + (
        f"The trials took {format_minutes(result.minutes)} of the {result.limits.minutes:g} min for"
        f" the whole command; the search ended because {_ENDS[result.ended_by]}."
    )


def important_settings(result: SearchResult) -> str:
    """Describe the importance of the selected family's settings, or that trials are too few."""
    family = result.trial(result.chosen).family
    if result.importances:
        largest = list(result.importances.items())[:5]
        named = ", ".join(f"{name} {share:.0%}" for name, share in largest)
        return (
            f"Importance of the {family} settings (share of the variance of its scores): {named}."
        )
    tuned = [one for one in result.trials if one.family == family and one.recipe == "tuned"]
    n_finished = sum(one.state == "complete" for one in tuned)
    trials = "1 finished trial" if n_finished == 1 else f"{n_finished:,} finished trials"
    few = n_finished < FEWEST_FOR_IMPORTANCES
    why = f"; {FEWEST_FOR_IMPORTANCES} are needed" if few else ""
    unknown = f"The importance of the {family} settings cannot be estimated from {trials}"
    return f"{unknown} with tuned settings{why}."


def format_minutes(minutes: float) -> str:
    """Format a duration, short ones in seconds."""
    return f"{60 * minutes:.0f} s" if minutes < 2 else f"{minutes:.1f} min"


def search_facts(result: SearchResult) -> dict[str, object]:
    """Return a search as JSON values: the content of the page."""
    facts = TypeAdapter(SearchResult).dump_python(result, mode="json")
    trials = facts.pop("trials")
    return {**facts, "difference": result.difference, "trials": trials}
