"""The report on a search over families and settings, as a page."""

from collections.abc import Sequence
from dataclasses import replace

from wordgate.evaluation.search import OBJECTIVE_NAMES, SearchResult, SearchTrial, score_of
from wordgate.report.charts import (
    Axis,
    ChartBar,
    Estimate,
    Line,
    axis,
    bar_chart,
    line_chart,
    log_axis,
)
from wordgate.report.page import Figure, PageTable, render
from wordgate.report.search_text import (
    best_of,
    candidates,
    choice,
    ending,
    format_error,
    format_minutes,
    important_settings,
    inner_folds,
    number_cells,
    price,
    ranked,
    runner_up,
    short_settings,
    trial_remarks,
)
from wordgate.report.text import UNDEFINED, capitalized, format_share, source_name

MOST_SETTINGS = 12
"""Maximum settings in the chart of importance; its table has all."""
SHOWN_TRIALS = 10
"""Maximum trials that are shown without unfolding."""
_HEADER = ("trial", "score", "±", "ms", "MB", "s", "settings")


def search_page(result: SearchResult, source: str) -> str:
    """Render a search as a self-contained HTML page, without scripts, with texts escaped.

    Args:
        result: The search, and the test of the selected model.
        source: The source of the data.
    """
    trials = ranked(result.trials)
    return render(
        "search.html.j2",
        title=f"Model search on {source_name(source)}",
        badge=result.trial(result.chosen).family,
        verdict=choice(result),
        sentences=[price(result), *runner_up(result), ending(result)],
        headline=_headline(result),
        families=_families_table(result),
        left_out=result.left_out,
        history=_history_figure(result),
        importances=_importance_figure(result),
        unimportant=important_settings(result),
        costs=_cost_figures(result),
        header=_HEADER,
        rows=[_trial_row(result, trial) for trial in trials],
        shown=SHOWN_TRIALS,
        bold=[rank for rank, one in enumerate(trials) if one.number == result.chosen],
        methods=_methods(result),
    )


def _headline(result: SearchResult) -> list[tuple[str, str, str]]:
    """Return the numbers at the top of the page: name, value and note."""
    name, difference = OBJECTIVE_NAMES[result.objective], result.difference
    chosen = result.trial(result.chosen)
    points = UNDEFINED if difference is None else f"{100 * difference:+.1f}"
    cells = [
        ("selection score", format_share(result.chosen_score), f"{name}, {inner_folds(chosen)}"),
        (f"test {name}", format_share(result.test_score), str(result.interval)),
        ("selection bias", points, "points"),
    ]
    limits = result.limits
    for title, value, limit, unit in (
        ("latency", result.latency_ms, limits.max_ms, "ms"),
        ("size", result.megabytes, limits.max_mb, "MB"),
    ):
        if value is not None:
            remark = "no limit" if limit is None else f"limit {limit:g} {unit}"
            cells.append((title, f"{value:.2f} {unit}", remark))
    return cells


def _families_table(result: SearchResult) -> PageTable:
    """Show the best candidate of each family, the best family first."""
    candidates_first = [*candidates(result.trials), *ranked(result.trials)]
    families = dict.fromkeys(trial.family for trial in candidates_first)
    rows = []
    for family in families:
        own = [trial for trial in ranked(result.trials) if trial.family == family]
        best = best_of(own)
        minutes = format_minutes(sum(trial.seconds for trial in own) / 60)
        cells = (UNDEFINED,) * 4 if best is None else number_cells(best)[:4]
        rows.append((family, *cells, f"{len(own):,}", minutes))
    return PageTable(("family", "best score", "±", "ms", "MB", "trials", "time"), rows)


def _history_figure(result: SearchResult) -> Figure:
    """Show the score of each trial over the time that trials took, and the best one so far."""
    spent, ended = 0.0, []
    for trial in sorted(ranked(result.trials), key=lambda one: (one.finished or 0.0, one.number)):
        spent += trial.seconds / 60
        if trial.score is not None:
            ended.append((spent, trial.score, trial))
    eligible = {trial.number for trial in candidates(result.trials)}
    scored = [(x, y) for x, y, trial in ended if trial.number in eligible]
    others = [(x, y) for x, y, trial in ended if trial.number not in eligible]
    name = OBJECTIVE_NAMES[result.objective]
    lines = [
        *([Line("not eligible", others, "quiet", marks=True, joined=False)] if others else []),
        Line("best so far", _steps(scored, spent), "two"),
        Line("trials", scored, "one", marks=True, joined=False),
    ]
    rows = [
        (f"{trial.number} {trial.family}", f"{x:.2f}", format_share(y)) for x, y, trial in ended
    ]
    note = "Time: cumulative time of the trials."
    if others:
        note += " Not eligible: over a limit, or stopped early, with a score on fewer rows."
    return Figure(
        "Score of each trial",
        line_chart(
            lines,
            x=axis("minutes", [0.0, spent]),
            y=_score_axis(name, [y for _, y, _ in ended]),
            label=f"{name} of {len(ended)} trials; the best reached"
            f" {format_share(max((y for _, y in scored), default=None))}.",
        ),
        PageTable(("trial", "minutes", name), rows),
        note,
    )


def _score_axis(name: str, scores: Sequence[float]) -> Axis:
    """Return the scale of a score, with enough digits for its ticks."""
    scale = axis(name, scores or [0, 1])
    digits = 2 if scale.ticks[1] - scale.ticks[0] > 0.0099 else 3
    return replace(scale, form=f"{{:.{digits}f}}".format)


def _steps(points: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """Return the corners of the line of the best score so far, up to the end."""
    corners: list[tuple[float, float]] = []
    for x, y in points:
        if not corners:
            corners.append((x, y))
        elif y > corners[-1][1]:
            corners += [(x, corners[-1][1]), (x, y)]
    return [*corners, (end, corners[-1][1])] if corners else []


def _importance_figure(result: SearchResult) -> Figure | None:
    """Show the importance of the settings; nothing if there are too few trials."""
    importances = list(result.importances.items())
    if not importances:
        return None
    bars = [ChartBar(name, Estimate(share)) for name, share in importances[:MOST_SETTINGS]]
    return Figure(
        "Importance of the settings",
        bar_chart(
            bars,
            title="share of the variance of the scores",
            label=important_settings(result),
        ),
        PageTable(
            ("setting", "importance"), [(name, f"{share:.3f}") for name, share in importances]
        ),
        f"Shares of the variance of the scores of {result.trial(result.chosen).family} over the"
        " search space, estimated by Optuna (fANOVA).",
    )


def _cost_figures(result: SearchResult) -> list[Figure]:
    """Show the score against latency and size, each with its limit, if they were measured."""
    limits = result.limits
    figures = (
        _cost_figure(result, "latency", "ms per text", "latency_ms", limits.max_ms, "faster"),
        _cost_figure(result, "size", "MB", "megabytes", limits.max_mb, "smaller"),
    )
    return [figure for figure in figures if figure is not None]


def _cost_figure(
    result: SearchResult, what: str, unit: str, cost: str, limit: float | None, less: str
) -> Figure | None:
    """Show the score against a cost, an attribute of trials, the Pareto front and the limit."""

    def points(trials: Sequence[SearchTrial]) -> list[tuple[float, float]]:
        return [(getattr(trial, cost), score_of(trial)) for trial in trials]

    measured = [
        trial
        for trial in ranked(result.trials)
        if (trial.state == "complete" or trial.over_limits)
        and trial.score is not None
        and (getattr(trial, cost) or 0) > 0
    ]
    if not measured:
        return None
    name = OBJECTIVE_NAMES[result.objective]
    over = [trial for trial in measured if trial.over_limits]
    within = [trial for trial in measured if not trial.over_limits]
    front = _front(within, cost)
    chosen = [trial for trial in measured if trial.number == result.chosen]
    others = [trial for trial in within if trial.number != result.chosen]
    lines = [
        *([Line("over a limit", points(over), "quiet", marks=True, joined=False)] if over else []),
        Line("Pareto front", points(front), "one"),
        Line("trials", points(others), "one", marks=True, joined=False),
        Line("selected", points(chosen), "two", marks=True, joined=False),
    ]
    costs, scores = zip(*points(measured), strict=True)
    title = f"{capitalized(name)} against {what}"
    rows = [
        (f"{trial.number} {trial.family}", f"{x:.3g}", f"{y:.3f}", format_error(trial))
        for trial, (x, y) in zip(front, points(front), strict=True)
    ]
    named = ", ".join(f"{row[0]} {row[2]} at {row[1]} {unit}" for row in rows)
    return Figure(
        title,
        line_chart(
            lines,
            x=log_axis(unit, [*costs, *([] if limit is None else [limit])]),
            y=_score_axis(name, scores),
            label=f"{title}; on the Pareto front: {named or 'none'}.",
            marked=None if limit is None else (limit, f"limit {limit:g}"),
        ),
        PageTable(("trial on the front", unit, name, "±"), rows),
        f"Logarithmic scale. No trial within the limits is both better and {less} than one on the"
        " Pareto front.",
    )


def _front(trials: Sequence[SearchTrial], cost: str) -> list[SearchTrial]:
    """Return the Pareto front: trials without a better one at the same or a lower cost."""
    front: list[SearchTrial] = []
    best = -1.0
    for trial in sorted(trials, key=lambda one: (getattr(one, cost), -score_of(one), one.number)):
        if score_of(trial) > best:
            front.append(trial)
            best = score_of(trial)
    return front


def _trial_row(result: SearchResult, trial: SearchTrial) -> tuple[str, ...]:
    """Format a trial for the columns of `_HEADER`; remarks precede the settings."""
    marks = {result.chosen: ["selected"], result.second: ["runner-up"]}.get(trial.number, [])
    remarks = "; ".join([*marks, *trial_remarks(trial)])
    settings = ", ".join(short_settings(trial)) or "recipe default"
    return (
        f"{trial.number} {trial.family}",
        *number_cells(trial),
        f"{remarks}: {settings}" if remarks else settings,
    )


def _methods(result: SearchResult) -> list[str]:
    """Describe how trials were evaluated, a sentence each."""
    inner = inner_folds(result.trial(result.chosen))
    return [
        f"Trials were evaluated on {inner} of the training and validation rows, with near"
        " duplicates and groups kept together. No trial used a test row.",
        "±: standard error of the mean over the inner folds. ms: median time to predict one text."
        " MB: size of the model. s: time of fitting and predicting.",
        "Of models within half a point of the best, and within one standard error of the difference"
        " (paired test by group), the smallest one was selected.",
        f"Interval of the test score: {result.interval.method}.",
    ]
